//! A lease: the right of one worker to work on a task for a limited time.
//!
//! An export and an erasure are tasks. Each lease of a task has a higher epoch than
//! the one before, and each write of a worker has its epoch as a condition: a
//! worker that was thought dead can't change the task. The time limits of
//! leases and of a whole task are here; the conditions are in `aws::leases`.

use std::{ops::ControlFlow, time::Duration};

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;
use tokio::time::{Instant, sleep};

use crate::{
    Error,
    model::{Moment, task::TaskKey},
};

/// How long a lease lasts unless it is renewed.
pub const LEASE_TIME: Duration = Duration::from_secs(45);

/// How often a worker renews its lease; one renewal may fail.
pub const RENEW_EVERY: Duration = Duration::from_secs(15);

/// How long before its function's deadline a worker hands over to the next call.
pub const HAND_OVER_BEFORE: Duration = Duration::from_secs(45);

/// How long to wait for a worker that was called before another one is called.
pub(crate) const DISPATCH_INTERVAL: Duration = Duration::from_mins(1);

/// How long a task may take, from its creation.
///
/// Its last entry in the log must be stored before the log is closed at the time of that
/// entry, which is more than a day later.
pub(crate) const TASK_TIME_MAX: Duration = Duration::from_hours(12);

/// A worker's lease of a task.
#[derive(Debug, Clone)]
pub struct Lease<Id> {
    /// The task.
    pub key: TaskKey<Id>,
    /// Which of the task's leases it is.
    pub epoch: u64,
}

/// The result of a write that needs a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseStatus {
    /// The worker held the lease, and the write is done.
    Held,
    /// Another worker has the task, or has ended it; nothing was written.
    TakenOver,
    /// No other worker has the task, but this one may not write any more; nothing was
    /// written. Its lease has run out or was released, or the task is too old.
    RanOut,
    /// The task was deleted; nothing was written, and no file may remain.
    Cancelled,
}

/// The attributes of a task's item that concern its leases.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRecord {
    /// Counts the leases; a worker with a lower epoch can't write any more.
    #[serde(rename = "lease_epoch")]
    pub(crate) epoch: u64,
    /// Identifies the call that took the lease, so that its own retry is recognised.
    #[serde(rename = "lease_holder")]
    pub(crate) holder: Option<String>,
    /// When the lease ends; absent if it was released.
    #[serde(rename = "lease_until")]
    pub(crate) until: Option<Moment>,
    /// How many times in a row the lease was taken; stored progress sets it back to one.
    pub attempts: u32,
    /// When a worker was last called for the task, took its lease or released it.
    pub(crate) dispatched_at: Moment,
}

impl LeaseRecord {
    /// The record of a new task, for which a worker is about to be called.
    pub(crate) fn new(now: Moment) -> Self {
        Self {
            epoch: 0,
            holder: None,
            until: None,
            attempts: 0,
            dispatched_at: now,
        }
    }

    /// Whether no worker has the task at `now`.
    pub(crate) fn is_free(&self, now: Moment) -> bool {
        self.until.is_none_or(|until| until < now)
    }

    /// Whether no worker ever had the task.
    pub(crate) fn is_untouched(&self) -> bool {
        self.epoch == 0
    }

    /// Whether no worker has the task, and none was called for a minute.
    pub(crate) fn wants_dispatch(&self, now: Moment) -> bool {
        self.is_free(now) && self.dispatched_at < dispatch_again_before(now)
    }
}

/// A worker that was called before this moment may be called again.
pub(crate) fn dispatch_again_before(now: Moment) -> Moment {
    now.minus(DISPATCH_INTERVAL)
}

/// A task that began at this moment or earlier is too old.
pub(crate) fn oldest_start(now: Moment) -> Moment {
    now.minus(TASK_TIME_MAX)
}

/// Renews a lease again and again. Returns how it was lost, or none if it was not renewed
/// in time.
///
/// A worker that went on without its lease could overwrite what the next worker writes.
pub async fn keep<Lost, Renewal>(renew: impl Fn() -> Renewal) -> Option<Lost>
where
    Renewal: Future<Output = Result<ControlFlow<Lost>, Error>>,
{
    let mut renewed_at = Instant::now();
    loop {
        sleep(RENEW_EVERY).await;
        let started_at = Instant::now();
        match renew().await {
            Ok(ControlFlow::Continue(())) => renewed_at = started_at,
            Ok(ControlFlow::Break(lost)) => return Some(lost),
            Err(error) => {
                tracing::warn!(error = error.chain(), "the lease could not be renewed");
            }
        }
        if renewed_at.elapsed() + RENEW_EVERY > LEASE_TIME {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dispatch_is_wanted_when_nobody_works_and_nobody_was_called() {
        let called_at: Moment = "2026-11-22T20:00:00Z".parse().unwrap();
        let after = |seconds| called_at.plus(Duration::from_secs(seconds));
        let (soon, later) = (after(60), after(61));
        let mut lease = LeaseRecord::new(called_at);
        assert!(!lease.wants_dispatch(soon));
        assert!(lease.wants_dispatch(later));
        lease.until = Some(later);
        assert!(!lease.wants_dispatch(later));
        lease.until = Some(soon);
        assert!(lease.wants_dispatch(later));
    }
}
