//! Limits how many tasks of a partner are under way at once.
//!
//! One item per partner holds the ids of the tasks that took a place. A task does
//! not give its place back, so no place can be lost: a request that finds no place
//! free looks up which of these tasks have ended, frees their places and tries
//! again.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};

use crate::{
    Error, Moment, PartnerId,
    aws::{
        sdk,
        table::{Item, Table, number, text},
    },
    model::task::{PLACES_LIFETIME, TaskId},
};

/// The places of a partner's tasks in a table.
pub(crate) struct Places<'a> {
    pub(crate) table: &'a Table,
    pub(crate) partner: &'a PartnerId,
    /// How many places the partner has.
    pub(crate) max: usize,
}

/// The result of taking a place.
pub(crate) enum Place<Id> {
    /// The task has a place; it may have had it before.
    Taken,
    /// These tasks have all places.
    Full(Vec<Id>),
}

impl Places<'_> {
    /// Takes a place for a task.
    pub(crate) async fn take<Id: TaskId>(&self, id: Id, now: Moment) -> Result<Place<Id>, Error> {
        let id = id.to_string();
        let added = self
            .table
            .client
            .update_item()
            .table_name(&self.table.name)
            .set_key(Some(self.key()))
            .update_expression("SET expires_at = :expires_at ADD ids :ids")
            .condition_expression(
                "attribute_not_exists(ids) OR size(ids) < :max OR contains(ids, :id)",
            )
            .expression_attribute_values(":expires_at", expiry(now))
            .expression_attribute_values(":max", AttributeValue::N(self.max.to_string()))
            .expression_attribute_values(":id", text(&id))
            .expression_attribute_values(":ids", AttributeValue::Ss(vec![id]))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match added {
            Ok(_) => Ok(Place::Taken),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    ids_in(failed.item()).map(Place::Full)
                }
                _ => Err(sdk::failed("taking a place", error)),
            },
        }
    }

    /// Frees the places of tasks that have ended.
    pub(crate) async fn free<Id: TaskId>(&self, ids: &[Id]) -> Result<(), Error> {
        let ids = ids.iter().map(Id::to_string).collect();
        self.table
            .client
            .update_item()
            .table_name(&self.table.name)
            .set_key(Some(self.key()))
            .update_expression("DELETE ids :ids")
            .expression_attribute_values(":ids", AttributeValue::Ss(ids))
            .send()
            .await
            .map_err(|error| sdk::failed("freeing a place", error))?;
        Ok(())
    }

    /// No partner's id contains `#`, so this partition holds no partner's tasks.
    fn key(&self) -> Item {
        let partition = format!("{}#places", self.partner);
        HashMap::from([
            ("partition_key".to_owned(), text(partition)),
            ("sort_key".to_owned(), text("places")),
        ])
    }
}

fn ids_in<Id: TaskId>(item: Option<&Item>) -> Result<Vec<Id>, Error> {
    let ids = item.and_then(|item| item.get("ids")?.as_ss().ok());
    let ids = ids.into_iter().flatten();
    ids.map(|id| Id::try_from(id.as_str()).ok())
        .collect::<Option<_>>()
        .ok_or_else(|| Error::internal("reading places", "an id is malformed"))
}

fn expiry(now: Moment) -> AttributeValue {
    number(now.plus(PLACES_LIFETIME).as_seconds())
}
