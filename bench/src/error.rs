//! Why a measurement has no result; only people read it.

/// An error of any kind.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
