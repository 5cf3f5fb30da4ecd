//! UUIDs, of which the ids of activities and tasks are made.

use uuid::{Uuid, fmt::Hyphenated};

use crate::model::Moment;

/// A `UUIDv7` of this moment, whose other bits are random.
pub(crate) fn random_v7(at: Moment) -> Uuid {
    let millis = u64::try_from(at.as_millis()).unwrap_or(0);
    let nanos = u32::try_from(millis % 1_000 * 1_000_000).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(
        uuid::NoContext,
        millis / 1_000,
        nanos,
    ))
}

/// Parses a UUID in hyphenated form only; the `uuid` crate accepts four others.
pub(crate) fn hyphenated(text: &str) -> Option<Uuid> {
    text.parse().ok().map(Hyphenated::into_uuid)
}
