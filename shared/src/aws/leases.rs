//! Leases as conditions and updates of the items of tasks.
//!
//! Any table whose items hold a [`LeaseRecord`] and a `state` can use them. The
//! other attributes of a task are left to its store.

use serde::Deserialize;

use crate::{
    Error, Moment,
    aws::table::{Item, Table, Update, Updated, count, from_item, moment, number, text},
    model::lease::{LEASE_TIME, LeaseRecord, LeaseStatus, dispatch_again_before},
};

/// The states of a task that has not ended; each kind of task has these two.
const QUEUED: &str = "queued";
const RUNNING: &str = "running";

/// A task as it is stored.
pub(crate) trait Task: for<'de> Deserialize<'de> {
    /// The attributes of its item that concern its leases.
    fn lease(&self) -> &LeaseRecord;

    /// Whether a worker took it and it has not ended.
    fn is_running(&self) -> bool;

    /// Whether it was deleted, so that nothing of it may remain.
    fn is_cancelled(&self) -> bool;
}

/// The result of taking a lease.
pub(crate) enum Taking<T> {
    /// The caller has the task.
    Taken(T),
    /// Another worker has it, or it may not be taken any more.
    Refused(T),
    /// There is no such task.
    Absent,
}

/// Takes the lease of the task under `key`.
///
/// `holder` is an id that is new for each call. `conditions` adds the store's own
/// conditions to those of every task.
pub(crate) async fn take<T: Task>(
    table: &Table,
    key: Item,
    holder: String,
    now: Moment,
    conditions: impl FnOnce(Update) -> Update,
) -> Result<Taking<T>, Error> {
    let update = Update::set(
        "#state = :running, lease_epoch = lease_epoch + :one, attempts = attempts + :one, \
         lease_until = :until, lease_holder = :holder, dispatched_at = :now",
    )
    .returning_it()
    .value(":one", number(1))
    .value(":until", moment(now.plus(LEASE_TIME)))
    .value(":holder", text(&holder));
    let update = conditions(if_free(update, now));
    Ok(match table.update(key, update).await? {
        Updated::Done(item) => Taking::Taken(from_item(item)?),
        Updated::Refused(item) => {
            let task: T = from_item(item)?;
            // If the answer is lost, the SDK repeats the update and finds its own lease.
            if task.lease().holder.as_ref() == Some(&holder) {
                Taking::Taken(task)
            } else {
                Taking::Refused(task)
            }
        }
        Updated::Absent => Taking::Absent,
    })
}

/// Claims the right to call a worker for a free task, at most once a minute.
pub(crate) async fn claim_dispatch(table: &Table, key: Item, now: Moment) -> Result<bool, Error> {
    let update = if_free(Update::set("dispatched_at = :now"), now)
        .when("dispatched_at < :again_before")
        .value(":again_before", moment(dispatch_again_before(now)));
    Ok(matches!(table.update(key, update).await?, Updated::Done(_)))
}

/// Limits an update to a task that has not ended and that no worker has.
pub(crate) fn if_free(update: Update, now: Moment) -> Update {
    update
        .when("#state IN (:queued, :running)")
        .when("(attribute_not_exists(lease_until) OR lease_until < :now)")
        .value(":queued", text(QUEUED))
        .value(":running", text(RUNNING))
        .value(":now", moment(now))
}

/// An update that also renews the lease for its full time.
pub(crate) fn renewing(update: Update, now: Moment) -> Update {
    update
        .and_set("lease_until = :until")
        .value(":until", moment(now.plus(LEASE_TIME)))
}

/// The same by a worker that made progress: the count of attempts starts again.
pub(crate) fn advancing(update: Update, now: Moment) -> Update {
    renewing(update, now)
        .and_set("attempts = :one")
        .value(":one", number(1))
}

/// An update that ends the lease, so that another worker can take it at once.
pub(crate) fn releasing(now: Moment) -> Update {
    Update::set("dispatched_at = :now")
        .and_remove("lease_until")
        .value(":now", moment(now))
}

/// Whether a task is as [`releasing`] leaves it.
pub(crate) fn is_released(task: &impl Task) -> bool {
    task.is_running() && task.lease().until.is_none()
}

/// Limits an update to the lease of this epoch, whether or not it has run out.
pub(crate) fn if_epoch(update: Update, epoch: u64) -> Update {
    update
        .when("#state = :held")
        .when("lease_epoch = :epoch")
        .value(":held", text(RUNNING))
        .value(":epoch", count(epoch))
}

/// Limits an update to the lease of this epoch while it has not run out.
pub(crate) fn if_held(update: Update, epoch: u64, now: Moment) -> Update {
    if_epoch(update, epoch)
        .when("lease_until >= :now")
        .value(":now", moment(now))
}

/// The status of a lease after an update that needs it.
///
/// If an answer is lost, the SDK repeats the update and finds the item as the first
/// attempt left it; `is_done` recognises such an item.
pub(crate) fn status<T: Task>(
    updated: Updated,
    epoch: u64,
    is_done: impl Fn(&T) -> bool,
) -> Result<LeaseStatus, Error> {
    let task: T = match updated {
        Updated::Done(_) => return Ok(LeaseStatus::Held),
        Updated::Absent => return Ok(LeaseStatus::Cancelled),
        Updated::Refused(item) => from_item(item)?,
    };
    let is_own = task.lease().epoch == epoch;
    Ok(if is_own && is_done(&task) {
        LeaseStatus::Held
    } else if is_own && task.is_running() {
        LeaseStatus::RanOut
    } else if task.is_cancelled() {
        LeaseStatus::Cancelled
    } else {
        LeaseStatus::TakenOver
    })
}
