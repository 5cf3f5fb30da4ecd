//! Reads and writes of a table: items are put once, then updated on conditions.
//!
//! What the attributes mean is left to the stores.

use std::{collections::HashMap, fmt};

use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::{put_item::PutItemError, update_item::UpdateItemError},
    types::{
        self, AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    },
};
use serde::{Deserialize, Serialize};

use crate::{Error, Moment, PartnerId, aws::sdk};

/// An item of a table, as the SDK gives it.
pub type Item = HashMap<String, AttributeValue>;

/// Makes a failed condition return the item that exists.
pub(crate) const ALL_OLD: ReturnValuesOnConditionCheckFailure =
    ReturnValuesOnConditionCheckFailure::AllOld;

/// A table with its client.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) client: Client,
    pub(crate) name: String,
}

impl Table {
    /// Opens the connection; see [`sdk::open`].
    pub(crate) async fn open(&self) {
        sdk::open(&self.client, &self.name).await;
    }

    /// The item under a key, by a consistent read.
    pub(crate) async fn get<'a, T: Deserialize<'a>>(&self, key: Item) -> Result<Option<T>, Error> {
        let output = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| sdk::failed("reading an item", error))?;
        output.item.map(from_item).transpose()
    }

    /// Stores an item if its key is free; otherwise returns the one that exists.
    pub(crate) async fn put_new(&self, item: Item) -> Result<Option<Item>, Error> {
        let put = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(partition_key)")
            .return_values_on_condition_check_failure(ALL_OLD)
            .send()
            .await;
        put.map_or_else(|error| item_in_the_way(error).map(Some), |_| Ok(None))
    }

    /// Updates the item under a key, if it exists and the conditions hold.
    pub(crate) async fn update(&self, key: Item, update: Update) -> Result<Updated, Error> {
        let names = update.used_names();
        let sent = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key))
            .update_expression(update.expression())
            .condition_expression(update.conditions.join(" AND "))
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(Some(update.values))
            .return_values(update.returns)
            .return_values_on_condition_check_failure(ALL_OLD)
            .send()
            .await;
        match sent {
            Ok(output) => Ok(Updated::Done(output.attributes.unwrap_or_default())),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => Ok(failed
                    .item
                    .clone()
                    .map_or(Updated::Absent, Updated::Refused)),
                _ => Err(sdk::failed("updating an item", error)),
            },
        }
    }
}

/// The result of a conditional update.
pub(crate) enum Updated {
    /// The update is done; holds the new item if the update asked for it.
    Done(Item),
    /// A condition failed; holds the item as it is.
    Refused(Item),
    /// There is no such item.
    Absent,
}

/// A conditional update under construction.
pub(crate) struct Update {
    assignments: Vec<&'static str>,
    removed: Vec<&'static str>,
    returns: ReturnValue,
    conditions: Vec<&'static str>,
    names: HashMap<String, String>,
    values: Item,
}

impl Update {
    pub(crate) fn set(assignments: &'static str) -> Self {
        Self::new(vec![assignments], Vec::new())
    }

    pub(crate) fn remove(attribute: &'static str) -> Self {
        Self::new(Vec::new(), vec![attribute])
    }

    fn new(assignments: Vec<&'static str>, removed: Vec<&'static str>) -> Self {
        Self {
            assignments,
            removed,
            // A checkpoint may have 160 kB, and few callers need the item back.
            returns: ReturnValue::None,
            // Without this, an update of an absent item would create one.
            conditions: vec!["attribute_exists(partition_key)"],
            // `state` is one of DynamoDB's reserved words.
            names: HashMap::from([("#state".into(), "state".into())]),
            values: HashMap::new(),
        }
    }

    /// An update that makes the item, and does nothing if it exists.
    pub(crate) fn making_it(mut self) -> Self {
        self.conditions = vec!["attribute_not_exists(partition_key)"];
        self
    }

    /// The same update as a part of a transaction.
    pub(crate) fn in_transaction(self, table: &str, key: Item) -> Result<TransactWriteItem, Error> {
        let update = types::Update::builder()
            .table_name(table)
            .set_key(Some(key))
            .update_expression(self.expression())
            .condition_expression(self.conditions.join(" AND "))
            .set_expression_attribute_names(self.used_names())
            .set_expression_attribute_values(Some(self.values))
            .build()
            .map_err(|error| Error::internal("writing an item", error))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    pub(crate) fn and_set(mut self, assignments: &'static str) -> Self {
        self.assignments.push(assignments);
        self
    }

    pub(crate) fn and_remove(mut self, attribute: &'static str) -> Self {
        self.removed.push(attribute);
        self
    }

    fn expression(&self) -> String {
        let clause = |verb: &str, attributes: &[&str]| {
            let some = !attributes.is_empty();
            some.then(|| format!("{verb} {}", attributes.join(", ")))
        };
        let clauses = [
            clause("SET", &self.assignments),
            clause("REMOVE", &self.removed),
        ];
        clauses.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// The aliases that stand in the expressions; DynamoDB refuses any other, and none
    /// at all must not be an empty map.
    fn used_names(&self) -> Option<HashMap<String, String>> {
        let all = [self.expression(), self.conditions.join(" ")].concat();
        let mut names = self.names.clone();
        names.retain(|alias, _| all.contains(alias.as_str()));
        Some(names).filter(|names| !names.is_empty())
    }

    pub(crate) fn returning_it(mut self) -> Self {
        self.returns = ReturnValue::AllNew;
        self
    }

    pub(crate) fn when(mut self, condition: &'static str) -> Self {
        self.conditions.push(condition);
        self
    }

    pub(crate) fn name(mut self, alias: &str, name: &str) -> Self {
        self.names.insert(alias.into(), name.into());
        self
    }

    pub(crate) fn value(mut self, alias: &str, value: AttributeValue) -> Self {
        let before = self.values.insert(alias.into(), value);
        debug_assert!(
            before.is_none_or(|before| self.values.get(alias) == Some(&before)),
            "{alias} stands for two values"
        );
        self
    }
}

/// The key of one of a partner's items.
pub(crate) fn key(partner: &PartnerId, id: impl fmt::Display) -> Item {
    HashMap::from([
        ("partition_key".to_owned(), text(partner.as_str())),
        ("sort_key".to_owned(), text(id.to_string())),
    ])
}

/// The item that made the condition of a put fail.
pub(crate) fn item_in_the_way(error: SdkError<PutItemError>) -> Result<Item, Error> {
    match error.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(failed)) => {
            Ok(failed.item.clone().unwrap_or_default())
        }
        _ => Err(sdk::failed("storing an item", error)),
    }
}

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(crate) fn count(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(crate) fn moment(value: Moment) -> AttributeValue {
    text(value.to_string())
}

pub(crate) fn to_value(value: &impl Serialize) -> Result<AttributeValue, Error> {
    serde_dynamo::to_attribute_value(value)
        .map_err(|error| Error::internal("writing an item", error))
}

pub(crate) fn to_item(value: &impl Serialize) -> Result<Item, Error> {
    serde_dynamo::to_item(value).map_err(|error| Error::internal("writing an item", error))
}

pub(crate) fn from_item<'a, T: Deserialize<'a>>(item: Item) -> Result<T, Error> {
    serde_dynamo::from_item(item).map_err(|error| Error::internal("reading an item", error))
}
