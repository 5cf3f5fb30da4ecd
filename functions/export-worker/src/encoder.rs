//! Activities into the bytes of parts: rows as CSV or JSON, packed or not.
//!
//! With gzip, each [`MEMBER_BYTES`] of rows become a member of their own. So no
//! compressor's state is between two parts, nor between two workers, and what a
//! part holds follows from its rows alone.

use std::{io::Write, mem};

use flate2::{Compression as Level, write::GzEncoder};
use shared::{
    Activity, Error, ExportRequest,
    model::{error::Source, export::Compression},
};

use crate::{csv, parts::PART_BYTES};

/// A member is closed after the row that reaches this many bytes: 1 MiB.
const MEMBER_BYTES: usize = 1024 * 1024;

/// Room for the row that fills a buffer, so that the buffer seldom moves.
const ROW_ROOM: usize = 1024 * 1024;

/// Encodes one file.
#[derive(Debug)]
pub(crate) struct Encoder {
    rows: Rows,
    /// The closed members of this part; none when nothing is packed.
    packed: Option<Vec<u8>>,
    pub(crate) truncated_cells: u64,
}

/// The rows that wait to become a part, or a member of one.
#[derive(Debug)]
enum Rows {
    Csv(Box<csv::Rows>),
    Jsonl(Vec<u8>),
}

/// The bytes of a part that is not full.
pub(crate) struct Unfinished {
    pub(crate) bytes: Vec<u8>,
    /// How many of them are packed.
    pub(crate) packed_bytes: usize,
}

impl Encoder {
    /// An encoder at the start of a file.
    pub(crate) fn begin(request: &ExportRequest) -> Result<Self, Error> {
        let mut encoder = Self::go_on(request, &[], 0);
        if let Rows::Csv(rows) = &mut encoder.rows {
            rows.begin().map_err(unencodable)?;
        }
        Ok(encoder)
    }

    /// An encoder behind the start of a part that wasn't full.
    pub(crate) fn go_on(request: &ExportRequest, partial_part: &[u8], packed_bytes: usize) -> Self {
        let (members, start) = partial_part
            .split_at_checked(packed_bytes)
            .unwrap_or((partial_part, &[]));
        Self {
            rows: match request.style {
                Some(style) => Rows::Csv(Box::new(csv::Rows::new(request, style, start.into()))),
                None => Rows::Jsonl(start.into()),
            },
            packed: (request.compression == Compression::Gzip).then(|| members.into()),
            truncated_cells: 0,
        }
    }

    /// Goes on in another buffer, with what is in the part already.
    pub(crate) fn go_on_in(&mut self, mut buffer: Vec<u8>) -> Result<(), Error> {
        buffer.clear();
        buffer.reserve(PART_BYTES + ROW_ROOM);
        if let Some(packed) = &mut self.packed {
            buffer.extend_from_slice(packed);
            *packed = buffer;
        } else {
            buffer.extend_from_slice(self.rows.bytes());
            self.rows.swap(buffer)?;
        }
        Ok(())
    }

    /// Adds an activity; answers whether the part is full.
    pub(crate) fn push(&mut self, activity: &Activity) -> Result<bool, Error> {
        self.truncated_cells += self.rows.push(activity)?;
        let waiting = self.rows.bytes().len();
        match &mut self.packed {
            None => Ok(waiting >= PART_BYTES),
            Some(_) if waiting < MEMBER_BYTES => Ok(false),
            Some(packed) => {
                self.rows.pack(packed)?;
                Ok(packed.len() >= PART_BYTES)
            }
        }
    }

    /// Takes a part that is full, or the file's last.
    pub(crate) fn part(&mut self, is_first: bool) -> Result<Vec<u8>, Error> {
        let Some(packed) = &mut self.packed else {
            return self.rows.swap(Vec::new());
        };
        // Even a file of no rows is a member: no bytes at all are no gzip file.
        if !self.rows.bytes().is_empty() || (is_first && packed.is_empty()) {
            self.rows.pack(packed)?;
        }
        Ok(mem::take(packed))
    }

    /// A part that is not full, from which [`Encoder::go_on`] goes on.
    pub(crate) fn unfinished(&mut self) -> Result<Unfinished, Error> {
        let Some(mut bytes) = self.packed.take() else {
            return Ok(Unfinished {
                bytes: self.rows.swap(Vec::new())?,
                packed_bytes: 0,
            });
        };
        let packed_bytes = bytes.len();
        bytes.extend_from_slice(self.rows.bytes());
        Ok(Unfinished {
            bytes,
            packed_bytes,
        })
    }
}

impl Rows {
    /// Adds a row; answers how many of its cells were cut.
    fn push(&mut self, activity: &Activity) -> Result<u64, Error> {
        match self {
            Self::Csv(rows) => rows.push(activity).map_err(unencodable),
            Self::Jsonl(bytes) => {
                serde_json::to_writer(&mut *bytes, activity).map_err(unencodable)?;
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

    /// Takes the rows; those that follow gather behind `next`.
    fn swap(&mut self, next: Vec<u8>) -> Result<Vec<u8>, Error> {
        match self {
            Self::Csv(rows) => rows.swap(next).map_err(unencodable),
            Self::Jsonl(bytes) => Ok(mem::replace(bytes, next)),
        }
    }

    /// Closes a member of the rows; those that follow gather in the same buffer.
    fn pack(&mut self, packed: &mut Vec<u8>) -> Result<(), Error> {
        let mut rows = self.swap(Vec::new())?;
        let mut gzip = GzEncoder::new(packed, Level::default());
        gzip.write_all(&rows).map_err(unencodable)?;
        gzip.finish().map_err(unencodable)?;
        rows.clear();
        self.swap(rows)?;
        Ok(())
    }
}

pub(crate) fn unencodable(error: impl Into<Source>) -> Error {
    Error::internal("encoding a row", error)
}
