//! Activities into the bytes of parts: rows as CSV or JSON, packed or not.
//!
//! With gzip, each [`MEMBER_BYTES`] of rows become a member of their own. So no
//! compressor's state is between two parts, nor between two workers, and what a
//! part holds follows from its rows alone.

use std::io::Write;

use flate2::{Compression as Level, write::GzEncoder};
use shared::{Activity, Error, ExportRequest, error::Source, export::Compression};

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
    /// Whether a buffer was taken with a part and none was given for the next.
    wants_buffer: bool,
    /// Whether any part or member was made before.
    has_begun: bool,
    pub(crate) truncated_cells: u64,
}

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
        let mut encoder = Self::go_on(request, false, &[], 0);
        let buffer = encoder.take_rows(Vec::new())?;
        match &mut encoder.rows {
            Rows::Csv(rows) => rows.begin(buffer).map_err(unencodable)?,
            Rows::Jsonl(bytes) => *bytes = buffer,
        }
        Ok(encoder)
    }

    /// An encoder after earlier parts, if any, and the start of one that wasn't full.
    pub(crate) fn go_on(
        request: &ExportRequest,
        has_parts: bool,
        rest: &[u8],
        packed_bytes: usize,
    ) -> Self {
        let (members, start) = rest.split_at_checked(packed_bytes).unwrap_or((rest, &[]));
        let packed = (request.compression == Compression::Gzip).then(|| {
            let mut packed = Vec::with_capacity(PART_BYTES + ROW_ROOM);
            packed.extend_from_slice(members);
            packed
        });
        let mut buffer = row_buffer(packed.is_some());
        buffer.extend_from_slice(start);
        Self {
            rows: match request.style {
                Some(style) => Rows::Csv(Box::new(csv::Rows::new(request, style, buffer))),
                None => Rows::Jsonl(buffer),
            },
            packed,
            wants_buffer: false,
            has_begun: has_parts || !members.is_empty(),
            truncated_cells: 0,
        }
    }

    /// Adds an activity; answers whether the part is full.
    pub(crate) fn push(&mut self, activity: &Activity) -> Result<bool, Error> {
        match &mut self.rows {
            Rows::Csv(rows) => {
                self.truncated_cells += rows.push(activity).map_err(unencodable)?;
            }
            Rows::Jsonl(bytes) => {
                serde_json::to_writer(&mut *bytes, activity).map_err(unencodable)?;
                bytes.push(b'\n');
            }
        }
        let waiting = self.rows.len();
        match &self.packed {
            None => Ok(waiting >= PART_BYTES),
            Some(_) if waiting < MEMBER_BYTES => Ok(false),
            Some(_) => {
                self.pack()?;
                let packed = self.packed.as_ref().map_or(0, Vec::len);
                Ok(packed >= PART_BYTES)
            }
        }
    }

    /// Takes a full part, or the last one; another needs [`Encoder::reuse`] first.
    pub(crate) fn part(&mut self) -> Result<Vec<u8>, Error> {
        self.wants_buffer = true;
        if self.packed.is_none() {
            self.has_begun = true;
            return self.take_rows(Vec::new());
        }
        // Even a file of no rows is a member: no bytes at all are no gzip file.
        if self.rows.len() > 0 || !self.has_begun {
            self.pack()?;
        }
        Ok(self.packed.replace(Vec::new()).unwrap_or_default())
    }

    /// Goes on in the buffer of a part that was sent.
    pub(crate) fn reuse(&mut self, mut sent: Vec<u8>) -> Result<(), Error> {
        if !std::mem::take(&mut self.wants_buffer) {
            return Ok(());
        }
        sent.clear();
        sent.reserve(PART_BYTES + ROW_ROOM);
        match &mut self.packed {
            Some(packed) => *packed = sent,
            None => drop(self.take_rows(sent)?),
        }
        Ok(())
    }

    /// Takes a part that is not full, from which [`Encoder::go_on`] goes on.
    pub(crate) fn unfinished(&mut self) -> Result<Unfinished, Error> {
        let rows = self.take_rows(Vec::new())?;
        let mut bytes = self.packed.take().unwrap_or_default();
        let packed_bytes = bytes.len();
        bytes.extend_from_slice(&rows);
        Ok(Unfinished {
            bytes,
            packed_bytes,
        })
    }

    /// Closes a member of the rows that wait.
    fn pack(&mut self) -> Result<(), Error> {
        let mut rows = self.take_rows(Vec::new())?;
        self.has_begun = true;
        let packed = self.packed.take().unwrap_or_default();
        let mut gzip = GzEncoder::new(packed, Level::default());
        gzip.write_all(&rows).map_err(unencodable)?;
        self.packed = Some(gzip.finish().map_err(unencodable)?);
        rows.clear();
        drop(self.take_rows(rows)?);
        Ok(())
    }

    fn take_rows(&mut self, next: Vec<u8>) -> Result<Vec<u8>, Error> {
        match &mut self.rows {
            Rows::Csv(rows) => rows.take(next).map_err(unencodable),
            Rows::Jsonl(bytes) => Ok(std::mem::replace(bytes, next)),
        }
    }
}

impl Rows {
    fn len(&self) -> usize {
        match self {
            Self::Csv(rows) => rows.len(),
            Self::Jsonl(bytes) => bytes.len(),
        }
    }
}

fn row_buffer(is_packed: bool) -> Vec<u8> {
    let full = if is_packed { MEMBER_BYTES } else { PART_BYTES };
    Vec::with_capacity(full + ROW_ROOM)
}

pub(crate) fn unencodable(error: impl Into<Source>) -> Error {
    Error::internal("encoding a row", error)
}
