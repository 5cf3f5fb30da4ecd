//! Imports of the past, as plain data: the window in which older activities are accepted.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::model::{Actor, Moment, task::task_id};

/// How long a window is open unless somebody closes it.
///
/// Nothing of the log is sealed meanwhile, so that nothing is that was not imported yet.
pub const WINDOW_TIME: Duration = Duration::from_hours(7 * 24);

task_id! {
    /// The id of an import's window.
    ImportId, "must be the id of an import"
}

/// A window in which a log accepts activities that are older than it otherwise accepts.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Its id.
    pub id: ImportId,
    /// Since when it is open.
    pub opened_at: Moment,
    /// Who opened it.
    pub opened_by: Actor,
    /// When it ends at the latest.
    pub ends_at: Moment,
    /// How it was closed; absent if nobody did.
    pub closed: Option<Closed>,
}

/// How a window was closed before its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// When.
    pub at: Moment,
    /// By whom.
    pub by: Actor,
}

impl Window {
    /// A window that begins now.
    pub fn new(opened_by: Actor, now: Moment) -> Self {
        Self {
            id: ImportId::random(now),
            opened_at: now,
            opened_by,
            ends_at: now.plus(WINDOW_TIME),
            closed: None,
        }
    }

    /// Whether older activities are accepted at `now`.
    pub fn is_open(&self, now: Moment) -> bool {
        self.closed.is_none() && now < self.ends_at
    }

    /// When it ended, or will end if nobody closes it.
    pub fn end(&self) -> Moment {
        self.closed
            .as_ref()
            .map_or(self.ends_at, |closed| closed.at)
    }
}
