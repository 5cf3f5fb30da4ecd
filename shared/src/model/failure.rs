//! Why a task has failed: an export without a file, an erasure that stopped.

use serde::{Deserialize, Serialize};

/// The reason why a task has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// A stable name: `gave_up`, `too_large` or `too_slow`.
    pub code: String,
    /// The same for people.
    pub detail: String,
}

impl Failure {
    /// Workers tried too often, or for too long.
    pub(crate) fn gave_up(detail: String) -> Self {
        Self {
            code: "gave_up".into(),
            detail,
        }
    }
}
