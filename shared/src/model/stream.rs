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

/// How long after an entry was read its event may still be sent.
///
/// The read and the call of the bus each take at most 8 s, with all their attempts. An
/// erasure ends so long after it has erased the last entry, so that afterwards nothing is
/// sent that was read before.
pub const SENDING_TIME_MAX: Duration = Duration::from_secs(20);
