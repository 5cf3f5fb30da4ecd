//! Names the tasks of all partners that may not have ended, so that none is forgotten.
//!
//! They are the items of one partition of the task's table. A task is added before
//! it is stored, and only the `sweeper` removes it, when it has found that the task
//! has ended or was never stored. So the partition may name too many tasks, but
//! never too few.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use crate::{
    Error, PartnerId,
    aws::{
        sdk,
        table::{Item, Table, from_item, text, to_item},
    },
    model::task::{TaskId, TaskKey},
};

/// No partner's id contains `#`, so this partition holds no partner's tasks.
const PARTITION: &str = "#open";

/// The most tasks in a page.
const PAGE_MAX: i32 = 100;

/// One task; its sort key is its id, which begins with the time of its creation.
#[derive(Debug, Serialize, Deserialize)]
struct OpenTask {
    partition_key: String,
    sort_key: String,
    partner_id: String,
}

/// Adds a task that is about to be stored.
pub(crate) async fn add<Id: TaskId>(table: &Table, key: &TaskKey<Id>) -> Result<(), Error> {
    let item = to_item(&OpenTask {
        partition_key: PARTITION.to_owned(),
        sort_key: key.id.to_string(),
        partner_id: key.partner_id.to_string(),
    })?;
    // Adding a task twice changes nothing.
    table.put_new(item).await?;
    Ok(())
}

/// Removes a task; absent tasks are no error.
pub(crate) async fn remove<Id: TaskId>(table: &Table, id: Id) -> Result<(), Error> {
    table
        .client
        .delete_item()
        .table_name(&table.name)
        .set_key(Some(item_key(id)))
        .send()
        .await
        .map_err(|error| sdk::failed("removing open work", error))?;
    Ok(())
}

/// Up to 100 tasks, those that were created first, after `resume_after`.
pub(crate) async fn page<Id: TaskId>(
    table: &Table,
    resume_after: Option<Id>,
) -> Result<Vec<TaskKey<Id>>, Error> {
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
    items.into_iter().map(key_of).collect()
}

fn key_of<Id: TaskId>(item: Item) -> Result<TaskKey<Id>, Error> {
    let malformed = || Error::internal("reading open work", "an item is malformed");
    let task: OpenTask = from_item(item)?;
    Ok(TaskKey {
        partner_id: PartnerId::parse(&task.partner_id).ok_or_else(malformed)?,
        id: Id::try_from(task.sort_key.as_str()).map_err(|_| malformed())?,
    })
}

fn item_key<Id: TaskId>(id: Id) -> Item {
    let attribute = |name: &str, value: AttributeValue| (name.to_owned(), value);
    Item::from([
        attribute("partition_key", text(PARTITION)),
        attribute("sort_key", text(id.to_string())),
    ])
}
