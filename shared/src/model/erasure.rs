//! An erasure: it removes a customer's name and details from a partner's log.
//!
//! The entry, its time, action, actor and all ids stay. Erasing twice changes
//! nothing, so two workers at once do no harm; the lease only avoids repeated work.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;
use strum::IntoStaticStr;

use crate::model::{
    ActivityId, Actor, Identifier, Moment,
    failure::{Failure, FailureCode},
    lease::{LeaseRecord, TASK_TIME_MAX, oldest_start},
    task::{self, TaskKey},
};

task::task_id! {
    /// An erasure's id: a `UUIDv7` of its creation.
    ErasureId, "must be an erasure's id"
}

/// The key of an erasure: its partner and its id.
pub type ErasureKey = TaskKey<ErasureId>;

/// The event that `erasure` sends to `erasure-worker`: an unverified key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerEvent {
    /// The partner's id.
    pub partner_id: String,
    /// The erasure's id.
    pub erasure_id: ErasureId,
}

impl From<&ErasureKey> for WorkerEvent {
    fn from(key: &ErasureKey) -> Self {
        Self {
            partner_id: key.partner_id.to_string(),
            erasure_id: key.id,
        }
    }
}

/// The state of an erasure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum State {
    /// Waits for a worker.
    Queued,
    /// A worker walks the log.
    Running,
    /// The whole log was walked.
    Done,
    /// Too many workers failed, or it took too long; `failure` says which.
    Failed,
}

impl State {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether a worker still has something to do.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }
}

/// How much of the log was walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Activities that were read, of any customer.
    pub read: u64,
    /// Activities of the customer that were erased.
    pub erased: u64,
}

/// A part of the walk; each begins when the one before has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The activities that are only in the table.
    #[default]
    Fresh,
    /// The sealed activities, in their segments.
    Sealed,
    /// The table's copies of sealed activities.
    Copies,
    /// The objects of the archive that nothing names any more.
    Unnamed,
}

/// What is fixed when the walk begins.
#[skip_serializing_none]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// The `erased_at` of every activity that the walk erases, wherever it is stored.
    pub erased_at: Moment,
    /// How many activities were sealed then.
    pub size: u64,
    /// The last of them.
    ///
    /// Up to it, activities are counted in their segments, and behind it in the table, so
    /// that each is counted once although logs are sealed meanwhile.
    pub border: Option<ActivityId>,
}

/// How many workers in a row may be interrupted before the erasure has failed.
const ATTEMPTS_MAX: u32 = 10;

/// How long an erasure can be read: 90 days; its entry in the log stays longer.
const ITEM_LIFETIME: Duration = Duration::from_hours(24 * 90);

/// An erasure as it is stored.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// What is done of it.
    pub state: State,
    /// The customer whose name and details are erased.
    pub customer_id: Identifier,
    /// When it was requested.
    pub created_at: Moment,
    /// Who requested it.
    pub created_by: Actor,
    /// How much of the log was walked.
    pub progress: Progress,
    /// The record of its leases.
    #[serde(flatten)]
    pub lease: LeaseRecord,
    /// What was fixed when the walk began.
    pub scope: Option<Scope>,
    /// The part of the walk that is under way.
    #[serde(default)]
    pub stage: Stage,
    /// The last activity of this part that was read.
    pub position: Option<ActivityId>,
    /// When the walk ended; until the state changes, the entry may be missing.
    pub finished_at: Option<Moment>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// When the item expires, in seconds since 1970.
    pub expires_at: i64,
}

impl Erasure {
    /// A new erasure, which no worker has taken.
    pub fn new(customer_id: Identifier, created_by: Actor, now: Moment) -> Self {
        Self {
            state: State::Queued,
            customer_id,
            created_at: now,
            created_by,
            progress: Progress::default(),
            lease: LeaseRecord::new(now),
            scope: None,
            stage: Stage::default(),
            position: None,
            finished_at: None,
            failure: None,
            expires_at: now.plus(ITEM_LIFETIME).as_seconds(),
        }
    }

    /// Whether it waits for its first worker.
    pub fn is_untouched(&self) -> bool {
        self.state.is_active() && self.lease.is_untouched()
    }

    /// Whether it has no worker, and none was called for a minute.
    ///
    /// An erasure that takes too long also needs a worker, which ends it.
    pub fn wants_dispatch(&self, now: Moment) -> bool {
        self.state.is_active() && self.lease.wants_dispatch(now)
    }

    /// Why no worker should continue the walk, if there is a reason.
    ///
    /// Once the walk has ended, only a failure that is stored counts.
    pub fn reason_to_stop(&self, now: Moment) -> Option<Failure> {
        if self.finished_at.is_some() {
            return self.failure.clone();
        }
        if self.lease.attempts > ATTEMPTS_MAX {
            return Some(gave_up(&format!(
                "{ATTEMPTS_MAX} workers in a row were interrupted."
            )));
        }
        let hours = TASK_TIME_MAX.as_secs() / (60 * 60);
        let is_too_old = self.created_at <= oldest_start(now);
        is_too_old.then(|| gave_up(&format!("It was not finished within {hours} hours.")))
    }

    /// Whether the walk ended so long ago that its entry in the log might come too late.
    ///
    /// The log could be closed at that time before the entry is recorded.
    pub fn has_stale_end(&self, now: Moment) -> bool {
        self.finished_at.is_some_and(|at| at <= oldest_start(now))
    }
}

fn gave_up(why: &str) -> Failure {
    let advice = "What was erased stays erased; request another erasure for the rest.";
    FailureCode::GaveUp.because(format!("{why} {advice}"))
}
