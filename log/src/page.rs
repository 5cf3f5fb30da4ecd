//! A part of the answer to a question.

use shared::{
    ActivityId, Error,
    aws::activities::{QueryPage, Stored},
};

use crate::question::Question;

/// Consecutive activities of a log, of which those are given that were asked for.
#[derive(Debug)]
pub struct Page {
    read: QueryPage,
    /// The activity after which the next page begins; absent at the end of the range.
    pub resume_after: Option<ActivityId>,
}

impl Page {
    pub(crate) fn new(read: QueryPage, resume_after: Option<ActivityId>) -> Self {
        Self { read, resume_after }
    }

    /// The activities that the question asks for, in its order.
    ///
    /// Each one is decoded when the iterator reaches it: a page of well compressed
    /// details may be hundreds of times larger in memory than when it was read.
    pub fn activities(self, question: Question<'_>) -> impl Iterator<Item = Result<Stored, Error>> {
        let wanted = move |stored: &Result<Stored, Error>| match stored {
            Ok(stored) => question.accepts(stored),
            Err(_) => true,
        };
        self.read.activities().filter(wanted)
    }
}
