//! The rows of a CSV file in style `raw`.
//!
//! Programs differ in what they read from CSV of unusual form, so a file must be written as
//! the service writes it, byte for byte.

use std::{
    cell::RefCell,
    io::{self, Read},
    rc::Rc,
};

use csv::{ErrorKind, QuoteStyle, StringRecord, Terminator};
use proof::millis;
use sha2::{Digest, Sha256};

use crate::{
    finding::Finding,
    row::{Content, ERASED_NAME, Row},
};

/// The header.
const HEADER: [&str; 15] = [
    "Date-Time (UTC)",
    "Affected customer",
    "Action",
    "Partner user",
    "Customer ID",
    "Partner user ID",
    "Partner user kind",
    "Outcome",
    "Resource type",
    "Resource ID",
    "Activity ID",
    "Recorded at (UTC)",
    "Correlation ID",
    "Details",
    "Erased at (UTC)",
];

/// The longest row that is read: 64 MiB, far more than an entry may have.
const ROW_BYTES_MAX: u64 = 64 << 20;

/// The rows that were not read yet.
pub(crate) struct CsvRows<R: Read> {
    reader: csv::Reader<Counted<R>>,
    seen: Rc<RefCell<Seen>>,
    /// The hash of the rows so far, as the service writes them.
    written: Sha256,
}

/// What was read of the file.
#[derive(Default)]
struct Seen {
    hash: Sha256,
    /// The bytes since the last row.
    bytes: u64,
}

/// Hashes what is read, and ends where a row is too long.
struct Counted<R> {
    file: R,
    seen: Rc<RefCell<Seen>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        let mut seen = self.seen.borrow_mut();
        seen.hash.update(buffer.get(..read).unwrap_or_default());
        seen.bytes += read as u64;
        if seen.bytes > ROW_BYTES_MAX {
            return Err(io::Error::other("a row has more than 64 MiB"));
        }
        Ok(read)
    }
}

impl<R: Read> CsvRows<R> {
    /// The rows behind the header.
    pub(crate) fn open(file: R) -> Result<Self, Finding> {
        let seen = Rc::new(RefCell::new(Seen::default()));
        let file = Counted {
            file,
            seen: Rc::clone(&seen),
        };
        // With its usual terminator the reader would count the line feed of a line to the next.
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .terminator(Terminator::Any(b'\n'))
            .from_reader(file);
        let mut rows = Self {
            reader,
            seen,
            written: Sha256::new(),
        };
        if rows.record()?.unwrap_or_default() == *HEADER.as_slice() {
            return Ok(rows);
        }
        let other = "the first line of the file is not the header of a CSV file in style raw";
        Err(Finding::NotWhole(other.to_owned()))
    }

    /// The next row; none at the end of the file.
    pub(crate) fn next(&mut self) -> Result<Option<Row>, Finding> {
        let Some(record) = self.record()? else {
            return Ok(None);
        };
        let place = record.position();
        let (line, start) = place.map_or((0, 0), |place| (place.line(), place.byte()));
        let cell = |place: usize| record.get(place).unwrap_or_default();
        let (erased_at, is_nameless) = (cell(14), cell(4).is_empty() || cell(1) == ERASED_NAME);
        if !erased_at.is_empty() && millis(erased_at).is_err() {
            return Err(Finding::NotWhole(format!(
                "line {line} of the file is no entry: Erased at (UTC) is no moment"
            )));
        }
        Ok(Some(Row {
            line,
            bytes: start..self.reader.position().byte(),
            id: cell(10).to_owned(),
            occurred_at: cell(0).to_owned(),
            is_marked: !erased_at.is_empty(),
            is_erased: !erased_at.is_empty() && is_nameless && cell(13).is_empty(),
            content: Content::Csv(record),
        }))
    }

    /// Checks, behind the last row, that the file is written as the service writes it.
    pub(crate) fn finish(&mut self) -> Result<(), Finding> {
        let (seen, written) = (self.seen.borrow(), self.written.clone());
        if seen.hash.clone().finalize() == written.finalize() {
            return Ok(());
        }
        Err(Finding::NotWhole(
            "the file is not written as the service writes CSV, so other programs may read \
             something else: quotes, empty lines or the ends of lines were changed"
                .to_owned(),
        ))
    }

    /// The cells of the next line, without its carriage return.
    fn record(&mut self) -> Result<Option<StringRecord>, Finding> {
        let mut record = StringRecord::new();
        if !self
            .reader
            .read_record(&mut record)
            .map_err(|it| broken(&it))?
        {
            return Ok(None);
        }
        self.seen.borrow_mut().bytes = 0;
        let last = record.len().saturating_sub(1);
        let cells = record.iter().enumerate().map(|(place, cell)| {
            let without = cell.strip_suffix('\r').filter(|_| place == last);
            without.unwrap_or(cell)
        });
        let mut cells: StringRecord = cells.collect();
        cells.set_position(record.position().cloned());
        let mut writer = csv::WriterBuilder::new()
            .quote_style(QuoteStyle::Necessary)
            .terminator(Terminator::CRLF)
            .from_writer(Vec::new());
        writer.write_record(&cells).map_err(|it| broken(&it))?;
        let line = writer.into_inner();
        let line = line.map_err(|error| Finding::Unknown(error.to_string()))?;
        self.written.update(line);
        Ok(Some(cells))
    }
}

fn broken(error: &csv::Error) -> Finding {
    match error.kind() {
        ErrorKind::Io(error) => Finding::Unknown(format!("the file can't be read: {error}")),
        _ => Finding::NotWhole(format!("the file is no CSV file of an export: {error}")),
    }
}
