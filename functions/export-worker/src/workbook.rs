//! Activities as a workbook of Office Open XML, for people.
//!
//! Rows gather on the function's disk, since a sheet is packed as a whole; the
//! packed bytes go to the bucket as they come. Nobody can go on in the middle: a
//! workbook is made anew after a crash, the same byte by byte.

use std::io::{self, Write};

use rust_xlsxwriter::{
    DocProperties, Format, FormatAlign, Workbook as Sheets, Worksheet, XlsxError,
};
use shared::{
    Error, ExportRequest, Moment,
    model::{error::Source, failure::Failure, zone::Zone},
};
use tokio::{
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
};

use crate::{
    Run, Stop,
    activities::{Activities, Found},
    columns::{self, Cell},
    encoder::unencodable,
    parts::{End, PART_BYTES, Part},
};

/// How much a workbook holds.
#[derive(Debug, Clone, Copy)]
struct Limits {
    rows: u64,
    /// Bytes of XML on disk.
    disk_bytes: u64,
    /// The rows of a sheet, the header among them.
    sheet_rows: u32,
}

/// What the function's time and its 4,096 MiB of disk allow, and a sheet's format.
const LIMITS: Limits = Limits {
    rows: 1_500_000,
    disk_bytes: 4_000_000_000,
    sheet_rows: 1_048_576,
};

/// The XML around one cell, at most.
const CELL_XML_BYTES: usize = 80;

/// The XML that a character may become instead of itself.
const ESCAPED_BYTES: usize = 7;

/// The width of the columns, in characters.
const COLUMN_WIDTH: f64 = 22.0;

/// Makes the parts of one workbook.
pub(crate) struct Workbook<'a> {
    run: &'a Run<'a>,
    activities: Activities<'a>,
    /// None once it has failed, or its last part was made.
    work: Option<Work>,
    rows: u64,
    truncated_cells: u64,
}

/// How far it is.
enum Work {
    /// Rows gather, to be packed into these buffers.
    Rows(Box<Table>, mpsc::Receiver<Vec<u8>>),
    Packed(Packed),
}

/// The packed bytes as they come.
struct Packed {
    full: mpsc::Receiver<Vec<u8>>,
    last: JoinHandle<Result<Vec<u8>, XlsxError>>,
}

impl<'a> Workbook<'a> {
    pub(crate) fn new(
        run: &'a Run<'a>,
        activities: Activities<'a>,
        buffers: mpsc::Receiver<Vec<u8>>,
    ) -> Result<Self, Error> {
        let table = Table::new(&run.export.request, run.export.as_of, LIMITS);
        Ok(Self {
            run,
            activities,
            work: Some(Work::Rows(Box::new(table.map_err(unencodable)?), buffers)),
            rows: 0,
            truncated_cells: 0,
        })
    }

    pub(crate) async fn next(&mut self) -> Result<Part, Stop> {
        let mut packed = match self.work.take() {
            Some(Work::Rows(table, buffers)) => pack(*self.fill(table).await?, buffers),
            Some(Work::Packed(packed)) => packed,
            None => return Err(unencodable("the workbook's rows are gone").into()),
        };
        self.in_time()?;
        if let Some(bytes) = packed.full.recv().await {
            self.work = Some(Work::Packed(packed));
            return Ok(self.part(bytes, End::Full));
        }
        let last = packed.last.await.map_err(unencodable)?;
        Ok(self.part(last.map_err(unencodable)?, End::File))
    }

    async fn fill(&mut self, mut table: Box<Table>) -> Result<Box<Table>, Stop> {
        loop {
            match self.activities.next().await? {
                Found::Activity(activity) => {
                    table.push(&columns::row(&activity)).map_err(unencodable)?;
                    self.rows = table.rows;
                    if table.is_too_large() {
                        return Err(Stop::Impossible(too_large()));
                    }
                }
                Found::EndOfPage => {
                    self.run.show(self.rows, self.activities.fraction);
                    self.in_time()?;
                }
                Found::End => {
                    self.truncated_cells = table.truncated_cells;
                    return Ok(table);
                }
            }
        }
    }

    fn in_time(&self) -> Result<(), Stop> {
        if self.run.is_time_up() {
            return Err(Stop::Impossible(too_slow()));
        }
        Ok(())
    }

    fn part(&self, bytes: Vec<u8>, end: End) -> Part {
        Part {
            bytes,
            end,
            rows: self.rows,
            truncated_cells: self.truncated_cells,
            position: None,
        }
    }
}

/// Rows on as many sheets as they need.
struct Table {
    sheets: Sheets,
    sheet: usize,
    /// The next row of that sheet.
    row: u32,
    limits: Limits,
    header: [String; columns::COUNT],
    zone: Zone,
    time: Format,
    rows: u64,
    disk_bytes: u64,
    truncated_cells: u64,
}

impl Table {
    fn new(request: &ExportRequest, as_of: Moment, limits: Limits) -> Result<Self, XlsxError> {
        let mut sheets = Sheets::new();
        // The library's own is the present: a file made again would differ.
        let as_of = Zone::UTC.local(as_of);
        let properties = DocProperties::new().set_creation_datetime(&as_of);
        sheets.set_properties(&properties);
        let zone = request.filter.zone();
        let mut table = Self {
            sheets,
            sheet: 0,
            row: 0,
            limits,
            header: columns::header(request.locale, &zone).map(String::from),
            zone,
            time: Format::new()
                .set_num_format("yyyy-mm-dd hh:mm:ss")
                .set_align(FormatAlign::Left),
            rows: 0,
            disk_bytes: 0,
            truncated_cells: 0,
        };
        table.add_sheet()?;
        Ok(table)
    }

    fn add_sheet(&mut self) -> Result<(), XlsxError> {
        let sheet = self.sheets.add_worksheet_with_constant_memory()?;
        sheet.set_freeze_panes(1, 0)?;
        sheet.set_column_range_width(0, last_column(), COLUMN_WIDTH)?;
        let bold = Format::new().set_bold();
        for (column, name) in (0..).zip(&self.header) {
            sheet.write_string_with_format(0, column, name, &bold)?;
        }
        self.row = 1;
        Ok(())
    }

    fn push(&mut self, cells: &[Cell<'_>; columns::COUNT]) -> Result<(), XlsxError> {
        if self.row == self.limits.sheet_rows {
            self.filter()?;
            self.add_sheet()?;
            self.sheet += 1;
        }
        let sheet = self.sheets.worksheet_from_index(self.sheet)?;
        for (column, cell) in (0..).zip(cells) {
            let at = (self.row, column);
            let text_bytes = match *cell {
                Cell::OccurredAt(moment) => write_time(sheet, at, moment, &self.zone, &self.time)?,
                Cell::RecordedAt(moment) => write_time(sheet, at, moment, &Zone::UTC, &self.time)?,
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

    fn is_too_large(&self) -> bool {
        self.rows > self.limits.rows || self.disk_bytes > self.limits.disk_bytes
    }

    /// Lets a reader filter the sheet's rows.
    fn filter(&mut self) -> Result<(), XlsxError> {
        let sheet = self.sheets.worksheet_from_index(self.sheet)?;
        sheet.autofilter(0, 0, self.row - 1, last_column())?;
        Ok(())
    }

    fn save(mut self, writer: impl Write + Send) -> Result<(), XlsxError> {
        self.filter()?;
        self.sheets.save_to_writer(writer)
    }
}

fn last_column() -> u16 {
    u16::try_from(columns::COUNT - 1).unwrap_or(u16::MAX)
}

/// Writes a text, which a sheet never takes for anything else.
///
/// Answers how many bytes it has on disk, at most.
fn write_text(sheet: &mut Worksheet, at: (u32, u16), text: &str) -> Result<usize, XlsxError> {
    if text.is_empty() {
        return Ok(0);
    }
    sheet.write_string(at.0, at.1, text)?;
    let is_escaped = |byte: &u8| *byte < b' ' || b"&<>".contains(byte);
    let escaped = text.bytes().filter(is_escaped).count() + text.matches("_x").count();
    Ok(text.len() + escaped * ESCAPED_BYTES)
}

/// Writes a date with its time; the same on disk as 20 digits.
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

/// Packs the sheets on a thread of its own, as fast as the parts are taken.
fn pack(table: Table, buffers: mpsc::Receiver<Vec<u8>>) -> Packed {
    let (sender, full) = mpsc::channel(1);
    let last = spawn_blocking(move || {
        let mut writer = PartWriter {
            bytes: Vec::new(),
            full: sender,
            buffers,
        };
        writer.go_on().map_err(io::Error::other)?;
        table.save(&mut writer)?;
        Ok(writer.bytes)
    });
    Packed { full, last }
}

/// Cuts what is written to it into parts, which it holds until it has a buffer.
struct PartWriter {
    bytes: Vec<u8>,
    full: mpsc::Sender<Vec<u8>>,
    buffers: mpsc::Receiver<Vec<u8>>,
}

impl PartWriter {
    /// Hands the part over.
    fn hand_over(&mut self) -> Result<(), Source> {
        self.full.blocking_send(std::mem::take(&mut self.bytes))?;
        self.go_on()
    }

    /// Waits for an empty buffer; fails when nobody takes parts any more.
    fn go_on(&mut self) -> Result<(), Source> {
        let buffer = self.buffers.blocking_recv();
        self.bytes = buffer.ok_or("nobody takes parts any more")?;
        self.bytes.clear();
        self.bytes.reserve(PART_BYTES);
        Ok(())
    }
}

impl Write for PartWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = PART_BYTES - self.bytes.len();
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.bytes.extend_from_slice(taken);
        if self.bytes.len() == PART_BYTES {
            self.hand_over().map_err(io::Error::other)?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn too_large() -> Failure {
    Failure {
        code: "too_large".into(),
        detail: format!(
            "A workbook holds at most {} rows, and 4 GB unpacked. \
             Export a shorter range, or the format csv, which has no limit of rows.",
            LIMITS.rows
        ),
    }
}

fn too_slow() -> Failure {
    Failure {
        code: "too_slow".into(),
        detail: "A workbook must be written within 14 minutes. \
                 Export a shorter range, or the format csv, which takes its time."
            .into(),
    }
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

    fn table() -> Table {
        let request = ExportRequest::read(br#"{"format":"xlsx"}"#).unwrap();
        Table::new(&request, Moment::MAX, SMALL).unwrap()
    }

    fn push(table: &mut Table, text: &str) {
        table.push(&[Cell::Text(text); columns::COUNT]).unwrap();
    }

    /// The first column of each sheet.
    fn first_column(table: Table) -> Vec<Vec<String>> {
        let mut file = Cursor::new(Vec::new());
        table.save(&mut file).unwrap();
        let mut workbook = calamine::Xlsx::new(file).unwrap();
        let sheets = workbook.worksheets();
        let column = |(_, sheet): (_, calamine::Range<_>)| {
            let cells = sheet.rows().filter_map(<[_]>::first);
            cells.map(ToString::to_string).collect()
        };
        sheets.into_iter().map(column).collect()
    }

    #[test]
    fn more_rows_than_a_sheet_holds_are_on_further_sheets() {
        let mut table = table();
        for text in ["a", "b", "c", "d", "e"] {
            push(&mut table, text);
        }
        let header = "Date-Time (UTC)";
        let sheets = [
            vec![header, "a", "b"],
            vec![header, "c", "d"],
            vec![header, "e"],
        ];
        assert_eq!(first_column(table), sheets);
    }

    #[test]
    fn a_sheet_that_is_just_full_is_the_last() {
        let mut table = table();
        push(&mut table, "a");
        push(&mut table, "b");
        assert_eq!(first_column(table).len(), 1);
    }

    #[test]
    fn a_workbook_is_too_large_by_its_rows_or_by_its_bytes() {
        let mut by_rows = table();
        for _ in 0..SMALL.rows {
            push(&mut by_rows, "a");
            assert!(!by_rows.is_too_large());
        }
        push(&mut by_rows, "a");
        assert!(by_rows.is_too_large());

        let mut by_bytes = table();
        push(&mut by_bytes, &"a".repeat(2_000));
        assert!(by_bytes.is_too_large());
    }

    proptest::proptest! {
        #[test]
        fn a_row_has_no_more_bytes_on_disk_than_were_counted(text in "(?s)(.|[&<>_x\n\t ]){0,60}") {
            let sizes = [1, 2].map(|rows| {
                let mut table = table();
                for _ in 0..rows {
                    push(&mut table, &text);
                }
                let counted = table.disk_bytes;
                let mut file = Cursor::new(Vec::new());
                table.save(&mut file).unwrap();
                (counted, sheet_bytes(file))
            });
            let [(counted_one, one), (counted_two, two)] = sizes;
            proptest::prop_assert!(two - one <= counted_two - counted_one);
        }
    }

    /// The bytes of the first sheet, unpacked.
    fn sheet_bytes(file: Cursor<Vec<u8>>) -> u64 {
        let mut archive = zip::ZipArchive::new(file).unwrap();
        archive.by_name("xl/worksheets/sheet1.xml").unwrap().size()
    }
}
