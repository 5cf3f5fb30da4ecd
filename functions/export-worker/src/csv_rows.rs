//! Encodes activities as CSV rows; knows neither S3 nor DynamoDB.
//!
//! The style `raw` is plain RFC 4180, with all times in UTC. The style `spreadsheet` is for people: it
//! has a byte order mark, times that a spreadsheet reads as dates, no cell that a
//! spreadsheet reads as a formula, and no cell that is too long for one.

use std::{borrow::Cow, fmt::Display, io::Write, sync::Arc};

use shared::{
    Activity, ExportRequest, Moment,
    model::{
        export::{ActionLabels, Locale, Style},
        zone::{LocalTime, Zone},
    },
};

use crate::{
    columns::{self, Cell},
    inert::make_inert,
};

/// Tells a spreadsheet that the file is UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The rows of one file that were not taken yet.
#[derive(Debug)]
pub(crate) struct CsvRows {
    style: Style,
    locale: Locale,
    zone: Zone,
    /// Shared, because a row borrows them while it is written.
    labels: Option<Arc<ActionLabels>>,
    writer: csv::Writer<Vec<u8>>,
    /// A buffer in which ids and times are formatted.
    formatted: Vec<u8>,
}

impl CsvRows {
    /// An encoder that appends rows to `start`; the style `raw` is always in English and UTC.
    pub(crate) fn new(request: &ExportRequest, style: Style, start: Vec<u8>) -> Self {
        let (zone, locale) = match style {
            Style::Spreadsheet => (request.filter.zone(), request.locale),
            Style::Raw => (Zone::UTC, Locale::En),
        };
        Self {
            style,
            locale,
            zone,
            labels: request.action_labels.clone().map(Arc::new),
            writer: writer(style, start),
            formatted: Vec::new(),
        }
    }

    /// Starts a file: with the byte order mark, if the style has one, and the header.
    pub(crate) fn write_header(&mut self) -> Result<(), csv::Error> {
        if self.style == Style::Spreadsheet {
            self.take(BYTE_ORDER_MARK.into())?;
        }
        let has_labels = self.labels.is_some();
        for name in columns::header(self.locale, &self.zone, has_labels, self.column_count()) {
            self.writer.write_field(name.as_bytes())?;
        }
        self.writer.write_record(None::<&[u8]>)?;
        Ok(self.writer.flush()?)
    }

    /// Adds a row; returns how many of its cells were cut.
    pub(crate) fn push(&mut self, activity: &Activity) -> Result<u64, csv::Error> {
        let mut truncated_cells = 0;
        let labels = self.labels.clone();
        let row = columns::row(activity, labels.as_deref());
        for cell in row.iter().take(self.column_count()) {
            match *cell {
                Cell::Absent => {}
                Cell::Text(text) => {
                    let (text, is_cut) = self.cell_text(text);
                    truncated_cells += u64::from(is_cut);
                    self.writer.write_field(text.as_bytes())?;
                }
                Cell::Word(word) => self.writer.write_field(word)?,
                Cell::Id(id) => self.write_formatted(id)?,
                Cell::LocalTime(at) => self.write_time(at, self.zone.local_second(at))?,
                Cell::Offset(at) => self.writer.write_field(columns::offset(&self.zone, at))?,
                Cell::UtcTime(at) => self.write_time(at, Zone::UTC.local_second(at))?,
            }
        }
        self.writer.write_record(None::<&[u8]>)?;
        self.writer.flush()?;
        Ok(truncated_cells)
    }

    fn column_count(&self) -> usize {
        match self.style {
            Style::Spreadsheet => columns::COUNT,
            Style::Raw => columns::RAW_COUNT,
        }
    }

    /// The rows that were not taken yet.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.writer.get_ref()
    }

    /// Takes the rows; later rows are appended to `next`.
    pub(crate) fn take(&mut self, next: Vec<u8>) -> Result<Vec<u8>, csv::Error> {
        let taken = std::mem::replace(&mut self.writer, writer(self.style, next));
        taken
            .into_inner()
            .map_err(|error| error.into_error().into())
    }

    fn write_time(&mut self, moment: Moment, local: LocalTime) -> Result<(), csv::Error> {
        match self.style {
            Style::Raw => self.write_formatted(moment),
            Style::Spreadsheet => self.write_formatted(local),
        }
    }

    fn write_formatted(&mut self, value: impl Display) -> Result<(), csv::Error> {
        self.formatted.clear();
        write!(self.formatted, "{value}")?;
        self.writer.write_field(&self.formatted)
    }

    /// The text as this style writes it, and whether it was cut.
    fn cell_text<'a>(&self, text: &'a str) -> (Cow<'a, str>, bool) {
        match self.style {
            Style::Raw => (text.into(), false),
            Style::Spreadsheet => match columns::cut(text) {
                None => (make_inert(text.into()), false),
                Some(cut) => (make_inert(cut.into()), true),
            },
        }
    }
}

/// A CSV writer that appends to `start`.
///
/// The style `spreadsheet` quotes every cell, because some spreadsheets also split
/// cells at semicolons or tabs, which a name can contain.
fn writer(style: Style, start: Vec<u8>) -> csv::Writer<Vec<u8>> {
    let quotes = match style {
        Style::Spreadsheet => csv::QuoteStyle::Always,
        Style::Raw => csv::QuoteStyle::Necessary,
    };
    csv::WriterBuilder::new()
        .quote_style(quotes)
        .terminator(csv::Terminator::CRLF)
        .from_writer(start)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::inert::starts_formula;

    /// Writes a row and returns its cells as a reader of RFC 4180 sees them.
    fn read_back(style: Style, texts: &[String]) -> Vec<String> {
        let rows = CsvRows {
            style,
            locale: Locale::En,
            zone: Zone::UTC,
            labels: None,
            writer: writer(style, Vec::new()),
            formatted: Vec::new(),
        };
        // A header comes first, as in a file: a reader ignores a byte order mark at
        // the very start, which must not be part of a cell here.
        let mut file = writer(style, Vec::new());
        file.write_record([""; columns::COUNT]).unwrap();
        file.write_record(texts.iter().map(|text| rows.cell_text(text).0.into_owned()))
            .unwrap();
        let file = file.into_inner().unwrap();
        let mut reader = csv::ReaderBuilder::new();
        let mut reader = reader.has_headers(true).from_reader(file.as_slice());
        let mut records = reader.records().map(Result::unwrap);
        let row = records.next().unwrap();
        assert!(records.next().is_none(), "a row is one record");
        row.iter().map(str::to_owned).collect()
    }

    proptest! {
        #[test]
        fn a_row_of_any_texts_reads_back_cell_by_cell(
            texts in proptest::collection::vec(r#"(?s).{0,20}|[",;\t\r\n '=+@-]{0,6}"#, columns::COUNT),
        ) {
            prop_assert_eq!(read_back(Style::Raw, &texts), texts.clone());
            let cells = read_back(Style::Spreadsheet, &texts);
            prop_assert_eq!(cells.len(), texts.len());
            for (cell, text) in cells.iter().zip(&texts) {
                // The documentation tells a reader to remove one apostrophe.
                let original = cell.strip_prefix('\'').unwrap_or(cell);
                prop_assert_eq!(original, text);
                prop_assert!(!starts_formula(cell));
            }
        }
    }
}
