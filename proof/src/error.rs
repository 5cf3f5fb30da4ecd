//! Why something is not proven.

/// Why something can't be read, hashed or proven.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A JSON text that has no canonical form, or is no activity.
    #[error("the JSON text {reason}")]
    Json {
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A text that does not have the form of what it should be.
    #[error("the {what} {reason}")]
    Malformed {
        /// What was read, such as `note`.
        what: &'static str,
        /// What is wrong, and what would be right.
        reason: &'static str,
    },
    /// A time outside the years 0000 to 9999.
    #[error("{millis} milliseconds after 1970 are not in the years 0000 to 9999")]
    Time {
        /// The milliseconds that were given.
        millis: i64,
    },
    /// Positions that no tree has.
    #[error("the tree {reason}")]
    Tree {
        /// What is wrong, and what would be right.
        reason: &'static str,
    },
    /// A proof that does not lead to the root, or does not have the right length.
    #[error("the {what} proof does not lead from what was given to the root")]
    NotProven {
        /// Which proof it is: `inclusion` or `consistency`.
        what: &'static str,
    },
    /// A note whose signature by a known key is wrong.
    #[error("the note's signature by {key} does not verify")]
    WrongSignature {
        /// The key's name.
        key: String,
    },
    /// A note that no known key signed.
    #[error("the note is not signed by a known key")]
    Unsigned,
}

impl Error {
    pub(crate) fn json(reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self::Json { reason }
    }
}
