//! An erasure: a customer's name and details, taken out of a partner's log.
//!
//! Entry, time, action, actor and all ids stay. Doing it twice changes nothing,
//! so a worker need not be sure that it is the only one; a lease only keeps
//! others from doing the same at the same time.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::model::{ActivityId, Actor, Identifier, Moment, PartnerId, export::Failure, id};

id::of_a_moment! {
    /// An erasure's id: a `UUIDv7` of its creation.
    ErasureId, "must be an erasure's id"
}

/// Which erasure of which partner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasureKey {
    /// Whose log.
    pub partner_id: PartnerId,
    /// Which erasure.
    pub id: ErasureId,
}

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
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

/// So many workers in a row may begin and get nowhere.
const ATTEMPTS_MAX: u32 = 10;

/// So long after its creation, or its end, one is still gone on with: its last
/// entry must not fall into a settled range.
pub(crate) const AGE_MAX: SignedDuration = SignedDuration::from_hours(12);

/// After so long without a sign of a worker another one is called.
const DISPATCH_AFTER: SignedDuration = SignedDuration::from_mins(1);

/// How long an erasure can be read; its entry in the log stays longer.
const ITEM_LIFETIME: SignedDuration = SignedDuration::from_hours(24 * 90);

/// An erasure as it is stored.
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
    /// When a worker was last called or got on.
    pub(crate) active_at: Moment,
    /// Which worker has it, and until when unless it gets on.
    pub(crate) epoch: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lease_until: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lease_holder: Option<String>,
    /// Workers that began since one got on.
    pub(crate) attempts: u32,
    /// The last activity that was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<ActivityId>,
    /// When it ended; the entry in the log may still be missing while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Moment>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
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
            active_at: now,
            epoch: 0,
            lease_until: None,
            lease_holder: None,
            attempts: 0,
            position: None,
            finished_at: None,
            failure: None,
            expires_at: now.plus(ITEM_LIFETIME).as_seconds(),
        }
    }

    /// How far it is; one that is too old will not be gone on with.
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
            return Some(gave_up(&format!(
                "It was not done within {} hours.",
                AGE_MAX.as_hours()
            )));
        }
        self.failure.clone()
    }

    /// Whether nobody has it and nobody will take it; [`AGE_MAX`] says why.
    fn is_too_old(&self, now: Moment) -> bool {
        let begun = self.finished_at.unwrap_or(self.created_at);
        begun <= now.minus(AGE_MAX) && self.lease_until.is_none_or(|until| until < now)
    }

    /// Whether no worker has had it yet.
    pub fn is_untouched(&self) -> bool {
        self.state == State::Queued && self.epoch == 0
    }

    /// Whether nobody works on it and nobody was called for a minute.
    pub fn wants_dispatch(&self, now: Moment) -> bool {
        self.state(now).is_active()
            && self.lease_until.is_none_or(|until| until < now)
            && self.active_at < dispatch_again_before(now)
    }

    /// Why no worker should walk on; one whose walk has ended is no lost cause.
    pub fn lost_cause(&self) -> Option<Failure> {
        let is_lost = self.attempts > ATTEMPTS_MAX && self.finished_at.is_none();
        let detail = || format!("{ATTEMPTS_MAX} workers in a row got nowhere.");
        self.failure
            .clone()
            .or_else(|| is_lost.then(|| gave_up(&detail())))
    }
}

/// One that was active before this moment is given to a worker again.
pub(crate) fn dispatch_again_before(now: Moment) -> Moment {
    now.minus(DISPATCH_AFTER)
}

fn gave_up(why: &str) -> Failure {
    Failure {
        code: "gave_up".into(),
        detail: format!("{why} What was erased stays erased; ask again for the rest."),
    }
}
