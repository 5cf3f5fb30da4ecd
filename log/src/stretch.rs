//! A part of a range that is read by itself, while other parts are read too.

use std::{collections::VecDeque, time::Duration};

use shared::{ActivityId, Moment, Order, TimeRange, aws::activities::QueryPage};

/// A part of a range, and the pages of it that were read and not given out yet.
#[derive(Debug)]
pub(crate) struct Stretch {
    pub(crate) range: TimeRange,
    /// The activity after which its next page begins; absent before the first one.
    pub(crate) resume_after: Option<ActivityId>,
    pub(crate) pages: VecDeque<QueryPage>,
    /// Whether its last page was read.
    pub(crate) is_read: bool,
}

impl Stretch {
    pub(crate) fn new(range: TimeRange, resume_after: Option<ActivityId>) -> Self {
        Self {
            range,
            resume_after,
            pages: VecDeque::new(),
            is_read: false,
        }
    }

    /// What of the range was not read yet.
    pub(crate) fn rest(&self, order: Order) -> TimeRange {
        let Some(id) = self.resume_after else {
            return self.range;
        };
        let at = id.occurred_at();
        let rest = match order {
            Order::Asc => TimeRange::new(at, self.range.to()),
            // Further activities of the same millisecond may follow.
            Order::Desc => TimeRange::new(self.range.from(), at.plus(MILLISECOND)),
        };
        rest.unwrap_or(self.range)
    }

    /// Leaves out what happened before a moment, but for pages that were read already.
    pub(crate) fn end_before(&mut self, from: Moment) {
        let from = from.max(self.range.from());
        let position = self.resume_after.map(ActivityId::occurred_at);
        match TimeRange::new(from, self.range.to()).filter(|range| !range.is_empty()) {
            Some(range) if position.is_none_or(|at| range.contains(at)) => self.range = range,
            _ => self.is_read = true,
        }
    }

    /// Keeps a page that was read; returns how much of the range it covers.
    pub(crate) fn add(&mut self, page: QueryPage, order: Order) -> Duration {
        let before = length(&self.rest(order));
        self.resume_after = page.resume_after;
        self.is_read = page.resume_after.is_none();
        self.pages.push_back(page);
        let after = if self.is_read {
            Duration::ZERO
        } else {
            length(&self.rest(order))
        };
        before.saturating_sub(after)
    }

    /// Divides what was not read yet into parts of `each`, in this order; the last
    /// one has the rest, however long it is.
    pub(crate) fn divide(self, order: Order, each: Duration, count: usize) -> VecDeque<Self> {
        let mut parts = VecDeque::new();
        let mut rest = self.rest(order);
        let mut resume_after = self.resume_after;
        let mut given = self.pages;
        for _ in 1..count {
            let Some((part, after)) = split(&rest, order, each) else {
                break;
            };
            let mut part = Self::new(part, resume_after.take());
            part.pages = std::mem::take(&mut given);
            parts.push_back(part);
            rest = after;
        }
        let mut last = Self::new(rest, resume_after);
        last.pages = given;
        parts.push_back(last);
        parts
    }
}

const MILLISECOND: Duration = Duration::from_millis(1);

/// Cuts off a first part by this order; none if no second one would be left.
fn split(range: &TimeRange, order: Order, each: Duration) -> Option<(TimeRange, TimeRange)> {
    let each = each.max(MILLISECOND);
    let cut = match order {
        Order::Asc => range.from().plus(each),
        Order::Desc => range.to().minus(each),
    };
    if cut <= range.from() || cut >= range.to() {
        return None;
    }
    let before = TimeRange::new(range.from(), cut)?;
    let after = TimeRange::new(cut, range.to())?;
    Some(match order {
        Order::Asc => (before, after),
        Order::Desc => (after, before),
    })
}

fn length(range: &TimeRange) -> Duration {
    let millis = range.to().as_millis() - range.from().as_millis();
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}
