//! The rows of an exported file, each with its place.

use std::{
    io::{BufReader, Read},
    ops::Range,
};

use csv::StringRecord;
use proof::{Activity, Error, Hash, Opening, RowFormat, leaf_of_json, millis};
use serde::{Deserialize, de::IgnoredAny};

use crate::{finding::Finding, lines};

/// The header of a CSV file in style `raw`.
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

/// What stands where an erasure took a customer's name.
const ERASED_NAME: &str = "[erased]";

/// The rows of a file that were not read yet.
pub(crate) enum Rows<R: Read> {
    Csv(Box<csv::Reader<R>>),
    Jsonl {
        file: BufReader<R>,
        line: u64,
        byte: u64,
    },
}

/// One row.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// The number of its first line, from 1.
    pub(crate) line: u64,
    /// Where its bytes are in the file.
    pub(crate) bytes: Range<u64>,
    /// The entry's id.
    pub(crate) id: String,
    /// When it happened, in the form of the service.
    pub(crate) occurred_at: String,
    /// Whether it says that its name and details were erased.
    pub(crate) is_marked: bool,
    /// Whether it says so and has none.
    pub(crate) is_erased: bool,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Csv(StringRecord),
    Json(String),
}

impl<R: Read> Rows<R> {
    /// The rows of a file, behind the header if the format has one.
    pub(crate) fn open(file: R, format: RowFormat) -> Result<Self, Finding> {
        if format == RowFormat::Jsonl {
            return Ok(Self::Jsonl {
                file: BufReader::new(file),
                line: 0,
                byte: 0,
            });
        }
        // With its usual terminator the reader would count the line feed of a line to the next.
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .terminator(csv::Terminator::Any(b'\n'))
            .from_reader(file);
        let header = read_record(&mut reader)?;
        if header.unwrap_or_default() != *HEADER.as_slice() {
            return Err(Finding::NotWhole(
                "the first line of the file is not the header of a CSV file in style raw"
                    .to_owned(),
            ));
        }
        Ok(Self::Csv(Box::new(reader)))
    }

    /// The next row; none at the end of the file.
    pub(crate) fn next(&mut self) -> Result<Option<Row>, Finding> {
        match self {
            Self::Csv(reader) => next_record(reader),
            Self::Jsonl { file, line, byte } => {
                let Some(json) = lines::next(file, "file")? else {
                    return Ok(None);
                };
                *line += 1;
                let start = *byte;
                *byte += json.len() as u64 + 1;
                json_row(json, *line, start..*byte).map(Some)
            }
        }
    }
}

fn next_record(reader: &mut csv::Reader<impl Read>) -> Result<Option<Row>, Finding> {
    let Some(record) = read_record(reader)? else {
        return Ok(None);
    };
    let place = record.position();
    let (line, start) = place.map_or((0, 0), |place| (place.line(), place.byte()));
    let cell = |place: usize| record.get(place).unwrap_or_default();
    let has_customer = !cell(4).is_empty();
    let is_without_name = !has_customer || cell(1) == ERASED_NAME;
    Ok(Some(Row {
        line,
        bytes: start..reader.position().byte(),
        id: cell(10).to_owned(),
        occurred_at: cell(0).to_owned(),
        is_marked: !cell(14).is_empty(),
        is_erased: !cell(14).is_empty() && is_without_name && cell(13).is_empty(),
        content: Content::Csv(record),
    }))
}

/// The cells of the next line, without its carriage return.
fn read_record(reader: &mut csv::Reader<impl Read>) -> Result<Option<StringRecord>, Finding> {
    let mut record = StringRecord::new();
    if !reader
        .read_record(&mut record)
        .map_err(|error| broken_csv(&error))?
    {
        return Ok(None);
    }
    let last = record.len().saturating_sub(1);
    let cells = record.iter().enumerate().map(|(place, cell)| {
        cell.strip_suffix('\r')
            .filter(|_| place == last)
            .unwrap_or(cell)
    });
    let mut cells: StringRecord = cells.collect();
    cells.set_position(record.position().cloned());
    Ok(Some(cells))
}

fn broken_csv(error: &csv::Error) -> Finding {
    match error.kind() {
        csv::ErrorKind::Io(error) => Finding::Unknown(format!("the file can't be read: {error}")),
        _ => Finding::NotWhole(format!("the file is no CSV file of an export: {error}")),
    }
}

/// What a line of JSON says of itself.
#[derive(Deserialize)]
struct Named {
    id: String,
    occurred_at: String,
    erased_at: Option<IgnoredAny>,
    customer: Option<NamedCustomer>,
    details: Option<IgnoredAny>,
    // Nothing is hashed of these two, and an export does not have them.
    has_details: Option<IgnoredAny>,
    links: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct NamedCustomer {
    name: String,
}

fn json_row(json: String, line: u64, bytes: Range<u64>) -> Result<Row, Finding> {
    let named: Named = serde_json::from_str(&json).map_err(|error| {
        Finding::NotWhole(format!("line {line} of the file is no entry: {error}"))
    })?;
    if named.has_details.is_some() || named.links.is_some() {
        return Err(Finding::NotWhole(format!(
            "line {line} of the file has has_details or links, which an export does not have"
        )));
    }
    let is_without_name = named.customer.is_none_or(|it| it.name == ERASED_NAME);
    Ok(Row {
        line,
        bytes,
        id: named.id,
        occurred_at: named.occurred_at,
        is_marked: named.erased_at.is_some(),
        is_erased: named.erased_at.is_some() && is_without_name && named.details.is_none(),
        content: Content::Json(json),
    })
}

impl Row {
    /// The hash of the entry's leaf, if this is its opening.
    pub(crate) fn leaf(&self, partner_id: &str, opening: &Opening) -> Result<Hash, Error> {
        match &self.content {
            Content::Json(json) => leaf_of_json(json, opening),
            Content::Csv(record) => activity(record, partner_id)?.leaf(opening),
        }
    }

    /// The row's place, for people.
    pub(crate) fn place(&self) -> String {
        let Self {
            line, bytes, id, ..
        } = self;
        let (start, end) = (bytes.start, bytes.end);
        format!("line {line} of the file (bytes {start} to {end}, entry {id})")
    }
}

/// The entry of a record; an empty cell is an absent member.
fn activity<'a>(record: &'a StringRecord, partner_id: &'a str) -> Result<Activity<'a>, Error> {
    let cell = |place: usize| record.get(place).unwrap_or_default();
    let optional = |place: usize| Some(cell(place)).filter(|cell| !cell.is_empty());
    let customer_id = optional(4);
    let resource = optional(8).zip(optional(9));
    let is_consistent = (customer_id.is_some() || cell(1).is_empty())
        && (resource.is_some() || (cell(8).is_empty() && cell(9).is_empty()));
    if !is_consistent {
        return Err(Error::Malformed {
            what: "row",
            reason: "must have both cells of a customer and of a resource, or none",
        });
    }
    Ok(Activity {
        id: cell(10),
        partner_id,
        recorded_at: millis(cell(11))?,
        occurred_at: millis(cell(0))?,
        action: cell(2),
        outcome: cell(7),
        customer_id,
        customer_name: customer_id.map(|_| cell(1)),
        actor_id: cell(5),
        actor_name: cell(3),
        actor_kind: cell(6),
        resource,
        correlation_id: optional(12),
        details: optional(13),
    })
}
