//! Encodes activities into the bytes of parts: CSV or JSON rows, optionally with gzip.
//!
//! With gzip, every [`MEMBER_BYTES`] of rows become a gzip member of their own. So
//! no compressor's state passes from one part to the next or from one worker to
//! the next, and the bytes of a part depend only on its rows.

use std::{io::Write, mem};

use flate2::{Compression as Level, write::GzEncoder};
use shared::{
    Activity, Error, ExportRequest,
    model::{error::Source, export::Compression},
};

use crate::{csv_rows::CsvRows, part::PART_BYTES};

/// A gzip member ends after the row with which it reaches this many bytes: 1 MiB.
const MEMBER_BYTES: usize = 1024 * 1024;

/// Room for the row that fills a buffer, so that the buffer is seldom reallocated.
const ROW_ROOM: usize = 1024 * 1024;

/// Encodes one file.
#[derive(Debug)]
pub(crate) struct Encoder {
    rows: Rows,
    /// The finished gzip members of this part; none without compression.
    members: Option<Vec<u8>>,
    /// The cells that this encoder has cut.
    pub(crate) truncated_cells: u64,
}

/// The rows of this part; with gzip, only those that are in no member yet.
#[derive(Debug)]
enum Rows {
    Csv(Box<CsvRows>),
    Jsonl(Vec<u8>),
}

/// A part that is not full yet, as it is stored for the next worker.
pub(crate) struct PartialPartBytes {
    pub(crate) bytes: Vec<u8>,
    /// How many of the bytes are compressed; plain rows follow them.
    pub(crate) packed_bytes: usize,
}

impl Encoder {
    /// An encoder at the start of a file.
    pub(crate) fn start(request: &ExportRequest) -> Result<Self, Error> {
        let mut encoder = Self::resume(request, &[], 0);
        if let Rows::Csv(rows) = &mut encoder.rows {
            rows.write_header().map_err(encoding_failed)?;
        }
        Ok(encoder)
    }

    /// An encoder that continues a partial part.
    pub(crate) fn resume(
        request: &ExportRequest,
        partial_part: &[u8],
        packed_bytes: usize,
    ) -> Self {
        let (members, rows) = partial_part
            .split_at_checked(packed_bytes)
            .unwrap_or((partial_part, &[]));
        Self {
            rows: match request.style {
                Some(style) => Rows::Csv(Box::new(CsvRows::new(request, style, rows.into()))),
                None => Rows::Jsonl(rows.into()),
            },
            members: (request.compression == Compression::Gzip).then(|| members.into()),
            truncated_cells: 0,
        }
    }

    /// Continues in another buffer, into which it copies the part so far.
    pub(crate) fn continue_in(&mut self, mut buffer: Vec<u8>) -> Result<(), Error> {
        buffer.clear();
        buffer.reserve(PART_BYTES + ROW_ROOM);
        if let Some(members) = &mut self.members {
            buffer.extend_from_slice(members);
            *members = buffer;
        } else {
            buffer.extend_from_slice(self.rows.bytes());
            self.rows.take(buffer)?;
        }
        Ok(())
    }

    /// Adds an activity; returns whether the part is full.
    pub(crate) fn push(&mut self, activity: &Activity) -> Result<bool, Error> {
        self.truncated_cells += self.rows.push(activity)?;
        let row_bytes = self.rows.bytes().len();
        match &mut self.members {
            None => Ok(row_bytes >= PART_BYTES),
            Some(_) if row_bytes < MEMBER_BYTES => Ok(false),
            Some(members) => {
                self.rows.compress_into(members)?;
                Ok(members.len() >= PART_BYTES)
            }
        }
    }

    /// Takes a part that is full, or the last part of the file.
    pub(crate) fn take_part(&mut self, is_first: bool) -> Result<Vec<u8>, Error> {
        let Some(members) = &mut self.members else {
            return self.rows.take(Vec::new());
        };
        // A file without rows also gets a member, because a gzip file can't be empty.
        if !self.rows.bytes().is_empty() || (is_first && members.is_empty()) {
            self.rows.compress_into(members)?;
        }
        Ok(mem::take(members))
    }

    /// Takes a part that is not full; [`Encoder::resume`] can continue it.
    pub(crate) fn take_partial_part(&mut self) -> Result<PartialPartBytes, Error> {
        let Some(mut bytes) = self.members.take() else {
            return Ok(PartialPartBytes {
                bytes: self.rows.take(Vec::new())?,
                packed_bytes: 0,
            });
        };
        let packed_bytes = bytes.len();
        bytes.extend_from_slice(self.rows.bytes());
        Ok(PartialPartBytes {
            bytes,
            packed_bytes,
        })
    }
}

impl Rows {
    /// Adds a row; returns how many of its cells were cut.
    fn push(&mut self, activity: &Activity) -> Result<u64, Error> {
        match self {
            Self::Csv(rows) => rows.push(activity).map_err(encoding_failed),
            Self::Jsonl(bytes) => {
                serde_json::to_writer(&mut *bytes, activity).map_err(encoding_failed)?;
                bytes.push(b'\n');
                Ok(0)
            }
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Csv(rows) => rows.bytes(),
            Self::Jsonl(bytes) => bytes,
        }
    }

    /// Takes the rows; later rows are appended to `next`.
    fn take(&mut self, next: Vec<u8>) -> Result<Vec<u8>, Error> {
        match self {
            Self::Csv(rows) => rows.take(next).map_err(encoding_failed),
            Self::Jsonl(bytes) => Ok(mem::replace(bytes, next)),
        }
    }

    /// Moves the rows into a gzip member of their own, which is appended to `members`.
    fn compress_into(&mut self, members: &mut Vec<u8>) -> Result<(), Error> {
        let mut rows = self.take(Vec::new())?;
        let mut gzip = GzEncoder::new(members, Level::default());
        gzip.write_all(&rows).map_err(encoding_failed)?;
        gzip.finish().map_err(encoding_failed)?;
        // Later rows use the same buffer again.
        rows.clear();
        self.take(rows)?;
        Ok(())
    }
}

fn encoding_failed(error: impl Into<Source>) -> Error {
    Error::internal("encoding a row", error)
}
