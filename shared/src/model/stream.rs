//! What is told of a log to other tools as it grows, and in which form.

use std::time::Duration;

use strum::{EnumString, IntoStaticStr};

/// The form of an entry in an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Format {
    /// As the API answers it.
    Activity,
    /// As an API Activity of the Open Cybersecurity Schema Framework (OCSF).
    Ocsf,
}

/// How long it may take to read entries and to send their events; then whoever does it gives
/// up, and begins with another read.
pub const FORWARDED_WITHIN: Duration = Duration::from_secs(15);

/// How long an erasure waits before it ends, after it has erased the last entry.
///
/// Longer than [`FORWARDED_WITHIN`], so that afterwards nothing is sent that was read before.
pub const SENDING_TIME_MAX: Duration = Duration::from_secs(20);
