//! What Lambda brings of a table's stream, and what the function answers.
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>

use serde::{Deserialize, Serialize};
use shared::aws::activities::ItemKey;

/// Some changes of the table, in their order.
#[derive(Debug, Deserialize)]
pub struct Batch {
    #[serde(rename = "Records")]
    records: Vec<Change>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Change {
    event_name: String,
    dynamodb: StoredItem,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StoredItem {
    keys: ItemKey,
    sequence_number: String,
}

/// An item that was stored and was not there before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewItem<'a> {
    pub(crate) key: &'a ItemKey,
    pub(crate) sequence_number: &'a str,
}

impl Batch {
    /// The items to send; changes of items and what names late entries are left out.
    pub(crate) fn new_items(&self) -> impl Iterator<Item = NewItem<'_>> {
        let stored = self.records.iter();
        let stored = stored.filter(|change| change.event_name == "INSERT");
        let items = stored.map(|change| NewItem {
            key: &change.dynamodb.keys,
            sequence_number: &change.dynamodb.sequence_number,
        });
        items.filter(|item| !item.key.is_name())
    }
}

/// What Lambda must bring again.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    batch_item_failures: Vec<Failure>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

impl Answer {
    /// Names what failed by its sequence numbers; none if nothing did.
    pub(crate) fn naming(failed: &[&str]) -> Self {
        let failure = |number: &&str| Failure {
            item_identifier: (*number).to_owned(),
        };
        Self {
            batch_item_failures: failed.iter().map(failure).collect(),
        }
    }
}
