//! Writes the proof of a file: one line for each row, and one for the entries between two
//! rows that are not in the file. Knows neither S3 nor DynamoDB.

use std::{mem, ops::Range};

use activity_log::{Frame, Side};
use proof::{
    CompactRange, ExportFrame, ExportLine, FrameVersion, Hash, HashText, RowFormat, RowOrder,
    RowProof,
};
use shared::{Error, Export, ExportKey, Order, model::export::Format};

/// The lines of one proof that were not taken yet.
#[derive(Debug)]
pub(crate) struct ProofLines {
    order: Order,
    /// The indexes of the entries that no line covers yet.
    rest: Range<u64>,
    /// The entries since the last row, which the next line covers.
    gap: Option<CompactRange>,
    bytes: Vec<u8>,
}

/// The lines that belong to a part of the file.
#[derive(Debug)]
pub(crate) struct ProofPart {
    pub(crate) bytes: Vec<u8>,
    /// The indexes of the entries that no line covers yet.
    pub(crate) rest: Range<u64>,
}

impl ProofLines {
    /// A proof with its first line, which says what lies around the range.
    pub(crate) fn start(
        key: &ExportKey,
        export: &Export,
        (frame, checkpoint): (&Frame, String),
    ) -> Result<Self, Error> {
        let request = &export.request;
        let is_complete = request.filter.is_open();
        let first = ExportFrame {
            version: FrameVersion::V1,
            partner_id: key.partner_id.to_string(),
            format: match request.format {
                Format::Jsonl => RowFormat::Jsonl,
                Format::Csv | Format::Xlsx => RowFormat::Csv,
            },
            order: match request.filter.order {
                Order::Asc => RowOrder::Asc,
                Order::Desc => RowOrder::Desc,
            },
            from: export.range.from().to_string(),
            to: export.range.to().to_string(),
            complete: is_complete,
            before: side(&frame.before),
            behind: side(&frame.behind),
            checkpoint,
        };
        let bytes = serde_json::to_vec(&first);
        let mut bytes = bytes.map_err(|error| Error::internal("making a proof", error))?;
        bytes.push(b'\n');
        Ok(Self {
            order: request.filter.order,
            rest: frame.indexes(),
            gap: None,
            bytes,
        })
    }

    /// A proof that continues lines which were taken; entries between rows at their end are
    /// removed from them, since others may follow.
    pub(crate) fn resume(
        order: Order,
        rest: Range<u64>,
        before: &mut Vec<u8>,
    ) -> Result<Self, Error> {
        let gap = take_gap(order, &rest, before)?;
        Ok(Self {
            order,
            rest,
            gap,
            bytes: Vec::new(),
        })
    }

    /// The entries before the one with this index that no line covers yet.
    pub(crate) fn missing_before(&self, index: u64) -> Range<u64> {
        match self.order {
            Order::Asc => self.rest.start..index,
            Order::Desc => index + 1..self.rest.end,
        }
    }

    /// The entries that no line covers yet.
    pub(crate) fn rest(&self) -> Range<u64> {
        self.rest.clone()
    }

    /// Adds entries that are not in the file; they must be the next ones.
    pub(crate) fn leave_out(&mut self, entries: CompactRange) -> Result<(), Error> {
        let leaves = entries.leaves();
        self.gap = Some(match (self.gap.take(), self.order) {
            (None, _) => entries,
            (Some(gap), Order::Asc) => joined(gap, &entries)?,
            (Some(gap), Order::Desc) => joined(entries, &gap)?,
        });
        self.pass(leaves);
        Ok(())
    }

    /// Adds an entry that is not in the file.
    pub(crate) fn leave_out_one(&mut self, index: u64, leaf: Hash) -> Result<(), Error> {
        match (&mut self.gap, self.order) {
            (None, _) => self.gap = Some(CompactRange::of_leaves(index, [leaf]).map_err(unfit)?),
            (Some(gap), Order::Asc) => gap.append(leaf).map_err(unfit)?,
            (Some(gap), Order::Desc) => gap.prepend(leaf).map_err(unfit)?,
        }
        self.pass(index..index + 1);
        Ok(())
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, index: u64, row: RowProof) {
        self.end_gap();
        self.line(&ExportLine::Row(row));
        self.pass(index..index + 1);
    }

    /// Takes the lines; entries since the last row get a line of their own, which
    /// [`ProofLines::resume`] removes again.
    pub(crate) fn take(&mut self) -> ProofPart {
        self.end_gap();
        ProofPart {
            bytes: mem::take(&mut self.bytes),
            rest: self.rest.clone(),
        }
    }

    fn end_gap(&mut self) {
        if let Some(gap) = self.gap.take() {
            let leaves = gap.leaves();
            self.line(&ExportLine::LeftOut {
                count: leaves.end - leaves.start,
                hashes: gap.hashes().collect(),
            });
        }
    }

    fn line(&mut self, line: &ExportLine) {
        self.bytes.extend_from_slice(line.to_string().as_bytes());
        self.bytes.push(b'\n');
    }

    fn pass(&mut self, entries: Range<u64>) {
        match self.order {
            Order::Asc => self.rest.start = entries.end,
            Order::Desc => self.rest.end = entries.start,
        }
    }
}

/// Removes the last line if it is about entries that are not in the file.
fn take_gap(
    order: Order,
    rest: &Range<u64>,
    lines: &mut Vec<u8>,
) -> Result<Option<CompactRange>, Error> {
    let text = lines.strip_suffix(b"\n").unwrap_or(lines);
    let start = text.iter().rposition(|byte| *byte == b'\n');
    let start = start.map_or(0, |end| end + 1);
    let line = text.get(start..).and_then(|line| str::from_utf8(line).ok());
    let Some(line) = line.filter(|line| line.starts_with("g ")) else {
        return Ok(None);
    };
    let ExportLine::LeftOut { count, hashes } = ExportLine::parse(line).map_err(unfit)? else {
        return Ok(None);
    };
    let entries = match order {
        Order::Asc => rest.start.saturating_sub(count)..rest.start,
        Order::Desc => rest.end..rest.end + count,
    };
    let gap = CompactRange::from_hashes(entries, &hashes).map_err(unfit)?;
    lines.truncate(start);
    Ok(Some(gap))
}

fn side(side: &Side) -> proof::Side {
    let leaves = side.range.leaves();
    proof::Side {
        count: leaves.end - leaves.start,
        hashes: side.range.hashes().map(HashText).collect(),
        neighbour: side.neighbour.clone(),
    }
}

fn joined(mut left: CompactRange, right: &CompactRange) -> Result<CompactRange, Error> {
    left.merge(right).map_err(unfit)?;
    Ok(left)
}

fn unfit(error: proof::Error) -> Error {
    Error::internal("making a proof", error)
}
