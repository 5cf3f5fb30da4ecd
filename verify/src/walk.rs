//! Walks through the rows of a file and the lines of its proof at once.

use std::io::{BufRead, Read};

use proof::{Checkpoint, CompactRange, ExportFrame, ExportLine, Hash, Opening, RowOrder, RowProof};

use crate::{
    finding::{Finding, unreadable},
    frame::{before, behind, behind_from, too_many},
    lines, mismatch,
    row::Row,
    rows::Rows,
};

/// What was found on the way.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    /// How many rows the file has.
    pub(crate) rows: u64,
    /// How many of them are erased.
    pub(crate) erased: u64,
    /// How many entries between them are not in the file.
    pub(crate) left_out: u64,
}

/// The rows and lines that were not checked yet.
pub(crate) struct Walk<'a, F: Read, P: BufRead> {
    frame: &'a ExportFrame,
    checkpoint: &'a Checkpoint,
    rows: Rows<F>,
    lines: P,
    /// The entries so far, with those on the side where the file begins.
    tree: CompactRange,
    previous: Option<(String, String)>,
    walked: Walked,
}

impl<'a, F: Read, P: BufRead> Walk<'a, F, P> {
    pub(crate) fn new(
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
            walked: Walked::default(),
        })
    }

    /// Checks all rows, that the file is the one that was written, and that all together
    /// gives the signed root.
    pub(crate) fn run(mut self, sha256: &str) -> Result<Walked, Finding> {
        let written = loop {
            match self.line()? {
                Some(ExportLine::Row(proof)) => self.row(&proof)?,
                Some(ExportLine::LeftOut { count, hashes }) => self.leave_out(count, &hashes)?,
                Some(ExportLine::File { sha256 }) => break sha256,
                None => return Err(Finding::Unknown("the proof ends too early".to_owned())),
            }
        };
        if self.line()?.is_some() {
            return Err(unreadable("proof", "lines follow its last one"));
        }
        self.require_end()?;
        same_file(&written, sha256)?;
        self.finish()
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
                self.walked.rows
            )));
        };
        let leaf = row.leaf(&self.frame.partner_id, &proof.opening);
        let Some(leaf) = leaf.ok().filter(|leaf| leaf.mark() == proof.mark) else {
            return Err(self.mismatch(&row, proof, place));
        };
        self.check_place(&row)?;
        self.walked.erased += u64::from(check_erasure(&row, &proof.opening)?);
        let added = match self.frame.order {
            RowOrder::Asc => self.tree.append(leaf),
            RowOrder::Desc => self.tree.prepend(leaf),
        };
        added.map_err(|_| too_many())?;
        self.walked.rows += 1;
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
        self.walked.left_out = self.walked.left_out.saturating_add(count);
        joined.map_err(|error| unreadable("proof", error))
    }

    fn require_end(&mut self) -> Result<(), Finding> {
        match self.rows.next()? {
            None => self.rows.finish(),
            Some(row) => Err(Finding::NotWhole(format!(
                "{} was added: the proof has no more entries",
                row.place()
            ))),
        }
    }

    /// Checks that all of it together gives the signed root.
    fn finish(self) -> Result<Walked, Finding> {
        let Self {
            frame,
            checkpoint,
            mut tree,
            walked,
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
        (root == checkpoint.root).then_some(walked).ok_or_else(|| {
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
