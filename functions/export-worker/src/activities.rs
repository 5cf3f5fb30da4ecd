//! What an export holds, in order: Query pages, read ahead and filtered.

use shared::{
    Activity, ActivityId, ActivityStore, Error, Export, Moment, Order,
    aws::activities::{QueryPage, RangeQuery, Stored},
    model::lease::LeaseStatus,
};
use std::time::Duration;
use tokio::sync::mpsc;

use crate::{Run, Stop};

/// Reads page after page until the range, the export or the other side ends.
///
/// While a page is encoded, the next one is read.
pub(crate) async fn read(
    run: &Run<'_>,
    mut resume_after: Option<ActivityId>,
    pages: mpsc::Sender<Result<QueryPage, Stop>>,
) {
    // Without a place for it no page is read: one is encoded, one is ahead.
    while let Ok(place) = pages.reserve().await {
        let page = page(run, resume_after).await;
        resume_after = page.as_ref().ok().and_then(|page| page.resume_after);
        place.send(page);
        if resume_after.is_none() {
            return;
        }
    }
}

/// One page, if the export is still this worker's.
async fn page(run: &Run<'_>, resume_after: Option<ActivityId>) -> Result<QueryPage, Stop> {
    let (app, export) = (run.app, run.export);
    let query = RangeQuery {
        range: export.range,
        order: export.request.filter.order,
        with_details: true,
        settled: export.settled,
    };
    let partner = &run.lease.key.partner_id;
    let limit = ActivityStore::QUERY_PAGE_MAX;
    let (page, held) = tokio::try_join!(
        app.activities.query(partner, &query, resume_after, limit),
        app.exports.look(run.lease),
    )?;
    match held {
        LeaseStatus::Held => Ok(page),
        lost => Err(Stop::Lost(lost)),
    }
}

/// The next thing that is found in the log.
#[expect(
    clippy::large_enum_variant,
    reason = "a box would be an allocation for each row"
)]
pub(crate) enum Found {
    /// An activity that the export holds.
    Activity(Activity),
    /// The end of a page that others follow: a moment to stop, if there is a reason to.
    EndOfPage,
    /// The end of the range.
    End,
}

/// The activities of an export, decoded as they are asked for.
pub(crate) struct Activities<'a> {
    export: &'a Export,
    pages: mpsc::Receiver<Result<QueryPage, Stop>>,
    page: Box<dyn Iterator<Item = Result<Stored, Error>> + Send>,
    /// Where the page in hand ends; none when the range ends with it.
    page_end: Option<ActivityId>,
    lived: (Moment, Moment),
    /// The last activity that was looked at.
    pub(crate) position: Option<ActivityId>,
    /// The part of the range that was looked at.
    pub(crate) fraction: f64,
}

impl<'a> Activities<'a> {
    pub(crate) fn new(
        run: &Run<'a>,
        position: Option<ActivityId>,
        pages: mpsc::Receiver<Result<QueryPage, Stop>>,
    ) -> Self {
        Self {
            export: run.export,
            pages,
            page: Box::new(std::iter::empty()),
            page_end: None,
            lived: lived(run.export, run.app.config.retention),
            position,
            fraction: run.export.progress.fraction,
        }
    }

    pub(crate) async fn next(&mut self) -> Result<Found, Stop> {
        loop {
            for stored in self.page.by_ref() {
                let stored = stored?;
                let at = stored.activity.content.occurred_at;
                self.position = Some(stored.activity.id);
                self.fraction = fraction(self.lived, self.export.request.filter.order, at);
                if holds(self.export, &stored) {
                    return Ok(Found::Activity(stored.into_whole()?));
                }
            }
            if let Some(position) = self.page_end.take() {
                self.position = Some(position);
                return Ok(Found::EndOfPage);
            }
            let Some(page) = self.pages.recv().await else {
                self.fraction = 1.0;
                return Ok(Found::End);
            };
            let page = page?;
            self.page_end = page.resume_after;
            self.page = Box::new(page.activities());
        }
    }
}

/// Whether the export holds this activity: stored by its `as_of`, not expired
/// then, and wanted.
fn holds(export: &Export, stored: &Stored) -> bool {
    stored.activity.recorded_at <= export.as_of
        && !stored.is_expired(export.as_of)
        && export.request.filter.matches(&stored.activity.content)
}

/// The part of the range that can hold anything: what has happened by `as_of`
/// and is not expired then.
fn lived(export: &Export, retention: Option<Duration>) -> (Moment, Moment) {
    let oldest = retention.map(|retention| export.as_of.minus(retention));
    let from = export.range.from();
    (
        oldest.map_or(from, |oldest| oldest.max(from)),
        export.range.to().min(export.as_of),
    )
}

/// How far into that part an activity lies.
#[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
fn fraction((from, to): (Moment, Moment), order: Order, at: Moment) -> f64 {
    let done = match order {
        Order::Asc => at.as_millis() - from.as_millis(),
        Order::Desc => to.as_millis() - at.as_millis(),
    };
    let all = (to.as_millis() - from.as_millis()).max(1);
    (done as f64 / all as f64).clamp(0.0, 1.0)
}
