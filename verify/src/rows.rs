//! The rows of an exported file, each with its place.

use std::{
    fmt::Display,
    io::{BufReader, Read},
    ops::Range,
};

use proof::{RowFormat, millis};
use serde::{Deserialize, Deserializer, de::IgnoredAny};

use crate::{
    csv_rows::CsvRows,
    finding::Finding,
    lines,
    row::{Content, ERASED_NAME, Row},
};

/// The rows of a file that were not read yet.
pub(crate) enum Rows<R: Read> {
    Csv(Box<CsvRows<R>>),
    Jsonl {
        file: BufReader<R>,
        line: u64,
        byte: u64,
    },
}

impl<R: Read> Rows<R> {
    /// The rows of a file, behind the header if the format has one.
    pub(crate) fn open(file: R, format: RowFormat) -> Result<Self, Finding> {
        Ok(match format {
            RowFormat::Csv => Self::Csv(Box::new(CsvRows::open(file)?)),
            RowFormat::Jsonl => Self::Jsonl {
                file: BufReader::new(file),
                line: 0,
                byte: 0,
            },
        })
    }

    /// The next row; none at the end of the file.
    pub(crate) fn next(&mut self) -> Result<Option<Row>, Finding> {
        match self {
            Self::Csv(rows) => rows.next(),
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

    /// Checks, behind the last row, that the whole file is written as the service writes it.
    pub(crate) fn finish(&mut self) -> Result<(), Finding> {
        match self {
            Self::Csv(rows) => rows.finish(),
            // Whoever reads JSON reads the same, and a name twice is refused.
            Self::Jsonl { .. } => Ok(()),
        }
    }
}

/// What a line of JSON says of itself.
#[derive(Deserialize)]
struct Named {
    id: String,
    occurred_at: String,
    #[serde(default)]
    erased_at: Given<String>,
    customer: Option<NamedCustomer>,
    #[serde(default)]
    details: Given<IgnoredAny>,
    // Nothing is hashed of these two, and an export does not have them.
    #[serde(default)]
    has_details: Given<IgnoredAny>,
    #[serde(default)]
    links: Given<IgnoredAny>,
}

#[derive(Deserialize)]
struct NamedCustomer {
    name: String,
}

/// A member that may be absent; one that is null is there.
struct Given<T>(Option<T>);

impl<T> Default for Given<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(|value| Self(Some(value)))
    }
}

fn json_row(json: String, line: u64, bytes: Range<u64>) -> Result<Row, Finding> {
    let broken = |reason: &dyn Display| {
        Finding::NotWhole(format!("line {line} of the file is no entry: {reason}"))
    };
    let named: Named = serde_json::from_str(&json).map_err(|error| broken(&error))?;
    if named.has_details.0.is_some() || named.links.0.is_some() {
        return Err(broken(&"an export has neither has_details nor links"));
    }
    let (is_nameless, erased_at) = (
        named.customer.is_none_or(|it| it.name == ERASED_NAME),
        named.erased_at.0.as_deref(),
    );
    let is_marked = erased_at.is_some();
    if erased_at.is_some_and(|at| millis(at).is_err()) {
        return Err(broken(&"erased_at is no moment"));
    }
    Ok(Row {
        line,
        bytes,
        id: named.id,
        occurred_at: named.occurred_at,
        is_marked,
        is_erased: is_marked && is_nameless && named.details.0.is_none(),
        content: Content::Json(json),
    })
}
