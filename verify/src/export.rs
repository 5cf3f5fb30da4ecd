//! That an exported file has what was sealed, and all of it.

use std::io::{BufRead, Read};

use proof::{
    Checkpoint, CompactRange, ExportFrame, ExportLine, Hash, HashText, Opening, RowOrder, RowProof,
    Side, VerifierKey,
};
use serde::Deserialize;

use crate::{
    finding::{Finding, unreadable},
    lines, mismatch,
    rows::{Row, Rows},
    signed,
};

/// What a file and its proof show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Which log it is.
    pub origin: String,
    /// The range, from the first moment to the one before which it ends.
    pub range: (String, String),
    /// How many entries the file has.
    pub rows: u64,
    /// How many of these are erased: name and details have no proof.
    pub erased: u64,
    /// How many entries of the range, or beside it, are said to be left out.
    pub left_out: LeftOut,
    /// Whether the file was asked for without a condition, so that it must have every entry.
    pub is_complete: bool,
    /// How many entries the log has.
    pub size: u64,
}

/// Entries that are not in the file, of which a proof has only hashes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Within the range.
    pub within: u64,
    /// Whether what lies beside the range is not shown, so that there may be more of it.
    pub beside: bool,
}

impl LeftOut {
    /// Whether nothing is left out.
    pub fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

/// What the leaf of a neighbour says of itself.
#[derive(Deserialize)]
struct Neighbour {
    partner_id: String,
    occurred_at: String,
}

/// Checks that each row of a file is an entry of the log, unchanged and in its place; and,
/// if the export had no condition, that the file has every entry of its range.
///
/// `file` is the file, unpacked if it was packed; `sha256` the hash of its bytes as they were
/// downloaded, in hexadecimal.
pub fn check_export(
    file: impl Read,
    sha256: &str,
    mut proof: impl BufRead,
    keys: &[VerifierKey],
) -> Result<Export, Finding> {
    let first = lines::next(&mut proof, "proof")?;
    let first = first.ok_or_else(|| Finding::Unknown("the proof is empty".to_owned()))?;
    let frame: ExportFrame =
        serde_json::from_str(&first).map_err(|error| unreadable("proof", error))?;
    let signed = signed::checkpoint("proof's checkpoint", &frame.checkpoint, keys)?;
    let checkpoint = signed.checkpoint;
    if signed.partner_id != frame.partner_id {
        return Err(Finding::NotWhole(format!(
            "the file is of the partner {}, but the checkpoint of the log {}",
            frame.partner_id, checkpoint.origin
        )));
    }
    let beside = check_neighbours(&frame, &checkpoint)?;
    let rows = Rows::open(file, frame.format)?;
    let mut walk = Walk::new(&frame, &checkpoint, rows, proof)?;
    walk.run(sha256)?;
    let within = walk.left_out;
    let (rows, erased) = (walk.rows_read, walk.erased);
    walk.finish()?;
    Ok(Export {
        origin: checkpoint.origin,
        range: (frame.from, frame.to),
        rows,
        erased,
        left_out: LeftOut { within, beside },
        is_complete: frame.complete,
        size: checkpoint.size,
    })
}

/// Checks that what lies beside the range is outside of it; returns whether some of it is
/// not shown.
fn check_neighbours(frame: &ExportFrame, checkpoint: &Checkpoint) -> Result<bool, Finding> {
    if !frame.complete {
        return Ok(false);
    }
    let outside = |side: &Side, is_outside: &dyn Fn(&str) -> bool, which: &str| {
        let Some(leaf) = &side.neighbour else {
            return Ok(false);
        };
        let neighbour: Neighbour =
            serde_json::from_str(leaf).map_err(|error| unreadable("proof", error))?;
        if neighbour.partner_id != frame.partner_id || !is_outside(&neighbour.occurred_at) {
            return Err(Finding::NotWhole(format!(
                "the entry {which} the file is of {} and happened at {}, so it does not show \
                 that the file has all from {} to {}",
                neighbour.partner_id, neighbour.occurred_at, frame.from, frame.to
            )));
        }
        Ok(true)
    };
    let is_before = |at: &str| at < frame.from.as_str();
    let is_behind = |at: &str| at >= frame.to.as_str();
    let has_before = outside(&frame.before, &is_before, "before")?;
    let has_behind = outside(&frame.behind, &is_behind, "behind")?;
    if !has_behind && frame.behind.count == 0 {
        let sealed_to = checkpoint.sealed_to().unwrap_or_default();
        if sealed_to < frame.to.as_str() {
            return Err(Finding::NotWhole(format!(
                "the log was sealed up to {sealed_to} only, so entries before {} may be missing",
                frame.to
            )));
        }
    }
    let is_hidden = |has: bool, side: &Side| !has && side.count > 0;
    Ok(is_hidden(has_before, &frame.before) || is_hidden(has_behind, &frame.behind))
}

/// Walks through rows and lines at once.
struct Walk<'a, F: Read, P: BufRead> {
    frame: &'a ExportFrame,
    checkpoint: &'a Checkpoint,
    rows: Rows<F>,
    lines: P,
    /// The entries so far, with those on the side where the file begins.
    tree: CompactRange,
    previous: Option<(String, String)>,
    rows_read: u64,
    erased: u64,
    left_out: u64,
}

impl<'a, F: Read, P: BufRead> Walk<'a, F, P> {
    fn new(
        frame: &'a ExportFrame,
        checkpoint: &'a Checkpoint,
        rows: Rows<F>,
        lines: P,
    ) -> Result<Self, Finding> {
        let tree = match frame.order {
            RowOrder::Asc => before(frame)?,
            RowOrder::Desc => behind(frame, checkpoint.size)?,
        };
        Ok(Self {
            frame,
            checkpoint,
            rows,
            lines,
            tree,
            previous: None,
            rows_read: 0,
            erased: 0,
            left_out: 0,
        })
    }

    /// Checks all rows, and that the file is the one that was written.
    fn run(&mut self, sha256: &str) -> Result<(), Finding> {
        loop {
            match self.line()? {
                Some(ExportLine::Row(proof)) => self.row(&proof)?,
                Some(ExportLine::LeftOut { count, hashes }) => self.leave_out(count, &hashes)?,
                Some(ExportLine::File { sha256: written }) => {
                    self.require_end()?;
                    return same_file(&written, sha256);
                }
                None => return Err(Finding::Unknown("the proof ends too early".to_owned())),
            }
        }
    }

    fn line(&mut self) -> Result<Option<ExportLine>, Finding> {
        let line = lines::next(&mut self.lines, "proof")?;
        let line = line.map(|line| ExportLine::parse(&line)).transpose();
        line.map_err(|error| unreadable("proof", error))
    }

    /// The place in the log of the entry that comes next.
    fn place(&self) -> Result<u64, Finding> {
        let leaves = self.tree.leaves();
        match self.frame.order {
            RowOrder::Asc => Ok(leaves.end),
            RowOrder::Desc => leaves.start.checked_sub(1).ok_or_else(too_many),
        }
    }

    fn row(&mut self, proof: &RowProof) -> Result<(), Finding> {
        let place = self.place()?;
        let Some(row) = self.rows.next()? else {
            return Err(Finding::NotWhole(format!(
                "the file ends after {} rows: entry {place} of the log is missing",
                self.rows_read
            )));
        };
        let leaf = row.leaf(&self.frame.partner_id, &proof.opening);
        let Some(leaf) = leaf.ok().filter(|leaf| leaf.mark() == proof.mark) else {
            return Err(self.mismatch(&row, proof, place));
        };
        self.check_place(&row)?;
        self.erased += u64::from(check_erasure(&row, &proof.opening)?);
        let added = match self.frame.order {
            RowOrder::Asc => self.tree.append(leaf),
            RowOrder::Desc => self.tree.prepend(leaf),
        };
        added.map_err(|_| too_many())?;
        self.rows_read += 1;
        self.previous = Some((row.occurred_at, row.id));
        Ok(())
    }

    /// Checks that the row lies in the range and behind the row before it.
    fn check_place(&self, row: &Row) -> Result<(), Finding> {
        let (from, to) = (self.frame.from.as_str(), self.frame.to.as_str());
        let at = row.occurred_at.as_str();
        if at < from || at >= to {
            return Err(Finding::NotWhole(format!(
                "{} happened at {at}, outside of the range from {from} to {to}",
                row.place()
            )));
        }
        let Some((before, id)) = &self.previous else {
            return Ok(());
        };
        let (before, own) = ((before.as_str(), id.as_str()), (at, row.id.as_str()));
        let is_in_order = match self.frame.order {
            RowOrder::Asc => before < own,
            RowOrder::Desc => before > own,
        };
        is_in_order.then_some(()).ok_or_else(|| {
            Finding::NotWhole(format!("{} is not in the order of the file", row.place()))
        })
    }

    fn mismatch(&mut self, row: &Row, proof: &RowProof, place: u64) -> Finding {
        let partner = &self.frame.partner_id;
        let previous = self.previous.as_ref().map(|(_, id)| id.as_str());
        let found = mismatch::Found {
            row,
            proof,
            place,
            is_repeated: previous == Some(row.id.as_str()),
        };
        let (lines, rows) = (&mut self.lines, &mut self.rows);
        Finding::NotWhole(mismatch::explain(partner, &found, lines, rows))
    }

    fn leave_out(&mut self, count: u64, hashes: &[Hash]) -> Result<(), Finding> {
        let leaves = self.tree.leaves();
        let own = match self.frame.order {
            RowOrder::Asc => leaves.end..leaves.end.checked_add(count).ok_or_else(too_many)?,
            RowOrder::Desc => leaves.start.checked_sub(count).ok_or_else(too_many)?..leaves.start,
        };
        let own = CompactRange::from_hashes(own, hashes).map_err(|it| unreadable("proof", it))?;
        let joined = match self.frame.order {
            RowOrder::Asc => self.tree.merge(&own),
            RowOrder::Desc => {
                let right = std::mem::replace(&mut self.tree, own);
                self.tree.merge(&right)
            }
        };
        self.left_out += count;
        joined.map_err(|error| unreadable("proof", error))
    }

    fn require_end(&mut self) -> Result<(), Finding> {
        match self.rows.next()? {
            None => Ok(()),
            Some(row) => Err(Finding::NotWhole(format!(
                "{} was added: the proof has no more entries",
                row.place()
            ))),
        }
    }

    /// Checks that all of it together gives the signed root.
    fn finish(self) -> Result<(), Finding> {
        let Self {
            frame,
            checkpoint,
            mut tree,
            ..
        } = self;
        match frame.order {
            RowOrder::Asc => {
                let begin = tree.leaves().end;
                let rest = behind_from(frame, begin)?;
                tree.merge(&rest).map_err(|it| unreadable("proof", it))?;
            }
            RowOrder::Desc => {
                let right = std::mem::replace(&mut tree, before(frame)?);
                tree.merge(&right).map_err(|_| counts(frame, checkpoint))?;
            }
        }
        if tree.leaves() != (0..checkpoint.size) {
            return Err(counts(frame, checkpoint));
        }
        let root = tree.root().map_err(|error| unreadable("proof", error))?;
        (root == checkpoint.root).then_some(()).ok_or_else(|| {
            Finding::NotWhole(
                "every row fits its line of the proof, but all together do not lead to the \
                 signed root: rows and lines were changed together"
                    .to_owned(),
            )
        })
    }
}

/// Checks that a row is marked as erased if and only if it has no salt; returns whether it is.
fn check_erasure(row: &Row, opening: &Opening) -> Result<bool, Finding> {
    let reason = match opening {
        Opening::Salt(_) if row.is_marked => "is marked as erased, but was not",
        Opening::Commitment(_) if !row.is_erased => {
            "has a name or details without a proof, as no erased entry may"
        }
        opening => return Ok(matches!(opening, Opening::Commitment(_))),
    };
    Err(Finding::NotWhole(format!("{} {reason}", row.place())))
}

/// The entries before the file, with the neighbour.
fn before(frame: &ExportFrame) -> Result<CompactRange, Finding> {
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
fn behind(frame: &ExportFrame, end: u64) -> Result<CompactRange, Finding> {
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
fn behind_from(frame: &ExportFrame, begin: u64) -> Result<CompactRange, Finding> {
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

fn same_file(written: &str, found: &str) -> Result<(), Finding> {
    if written == found {
        return Ok(());
    }
    Err(Finding::NotWhole(format!(
        "each entry is unchanged, but the file is not the one that was written: its SHA-256 is \
         {found}, and was {written}; quotes, spaces or the moment of an erasure were changed"
    )))
}

fn counts(frame: &ExportFrame, checkpoint: &Checkpoint) -> Finding {
    Finding::NotWhole(format!(
        "the proof's {} entries before the file, those of the file and {} behind it are not the \
         {} of the checkpoint",
        frame.before.count, frame.behind.count, checkpoint.size
    ))
}

fn too_many() -> Finding {
    Finding::NotWhole("the proof has more entries than the checkpoint".to_owned())
}
