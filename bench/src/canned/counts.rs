//! What was asked of the servers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What was asked so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    /// Entries in the answers to queries.
    pub(crate) entries_read: u64,
    /// Pages of activities that queries were answered.
    pub(crate) pages: u64,
    /// Bytes of parts and objects.
    pub(crate) file_bytes: u64,
    /// Parts of objects that were read.
    pub(crate) ranges_read: u64,
    /// Their bytes.
    pub(crate) range_bytes: u64,
}

/// The counts of both servers; clones count together.
#[derive(Debug, Clone, Default)]
pub(super) struct Counter(Arc<Mutex<Counts>>);

impl Counter {
    pub(super) fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
