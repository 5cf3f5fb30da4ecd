//! Why a command ended before its work was done.

/// Why a command ended before its work was done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The variables are wrong.
    #[error(transparent)]
    Config(#[from] shared::config::ConfigError),
    /// A call to AWS failed, or something stored can't be read.
    #[error(transparent)]
    Service(#[from] shared::Error),
    /// A checkpoint that is not of the log that was read.
    #[error("the checkpoint {key} {reason}")]
    Checkpoint {
        /// Its key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Entries whose segment is gone, and which were not pruned.
    #[error(
        "no segment has the entries from index {index} on, but {claim} says that there are {size}"
    )]
    Missing {
        /// The first of them.
        index: u64,
        /// How many entries the log had.
        size: u64,
        /// What says so.
        claim: String,
    },
    /// Segments that are the only place of some of their activities.
    #[error(
        "with --shrink the {left_out} entries from index {index} on would be sealed anew from \
         the table of activities, but it has only {in_table} of them; see *A lost or damaged \
         segment* in docs/operations.md"
    )]
    OnlyCopy {
        /// The first of them.
        index: u64,
        /// How many there are.
        left_out: u64,
        /// How many of them the table has.
        in_table: u64,
    },
    /// Nothing is streamed.
    #[error("STREAM_FORMAT and EVENT_BUS are missing: take those of the function stream")]
    NoStream,
    /// A range whose end is before its start.
    #[error("the end of the range is before its start")]
    Backwards,
    /// Logs whose rest could not be sent.
    #[error("not all was sent of {}; the lines above say how to go on", .0.join(", "))]
    Interrupted(Vec<String>),
    /// A partner without anything to begin with.
    #[error("there is no object of this partner that begins at index 0")]
    Nothing,
    /// Somebody else works on the archive.
    #[error("somebody else works on this archive, or did meanwhile: stop seals and erasures first")]
    Held,
}
