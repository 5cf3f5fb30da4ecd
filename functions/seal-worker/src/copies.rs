//! Lets the table's copies of what is sealed end, if the configuration says so.

use activity_log::pack::kept_after;
use futures_util::{StreamExt, TryStreamExt, stream};
use shared::{
    Moment, TimeRange,
    aws::archive::{Head, SegmentItem},
};

use crate::sealer::{Sealer, Stop};

/// After how many copies it stores how far it is.
const STEP: usize = 500;

/// How many copies of one partition are written at the same time.
///
/// More would use the write capacity of the partition that recording needs.
const WRITES_AT_ONCE: usize = 4;

/// Lets the copies of all that is sealed end `HOT_DAYS` from now; returns whether that is
/// done, or left to the next run for lack of time.
///
/// Only what segments have is touched, so what is nowhere else stays in the table.
pub(crate) async fn end_copies(sealer: &Sealer<'_>, head: &Head) -> Result<bool, Stop> {
    let (app, done_to) = (sealer.app, head.copies_end_to);
    let Some(hot_time) = app.config.hot_time else {
        return Ok(true);
    };
    if head.border <= done_to {
        return Ok(true);
    }
    let at = app.clock.now().plus(hot_time);
    for segment in app.store.segments(&sealer.lease.partner).await? {
        let is_done = done_to.is_some_and(|done_to| segment.last <= done_to);
        if is_done || segment.is_pruned() {
            continue;
        }
        if !end_copies_of(sealer, head, &segment, at).await? {
            tracing::info!("the time for the table's copies is up; the next sweep continues");
            return Ok(false);
        }
    }
    Ok(true)
}

async fn end_copies_of(
    sealer: &Sealer<'_>,
    head: &Head,
    segment: &SegmentItem,
    at: Moment,
) -> Result<bool, Stop> {
    let app = sealer.app;
    let ids = kept_after(app.store.archive(), segment, head.copies_end_to, at);
    let ids = sealer.keeping(ids).await?;
    for step in ids.chunks(STEP) {
        if app.clock.now() >= sealer.limits.end_copies_until {
            return Ok(false);
        }
        let partner = &sealer.lease.partner;
        let range = TimeRange::new(segment.first.occurred_at(), segment.last.occurred_at());
        let partitions = app.activities.partitions(&range.unwrap_or(TimeRange::ALL));
        stream::iter(step.to_vec())
            .map(|activity| app.activities.end_copy(partner, activity.id, at))
            .buffer_unordered(WRITES_AT_ONCE * partitions)
            .try_collect::<()>()
            .await?;
        if let Some(last) = step.last() {
            sealer.keep_copies_end(last.id).await?;
        }
    }
    sealer.keep_copies_end(segment.last).await?;
    Ok(true)
}
