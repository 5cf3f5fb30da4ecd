//! What the clients of one run saw, and which rules of the service it violates.
//!
//! A history has requests, answers, files, and the logs at the end of the run.
//! It knows nothing about how the service works.

mod archive;
mod exports;
mod report;
mod shown;
mod stored;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::Value;

pub(crate) use self::archive::{Archive, Erasure, Kept, Shown};
use crate::query::Query;

/// When something began and ended, in ticks of the run's own counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) began: u64,
    pub(crate) ended: u64,
}

impl Span {
    fn is_before(self, later: Self) -> bool {
        self.ended < later.began
    }
}

/// Whether the service must accept an activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Validity {
    Valid,
    /// The service must refuse it with this status.
    Invalid(u16),
    /// It is about as old as an activity may be: the clock decides.
    MaybeTooLate,
    /// Its log was closed at its time before it was sent: only a replay may be accepted.
    Closed,
    /// It may have been deleted if it was stored, because it is so old.
    MaybeEnded,
}

/// What a client learned about its activity.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    /// The answer was a 2xx with the stored activity.
    Stored { activity: Value, replayed: bool },
    /// The answer had this status, which says that nothing was stored.
    Refused(u16),
    /// The answer was a 503, or there was none.
    Unknown,
}

/// One activity in one request, on its own or in a batch.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) partner: String,
    pub(crate) key: Option<String>,
    /// The activity as it was sent; each content has its own `correlation_id`.
    pub(crate) content: Value,
    pub(crate) validity: Validity,
    pub(crate) span: Span,
    pub(crate) outcome: Outcome,
}

/// The answers to a client that reads all pages of a query.
#[derive(Debug, Clone)]
pub(crate) struct Walk {
    pub(crate) partner: String,
    pub(crate) query: Query,
    pub(crate) limit: usize,
    pub(crate) pages: Vec<Vec<Value>>,
    /// Whether the service said with each page that nothing can enter the range.
    pub(crate) settled: Vec<bool>,
    pub(crate) kept: Kept,
    pub(crate) span: Span,
}

/// The file of an export.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) partner: String,
    pub(crate) query: Query,
    pub(crate) as_of: String,
    /// Whether nothing can enter its range any more.
    pub(crate) settled: bool,
    pub(crate) kept: Kept,
    /// When the first request for the export ran.
    pub(crate) requested: Span,
    pub(crate) rows: Vec<Value>,
}

/// A request for an export.
#[derive(Debug, Clone)]
pub(crate) struct ExportRequest {
    pub(crate) partner: String,
    pub(crate) key: Option<String>,
    /// The id of the export, if the answer was a 2xx.
    pub(crate) export_id: Option<String>,
    /// Whether the answer says that no export was made.
    pub(crate) refused: bool,
    /// Whether the answer had a download link.
    pub(crate) has_link: bool,
}

/// A read of one activity by its id.
#[derive(Debug, Clone)]
pub(crate) struct Lookup {
    pub(crate) partner: String,
    pub(crate) id: String,
    /// The activity of an answer with 200; none for 404.
    pub(crate) found: Option<Value>,
}

/// Everything that the clients of one run saw.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) walks: Vec<Walk>,
    pub(crate) export_requests: Vec<ExportRequest>,
    pub(crate) files: Vec<File>,
    pub(crate) lookups: Vec<Lookup>,
    /// Each partner's whole log after the last request, newest first.
    pub(crate) logs: BTreeMap<String, Vec<Value>>,
    /// Each partner's exports after the last request.
    pub(crate) exports: BTreeMap<String, Vec<Value>>,
    pub(crate) erasures: Vec<Erasure>,
    pub(crate) archive: Archive,
}

/// What is the same for all deliveries that can be of one stored activity.
///
/// With an idempotency key these are partner, moment and key; else partner and
/// `correlation_id`.
type GroupKey<'a> = (&'a str, &'a str, &'a str);

impl Delivery {
    fn tag(&self) -> &str {
        tag(&self.content)
    }

    fn group_key(&self) -> GroupKey<'_> {
        match &self.key {
            Some(key) => (&self.partner, text(&self.content, "occurred_at"), key),
            None => (&self.partner, "", self.tag()),
        }
    }

    /// The activity of a 2xx answer.
    fn stored(&self) -> Option<&Value> {
        match &self.outcome {
            Outcome::Stored { activity, .. } => Some(activity),
            Outcome::Refused(_) | Outcome::Unknown => None,
        }
    }

    fn is_unknown(&self) -> bool {
        self.outcome == Outcome::Unknown
    }

    fn is_replay(&self) -> bool {
        matches!(self.outcome, Outcome::Stored { replayed: true, .. })
    }
}

impl History {
    /// The rules that this history violates, in a sentence each.
    pub(crate) fn violations(&self) -> Vec<String> {
        let mut violations = Vec::new();
        self.check_logs(&mut violations);
        self.check_groups(&mut violations);
        for delivery in &self.deliveries {
            self.check_delivery(delivery, &mut violations);
        }
        for walk in &self.walks {
            self.check_walk(walk, &mut violations);
        }
        for file in &self.files {
            self.check_file(file, &mut violations);
        }
        for lookup in &self.lookups {
            self.check_lookup(lookup, &mut violations);
        }
        self.check_export_requests(&mut violations);
        self.check_trail(&mut violations);
        self.check_listed(&mut violations);
        self.check_erasures(&mut violations);
        violations
    }

    fn log(&self, partner: &str) -> &[Value] {
        self.logs.get(partner).map_or(&[], Vec::as_slice)
    }

    fn item(&self, partner: &str, id: &str) -> Option<&Value> {
        self.log(partner).iter().find(|item| text(item, "id") == id)
    }
}

/// Whether two answers show the same activity with the same content, but for what was
/// erased in one of them.
fn has_same_content(one: &Value, other: &Value) -> bool {
    let mut both = [common_fields(one), common_fields(other)];
    if both.iter().any(is_erased) {
        for activity in &mut both {
            archive::erase(activity);
        }
    }
    both[0] == both[1]
}

/// Whether a customer's name and details were erased.
fn is_erased(activity: &Value) -> bool {
    activity["customer"]["name"] == archive::ERASED_NAME
}

/// An activity without the fields that only some kinds of answer have.
fn common_fields(activity: &Value) -> Value {
    let mut common = activity.clone();
    let fields = common.as_object_mut().unwrap();
    for name in ["details", "has_details", "links"] {
        fields.remove(name);
    }
    common
}

/// Whether this is an entry that the service itself has recorded.
fn is_trail_entry(activity: &Value) -> bool {
    [
        "export_activity_log",
        "download_activity_log",
        "erase_customer",
    ]
    .contains(&text(activity, "action"))
}

/// The activity's `correlation_id`, by which a run knows its content.
fn tag(activity: &Value) -> &str {
    text(activity, "correlation_id")
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}
