//! A sealed activity with what proves it.

use proof::Hash;
use shared::aws::activities::Stored;

/// An entry of a sealed range, whether the question is about it or not.
#[derive(Debug)]
pub struct Entry {
    /// Its place in the log, counted from 0.
    pub index: u64,
    /// The hash of its leaf.
    pub leaf: Hash,
    /// The activity, with what leads to its commitment.
    pub stored: Stored,
    /// Whether the question asks for it: its retention has not ended and it fits the filter.
    pub is_wanted: bool,
}
