//! The rows of a file, one after the other.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use client::NewActivity;
use serde_json::{Value, value::RawValue};

use super::{
    auditrecords,
    key::Keys,
    mapping::{Mapping, RowReader},
    rejects::{Columns, REASON, RECORD, Raw},
};
use crate::{
    args::{Import, SourceArg},
    connect::Failure,
};

/// A row of a file.
#[derive(Debug)]
pub(crate) struct Row {
    /// Its number; the first one behind a header is 1.
    pub(crate) number: u64,
    /// The activity that it becomes, or why it does not.
    pub(crate) activity: Result<NewActivity, String>,
    /// The row as it is written among the rejected ones.
    pub(crate) raw: Raw,
}

/// A file that is read row by row.
pub(crate) struct Source {
    rows: Rows,
    number: u64,
    read: Arc<AtomicU64>,
    /// How many bytes the file has.
    pub(crate) bytes: u64,
}

enum Rows {
    Csv(Box<csv::Reader<Counted>>, Box<RowReader>),
    Lines(Box<dyn BufRead>, Kind, Keys),
    Records(std::vec::IntoIter<Box<RawValue>>, Keys),
}

/// What a line of JSON is.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Activity,
    AuditRecord,
}

/// A file that counts the bytes that were read.
struct Counted(File, Arc<AtomicU64>);

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.0.read(buffer)?;
        self.1.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}

/// Opens the file; what it is follows from its name, or is said.
pub(crate) fn open(asked: &Import) -> Result<Source, Failure> {
    let path = asked.file.as_path();
    let format = match asked.format {
        Some(format) => format,
        None => by_name(path)?,
    };
    let file = File::open(path).map_err(Failure::of(path))?;
    let bytes = file.metadata().map_err(Failure::of(path))?.len();
    let read = Arc::<AtomicU64>::default();
    let counted = Counted(file, Arc::clone(&read));
    let rows = match (format, &asked.mapping) {
        (SourceArg::Csv, Some(mapping)) => csv_rows(counted, Mapping::read(mapping)?)?,
        (_, Some(_)) => return Err(Failure::usage("--mapping is only for a CSV")),
        (SourceArg::Csv, None) => csv_rows(counted, Mapping::own()?)?,
        (SourceArg::PartnerCenter, None) => csv_rows(counted, Mapping::partner_center()?)?,
        (SourceArg::Jsonl, None) => lines(counted, Kind::Activity),
        (SourceArg::Auditrecords, None) => records(counted, path)?,
    };
    Ok(Source {
        rows,
        number: 0,
        read,
        bytes,
    })
}

fn by_name(path: &Path) -> Result<SourceArg, Failure> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => Ok(SourceArg::Csv),
        Some("jsonl" | "ndjson") => Ok(SourceArg::Jsonl),
        _ => Err(Failure::usage("name what the file is with --format")),
    }
}

fn csv_rows(file: Counted, mapping: Mapping) -> Result<Rows, Failure> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter(&mapping))
        .flexible(true)
        .from_reader(file);
    let header = reader.headers().map_err(|error| unreadable(&error))?;
    let columns = header
        .iter()
        .map(|name| name.trim_start_matches('\u{feff}').to_owned());
    let rows = mapping
        .for_columns(columns.collect())
        .map_err(Failure::usage)?;
    Ok(Rows::Csv(Box::new(reader), Box::new(rows)))
}

fn delimiter(mapping: &Mapping) -> u8 {
    u8::try_from(mapping.delimiter).unwrap_or(b',')
}

fn unreadable(error: &csv::Error) -> Failure {
    Failure::usage(format!("the CSV can't be read: {error}"))
}

fn lines(file: Counted, kind: Kind) -> Rows {
    Rows::Lines(Box::new(BufReader::new(file)), kind, Keys::default())
}

/// Records in lines, or all in one document.
fn records(file: Counted, path: &Path) -> Result<Rows, Failure> {
    let mut reader = BufReader::new(file);
    let mut first = Vec::new();
    let read = reader.read_until(b'\n', &mut first);
    read.map_err(Failure::of(path))?;
    let without_mark = first.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&first);
    let is_record = serde_json::from_slice::<Value>(without_mark)
        .is_ok_and(|value| value.get("operationType").is_some());
    if is_record {
        let lines = Box::new(io::Cursor::new(first).chain(reader));
        return Ok(Rows::Lines(lines, Kind::AuditRecord, Keys::default()));
    }
    let mut text = String::new();
    let read = io::Cursor::new(first)
        .chain(reader)
        .read_to_string(&mut text);
    read.map_err(Failure::of(path))?;
    let text = text.trim_start_matches('\u{feff}').trim();
    let broken = |error| Failure::usage(format!("{}: {error}", path.display()));
    let items: Vec<Box<RawValue>> = match text.chars().next() {
        Some('[') => serde_json::from_str(text).map_err(broken)?,
        Some('{') => {
            let page: BTreeMap<String, Box<RawValue>> =
                serde_json::from_str(text).map_err(broken)?;
            let items = page.get("items").map_or("", |items| items.get());
            serde_json::from_str(items).map_err(|_| Failure::usage("the document has no items"))?
        }
        _ => return Err(Failure::usage("the document has no records")),
    };
    Ok(Rows::Records(items.into_iter(), Keys::default()))
}

impl Source {
    /// How many bytes were read.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// The columns of a CSV.
    pub(crate) fn columns(&self) -> Option<Columns> {
        match &self.rows {
            Rows::Csv(_, rows) => Some(Columns {
                names: rows.columns.clone(),
                delimiter: delimiter(&rows.mapping),
            }),
            Rows::Lines(..) | Rows::Records(..) => None,
        }
    }

    /// The next row; none at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Row>, Failure> {
        let found = match &mut self.rows {
            Rows::Csv(reader, rows) => next_of_csv(reader, rows)?,
            Rows::Lines(reader, kind, keys) => next_line(reader.as_mut(), *kind, keys)?,
            Rows::Records(records, keys) => records.next().map(|record| of_document(&record, keys)),
        };
        Ok(found.map(|(activity, raw)| {
            self.number += 1;
            Row {
                number: self.number,
                activity,
                raw,
            }
        }))
    }
}

type Found = Option<(Result<NewActivity, String>, Raw)>;

fn next_of_csv(reader: &mut csv::Reader<Counted>, rows: &mut RowReader) -> Result<Found, Failure> {
    let mut bytes = csv::ByteRecord::new();
    if !reader
        .read_byte_record(&mut bytes)
        .map_err(|error| unreadable(&error))?
    {
        return Ok(None);
    }
    Ok(Some(match csv::StringRecord::from_byte_record(bytes) {
        Ok(record) => (rows.read(&record), Raw::Csv(record)),
        Err(error) => {
            let reason = "the row is not UTF-8".to_owned();
            let record = csv::StringRecord::from_byte_record_lossy(error.into_byte_record());
            (Err(reason), Raw::Csv(record))
        }
    }))
}

fn next_line(reader: &mut dyn BufRead, kind: Kind, keys: &mut Keys) -> Result<Found, Failure> {
    loop {
        let mut line = Vec::new();
        let length = reader
            .read_until(b'\n', &mut line)
            .map_err(Failure::of("the file"))?;
        if length == 0 {
            return Ok(None);
        }
        let Ok(line) = str::from_utf8(&line) else {
            let text = String::from_utf8_lossy(&line).trim().to_owned();
            return Ok(Some((
                Err("the line is not UTF-8".to_owned()),
                Raw::Json(text),
            )));
        };
        let text = line.trim().trim_start_matches('\u{feff}');
        if text.is_empty() {
            continue;
        }
        let text = record_of(text);
        let text = text.as_str();
        let content_key = keys.of_content(text);
        let activity = match kind {
            Kind::Activity => of_line(text, content_key),
            Kind::AuditRecord => auditrecords::activity(text, content_key),
        };
        return Ok(Some((activity, Raw::Json(text.to_owned()))));
    }
}

/// A record of a document, in one line; its key does not depend on how it is written.
fn of_document(record: &RawValue, keys: &mut Keys) -> (Result<NewActivity, String>, Raw) {
    // No text of JSON has a line end of its own.
    let line = record.get().replace(['\n', '\r'], " ");
    let content: Value = serde_json::from_str(&line).unwrap_or_default();
    let key = keys.of_content(&content.to_string());
    (auditrecords::activity(&line, key), Raw::Json(line))
}

/// A line that an earlier import rejected as it was before, and any other as it is.
fn record_of(text: &str) -> String {
    let fields = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(text);
    let fields = fields.ok().filter(|fields| fields.contains_key(REASON));
    let record = fields.and_then(|mut fields| fields.remove(RECORD));
    record.map_or_else(|| text.to_owned(), |record| record.get().to_owned())
}

/// An activity as the API takes it, or as an export in JSON Lines has it.
fn of_line(text: &str, content_key: String) -> Result<NewActivity, String> {
    let mut own: BTreeMap<String, Box<RawValue>> =
        serde_json::from_str(text).map_err(|error| error.to_string())?;
    if !own.contains_key("occurred_at") {
        return Err("occurred_at is missing".to_owned());
    }
    let is_exported = own.contains_key("recorded_at");
    let id = own.remove("id").filter(|_| is_exported);
    let key = id.map(|id| partner_center::key(id.get().trim_matches('"')));
    if is_exported {
        // The log that it goes to has its own.
        for name in ["partner_id", "recorded_at", "erased_at"] {
            own.remove(name);
        }
    }
    let has_key = own.contains_key("idempotency_key");
    let text = serde_json::to_string(&own).map_err(|error| error.to_string())?;
    let mut activity: NewActivity =
        serde_json::from_str(&text).map_err(|error| error.to_string())?;
    if !has_key {
        activity.idempotency_key = key.unwrap_or(content_key);
    }
    Ok(activity)
}
