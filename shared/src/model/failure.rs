//! Why a task has failed: why an export has no file, or an erasure has stopped.

use serde::{Deserialize, Serialize};

/// The reason why a task has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// A stable name, for programs.
    pub code: FailureCode,
    /// The same for people.
    pub detail: String,
}

/// The kinds of reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    /// Too many workers in a row were interrupted, or the task took too long.
    GaveUp,
    /// There can be no file of that size.
    TooLarge,
    /// The file can't be written within the time of one call.
    TooSlow,
}

impl FailureCode {
    /// The reason, in words for people.
    pub fn because(self, detail: impl Into<String>) -> Failure {
        Failure {
            code: self,
            detail: detail.into(),
        }
    }
}
