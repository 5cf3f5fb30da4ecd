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
    let note = service.checkpoint().await?;
    let new = signed::checkpoint("new checkpoint", &note, keys)?.checkpoint;
    let sealed_to = sealed_to("new checkpoint", new.sealed_to())?;
    let (mut from, old_size) = match since {
        Some(old) => grown(service, old, &note, keys).await?,
        None => (BEGINNING.to_owned(), 0),
    };
    let first = match since {
        Some(_) => Some(from.clone()),
        None => service.first_moment(&sealed_to).await?,
    };
    // What lies before the first entry belongs to its month.
    let mut month = first.unwrap_or_else(|| sealed_to.clone());
    let (mut entries, mut left_out) = (0, LeftOut::default());
    while from < sealed_to {
        let to = next_month(&month)?.min(sealed_to.clone());
        let export = check_month(service, (&from, &to), keys, scratch).await?;
        if export.origin != new.origin {
            return Err(Finding::NotWhole(format!(
                "the export is of the log {}, the checkpoint of {}",
                export.origin, new.origin
            )));
        }
        report(&from, export.rows);
        entries += export.rows + export.left_out.within;
        left_out.within += export.left_out.within;
        // Between two months each is the other's neighbour.
        left_out.beside |= export.left_out.beside;
        month.clone_from(&to);
        from = to;
    }
    if old_size + entries != new.size {
        return Err(Finding::NotWhole(format!(
            "the log had {old_size} entries and has {} now, but its exports have {entries} new ones",
            new.size
        )));
    }
    Ok(Log {
        origin: new.origin,
        sizes: (old_size, new.size),
        sealed_to,
        left_out,
        checkpoint: note,
    })
}

/// Checks that the log grew out of the old one; returns up to when that was sealed, and its
/// size.
async fn grown(
    service: &Service,
    old: &str,
    new: &str,
    keys: &[VerifierKey],
) -> Result<(String, u64), Finding> {
    let kept = signed::checkpoint("old checkpoint", old, keys)?.checkpoint;
    let proof = service.consistency(kept.size).await?;
    check_growth(old, new, &proof, keys)?;
    let from = sealed_to("old checkpoint", kept.sealed_to())?;
    Ok((from, kept.size))
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
    let export = check_export(open(&file)?, &sha256, lines, keys)?;
    service.delete(&export_id).await?;
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
