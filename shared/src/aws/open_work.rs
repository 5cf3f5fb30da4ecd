//! Names the tasks of all partners that may not have ended, so that none is forgotten.
//!
//! They are the items of one partition of the task's table. A task is added before
//! it is stored, and only the `sweeper` removes it, when it has found that the task
//! has ended or was never stored. So the partition may name too many tasks, but
//! never too few.

use std::fmt::Display;

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Moment, PartnerId,
    aws::{
        sdk,
        table::{Item, Table, from_item, moment, text, to_item},
    },
    model::task::{OpenTask, OpenTasks, TaskId, TaskKey},
};

/// No partner's id contains `#`, so this partition holds no partner's tasks.
const PARTITION: &str = "#open";

/// The most tasks in a page.
const PAGE_MAX: i32 = 40;

/// One task; its sort key is its id, which begins with the time of its creation.
#[derive(Debug, Serialize, Deserialize)]
struct OpenItem {
    partition_key: String,
    sort_key: String,
    partner_id: String,
    named_at: Moment,
}

/// Names a task that is about to be stored; naming it again only renews the time.
pub(crate) async fn add<Id: TaskId>(
    table: &Table,
    key: &TaskKey<Id>,
    now: Moment,
) -> Result<(), Error> {
    let item = to_item(&OpenItem {
        partition_key: PARTITION.to_owned(),
        sort_key: key.id.to_string(),
        partner_id: key.partner_id.to_string(),
        named_at: now,
    })?;
    table
        .client
        .put_item()
        .table_name(&table.name)
        .set_item(Some(item))
        .send()
        .await
        .map_err(|error| sdk::failed("naming open work", error))?;
    Ok(())
}

/// Removes a task, unless it was named again after it was read.
pub(crate) async fn remove<Id: TaskId>(table: &Table, task: &OpenTask<Id>) -> Result<(), Error> {
    let removed = table
        .client
        .delete_item()
        .table_name(&table.name)
        .set_key(Some(item_key(task.key.id)))
        .condition_expression("named_at = :named_at")
        .expression_attribute_values(":named_at", moment(task.named_at))
        .send()
        .await;
    match removed {
        Ok(_) => Ok(()),
        Err(error) => match error.as_service_error() {
            Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(()),
            _ => Err(sdk::failed("removing open work", error)),
        },
    }
}

/// A page of tasks, those that were created first, after `resume_after`.
pub(crate) async fn page<Id: TaskId>(
    table: &Table,
    resume_after: Option<String>,
) -> Result<OpenTasks<Id>, Error> {
    let output = table
        .client
        .query()
        .table_name(&table.name)
        .key_condition_expression("partition_key = :open")
        .expression_attribute_values(":open", text(PARTITION))
        .consistent_read(true)
        .limit(PAGE_MAX)
        .set_exclusive_start_key(resume_after.map(item_key))
        .send()
        .await
        .map_err(|error| sdk::failed("querying open work", error))?;
    let items = output.items.unwrap_or_default();
    let count = items.len();
    let tasks: Vec<_> = items.into_iter().filter_map(read_or_log).collect();
    Ok(OpenTasks {
        broken: count - tasks.len(),
        tasks,
        resume_after: output
            .last_evaluated_key
            .and_then(|key| key.get("sort_key")?.as_s().ok().cloned()),
    })
}

/// Reads a task; one that can't be read is logged with its sort key, to be removed by hand.
fn read_or_log<Id: TaskId>(item: Item) -> Option<OpenTask<Id>> {
    let sort_key = item.get("sort_key").and_then(|value| value.as_s().ok());
    let sort_key = sort_key.cloned().unwrap_or_default();
    match task_of(item) {
        Ok(task) => Some(task),
        Err(error) => {
            let error = error.chain();
            tracing::error!(sort_key, error, "the name of an open task can't be read");
            None
        }
    }
}

fn task_of<Id: TaskId>(item: Item) -> Result<OpenTask<Id>, Error> {
    let malformed = || Error::internal("reading open work", "an item is malformed");
    let item: OpenItem = from_item(item)?;
    Ok(OpenTask {
        key: TaskKey {
            partner_id: PartnerId::parse(&item.partner_id).ok_or_else(malformed)?,
            id: Id::try_from(item.sort_key.as_str()).map_err(|_| malformed())?,
        },
        named_at: item.named_at,
    })
}

fn item_key(id: impl Display) -> Item {
    Item::from([
        ("partition_key".to_owned(), text(PARTITION)),
        ("sort_key".to_owned(), text(id.to_string())),
    ])
}
