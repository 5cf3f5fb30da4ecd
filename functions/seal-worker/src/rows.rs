//! The rows that are sealed next: the activities behind the border, in list order.

use activity_log::pack::pack;
use archive::Row;
use shared::{
    ActivityId, ActivityStore, Error, Moment, Order, TimeRange,
    aws::activities::{RangeQuery, Stored},
    model::lease::RENEW_EVERY,
};
use tokio::time::Instant;

use crate::sealer::{Sealer, Stop};

/// Reads the activities of a log between a border and a moment as rows.
pub(crate) struct Rows<'a> {
    sealer: &'a Sealer<'a>,
    query: RangeQuery,
    resume_after: Option<ActivityId>,
    is_read: bool,
    /// The rest of a page; each is decoded when its turn comes, since details may be large.
    page: Box<dyn Iterator<Item = Result<Stored, Error>> + Send>,
    renewed_at: Instant,
}

impl<'a> Rows<'a> {
    /// The rows behind `border`, and before `to`.
    pub(crate) fn new(sealer: &'a Sealer<'a>, border: Option<ActivityId>, to: Moment) -> Self {
        let from = border.map_or(Moment::MIN, ActivityId::occurred_at);
        let range = TimeRange::new(from, to).unwrap_or(TimeRange::EMPTY);
        Self {
            sealer,
            query: RangeQuery {
                range,
                order: Order::Asc,
                with_details: true,
                eventual: false,
            },
            resume_after: border,
            is_read: range.is_empty(),
            page: Box::new(std::iter::empty()),
            renewed_at: Instant::now(),
        }
    }

    /// The next row; none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Row>, Stop> {
        loop {
            if let Some(stored) = self.page.next() {
                return Ok(Some(pack(stored?)?));
            }
            if self.is_read {
                return Ok(None);
            }
            self.read().await?;
        }
    }

    async fn read(&mut self) -> Result<(), Stop> {
        if self.renewed_at.elapsed() >= RENEW_EVERY {
            self.sealer.renew().await?;
            self.renewed_at = Instant::now();
        }
        let (activities, partner) = (&self.sealer.app.activities, &self.sealer.lease.partner);
        let limit = ActivityStore::QUERY_PAGE_MAX;
        let page = activities
            .query(partner, &self.query, self.resume_after, limit)
            .await?;
        self.resume_after = page.resume_after;
        self.is_read = page.resume_after.is_none();
        self.page = Box::new(page.activities());
        Ok(())
    }
}
