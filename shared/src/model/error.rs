//! Errors, grouped by who must act; `http` turns them into HTTP statuses.

use std::{error::Error as StdError, ops::Range};

use serde::Serialize;

use crate::model::moment::Moment;

/// The cause of an error; only the log shows it.
pub type Source = Box<dyn StdError + Send + Sync>;

/// The cause of [`Error::Unavailable`] if a service refused the call because there were too
/// many.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Throttled(pub Source);

/// A field, parameter or header that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{field} {reason}")]
pub struct FieldError {
    /// Its name, such as `customer.id`.
    pub field: String,
    /// What is wrong with it, as a phrase that follows the field's name.
    pub reason: String,
}

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller sent something wrong and must change it.
    #[error("{field} {reason}")]
    Invalid {
        /// The field, parameter or header, such as `customer.id`.
        field: String,
        /// What is wrong with it, as a phrase that follows the field's name.
        reason: String,
    },
    /// The caller sent several things wrong; there are at least two.
    ///
    /// Its text is that of the first.
    #[error("{}", first(.0))]
    InvalidFields(Vec<FieldError>),
    /// The body is larger than the route allows.
    #[error("the body is over {limit_bytes} bytes")]
    TooLarge {
        /// The route's limit.
        limit_bytes: usize,
    },
    /// The token does not allow this.
    #[error("{reason}")]
    Forbidden {
        /// What is missing.
        reason: &'static str,
    },
    /// It does not exist, or belongs to another partner; the caller can't tell which.
    #[error("not found")]
    NotFound,
    /// The idempotency key was used before, for other content.
    #[error("the idempotency key was used before with other content")]
    Conflict,
    /// The partner has as many exports under way as are allowed.
    #[error("{running_max} exports are under way, wait for one to end or delete one")]
    TooManyExports {
        /// How many exports are allowed at once.
        running_max: usize,
    },
    /// An erasure of the partner is under way.
    #[error("an erasure is under way, wait for it to end")]
    ErasureUnderWay,
    /// A seal or an erasure of the partner's log is under way.
    #[error("the log is being sealed or erased from, try again soon")]
    LogBusy,
    /// No checkpoint covers it yet.
    #[error("is not sealed yet, so there is no proof")]
    NotSealed {
        /// Up to when the log is sealed and signed; none if it was not yet.
        sealed_to: Option<Moment>,
        /// When it is sealed at the latest, if that is known.
        expected_by: Option<Moment>,
    },
    /// The entries that would be needed are no longer kept.
    #[error(
        "the entries {0} to {1} are no longer kept, so of the sizes from {0} to {1} only \
         these two can be compared",
        .entries.start, .entries.end
    )]
    RetentionEnded {
        /// Their indexes.
        entries: Range<u64>,
    },
    /// An AWS service did not answer in time; the same call may succeed later.
    #[error("unavailable")]
    Unavailable(#[source] Source),
    /// This service failed, and its operators must act.
    #[error("{doing} failed")]
    Internal {
        /// What was being done.
        doing: &'static str,
        /// The cause.
        #[source]
        source: Source,
    },
}

impl Error {
    /// The caller sent a wrong `field`.
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid {
            field: field.into(),
            reason: reason.into(),
        }
    }

    /// The caller sent these fields wrong; there is at least one.
    pub fn invalid_fields(mut fields: Vec<FieldError>) -> Self {
        match fields.pop() {
            Some(FieldError { field, reason }) if fields.is_empty() => {
                Self::Invalid { field, reason }
            }
            last => {
                fields.extend(last);
                Self::InvalidFields(fields)
            }
        }
    }

    /// This service failed while `doing` something.
    pub fn internal(doing: &'static str, source: impl Into<Source>) -> Self {
        Self::Internal {
            doing,
            source: source.into(),
        }
    }

    /// The fields that the caller sent wrong.
    pub fn into_fields(self) -> Vec<FieldError> {
        match self {
            Self::Invalid { field, reason } => vec![FieldError { field, reason }],
            Self::InvalidFields(fields) => fields,
            _ => Vec::new(),
        }
    }

    /// Whether there were too many calls, so that fewer of them would succeed.
    pub fn is_throttling(&self) -> bool {
        matches!(self, Self::Unavailable(source) if source.is::<Throttled>())
    }

    /// This error and its causes in one line, for the log.
    pub fn chain(&self) -> String {
        chain(self)
    }
}

fn first(fields: &[FieldError]) -> String {
    fields.first().map(ToString::to_string).unwrap_or_default()
}

/// Any error and its causes in one line.
pub fn chain(error: &dyn StdError) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}
