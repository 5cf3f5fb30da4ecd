//! A record: a JSON object whose members keep the order that Partner Center gives them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

/// The members of a JSON object; a number is the text that it was written as.
pub type Members = BTreeMap<String, Box<RawValue>>;

/// Partner Center's members, in its order, and whether each is a text.
///
/// Programs that make columns of members take this order for that of the columns.
pub(crate) const KNOWN: [(&str, bool); 17] = [
    ("id", true),
    ("partnerId", true),
    ("participants", false),
    ("customerId", true),
    ("customerName", true),
    ("userPrincipalName", true),
    ("applicationId", true),
    ("sessionId", true),
    ("resourceType", true),
    ("resourceOldValue", true),
    ("resourceNewValue", true),
    ("operationType", true),
    ("originalCorrelationId", true),
    ("operationDate", true),
    ("operationStatus", true),
    ("customizedData", false),
    ("attributes", false),
];

/// A record of `auditrecords`.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Record(pub(crate) Members);

impl Record {
    /// A member that is a text and not empty.
    pub fn text(&self, name: &str) -> Option<String> {
        text(self.0.get(name)?).filter(|text| !text.is_empty())
    }

    /// Takes over a member that the other record has.
    pub(crate) fn take(&mut self, other: &Self, name: &str) {
        if let Some(value) = other.0.get(name) {
            self.0.insert(name.to_owned(), value.clone());
        }
    }

    pub(crate) fn put(&mut self, name: &str, text: &str) {
        let text = to_raw_value(text).expect("a text is JSON");
        self.0.insert(name.to_owned(), text);
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let place = |name: &String| KNOWN.iter().position(|(known, _)| known == name);
        let mut members: Vec<_> = self.0.iter().collect();
        // What Partner Center does not write comes last.
        members.sort_by_key(|(name, _)| place(name).unwrap_or(KNOWN.len()));
        serializer.collect_map(members)
    }
}

/// Whether a value has the form of Partner Center's member of this name.
///
/// Its SDKs can't read a page in which one member has another form.
pub(crate) fn has_form(name: &str, value: &RawValue) -> bool {
    let json = value.get();
    match name {
        "customizedData" => {
            let pairs = serde_json::from_str::<Vec<BTreeMap<String, Option<String>>>>(json);
            pairs.is_ok_and(|pairs| pairs.iter().all(is_pair))
        }
        "participants" => serde_json::from_str::<Vec<String>>(json).is_ok(),
        "attributes" => serde_json::from_str::<BTreeMap<String, String>>(json).is_ok(),
        name if KNOWN.contains(&(name, true)) => text(value).is_some(),
        _ => true,
    }
}

/// Whether this is a key and its value, which Partner Center may not have.
fn is_pair(pair: &BTreeMap<String, Option<String>>) -> bool {
    let has_key = matches!(pair.get("key"), Some(Some(_)));
    has_key && pair.keys().all(|name| name == "key" || name == "value")
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
