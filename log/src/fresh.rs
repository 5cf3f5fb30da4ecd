//! Reads what is in the table of a range, several parts of it at once.

use std::{collections::VecDeque, time::Duration};

use futures_util::future::join_all;
use shared::{
    ActivityId, ActivityStore, Error, Moment, PartnerId,
    aws::activities::{QueryPage, RangeQuery},
};

use crate::stretch::Stretch;

/// How much of the time that a page covered a part of the range has, so that it seldom
/// needs a second Query.
const PART_OF_A_PAGE: f64 = 0.8;

/// The activities in the table that a question is about and that were not read yet.
///
/// The range is divided where several of its parts are read at once. A part is about
/// as long as the last page was; if it holds more than a page, it is divided again. The
/// last part is as long as the rest, so a walk crosses a time without activities with
/// one Query. Pages are given in order, so what was read behind a part that is not
/// complete yet waits, and is lost when the walk ends there.
#[derive(Debug)]
pub(crate) struct FreshPart<'a> {
    store: &'a ActivityStore,
    partner: &'a PartnerId,
    query: RangeQuery,
    /// Consecutive parts of the range, in order.
    stretches: VecDeque<Stretch>,
    /// The activity after which the pages continue that were not given yet.
    position: Option<ActivityId>,
    /// How long a part should be; none while no page has shown it.
    part: Option<Duration>,
    /// Whether several parts at once were too much for the table.
    is_strained: bool,
}

impl<'a> FreshPart<'a> {
    pub(crate) fn new(
        store: &'a ActivityStore,
        partner: &'a PartnerId,
        query: RangeQuery,
        resume_after: Option<ActivityId>,
    ) -> Self {
        let whole = Stretch::new(query.range, resume_after);
        let is_empty = query.range.is_empty();
        Self {
            store,
            partner,
            query,
            stretches: Some(whole).into_iter().filter(|_| !is_empty).collect(),
            position: resume_after,
            part: None,
            is_strained: false,
        }
    }

    /// Reads consistently from now on, because activities may be added to the range.
    pub(crate) fn be_consistent(&mut self) {
        self.query.eventual = false;
    }

    /// Leaves out what happened before a moment, but for pages that were read already.
    pub(crate) fn end_before(&mut self, from: Moment) {
        for stretch in &mut self.stretches {
            stretch.end_before(from);
        }
    }

    /// Leaves out whatever was not given yet.
    pub(crate) fn end(&mut self) {
        self.stretches.clear();
    }

    /// Whether nothing is left to read or to give.
    pub(crate) fn is_over(&self) -> bool {
        let is_over = |it: &Stretch| it.is_read && it.pages.is_empty();
        self.stretches.iter().all(is_over)
    }

    /// The next page, if it was read already, and where the rest of the range begins.
    pub(crate) fn waiting(&mut self) -> Option<(QueryPage, Option<ActivityId>)> {
        loop {
            let first = self.stretches.front_mut()?;
            let Some(page) = first.pages.pop_front() else {
                if !first.is_read {
                    return None;
                }
                self.stretches.pop_front();
                continue;
            };
            let end = page.resume_after.or_else(|| page.last_id());
            self.position = end.or(self.position);
            let resume_after = self.position.filter(|_| !self.is_over());
            return Some((page, resume_after));
        }
    }

    /// Reads one page of each of the first parts that were not read to their ends;
    /// returns how many pages that were.
    ///
    /// A partition gives 3,000 read units a second, which several parts may use up. So
    /// only the first part must be read: if another one cannot be, it is read again when
    /// its turn comes, and from then on the parts are read one by one.
    pub(crate) async fn read(&mut self, at_once: usize, limit: usize) -> Result<usize, Error> {
        let at_once = if self.is_strained { 1 } else { at_once };
        let at_once = (at_once / self.store.partitions(&self.query.range)).max(1);
        self.divide(at_once);
        let (store, partner, query) = (self.store, self.partner, self.query);
        let unread = self.stretches.iter_mut().filter(|it| !it.is_read);
        let mut parts: Vec<&mut Stretch> = unread.take(at_once).collect();
        let pages = parts.iter().map(|stretch| {
            let (range, resume_after) = (stretch.range, stretch.resume_after);
            let query = RangeQuery { range, ..query };
            async move { store.query(partner, &query, resume_after, limit).await }
        });
        let pages = join_all(pages).await;
        let mut covered = None;
        for (place, (stretch, page)) in parts.iter_mut().zip(pages).enumerate() {
            match page {
                Err(Error::Unavailable(_)) if place > 0 => self.is_strained = true,
                page => {
                    let length = stretch.add(page?, query.order);
                    covered = covered.or(Some(length).filter(|_| !stretch.is_read));
                }
            }
        }
        let part = covered.map(|covered| covered.mul_f64(PART_OF_A_PAGE));
        self.part = part.or(self.part);
        Ok(parts.len())
    }

    /// Divides parts that were not read to their ends until there are `count` of them.
    fn divide(&mut self, count: usize) {
        let Some(part) = self.part else { return };
        let mut left = count;
        for stretch in std::mem::take(&mut self.stretches) {
            if stretch.is_read || left == 0 {
                self.stretches.push_back(stretch);
                continue;
            }
            let parts = stretch.divide(self.query.order, part, left);
            left -= parts.len();
            self.stretches.extend(parts);
        }
    }
}
