//! A record: a JSON object whose members keep the order that Partner Center gives them.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

/// The members of a JSON object; a number is the text that it was written as.
pub type Members = BTreeMap<String, Box<RawValue>>;

/// The order in which Partner Center writes a record's members.
///
/// Programs that make columns of members take this order for that of the columns.
const ORDER: [&str; 17] = [
    "id",
    "partnerId",
    "participants",
    "customerId",
    "customerName",
    "userPrincipalName",
    "applicationId",
    "sessionId",
    "resourceType",
    "resourceOldValue",
    "resourceNewValue",
    "operationType",
    "originalCorrelationId",
    "operationDate",
    "operationStatus",
    "customizedData",
    "attributes",
];

/// A record of `auditrecords`.
#[derive(Debug, Clone, Default)]
pub struct Record(pub Members);

impl Record {
    /// A member that is a text and not empty.
    pub fn text(&self, name: &str) -> Option<String> {
        text(self.0.get(name)?).filter(|text| !text.is_empty())
    }

    pub(crate) fn put(&mut self, name: &str, text: &str) {
        let text = to_raw_value(text).expect("a text is JSON");
        self.0.insert(name.to_owned(), text);
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let place = |name: &String| ORDER.iter().position(|known| known == name);
        let mut members: Vec<_> = self.0.iter().collect();
        // What Partner Center does not write comes last.
        members.sort_by_key(|(name, _)| place(name).unwrap_or(ORDER.len()));
        serializer.collect_map(members)
    }
}

/// The text of a JSON value that is one.
pub(crate) fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// A value that is not null.
pub(crate) fn known<'a>(members: &'a Members, name: &str) -> Option<&'a RawValue> {
    let value: &RawValue = members.get(name)?;
    (value.get() != "null").then_some(value)
}
