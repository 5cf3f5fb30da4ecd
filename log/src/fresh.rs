//! Reads the answer to a question page by page, several parts of the range at once.

use std::{collections::VecDeque, time::Duration};

use futures_util::future::try_join_all;
use shared::{ActivityId, ActivityStore, Error, aws::activities::RangeQuery};
use tokio::time::Instant;

use crate::{page::Page, question::Question, stretch::Stretch};

/// How much a walk may read.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// The most Query pages; with shards, each is one Query for each shard.
    pub pages: usize,
    /// The most activities that one Query reads, 1,000 at most.
    pub page_limit: usize,
    /// When no further Query is begun, once there was one.
    pub until: Option<Instant>,
}

/// How much of the time that a page covered a part of the range has, so that it seldom
/// needs a second Query.
const PART_OF_A_PAGE: f64 = 0.8;

/// The pages of an answer that come next.
///
/// The range is divided where several of its parts are read at once. A part is about
/// as long as the last page was; if it holds more than a page, it is divided again. The
/// last part is as long as the rest, so a walk crosses a time without activities with
/// one Query. Pages are given in order, so what was read behind a part that is not
/// complete yet waits, and is lost when the walk ends there.
#[derive(Debug)]
pub struct Walk<'a> {
    store: &'a ActivityStore,
    question: &'a Question<'a>,
    effort: Effort,
    /// Consecutive parts of the range, in order.
    stretches: VecDeque<Stretch>,
    /// The activity after which the pages continue that were not given yet.
    position: Option<ActivityId>,
    /// How long a part should be; none while no page has shown it.
    part: Option<Duration>,
    has_read: bool,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(
        store: &'a ActivityStore,
        question: &'a Question<'a>,
        resume_after: Option<ActivityId>,
        effort: Effort,
    ) -> Self {
        Self {
            store,
            question,
            effort,
            stretches: [Stretch::new(question.query.range, resume_after)].into(),
            position: resume_after,
            part: None,
            has_read: false,
        }
    }

    /// The next page; none at the end of the range, or when as much was read as may be.
    ///
    /// If something must be read first, up to `at_once` parts of the range are.
    pub async fn next(&mut self, at_once: usize) -> Result<Option<Page>, Error> {
        loop {
            if let Some(page) = self.waiting() {
                return Ok(Some(page));
            }
            let is_late = self.has_read
                && self
                    .effort
                    .until
                    .is_some_and(|until| Instant::now() >= until);
            if self.stretches.is_empty() || self.effort.pages == 0 || is_late {
                return Ok(None);
            }
            self.read(at_once).await?;
        }
    }

    /// The next page, if it was read already.
    fn waiting(&mut self) -> Option<Page> {
        loop {
            let first = self.stretches.front_mut()?;
            let Some(page) = first.pages.pop_front() else {
                if !first.is_read {
                    return None;
                }
                self.stretches.pop_front();
                continue;
            };
            let is_last = first.pages.is_empty() && first.is_read && self.stretches.len() == 1;
            let end = page.resume_after.or_else(|| page.last_id());
            self.position = end.or(self.position);
            let resume_after = self.position.filter(|_| !is_last);
            return Some(Page::new(page, resume_after));
        }
    }

    /// Reads one page of each of the first parts that were not read to their ends.
    async fn read(&mut self, at_once: usize) -> Result<(), Error> {
        let query = self.question.query;
        let partitions = self.store.partitions(&query.range);
        let at_once = (at_once / partitions).clamp(1, self.effort.pages);
        self.divide(at_once);
        let unread = self.stretches.iter_mut().filter(|it| !it.is_read);
        let mut read: Vec<&mut Stretch> = unread.take(at_once).collect();
        self.effort.pages -= read.len();
        let (store, partner, limit) = (self.store, self.question.partner, self.effort.page_limit);
        let pages = read.iter().map(|stretch| {
            let query = RangeQuery {
                range: stretch.range,
                ..query
            };
            let resume_after = stretch.resume_after;
            async move { store.query(partner, &query, resume_after, limit).await }
        });
        let pages = try_join_all(pages).await?;
        let mut part = None;
        for (stretch, page) in read.iter_mut().zip(pages) {
            let covered = stretch.add(page, query.order);
            if !stretch.is_read {
                part = part.or(Some(covered.mul_f64(PART_OF_A_PAGE)));
            }
        }
        self.part = part.or(self.part);
        self.has_read = true;
        Ok(())
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
            let parts = stretch.divide(self.question.query.order, part, left);
            left -= parts.len();
            self.stretches.extend(parts);
        }
    }
}
