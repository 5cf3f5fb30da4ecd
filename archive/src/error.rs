//! What can go wrong with a segment.

use crate::source::BoxError;

/// Why rows were not written, or a segment not read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Bytes that are not those that were written.
    #[error("segment {object} is damaged: {place} {reason}")]
    Damaged {
        /// The object's name.
        object: String,
        /// Where in the object.
        place: String,
        /// What is wrong there.
        reason: String,
    },
    /// The object could not be read; the source says why.
    #[error("segment {object} can't be read")]
    Source {
        /// The object's name.
        object: String,
        /// What the source answered.
        #[source]
        source: BoxError,
    },
    /// A row that can't follow the rows before it, or has no leaf.
    #[error("the row of activity {id} {reason}")]
    Row {
        /// The activity's id.
        id: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A segment that could not be encoded.
    #[error("the segment can't be written")]
    Encode(#[from] parquet::errors::ParquetError),
}

impl Error {
    pub(crate) fn damaged(object: &str, place: &str, reason: &str) -> Self {
        Self::Damaged {
            object: object.to_owned(),
            place: place.to_owned(),
            reason: reason.to_owned(),
        }
    }
}
