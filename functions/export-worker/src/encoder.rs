//! Encodes activities into the bytes of parts: CSV or JSON rows, optionally with gzip.
//!
//! With gzip, rows are packed whenever [`BLOCK_BYTES`] of them are complete, so
//! the bytes of a part depend only on its rows.

use shared::{
    Activity, Error, ExportRequest,
    model::{
        error::Source,
        export::{Compression, Unpacked},
    },
};

use crate::{csv_rows::CsvRows, gzip::GzipMember, json_lines::JsonLines, part::PART_BYTES};

/// Rows are packed after the row with which they reach this many bytes: 1 MiB.
const BLOCK_BYTES: usize = 1024 * 1024;

/// Room for the rows that fill a buffer, so that the buffer is seldom reallocated.
const ROW_ROOM: usize = 1024 * 1024;

/// Encodes one file.
#[derive(Debug)]
pub(crate) struct Encoder {
    rows: Rows,
    /// None without compression.
    gzip: Option<GzipMember>,
    /// The cells that this encoder has cut.
    pub(crate) truncated_cells: u64,
}

/// The rows of this part; with gzip, only those that are not packed yet.
#[derive(Debug)]
enum Rows {
    Csv(Box<CsvRows>),
    Jsonl(JsonLines),
}

/// A part that is not full yet, as it is stored for the next worker.
#[derive(Debug, Default)]
pub(crate) struct PartialPartBytes {
    pub(crate) bytes: Vec<u8>,
    /// How many of the bytes are packed; plain rows follow them.
    pub(crate) packed_bytes: usize,
}

impl Encoder {
    /// An encoder at the start of a file.
    pub(crate) fn start(request: &ExportRequest) -> Result<Self, Error> {
        let gzip = (request.compression == Compression::Gzip).then(GzipMember::start);
        let mut rows = Rows::new(request, &[]);
        if let Rows::Csv(rows) = &mut rows {
            rows.write_header().map_err(encoding_failed)?;
        }
        Ok(Self::new(rows, gzip))
    }

    /// An encoder that continues a partial part.
    ///
    /// With gzip, `unpacked` describes the rows that are packed in all parts so far.
    pub(crate) fn resume(
        request: &ExportRequest,
        partial_part: &PartialPartBytes,
        unpacked: Option<Unpacked>,
    ) -> Self {
        let bytes = partial_part.bytes.as_slice();
        let (packed, rows) = bytes
            .split_at_checked(partial_part.packed_bytes)
            .unwrap_or((bytes, &[]));
        let gzip = unpacked.map(|unpacked| GzipMember::resume(packed.into(), unpacked));
        Self::new(Rows::new(request, rows), gzip)
    }

    fn new(rows: Rows, gzip: Option<GzipMember>) -> Self {
        Self {
            rows,
            gzip,
            truncated_cells: 0,
        }
    }

    /// What was packed so far, those parts that were taken included; none without gzip.
    pub(crate) fn unpacked(&self) -> Option<Unpacked> {
        self.gzip.as_ref().map(GzipMember::unpacked)
    }

    /// Continues in another buffer, into which it copies the part so far.
    pub(crate) fn continue_in(&mut self, mut buffer: Vec<u8>) -> Result<(), Error> {
        buffer.clear();
        buffer.reserve(PART_BYTES + ROW_ROOM);
        if let Some(gzip) = &mut self.gzip {
            gzip.continue_in(buffer);
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
        match &mut self.gzip {
            None => Ok(row_bytes >= PART_BYTES),
            Some(_) if row_bytes < BLOCK_BYTES => Ok(false),
            Some(gzip) => {
                self.rows.pack_into(gzip)?;
                Ok(gzip.bytes().len() >= PART_BYTES)
            }
        }
    }

    /// Takes a part that is full.
    pub(crate) fn take_full_part(&mut self) -> Result<Vec<u8>, Error> {
        match &mut self.gzip {
            None => self.rows.take(Vec::new()),
            // With gzip, a part is only full when all its rows are packed.
            Some(gzip) => Ok(gzip.take()),
        }
    }

    /// Takes the last part of the file.
    pub(crate) fn take_last_part(&mut self) -> Result<Vec<u8>, Error> {
        if let Some(gzip) = &mut self.gzip {
            self.rows.pack_into(gzip)?;
            gzip.finish();
        }
        self.take_full_part()
    }

    /// Takes a part that is not full; [`Encoder::resume`] can continue it.
    pub(crate) fn take_partial_part(&mut self) -> Result<PartialPartBytes, Error> {
        let Some(gzip) = &mut self.gzip else {
            return Ok(PartialPartBytes {
                bytes: self.rows.take(Vec::new())?,
                packed_bytes: 0,
            });
        };
        let mut bytes = gzip.take();
        let packed_bytes = bytes.len();
        bytes.extend_from_slice(self.rows.bytes());
        Ok(PartialPartBytes {
            bytes,
            packed_bytes,
        })
    }
}

impl Rows {
    /// Rows that follow those of `start`.
    fn new(request: &ExportRequest, start: &[u8]) -> Self {
        match request.style {
            Some(style) => Self::Csv(Box::new(CsvRows::new(request, style, start.into()))),
            None => Self::Jsonl(JsonLines::new(start.into())),
        }
    }

    /// Adds a row; returns how many of its cells were cut.
    fn push(&mut self, activity: &Activity) -> Result<u64, Error> {
        match self {
            Self::Csv(rows) => rows.push(activity).map_err(encoding_failed),
            Self::Jsonl(lines) => lines.push(activity).map(|()| 0).map_err(encoding_failed),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Csv(rows) => rows.bytes(),
            Self::Jsonl(lines) => lines.bytes(),
        }
    }

    /// Takes the rows; later rows are appended to `next`.
    fn take(&mut self, next: Vec<u8>) -> Result<Vec<u8>, Error> {
        match self {
            Self::Csv(rows) => rows.take(next).map_err(encoding_failed),
            Self::Jsonl(lines) => Ok(lines.take(next)),
        }
    }

    /// Moves the rows into a gzip member.
    fn pack_into(&mut self, gzip: &mut GzipMember) -> Result<(), Error> {
        let mut rows = self.take(Vec::new())?;
        gzip.pack(&rows).map_err(encoding_failed)?;
        // Later rows use the same buffer again.
        rows.clear();
        self.take(rows)?;
        Ok(())
    }
}

fn encoding_failed(error: impl Into<Source>) -> Error {
    Error::internal("encoding a row", error)
}
