//! One row of an exported file.

use std::ops::Range;

use csv::StringRecord;
use proof::{Activity, Error, Hash, Opening, leaf_of_json, millis};

/// What stands where an erasure took a customer's name.
pub(crate) const ERASED_NAME: &str = "[erased]";

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
    pub(crate) content: Content,
}

/// What a row says, as its file has it.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Csv(StringRecord),
    Json(String),
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
