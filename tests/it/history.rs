//! What the clients of one run saw, and what is wrong with it.
//!
//! Knows requests, answers, files and the logs as they were in the end, and
//! nothing of how the service works.

mod exports;
mod report;
mod shown;
mod stored;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::query::Query;

/// From when to when something was under way, counted in steps of the run.
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

/// What may become of an activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worth {
    /// It is valid.
    Good,
    /// It is refused with this status.
    Bad(u16),
    /// It is valid, unless the clock says that it is too late.
    Aging,
}

/// What a client learned.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    /// A 2xx, with the activity as it is stored.
    Stored { activity: Value, replayed: bool },
    /// A status that says that nothing was stored.
    Refused(u16),
    /// 503, or no answer at all.
    Unknown,
}

/// One activity in one request, alone or in a batch.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) partner: String,
    pub(crate) key: Option<String>,
    /// As it was sent; its `correlation_id` is in no other content.
    pub(crate) content: Value,
    pub(crate) worth: Worth,
    pub(crate) span: Span,
    pub(crate) outcome: Outcome,
}

/// A walk over all pages of a query.
#[derive(Debug, Clone)]
pub(crate) struct Walk {
    pub(crate) partner: String,
    pub(crate) query: Query,
    pub(crate) limit: usize,
    pub(crate) pages: Vec<Vec<Value>>,
    pub(crate) span: Span,
}

/// A file that was exported.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) partner: String,
    pub(crate) query: Query,
    pub(crate) as_of: String,
    /// When the export was asked for first.
    pub(crate) asked: Span,
    pub(crate) rows: Vec<Value>,
}

/// A request for an export.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) partner: String,
    pub(crate) key: Option<String>,
    /// The export's id, if the answer was a 2xx.
    pub(crate) made: Option<String>,
    /// Whether the answer says that nothing was made.
    pub(crate) refused: bool,
    /// Whether the answer had a link.
    pub(crate) linked: bool,
}

/// One activity read by its id.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    pub(crate) partner: String,
    pub(crate) id: String,
    /// What was answered with 200; none for 404.
    pub(crate) found: Option<Value>,
}

/// Everything that one run's clients saw.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) walks: Vec<Walk>,
    pub(crate) orders: Vec<Order>,
    pub(crate) files: Vec<File>,
    pub(crate) looks: Vec<Look>,
    /// Each partner's whole log when nothing was under way any more, newest first.
    pub(crate) logs: BTreeMap<String, Vec<Value>>,
    /// Each partner's exports then.
    pub(crate) exports: BTreeMap<String, Vec<Value>>,
}

/// What deliveries may share: a partner, and a moment and key, or a content.
type Slot<'a> = (&'a str, &'a str, &'a str);

impl Delivery {
    fn tag(&self) -> &str {
        tag(&self.content)
    }

    fn slot(&self) -> Slot<'_> {
        match &self.key {
            Some(key) => (&self.partner, text(&self.content, "occurred_at"), key),
            None => (&self.partner, "", self.tag()),
        }
    }

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
    /// Everything that should not be so, a sentence each.
    pub(crate) fn wrongs(&self) -> Vec<String> {
        let mut wrongs = Vec::new();
        self.check_logs(&mut wrongs);
        self.check_slots(&mut wrongs);
        for delivery in &self.deliveries {
            self.check_delivery(delivery, &mut wrongs);
        }
        for walk in &self.walks {
            self.check_walk(walk, &mut wrongs);
        }
        for file in &self.files {
            self.check_file(file, &mut wrongs);
        }
        for look in &self.looks {
            self.check_look(look, &mut wrongs);
        }
        self.check_orders(&mut wrongs);
        self.check_trail(&mut wrongs);
        wrongs
    }

    fn log(&self, partner: &str) -> &[Value] {
        self.logs.get(partner).map_or(&[], Vec::as_slice)
    }

    fn item(&self, partner: &str, id: &str) -> Option<&Value> {
        self.log(partner).iter().find(|item| text(item, "id") == id)
    }
}

/// Whether two forms of an activity are of the same one and say the same.
fn is_same(one: &Value, other: &Value) -> bool {
    summary(one) == summary(other)
}

fn summary(activity: &Value) -> Value {
    let mut summary = activity.clone();
    let fields = summary.as_object_mut().unwrap();
    for of_some_forms in ["details", "has_details", "links"] {
        fields.remove(of_some_forms);
    }
    summary
}

/// Whether the service recorded this itself.
fn is_trail(activity: &Value) -> bool {
    ["export_activity_log", "download_activity_log"].contains(&text(activity, "action"))
}

fn tag(activity: &Value) -> &str {
    text(activity, "correlation_id")
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}
