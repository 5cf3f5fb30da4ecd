//! Conditional updates of an export's item.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};

use super::{Item, text};
use crate::export::State;

/// A conditional update under construction.
pub(super) struct Update {
    pub(super) expression: String,
    pub(super) returns: ReturnValue,
    pub(super) conditions: Vec<&'static str>,
    pub(super) names: HashMap<String, String>,
    pub(super) values: Item,
}

impl Update {
    pub(super) fn new(assignments: &str) -> Self {
        Self {
            expression: format!("SET {assignments}"),
            // A checkpoint may have 160 kB, which few callers want back.
            returns: ReturnValue::None,
            // Without this, an update of an absent item would create one.
            conditions: vec!["attribute_exists(partition_key)"],
            // `state` is one of DynamoDB's reserved words.
            names: HashMap::from([("#state".into(), "state".into())]),
            values: HashMap::new(),
        }
    }

    pub(super) fn returning_it(mut self) -> Self {
        self.returns = ReturnValue::AllNew;
        self
    }

    pub(super) fn when(mut self, condition: &'static str) -> Self {
        self.conditions.push(condition);
        self
    }

    pub(super) fn name(mut self, alias: &str, name: &str) -> Self {
        self.names.insert(alias.into(), name.into());
        self
    }

    pub(super) fn value(mut self, alias: &str, value: AttributeValue) -> Self {
        self.values.insert(alias.into(), value);
        self
    }

    pub(super) fn state(self, alias: &str, state: State) -> Self {
        self.value(alias, text(state.as_str()))
    }
}
