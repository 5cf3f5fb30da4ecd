//! That a log as a service answers it has everything since a checkpoint that somebody kept.

use std::{fs::File, io::BufReader, path::Path};

use chrono::{DateTime, Datelike, Months, SecondsFormat, Utc};
use proof::VerifierKey;

use crate::{
    digest::sha256,
    export::{Export, LeftOut, check_export},
    finding::{Finding, unreadable},
    growth::check_growth,
    service::Service,
    signed,
};

/// What was found of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Which log it is.
    pub origin: String,
    /// How many entries it had, and how many it has now.
    pub sizes: (u64, u64),
    /// Up to when it is sealed.
    pub sealed_to: String,
    /// The new entries of which only hashes were given.
    pub left_out: LeftOut,
    /// How many of the new entries are erased.
    pub erased: u64,
    /// The checkpoint of now, to be kept for the next time.
    pub checkpoint: String,
}

/// The moment from which a log is read if no checkpoint was kept.
const BEGINNING: &str = "1970-01-01T00:00:00.000Z";

/// Reads whatever is new since a checkpoint, or everything, month by month, and checks that
/// it grew out of the old log, and that each month has every entry.
///
/// `scratch` is a folder for the files of one month at a time; `report` is told each month
/// that was checked, and how many entries it has.
pub async fn check_log(
    service: &Service,
    since: Option<&str>,
    keys: &[VerifierKey],
    scratch: &Path,
    mut report: impl FnMut(&str, u64),
) -> Result<Log, Finding> {
    let start = Start::find(service, since, keys).await?;
    let new = signed::checkpoint("new checkpoint", &start.note, keys)?.checkpoint;
    let sealed_to = sealed_to("new checkpoint", new.sealed_to())?;
    let (mut from, mut month) = (start.from, start.month.unwrap_or_else(|| sealed_to.clone()));
    let (mut entries, mut left_out, mut erased) = (start.size, LeftOut::default(), 0);
    while from < sealed_to {
        let to = next_month(&month)?.min(sealed_to.clone());
        let export = check_month(service, (&from, &to), keys, scratch).await?;
        require_same_log(service, &start.note, &export, keys).await?;
        if export.first_index != entries {
            return Err(Finding::NotWhole(format!(
                "the month from {from} begins with entry {} of the log, and not with {entries}",
                export.first_index
            )));
        }
        report(&from, export.rows);
        entries += export.rows + export.left_out.within;
        erased += export.erased;
        left_out.within += export.left_out.within;
        // Between two months each is the other's neighbour.
        left_out.beside |= export.left_out.beside;
        month.clone_from(&to);
        from = to;
    }
    if entries != new.size {
        return Err(Finding::NotWhole(format!(
            "the log has {} entries, but its exports have {entries}",
            new.size
        )));
    }
    Ok(Log {
        origin: new.origin,
        sizes: (start.size, new.size),
        sealed_to,
        left_out,
        erased,
        checkpoint: start.note,
    })
}

/// Where the walk begins.
struct Start {
    /// The checkpoint of now.
    note: String,
    /// The moment from which entries are new.
    from: String,
    /// A moment of the first month; none if there is no entry.
    month: Option<String>,
    /// How many entries are not new.
    size: u64,
}

impl Start {
    /// Takes the checkpoint of now, to which the log must have grown out of the old one.
    async fn find(
        service: &Service,
        since: Option<&str>,
        keys: &[VerifierKey],
    ) -> Result<Self, Finding> {
        let Some(old) = since else {
            let note = service.checkpoint().await?;
            let new = signed::checkpoint("new checkpoint", &note, keys)?.checkpoint;
            let to = sealed_to("new checkpoint", new.sealed_to())?;
            return Ok(Self {
                // What lies before the first entry belongs to its month.
                month: service.first_moment(&to).await?,
                note,
                from: BEGINNING.to_owned(),
                size: 0,
            });
        };
        let kept = signed::checkpoint("old checkpoint", old, keys)?.checkpoint;
        let proof = service.consistency(kept.size).await?;
        let note = checkpoint_of(&proof)?;
        check_growth(old, &note, &proof, keys)?;
        let from = sealed_to("old checkpoint", kept.sealed_to())?;
        Ok(Self {
            note,
            month: Some(from.clone()),
            from,
            size: kept.size,
        })
    }
}

/// How often both checkpoints are compared with the newest one because it changed meanwhile.
const COMPARED_MAX: usize = 3;

/// Checks that the checkpoints of an export and of this walk are of one log: the newest one
/// has grown out of both.
async fn require_same_log(
    service: &Service,
    note: &str,
    export: &Export,
    keys: &[VerifierKey],
) -> Result<(), Finding> {
    if export.checkpoint == note {
        return Ok(());
    }
    let size = signed::checkpoint("new checkpoint", note, keys)?
        .checkpoint
        .size;
    for _ in 0..COMPARED_MAX {
        let ours = service.consistency(size).await?;
        let theirs = service.consistency(export.size).await?;
        let newest = checkpoint_of(&ours)?;
        if newest != checkpoint_of(&theirs)? {
            continue;
        }
        check_growth(note, &newest, &ours, keys)?;
        check_growth(&export.checkpoint, &newest, &theirs, keys)?;
        return Ok(());
    }
    Err(Finding::Unknown(
        "the log grows faster than it can be compared".to_owned(),
    ))
}

/// The checkpoint to which a proof of growth leads.
fn checkpoint_of(proof: &str) -> Result<String, Finding> {
    let proof: serde_json::Value =
        serde_json::from_str(proof).map_err(|error| unreadable("proof", error))?;
    let note = proof.get("checkpoint").and_then(serde_json::Value::as_str);
    let note = note.ok_or_else(|| unreadable("proof", "it has no checkpoint"))?;
    Ok(note.to_owned())
}

async fn check_month(
    service: &Service,
    (from, to): (&str, &str),
    keys: &[VerifierKey],
    scratch: &Path,
) -> Result<Export, Finding> {
    let (file, proof) = (scratch.join("month.jsonl"), scratch.join("month.proof"));
    let export_id = service.export((from, to), (&file, &proof)).await?;
    let open = |path: &Path| File::open(path).map_err(|error| unreadable("month", error));
    let sha256 = sha256(open(&file)?).map_err(|error| unreadable("month", error))?;
    let lines = BufReader::new(open(&proof)?);
    let checked = check_export(open(&file)?, &sha256, lines, keys);
    service.delete(&export_id).await?;
    let export = checked?;
    let (own_from, own_to) = &export.range;
    if (own_from.as_str(), own_to.as_str(), export.is_complete) != (from, to, true) {
        return Err(Finding::NotWhole(format!(
            "the export from {from} to {to} has a proof of another range, from {own_from} to {own_to}"
        )));
    }
    Ok(export)
}

fn sealed_to(what: &str, moment: Option<&str>) -> Result<String, Finding> {
    let moment = moment.map(str::to_owned);
    moment.ok_or_else(|| unreadable(what, "it does not say up to when the log is sealed"))
}

/// When the month behind the one of this moment begins.
fn next_month(moment: &str) -> Result<String, Finding> {
    let at: Option<DateTime<Utc>> = moment.parse().ok();
    let next = at.and_then(|at| {
        at.date_naive()
            .with_day(1)?
            .checked_add_months(Months::new(1))
    });
    let next = next.and_then(|date| date.and_hms_opt(0, 0, 0));
    let next = next.ok_or_else(|| unreadable("moment", moment))?.and_utc();
    Ok(next.to_rfc3339_opts(SecondsFormat::Millis, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_ends_where_the_next_one_begins() {
        for (moment, next) in [
            ("2026-11-28T09:00:00.000Z", "2026-12-01T00:00:00.000Z"),
            ("2026-12-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z"),
            ("2027-01-31T23:59:59.999Z", "2027-02-01T00:00:00.000Z"),
        ] {
            assert_eq!(next_month(moment), Ok(next.to_owned()));
        }
        assert!(next_month("today").is_err());
    }
}
