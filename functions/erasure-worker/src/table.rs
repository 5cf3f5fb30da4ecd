//! The parts of the walk that read the table, page by page.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use shared::{
    ActivityId, Error, Moment, Order, TimeRange,
    aws::activities::{ErasureView, QueryPage, RangeQuery},
};

use crate::walk::{Parts, Stop};

/// How many activities a page has: a second of work, even if all are erased.
///
/// Between pages the position is stored and leases are renewed, so small pages would let a
/// long log take longer than an erasure may.
const PAGE_MAX: usize = 500;

/// How many activities are erased at the same time.
///
/// More would use the write capacity of the partner's partition that recording needs.
const WRITES_AT_ONCE: usize = 4;

const MILLISECOND: Duration = Duration::from_millis(1);

impl Parts<'_> {
    /// Erases what was not sealed when the walk began.
    pub(crate) async fn erase_fresh(&mut self) -> Result<(), Stop> {
        let border = self.at.scope.border;
        let from = border.map_or(TimeRange::ALL.from(), ActivityId::occurred_at);
        self.at.position = self.at.position.or(border);
        let range = TimeRange::new(from, TimeRange::ALL.to()).unwrap_or(TimeRange::ALL);
        self.erase_in_table(range, true).await
    }

    /// Erases the table's copies of what was sealed when the walk began; they were counted
    /// in their segments.
    pub(crate) async fn erase_copies(&mut self) -> Result<(), Stop> {
        let Some(border) = self.at.scope.border else {
            return Ok(());
        };
        let to = border.occurred_at().plus(MILLISECOND);
        let range = TimeRange::new(TimeRange::ALL.from(), to).unwrap_or(TimeRange::EMPTY);
        self.erase_in_table(range, false).await
    }

    async fn erase_in_table(&mut self, range: TimeRange, is_counted: bool) -> Result<(), Stop> {
        let query = RangeQuery {
            range,
            order: Order::Asc,
            // What is hashed of them stays.
            with_details: true,
            eventual: false,
        };
        loop {
            let next = self.erase_page(&query, is_counted).await?;
            let Some(next) = next else {
                return Ok(());
            };
            self.at.position = Some(next);
            self.advance().await?;
        }
    }

    /// Erases the customer's activities of one page; returns the position after it, or
    /// none at the end of the range.
    async fn erase_page(
        &mut self,
        query: &RangeQuery,
        is_counted: bool,
    ) -> Result<Option<ActivityId>, Error> {
        let walk = self.walk;
        let (partner, activities) = (&walk.lease.key.partner_id, &walk.app.activities);
        let page = activities
            .query(partner, query, self.at.position, PAGE_MAX)
            .await?;
        let next = page.resume_after;
        let to_erase = self.count(page, is_counted)?;
        let (customer_id, at): (_, Moment) = (&walk.erasure.customer_id, self.at.scope.erased_at);
        stream::iter(to_erase)
            .map(|view| activities.erase(partner, view, customer_id, at))
            .buffer_unordered(WRITES_AT_ONCE)
            .try_collect::<()>()
            .await?;
        Ok(next)
    }

    /// The activities of a page that are still to be erased; counts them.
    fn count(&mut self, page: QueryPage, is_counted: bool) -> Result<Vec<ErasureView>, Error> {
        let erasure = self.walk.erasure;
        let mut progress = self.at.progress;
        let mut to_erase = Vec::new();
        for view in page.erasure_views() {
            let view = view?;
            progress.read += 1;
            if view.customer_id.as_ref() != Some(&erasure.customer_id) {
                continue;
            }
            match view.erased_at {
                None => to_erase.push(view),
                // An earlier worker of this erasure did not reach the end of the page.
                Some(at) if at == self.at.scope.erased_at => progress.erased += 1,
                Some(_) => {}
            }
        }
        progress.erased += to_erase.len() as u64;
        if is_counted {
            self.at.progress = progress;
        }
        Ok(to_erase)
    }
}
