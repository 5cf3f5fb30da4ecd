//! What exports and erasures have in common: a partner, an id, a place.

use std::time::Duration;

use crate::model::{Error, Moment, PartnerId};

/// How long after a task took its place it may still not be stored.
const CREATION_TIME_MAX: Duration = Duration::from_mins(1);

/// How long a partner's places are kept; longer than any task takes.
pub(crate) const PLACES_LIFETIME: Duration = Duration::from_hours(48);

/// The key of a task: its partner and its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskKey<Id> {
    /// The partner whose log the task works on.
    pub partner_id: PartnerId,
    /// The task.
    pub id: Id,
}

/// A task that is named among those that may not have ended.
#[derive(Debug)]
pub struct OpenTask<Id> {
    /// The task, which need not be stored yet.
    pub key: TaskKey<Id>,
    /// When it was named last.
    pub named_at: Moment,
}

/// A page of open tasks.
#[derive(Debug)]
pub struct OpenTasks<Id> {
    /// The tasks, those that were created first at the beginning.
    pub tasks: Vec<OpenTask<Id>>,
    /// How many names could not be read; they stay, and others do not wait for them.
    pub broken: usize,
    /// Where the next page begins; absent on the last one.
    pub resume_after: Option<String>,
}

impl<Id> TaskKey<Id> {
    /// The key of the task that a worker's event names.
    ///
    /// The partner is only used to look the task up: under a wrong partner there is
    /// no task with this id.
    pub(crate) fn of_event(partner_id: &str, id: Id) -> Result<Self, Error> {
        let partner_id = PartnerId::parse(partner_id)
            .ok_or_else(|| Error::invalid("partner_id", "must be a partner's id"))?;
        Ok(Self { partner_id, id })
    }
}

/// The id of a task, which holds the time of the task's creation.
pub trait TaskId: Copy + PartialEq + std::fmt::Display + for<'a> TryFrom<&'a str> {
    /// When the task was created, by the clock of the machine that created it.
    fn created_at(self) -> Option<Moment>;

    /// Whether a task that took its place may still not be stored.
    ///
    /// Machines' clocks differ, so its creation may also lie slightly in the future.
    fn is_new(self, now: Moment) -> bool {
        let (start, end) = (now.minus(CREATION_TIME_MAX), now.plus(CREATION_TIME_MAX));
        self.created_at().is_some_and(|at| start < at && at < end)
    }
}

/// Defines the id of a kind of task: a `UUIDv7` that holds the time of its creation.
macro_rules! task_id {
    ($(#[$doc:meta])* $name:ident, $reason:literal) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
        )]
        pub struct $name(uuid::Uuid);

        impl $name {
            /// A new id, unique by its random bits.
            pub fn random(created_at: $crate::model::Moment) -> Self {
                Self($crate::model::id::random_v7(created_at))
            }
        }

        impl $crate::model::task::TaskId for $name {
            fn created_at(self) -> Option<$crate::model::Moment> {
                let millis = i64::try_from(self.0.as_u128() >> 80).ok()?;
                $crate::model::Moment::from_millis(millis)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = $crate::model::Error;

            fn try_from(text: &str) -> Result<Self, $crate::model::Error> {
                $crate::model::id::hyphenated(text)
                    .map(Self)
                    .ok_or_else(|| $crate::model::Error::invalid("id", $reason))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

pub(crate) use task_id;
