//! The sheets of a workbook and their rows; knows neither S3 nor DynamoDB.

use std::io::Write;

use rust_xlsxwriter::{DocProperties, Format, FormatAlign, Workbook, Worksheet, XlsxError};
use shared::{ExportRequest, Moment, model::zone::Zone};

use crate::columns::{self, Cell};

/// How much a workbook can hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) rows: u64,
    /// The bytes of XML on the function's disk.
    disk_bytes: u64,
    /// The rows of a sheet, including its header.
    sheet_rows: u32,
}

/// What the function's time, its 4,096 MiB of disk and the format of a sheet allow.
pub(crate) const LIMITS: Limits = Limits {
    rows: 1_500_000,
    disk_bytes: 4_000_000_000,
    sheet_rows: 1_048_576,
};

/// The most bytes of XML around the text of one cell.
const CELL_XML_BYTES: usize = 80;

/// By how many bytes escaping can lengthen one character.
const ESCAPED_BYTES: usize = 7;

/// The width of the columns, in characters.
const COLUMN_WIDTH: f64 = 22.0;

/// The rows of a workbook, on as many sheets as they need.
pub(crate) struct Sheets {
    workbook: Workbook,
    /// The number of the last sheet.
    sheet: usize,
    /// The number of the next row on that sheet.
    row: u32,
    limits: Limits,
    header: Vec<String>,
    zone: Zone,
    time: Format,
    /// How many rows there are, without the headers.
    pub(crate) rows: u64,
    disk_bytes: u64,
    pub(crate) truncated_cells: u64,
}

impl Sheets {
    pub(crate) fn new(
        request: &ExportRequest,
        as_of: Moment,
        limits: Limits,
    ) -> Result<Self, XlsxError> {
        let mut workbook = Workbook::new();
        // By default the library stores the current time, and a file that is made
        // again would have other bytes.
        let as_of = Zone::UTC.local(as_of);
        let properties = DocProperties::new().set_creation_datetime(&as_of);
        workbook.set_properties(&properties);
        let zone = request.filter.zone();
        let has_labels = request.action_labels.is_some();
        let header = columns::header(request.locale, &zone, has_labels, columns::COUNT);
        let mut sheets = Self {
            workbook,
            sheet: 0,
            row: 0,
            limits,
            header: header.into_iter().map(String::from).collect(),
            zone,
            time: Format::new()
                .set_num_format("yyyy-mm-dd hh:mm:ss")
                .set_align(FormatAlign::Left),
            rows: 0,
            disk_bytes: 0,
            truncated_cells: 0,
        };
        sheets.add_sheet()?;
        Ok(sheets)
    }

    fn add_sheet(&mut self) -> Result<(), XlsxError> {
        let sheet = self.workbook.add_worksheet_with_constant_memory()?;
        sheet.set_freeze_panes(1, 0)?;
        let last_column = last_column(&self.header);
        sheet.set_column_range_width(0, last_column, COLUMN_WIDTH)?;
        let bold = Format::new().set_bold();
        for (column, name) in (0..).zip(&self.header) {
            sheet.write_string_with_format(0, column, name, &bold)?;
        }
        self.row = 1;
        Ok(())
    }

    /// Adds a row; begins another sheet if the last one is full.
    pub(crate) fn push(&mut self, cells: &[Cell<'_>; columns::COUNT]) -> Result<(), XlsxError> {
        if self.row == self.limits.sheet_rows {
            self.add_filter()?;
            self.add_sheet()?;
            self.sheet += 1;
        }
        let sheet = self.workbook.worksheet_from_index(self.sheet)?;
        let cells = cells.iter().filter(|cell| !matches!(cell, Cell::Absent));
        for (column, cell) in (0..).zip(cells) {
            let at = (self.row, column);
            let text_bytes = match *cell {
                Cell::Absent => 0,
                Cell::LocalTime(moment) => write_time(sheet, at, moment, &self.zone, &self.time)?,
                Cell::UtcTime(moment) => write_time(sheet, at, moment, &Zone::UTC, &self.time)?,
                Cell::Offset(moment) => {
                    write_text(sheet, at, &columns::offset(&self.zone, moment))?
                }
                Cell::Word(word) => write_text(sheet, at, word)?,
                Cell::Id(id) => write_text(sheet, at, &id.to_string())?,
                Cell::Text(text) => match columns::cut(text) {
                    None => write_text(sheet, at, text)?,
                    Some(cut) => {
                        self.truncated_cells += 1;
                        write_text(sheet, at, &cut)?
                    }
                },
            };
            self.disk_bytes += (CELL_XML_BYTES + text_bytes) as u64;
        }
        self.row += 1;
        self.rows += 1;
        Ok(())
    }

    pub(crate) fn is_too_large(&self) -> bool {
        self.rows > self.limits.rows || self.disk_bytes > self.limits.disk_bytes
    }

    /// Adds Excel's filter buttons to the header of the last sheet.
    fn add_filter(&mut self) -> Result<(), XlsxError> {
        let sheet = self.workbook.worksheet_from_index(self.sheet)?;
        sheet.autofilter(0, 0, self.row - 1, last_column(&self.header))?;
        Ok(())
    }

    /// Writes the whole workbook to `writer`.
    pub(crate) fn save(mut self, writer: impl Write + Send) -> Result<(), XlsxError> {
        self.add_filter()?;
        self.workbook.save_to_writer(writer)
    }
}

fn last_column(header: &[String]) -> u16 {
    u16::try_from(header.len().saturating_sub(1)).unwrap_or(u16::MAX)
}

/// Writes a cell that a spreadsheet always reads as text.
///
/// Returns how many bytes it has on the disk at most.
fn write_text(sheet: &mut Worksheet, at: (u32, u16), text: &str) -> Result<usize, XlsxError> {
    if text.is_empty() {
        return Ok(0);
    }
    sheet.write_string(at.0, at.1, text)?;
    let is_escaped = |byte: &u8| *byte < b' ' || b"&<>".contains(byte);
    let escaped = text.bytes().filter(is_escaped).count() + text.matches("_x").count();
    Ok(text.len() + escaped * ESCAPED_BYTES)
}

/// Writes a date with its time, and returns how many bytes it has on the disk at most.
fn write_time(
    sheet: &mut Worksheet,
    at: (u32, u16),
    moment: Moment,
    zone: &Zone,
    format: &Format,
) -> Result<usize, XlsxError> {
    sheet.write_datetime_with_format(at.0, at.1, zone.local(moment), format)?;
    Ok(20)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use calamine::Reader;

    use super::*;

    const SMALL: Limits = Limits {
        rows: 7,
        disk_bytes: 20_000,
        sheet_rows: 3,
    };

    fn sheets() -> Sheets {
        let request = ExportRequest::read(br#"{"format":"xlsx"}"#).unwrap();
        Sheets::new(&request, Moment::MAX, SMALL).unwrap()
    }

    fn push(sheets: &mut Sheets, text: &str) {
        sheets.push(&[Cell::Text(text); columns::COUNT]).unwrap();
    }

    /// The first column of each sheet.
    fn first_column(sheets: Sheets) -> Vec<Vec<String>> {
        let mut file = Cursor::new(Vec::new());
        sheets.save(&mut file).unwrap();
        let mut workbook = calamine::Xlsx::new(file).unwrap();
        let worksheets = workbook.worksheets();
        let column = |(_, sheet): (_, calamine::Range<_>)| {
            let cells = sheet.rows().filter_map(<[_]>::first);
            cells.map(ToString::to_string).collect()
        };
        worksheets.into_iter().map(column).collect()
    }

    #[test]
    fn more_rows_than_a_sheet_holds_are_on_further_sheets() {
        let mut sheets = sheets();
        for text in ["a", "b", "c", "d", "e"] {
            push(&mut sheets, text);
        }
        let header = "Date-Time (UTC)";
        let expected = [
            vec![header, "a", "b"],
            vec![header, "c", "d"],
            vec![header, "e"],
        ];
        assert_eq!(first_column(sheets), expected);
    }

    #[test]
    fn a_sheet_that_is_just_full_is_the_last() {
        let mut sheets = sheets();
        push(&mut sheets, "a");
        push(&mut sheets, "b");
        assert_eq!(first_column(sheets).len(), 1);
    }

    #[test]
    fn a_workbook_is_too_large_by_its_rows_or_by_its_bytes() {
        let mut by_rows = sheets();
        for _ in 0..SMALL.rows {
            push(&mut by_rows, "a");
            assert!(!by_rows.is_too_large());
        }
        push(&mut by_rows, "a");
        assert!(by_rows.is_too_large());

        let mut by_bytes = sheets();
        push(&mut by_bytes, &"a".repeat(2_000));
        assert!(by_bytes.is_too_large());
    }

    proptest::proptest! {
        #[test]
        fn a_row_has_no_more_bytes_on_disk_than_were_counted(text in "(?s)(.|[&<>_x\n\t ]){0,60}") {
            let sizes = [1, 2].map(|rows| {
                let mut sheets = sheets();
                for _ in 0..rows {
                    push(&mut sheets, &text);
                }
                let counted = sheets.disk_bytes;
                let mut file = Cursor::new(Vec::new());
                sheets.save(&mut file).unwrap();
                (counted, sheet_bytes(file))
            });
            let [(counted_one, one), (counted_two, two)] = sizes;
            proptest::prop_assert!(two - one <= counted_two - counted_one);
        }
    }

    /// The size of the first sheet's XML.
    fn sheet_bytes(file: Cursor<Vec<u8>>) -> u64 {
        let mut archive = zip::ZipArchive::new(file).unwrap();
        archive.by_name("xl/worksheets/sheet1.xml").unwrap().size()
    }
}
