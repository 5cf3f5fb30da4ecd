//! Sealing, as plain data.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The event of `seal-worker`: whose logs it looks after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerEvent {
    /// Partitions of the registry of partners, each from 0 to 15.
    pub partitions: Vec<u8>,
}

/// What is younger than this is never closed, and never sealed.
///
/// `MAX_LATENESS_DAYS` is at least a day.
pub const NEVER_SEALED: Duration = Duration::from_hours(24);

/// How many partitions the registry of partners has.
pub const PARTITIONS: u8 = 16;
