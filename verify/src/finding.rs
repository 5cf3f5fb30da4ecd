//! What keeps something from being called whole.

use std::fmt;

/// Why something is not whole, or why that can't be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It is not what was sealed and signed.
    NotWhole(String),
    /// What was given is not enough to tell, or can't be read.
    Unknown(String),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::NotWhole(text) | Self::Unknown(text)) = self;
        f.write_str(text)
    }
}

/// What can't be read: it was never a proof, or was damaged.
pub(crate) fn unreadable(what: &str, error: impl fmt::Display) -> Finding {
    Finding::Unknown(format!("the {what} can't be read: {error}"))
}
