//! Why a task has failed: why an export has no file, or an erasure has stopped.

use serde::{Deserialize, Serialize};

/// The reason why a task has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// A stable name: `gave_up`, `too_large` or `too_slow`.
    pub code: String,
    /// The reason as a sentence, for people.
    pub detail: String,
}

impl Failure {
    /// The failure of a task that had too many workers or took too long.
    pub(crate) fn gave_up(detail: String) -> Self {
        Self {
            code: "gave_up".into(),
            detail,
        }
    }
}
