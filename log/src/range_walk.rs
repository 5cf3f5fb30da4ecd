//! Reads what a question asks for of one range, wherever its activities are stored.

use std::time::Duration;

use shared::{
    ActivityId, ActivityStore, Error, Moment, Order, TimeRange,
    aws::{
        activities::{QueryPage, RangeQuery},
        archive::ArchiveStore,
    },
};
use tokio::time::Instant;

use crate::{
    effort::Effort,
    fresh::FreshPart,
    page::Page,
    question::Question,
    sealed::{SealedPart, young_from},
};

/// How many segments are read at once; where a walk reads one part of the table at a time,
/// it reads one segment.
const SEGMENTS_AT_ONCE: usize = 8;

const MILLISECOND: Duration = Duration::from_millis(1);

/// The pages of a range that come next.
///
/// What is sealed is read from the archive and the rest from the table. The archive is
/// only asked how much that is when the walk reaches something older than a day.
#[derive(Debug)]
pub(crate) struct RangeWalk<'a> {
    store: &'a ActivityStore,
    /// The archive, as long as it was not asked.
    unasked: Option<&'a ArchiveStore>,
    /// What is asked, of this range alone.
    question: Question<'a>,
    effort: Effort,
    /// The activity after which the walk begins.
    resume_after: Option<ActivityId>,
    fresh: FreshPart<'a>,
    sealed: Option<SealedPart<'a>>,
    /// The last activity that is sealed; the table's copies up to it are left out.
    border: Option<ActivityId>,
    /// Up to when the log is sealed, as far as was asked.
    sealed_to: Option<Moment>,
    /// The position after the last page that was given; at first, where the walk begins.
    given_to: Option<ActivityId>,
    has_given: bool,
}

impl<'a> RangeWalk<'a> {
    pub(crate) fn new(
        store: &'a ActivityStore,
        archive: Option<&'a ArchiveStore>,
        question: Question<'a>,
        resume_after: Option<ActivityId>,
        effort: Effort,
    ) -> Self {
        let fresh = FreshPart::new(store, question.partner, question.query, resume_after);
        Self {
            store,
            unasked: archive,
            question,
            effort,
            resume_after,
            fresh,
            sealed: None,
            border: None,
            sealed_to: None,
            given_to: resume_after,
            has_given: false,
        }
    }

    /// Up to when the log is sealed, as far as the walk had to ask; none if nothing is.
    pub(crate) fn sealed_to(&self) -> Option<Moment> {
        self.sealed_to
    }

    /// Whether nothing of the range is left.
    pub(crate) fn is_over(&self) -> bool {
        self.fresh.is_over() && self.is_sealed_over()
    }

    /// What may still be read.
    pub(crate) fn effort(&self) -> Effort {
        self.effort
    }

    /// The next page; none at the end of the range, or when as much was read as may be.
    ///
    /// If something must be read first, up to `at_once` parts of the range are.
    pub(crate) async fn next(&mut self, at_once: usize) -> Result<Option<Page>, Error> {
        let page = self.next_of_both(at_once).await?;
        if let Some(page) = &page {
            self.has_given = true;
            self.given_to = page.resume_after;
        }
        Ok(page)
    }

    async fn next_of_both(&mut self, at_once: usize) -> Result<Option<Page>, Error> {
        if !self.has_given {
            self.ask_if_old().await?;
        }
        if self.question.query.order == Order::Asc {
            let page = self.next_sealed(at_once).await?;
            return match page {
                None if self.is_sealed_over() => self.next_fresh(at_once).await,
                page => Ok(page),
            };
        }
        match self.next_fresh(at_once).await? {
            None if self.fresh.is_over() => self.next_sealed(at_once).await,
            page => Ok(page),
        }
    }

    async fn next_fresh(&mut self, at_once: usize) -> Result<Option<Page>, Error> {
        loop {
            if let Some((page, resume_after)) = self.fresh.waiting() {
                if let Some(page) = self.give_fresh(page, resume_after).await? {
                    return Ok(Some(page));
                }
            } else if self.fresh.is_over() || self.effort.pages == 0 || self.is_out_of_time() {
                return Ok(None);
            } else {
                let at_once = at_once.min(self.effort.pages);
                let read = self.fresh.read(at_once, self.effort.page_limit).await?;
                self.effort.pages = self.effort.pages.saturating_sub(read);
            }
        }
    }

    /// A page without what is sealed; none if it is wholly sealed.
    async fn give_fresh(
        &mut self,
        page: QueryPage,
        resume_after: Option<ActivityId>,
    ) -> Result<Option<Page>, Error> {
        let is_desc = self.question.query.order == Order::Desc;
        let range = self.question.query.range;
        let end = resume_after.map_or(range.from(), ActivityId::occurred_at);
        if is_desc && end < self.young_from() {
            // What is sealed of this page is left out of it. What was given is not given
            // again, although it may have been sealed since.
            self.ask(self.given_to).await?;
        }
        let Some(border) = self.border.filter(|_| is_desc) else {
            return Ok(Some(Page::fresh(page, self.border, resume_after)));
        };
        if resume_after.is_some_and(|id| id > border) {
            return Ok(Some(Page::fresh(page, None, resume_after)));
        }
        self.fresh.end();
        let last = page.ids().rfind(|id| *id > border);
        let is_end = self.is_sealed_over();
        Ok(last.map(|last| Page::fresh(page, Some(border), Some(last).filter(|_| !is_end))))
    }

    async fn next_sealed(&mut self, at_once: usize) -> Result<Option<Page>, Error> {
        let is_out_of_time = self.is_out_of_time();
        let Some(sealed) = &mut self.sealed else {
            return Ok(None);
        };
        if sealed.is_over() || (is_out_of_time && !sealed.has_waiting()) {
            return Ok(None);
        }
        let segments = if at_once > 1 { SEGMENTS_AT_ONCE } else { 1 };
        let page = sealed.next(segments, self.effort.wanted).await?;
        let is_asc = self.question.query.order == Order::Asc;
        let border = self.border.filter(|_| is_asc && !self.fresh.is_over());
        Ok(page.map(|page| {
            let resume_after = page.resume_after.or(border);
            Page::sealed(page.read, resume_after)
        }))
    }

    fn is_sealed_over(&self) -> bool {
        self.sealed.as_ref().is_none_or(SealedPart::is_over)
    }

    fn is_out_of_time(&self) -> bool {
        let until = self.effort.until;
        self.has_given && until.is_some_and(|until| Instant::now() >= until)
    }

    /// What happened from this moment on is not sealed.
    fn young_from(&self) -> Moment {
        young_from(self.question.kept_at)
    }

    /// Asks how much is sealed if the first activities may be.
    async fn ask_if_old(&mut self) -> Result<(), Error> {
        let range = self.question.query.range;
        let start = self.resume_after.map(ActivityId::occurred_at);
        let start = match self.question.query.order {
            Order::Asc => start.unwrap_or(range.from()),
            Order::Desc => start.unwrap_or(range.to()),
        };
        if start < self.young_from() {
            self.ask(self.resume_after).await?;
        }
        Ok(())
    }

    /// Asks how much is sealed, once, and divides by it what comes after an activity: it is
    /// read in the archive up to the border, and in the table behind it.
    async fn ask(&mut self, after: Option<ActivityId>) -> Result<(), Error> {
        let Some(archive) = self.unasked.take() else {
            return Ok(());
        };
        let (partner, query) = (self.question.partner, self.question.query);
        let rest = rest(query.range, query.order, after);
        let standing = archive.standing(partner, &rest).await?;
        if standing.is_importing {
            self.fresh.be_consistent();
        }
        let Some(sealed) = standing.sealed else {
            return Ok(());
        };
        let border = sealed.extent.border;
        self.sealed_to = Some(sealed.extent.sealed_to);
        // The table's copies of what is sealed are not read.
        let from = query.range.from().max(sealed.extent.sealed_to);
        if query.order == Order::Desc {
            self.fresh.end_before(from);
        } else {
            let range = TimeRange::new(from, query.range.to()).unwrap_or(TimeRange::EMPTY);
            let after = after.map_or(border, |id| id.max(border));
            // DynamoDB refuses a start that lies outside of the range.
            let after = Some(after).filter(|id| range.contains(id.occurred_at()));
            let eventual = query.eventual && !standing.is_importing;
            let query = RangeQuery {
                range,
                eventual,
                ..query
            };
            self.fresh = FreshPart::new(self.store, partner, query, after);
        }
        self.border = Some(border);
        self.sealed = Some(SealedPart::new(
            archive,
            self.question,
            (rest, sealed),
            after,
        ));
        Ok(())
    }
}

/// What is left of a range after an activity.
fn rest(range: TimeRange, order: Order, after: Option<ActivityId>) -> TimeRange {
    let Some(at) = after.map(ActivityId::occurred_at) else {
        return range;
    };
    let (from, to) = match order {
        Order::Asc => (at.max(range.from()), range.to()),
        // Others of the same moment may be left.
        Order::Desc => (range.from(), at.plus(MILLISECOND).min(range.to())),
    };
    TimeRange::new(from, to).unwrap_or(range)
}
