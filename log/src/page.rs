//! A part of the answer to a question.

use shared::{
    ActivityId, Error,
    aws::activities::{QueryPage, Stored},
};

use crate::{entry::Entry, question::Question, sealed::SealedRead, tally::Tally};

/// Consecutive activities of a log, of which those are given that were asked for.
#[derive(Debug)]
pub struct Page {
    read: Read,
    /// The activity after which the next page begins; absent at the end of the range.
    pub resume_after: Option<ActivityId>,
}

/// What was read.
#[derive(Debug)]
enum Read {
    /// Whatever the table has of a part of the range, but for what is sealed: nothing up to
    /// this activity.
    Fresh(QueryPage, Option<ActivityId>),
    /// What the question asks for.
    Sealed(Vec<Stored>),
    /// Every entry of a part of the range, with what proves it.
    Proven(Vec<Entry>),
    /// What the question asks for, counted.
    Counted(Vec<Tally>),
}

impl Page {
    pub(crate) fn fresh(
        read: QueryPage,
        border: Option<ActivityId>,
        resume_after: Option<ActivityId>,
    ) -> Self {
        let read = Read::Fresh(read, border);
        Self { read, resume_after }
    }

    pub(crate) fn sealed(read: SealedRead, resume_after: Option<ActivityId>) -> Self {
        let read = match read {
            SealedRead::Activities(activities) => Read::Sealed(activities),
            SealedRead::Entries(entries) => Read::Proven(entries),
            SealedRead::Tallies(tallies) => Read::Counted(tallies),
        };
        Self { read, resume_after }
    }

    /// The counts of the activities that the question asks for; names that differ are in
    /// its order.
    ///
    /// There are none if the question does not say by what to count.
    pub fn tallies(self, question: Question<'_>) -> impl Iterator<Item = Result<Tally, Error>> {
        let (counted, uncounted) = match self.read {
            Read::Counted(tallies) => (tallies, None),
            _ => (Vec::new(), Some(self.activities(question))),
        };
        let one = move |stored: Result<Stored, Error>| {
            let by = question.counted_by?;
            Some(stored.map(|stored| by.one(stored.activity)))
        };
        let uncounted = uncounted.into_iter().flatten().filter_map(one);
        counted.into_iter().map(Ok).chain(uncounted)
    }

    /// Every entry of a sealed part of the range, in order; none if the question does not ask
    /// for what proves them.
    pub fn entries(self) -> Vec<Entry> {
        match self.read {
            Read::Proven(entries) => entries,
            Read::Fresh(..) | Read::Sealed(_) | Read::Counted(_) => Vec::new(),
        }
    }

    /// The activities that the question asks for, in its order; none if it asks for counts.
    ///
    /// Each one of the table is decoded when the iterator reaches it: a page of well
    /// compressed details may be hundreds of times larger in memory than when it was read.
    pub fn activities(self, question: Question<'_>) -> impl Iterator<Item = Result<Stored, Error>> {
        let (fresh, border, sealed) = match self.read {
            Read::Fresh(page, border) => (Some(page), border, Vec::new()),
            Read::Sealed(activities) => (None, None, activities),
            Read::Proven(_) | Read::Counted(_) => (None, None, Vec::new()),
        };
        let is_wanted = move |stored: &Stored| {
            border.is_none_or(|border| stored.activity.id > border) && question.accepts(stored)
        };
        let fresh = fresh.into_iter().flat_map(QueryPage::activities);
        let fresh = fresh.filter(move |stored| stored.as_ref().map_or(true, &is_wanted));
        fresh.chain(sealed.into_iter().map(Ok))
    }
}
