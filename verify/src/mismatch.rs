//! Says what is wrong where a row does not fit its line of a proof.

use std::io::{BufRead, Read};

use proof::{ExportLine, RowProof};

use crate::{lines, row::Row, rows::Rows};

/// How far is looked ahead for what would fit.
const LOOK_AHEAD: usize = 1_000;

/// Where a row does not fit.
pub(crate) struct Found<'a> {
    pub(crate) row: &'a Row,
    pub(crate) proof: &'a RowProof,
    /// The place in the log of the entry that should be there.
    pub(crate) place: u64,
    /// Whether the row before it has the same id.
    pub(crate) is_repeated: bool,
}

/// Looks ahead in both for what was left out, added or swapped; else the row was changed.
pub(crate) fn explain(
    partner_id: &str,
    found: &Found<'_>,
    lines: &mut impl BufRead,
    rows: &mut Rows<impl Read>,
) -> String {
    let (row, place) = (found.row, found.place);
    let at = row.place();
    if found.is_repeated {
        return format!("{at} is there twice");
    }
    let fits = |row: &Row, proof: &RowProof| {
        let leaf = row.leaf(partner_id, &proof.opening);
        leaf.is_ok_and(|leaf| leaf.mark() == proof.mark)
    };
    let missing = proofs(lines).take(LOOK_AHEAD).position(|it| fits(row, &it));
    let rest = std::iter::from_fn(|| rows.next().ok().flatten());
    let added = rest.take(LOOK_AHEAD).position(|it| fits(&it, found.proof));
    match (missing, added) {
        (Some(0), Some(0)) => format!("{at} and the row behind it are swapped"),
        (Some(_), Some(_)) => format!("{at} is not in its place: rows were moved"),
        (Some(count), None) => format!(
            "before {at} {} missing: entry {place} of the log is not there",
            number(count + 1, "entry is", "entries are")
        ),
        (None, Some(count)) => format!(
            "{at} is not in the log: {} added",
            number(count + 1, "row was", "rows were")
        ),
        (None, None) => {
            let wanted = base16ct::lower::encode_string(&found.proof.mark);
            let own = row.leaf(partner_id, &found.proof.opening);
            let own = match own {
                Ok(leaf) => format!(
                    "begins with {}",
                    base16ct::lower::encode_string(&leaf.mark())
                ),
                Err(reason) => format!("can't be computed, since {reason}"),
            };
            format!(
                "{at} is not entry {place} of the log as it was sealed: the hash of the sealed \
                 one begins with {wanted}, that of this row {own}"
            )
        }
    }
}

/// What proves the next rows.
fn proofs(lines: &mut impl BufRead) -> impl Iterator<Item = RowProof> {
    let next = || loop {
        let line = lines::next(lines, "proof").ok().flatten()?;
        match ExportLine::parse(&line).ok()? {
            ExportLine::Row(proof) => return Some(proof),
            ExportLine::LeftOut { .. } => {}
            ExportLine::File { .. } => return None,
        }
    };
    std::iter::from_fn(next)
}

fn number(count: usize, one: &str, several: &str) -> String {
    let word = if count == 1 { one } else { several };
    format!("{count} {word}")
}
