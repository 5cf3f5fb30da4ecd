//! A partner's log: the one way to read it.
//!
//! Lists, summaries, single activities and exports ask a [`Log`] and do not know where
//! an activity is stored. A question has a range, an order and a filter; its answer
//! comes in pages, each with the position after which the rest continues.

mod collect;
mod effort;
mod entry;
mod frame;
mod fresh;
pub mod pack;
mod page;
mod proofs;
mod question;
mod range_walk;
mod recorded;
mod rows;
mod sealed;
mod stretch;
mod tally;
mod walk;

use std::ops::Range;

use proof::CompactRange;
use shared::{
    ActivityId, ActivityStore, Error, Moment, PartnerId, TimeRange,
    aws::{activities::Stored, archive::ArchiveStore},
    model::recorded::RecordedRange,
};

pub use self::{
    collect::Collected,
    effort::Effort,
    entry::Entry,
    frame::{Frame, Side},
    page::Page,
    proofs::{Consistency, Inclusion, Signed, Unproven},
    question::Question,
    recorded::Recorded,
    tally::{CountedBy, Dimension, Tally},
    walk::Walk,
};

/// The logs of all partners.
#[derive(Debug, Clone)]
pub struct Log {
    activities: ActivityStore,
    archive: Option<ArchiveStore>,
}

impl Log {
    /// The logs in the table of activities and, as far as they are sealed, in the archive.
    pub fn new(activities: ActivityStore, archive: Option<ArchiveStore>) -> Self {
        Self {
            activities,
            archive,
        }
    }

    /// Opens the connection; see [`ActivityStore::open`].
    pub async fn open(&self) {
        self.activities.open().await;
    }

    /// One activity with its details; none if it is absent or its retention has ended.
    pub async fn one(
        &self,
        partner: &PartnerId,
        id: ActivityId,
        now: Moment,
    ) -> Result<Option<Stored>, Error> {
        let found = self.activities.get(partner, id, now).await?;
        match &self.archive {
            None => Ok(found),
            Some(_) if found.is_some() => Ok(found),
            Some(archive) => sealed::one(archive, partner, id, now).await,
        }
    }

    /// The checkpoint that was published last; none if none was yet.
    pub async fn checkpoint(&self, partner: &PartnerId) -> Result<Option<Signed>, Error> {
        match &self.archive {
            None => Ok(None),
            Some(archive) => proofs::checkpoint(archive, partner).await,
        }
    }

    /// Proves that a sealed activity has its place in the log.
    pub async fn inclusion(
        &self,
        partner: &PartnerId,
        id: ActivityId,
        now: Moment,
    ) -> Result<Inclusion, Unproven> {
        match &self.archive {
            None => Err(Unproven::NotSealed(None)),
            Some(archive) => proofs::inclusion(archive, partner, id, now).await,
        }
    }

    /// Proves that the log only grew since it had so many entries, at least one.
    pub async fn consistency(
        &self,
        partner: &PartnerId,
        from_size: u64,
    ) -> Result<Consistency, Unproven> {
        match &self.archive {
            None => Err(Unproven::NotSealed(None)),
            Some(archive) => proofs::consistency(archive, partner, from_size).await,
        }
    }

    /// What lies around a range, which must be sealed, in the log of a checkpoint.
    ///
    /// Entries whose retention had ended at `kept_at` are no neighbours, and no others unless
    /// the frame `has_neighbours`. If ended ones fill a whole segment at an end of the range,
    /// the range begins behind it or ends before it.
    pub async fn frame(
        &self,
        partner: &PartnerId,
        range: &TimeRange,
        signed: &Signed,
        (kept_at, has_neighbours): (Moment, bool),
    ) -> Result<Frame, Unproven> {
        match &self.archive {
            None => Err(Unproven::NotSealed(None)),
            Some(archive) => {
                frame::frame(archive, partner, range, signed, (kept_at, has_neighbours)).await
            }
        }
    }

    /// The compact range of some sealed entries, by their indexes.
    pub async fn entries(
        &self,
        partner: &PartnerId,
        indexes: Range<u64>,
    ) -> Result<CompactRange, Unproven> {
        match &self.archive {
            None => Err(Unproven::NotSealed(None)),
            Some(archive) => frame::entries(archive, partner, &indexes).await,
        }
    }

    /// Finds what of a range was recorded in a time, for a question.
    ///
    /// If much of it was late and the whole time is not needed, it is found for the first part
    /// of the time alone.
    pub async fn recorded(
        &self,
        partner: &PartnerId,
        within: &TimeRange,
        range: RecordedRange,
        is_whole: bool,
    ) -> Result<Recorded, Error> {
        recorded::find(&self.activities, partner, within, range, is_whole).await
    }

    /// Reads the answer to a question page by page, after an activity or from the start.
    pub fn walk<'a>(
        &'a self,
        question: &Question<'a>,
        resume_after: Option<ActivityId>,
        effort: Effort,
    ) -> Walk<'a> {
        let archive = self.archive.as_ref();
        Walk::new(&self.activities, archive, *question, resume_after, effort)
    }
}
