//! The first line of a proof: what the file is of, and what lies around it in the log.

use std::io::BufRead;

use proof::{Checkpoint, CompactRange, ExportFrame, Hash, HashText, Side, VerifierKey, millis};
use serde::Deserialize;

use crate::{
    finding::{Finding, unreadable},
    lines, signed,
};

/// What the leaf of a neighbour says of itself.
#[derive(Deserialize)]
struct Neighbour {
    partner_id: String,
    occurred_at: String,
}

/// Reads the first line, whose checkpoint one of the keys must have signed.
pub(crate) fn read(
    proof: &mut impl BufRead,
    keys: &[VerifierKey],
) -> Result<(ExportFrame, Checkpoint), Finding> {
    let first = lines::next(proof, "proof")?;
    let first = first.ok_or_else(|| Finding::Unknown("the proof is empty".to_owned()))?;
    let frame: ExportFrame =
        serde_json::from_str(&first).map_err(|error| unreadable("proof", error))?;
    // Nothing vouches for the range, and moments of another form could not be compared.
    for moment in [&frame.from, &frame.to] {
        millis(moment).map_err(|error| unreadable("proof", error))?;
    }
    if frame.from > frame.to {
        return Err(unreadable("proof", "its range ends before it begins"));
    }
    let signed = signed::checkpoint("proof's checkpoint", &frame.checkpoint, keys)?;
    if signed.partner_id != frame.partner_id {
        return Err(Finding::NotWhole(format!(
            "the file is of the partner {}, but the checkpoint of the log {}",
            frame.partner_id, signed.checkpoint.origin
        )));
    }
    Ok((frame, signed.checkpoint))
}

/// Checks that what lies beside the range is outside of it; returns whether some of it is
/// not shown.
pub(crate) fn hides_neighbours(
    frame: &ExportFrame,
    checkpoint: &Checkpoint,
) -> Result<bool, Finding> {
    let before = neighbour(frame, &frame.before)?;
    let behind = neighbour(frame, &frame.behind)?;
    let inside = before.as_ref().filter(|at| **at >= frame.from);
    let inside = inside.or(behind.as_ref().filter(|at| **at < frame.to));
    if let Some(at) = inside {
        return Err(Finding::NotWhole(format!(
            "an entry beside the file happened at {at}, so the file does not have all from {} \
             to {}",
            frame.from, frame.to
        )));
    }
    let sealed_to = checkpoint.sealed_to().unwrap_or_default();
    if behind.is_none() && frame.behind.count == 0 && sealed_to < frame.to.as_str() {
        return Err(Finding::NotWhole(format!(
            "the log was sealed up to {sealed_to} only, so entries before {} may be missing",
            frame.to
        )));
    }
    let is_hidden = |at: &Option<String>, side: &Side| at.is_none() && side.count > 0;
    Ok(is_hidden(&before, &frame.before) || is_hidden(&behind, &frame.behind))
}

/// When the entry beside the range happened; none if there is none.
fn neighbour(frame: &ExportFrame, side: &Side) -> Result<Option<String>, Finding> {
    let Some(leaf) = &side.neighbour else {
        return Ok(None);
    };
    let neighbour: Neighbour =
        serde_json::from_str(leaf).map_err(|error| unreadable("proof", error))?;
    if neighbour.partner_id != frame.partner_id {
        return Err(Finding::NotWhole(format!(
            "the entry beside the file is of {}",
            neighbour.partner_id
        )));
    }
    Ok(Some(neighbour.occurred_at))
}

/// The entries before the file, with the neighbour.
pub(crate) fn before(frame: &ExportFrame) -> Result<CompactRange, Finding> {
    let side = &frame.before;
    let range = CompactRange::from_hashes(0..side.count, &hashes(side));
    let mut range = range.map_err(|error| unreadable("proof", error))?;
    if let Some(leaf) = &side.neighbour {
        let appended = range.append(Hash::of_leaf(leaf.as_bytes()));
        appended.map_err(|error| unreadable("proof", error))?;
    }
    Ok(range)
}

/// The entries behind the file, with the neighbour, up to an index.
pub(crate) fn behind(frame: &ExportFrame, end: u64) -> Result<CompactRange, Finding> {
    let side = &frame.behind;
    let begin = end.checked_sub(side.count).ok_or_else(too_many)?;
    let range = CompactRange::from_hashes(begin..end, &hashes(side));
    let mut range = range.map_err(|error| unreadable("proof", error))?;
    if let Some(leaf) = &side.neighbour {
        let added = range.prepend(Hash::of_leaf(leaf.as_bytes()));
        added.map_err(|error| unreadable("proof", error))?;
    }
    Ok(range)
}

/// The entries behind the file, with the neighbour, from an index on.
pub(crate) fn behind_from(frame: &ExportFrame, begin: u64) -> Result<CompactRange, Finding> {
    let side = &frame.behind;
    let of = u64::from(side.neighbour.is_some());
    let end = begin
        .checked_add(of)
        .and_then(|end| end.checked_add(side.count));
    behind(frame, end.ok_or_else(too_many)?)
}

fn hashes(side: &Side) -> Vec<Hash> {
    side.hashes.iter().map(|HashText(hash)| *hash).collect()
}

pub(crate) fn too_many() -> Finding {
    Finding::NotWhole("the proof has more entries than the checkpoint".to_owned())
}
