//! An erasure: a customer's name and details, taken out of a partner's log.
//!
//! Entry, time, action, actor and all ids stay. Doing it twice changes nothing,
//! so a worker need not be sure that it is the only one; a lease only keeps
//! others from doing the same at the same time.

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;
use std::time::Duration;
use strum::IntoStaticStr;

use crate::model::{
    ActivityId, Actor, Identifier, Moment,
    failure::{Failure, FailureCode},
    id,
    lease::{LeaseRecord, TASK_TIME_MAX, TaskKey, too_old},
};

id::of_a_moment! {
    /// An erasure's id: a `UUIDv7` of its creation.
    ErasureId, "must be an erasure's id"
}

/// Which erasure of which partner.
pub type ErasureKey = TaskKey<ErasureId>;

/// What `erasure` sends to `erasure-worker`: an erasure's key, not yet looked up.
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

/// How far an erasure is.
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
    /// Workers failed again and again; [`Failure`] says so.
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
    /// Activities that were looked at, whoever's they are.
    pub read: u64,
    /// Activities of the customer that were erased.
    pub erased: u64,
}

/// How many workers in a row may begin and get nowhere before it has failed.
const ATTEMPTS_MAX: u32 = 10;

/// How long an erasure can be read; its entry in the log stays longer.
const ITEM_LIFETIME: Duration = Duration::from_hours(24 * 90);

/// An erasure as it is stored.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// How far it is.
    pub state: State,
    /// Whose name and details.
    pub customer_id: Identifier,
    /// When it was asked for.
    pub created_at: Moment,
    /// Who asked.
    pub created_by: Actor,
    /// How much of the log was walked.
    pub progress: Progress,
    /// What is known of the workers that had it.
    #[serde(flatten)]
    pub lease: LeaseRecord,
    /// The last activity that was looked at.
    pub position: Option<ActivityId>,
    /// When it ended; the entry in the log may still be missing while it runs.
    pub finished_at: Option<Moment>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// When the item goes, in seconds since 1970.
    pub expires_at: i64,
}

impl Erasure {
    /// One that nobody has begun.
    pub fn new(customer_id: Identifier, created_by: Actor, now: Moment) -> Self {
        Self {
            state: State::Queued,
            customer_id,
            created_at: now,
            created_by,
            progress: Progress::default(),
            lease: LeaseRecord::new(now),
            position: None,
            finished_at: None,
            failure: None,
            expires_at: now.plus(ITEM_LIFETIME).as_seconds(),
        }
    }

    /// How far it is at `now`; one that is too old has failed, whether or not
    /// anybody wrote that down.
    pub fn state(&self, now: Moment) -> State {
        if self.state.is_active() && self.is_too_old(now) {
            State::Failed
        } else {
            self.state
        }
    }

    /// Why it failed, if it did.
    pub fn failure(&self, now: Moment) -> Option<Failure> {
        if self.state.is_active() && self.is_too_old(now) {
            let hours = TASK_TIME_MAX.as_secs() / (60 * 60);
            return Some(gave_up(&format!("It was not done within {hours} hours.")));
        }
        self.failure.clone()
    }

    /// Whether no worker has it and none may take it.
    fn is_too_old(&self, now: Moment) -> bool {
        let counted_from = self.finished_at.unwrap_or(self.created_at);
        counted_from <= too_old(now) && self.lease.is_free(now)
    }

    /// Whether no worker has had it yet.
    pub fn is_untouched(&self) -> bool {
        self.lease.is_untouched()
    }

    /// Whether nobody works on it and nobody was called for a minute.
    pub fn wants_dispatch(&self, now: Moment) -> bool {
        self.state(now).is_active() && self.lease.wants_dispatch(now)
    }

    /// Why no worker should walk on; one whose walk has ended is no lost cause.
    pub fn lost_cause(&self) -> Option<Failure> {
        let is_lost = self.lease.attempts > ATTEMPTS_MAX && self.finished_at.is_none();
        let detail = || format!("{ATTEMPTS_MAX} workers in a row got nowhere.");
        self.failure
            .clone()
            .or_else(|| is_lost.then(|| gave_up(&detail())))
    }
}

fn gave_up(why: &str) -> Failure {
    let advice = "What was erased stays erased; ask again for the rest.";
    FailureCode::GaveUp.because(format!("{why} {advice}"))
}
