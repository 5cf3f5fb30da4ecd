//! Reads the answer to a question page by page, range after range.

use std::collections::VecDeque;

use shared::{
    ActivityId, ActivityStore, Error, Moment, Order, TimeRange,
    aws::{activities::RangeQuery, archive::ArchiveStore},
};
use tokio::time::Instant;

use crate::{effort::Effort, page::Page, question::Question, range_walk::RangeWalk};

/// The pages of an answer that come next.
///
/// They are of one range, or of the places that hold what was recorded in a time.
#[derive(Debug)]
pub struct Walk<'a> {
    store: &'a ActivityStore,
    archive: Option<&'a ArchiveStore>,
    question: Question<'a>,
    /// The range that is read.
    current: RangeWalk<'a>,
    /// What is read after it, in order.
    ranges: VecDeque<TimeRange>,
    range: TimeRange,
    sealed_to: Option<Moment>,
    has_given: bool,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(
        store: &'a ActivityStore,
        archive: Option<&'a ArchiveStore>,
        question: Question<'a>,
        resume_after: Option<ActivityId>,
        effort: Effort,
    ) -> Self {
        let mut ranges = ranges(&question, resume_after);
        let range = ranges.pop_front().unwrap_or(TimeRange::EMPTY);
        // DynamoDB refuses a start that lies outside of the range.
        let resume_after = resume_after.filter(|id| range.contains(id.occurred_at()));
        let current = question.of(range);
        Self {
            store,
            archive,
            question,
            current: RangeWalk::new(store, archive, current, resume_after, effort),
            ranges,
            range,
            sealed_to: None,
            has_given: false,
        }
    }

    /// Whether nothing can enter the range any more; known as soon as a page was asked for.
    ///
    /// A walk that reads nothing older than a day does not ask, and then it is not so.
    pub fn is_settled(&self) -> bool {
        let to = self.question.query.range.to();
        self.sealed_to().is_some_and(|sealed_to| to <= sealed_to)
    }

    /// Up to when the log is sealed, as far as the walk had to ask; none if nothing is.
    pub fn sealed_to(&self) -> Option<Moment> {
        self.current.sealed_to().max(self.sealed_to)
    }

    /// The next page; none at the end of the range, or when as much was read as may be.
    ///
    /// If something must be read first, up to `at_once` parts of the range are.
    pub async fn next(&mut self, at_once: usize) -> Result<Option<Page>, Error> {
        loop {
            if let Some(mut page) = self.current.next(at_once).await? {
                self.has_given = true;
                if !self.ranges.is_empty() {
                    page.resume_after = page.resume_after.or(end(&self.range, self.order()));
                }
                return Ok(Some(page));
            }
            if !self.current.is_over() || self.is_out_of_time() || !self.begin_next() {
                return Ok(None);
            }
        }
    }

    fn is_out_of_time(&self) -> bool {
        let until = self.current.effort().until;
        self.has_given && until.is_some_and(|until| Instant::now() >= until)
    }

    /// Goes on to the next range; returns whether there is one.
    fn begin_next(&mut self) -> bool {
        let Some(range) = self.ranges.pop_front() else {
            return false;
        };
        self.sealed_to = self.sealed_to();
        self.range = range;
        let (question, effort) = (self.question.of(range), self.current.effort());
        self.current = RangeWalk::new(self.store, self.archive, question, None, effort);
        true
    }

    fn order(&self) -> Order {
        self.question.query.order
    }
}

impl Question<'_> {
    /// The same question about another range.
    fn of(self, range: TimeRange) -> Self {
        Self {
            query: RangeQuery {
                range,
                ..self.query
            },
            ..self
        }
    }
}

/// What is read for a question after an activity, in order.
///
/// What proves activities needs every entry of the range.
fn ranges(question: &Question<'_>, after: Option<ActivityId>) -> VecDeque<TimeRange> {
    let query = question.query;
    let places = question.recorded.filter(|_| !question.is_proving);
    let mut ranges = places.map_or_else(|| vec![query.range], |it| it.places.clone());
    if query.order == Order::Desc {
        ranges.reverse();
    }
    let is_left = |range: &TimeRange| {
        let end = end(range, query.order);
        end.is_some_and(|end| after.is_none_or(|id| query.order.compare(id, end).is_lt()))
    };
    ranges.into_iter().filter(is_left).collect()
}

/// The position behind every activity of a range; none if it contains no moment.
fn end(range: &TimeRange, order: Order) -> Option<ActivityId> {
    let last = range.last()?;
    Some(match order {
        Order::Asc => ActivityId::last_of(last),
        Order::Desc => ActivityId::first_of(range.from()),
    })
}
