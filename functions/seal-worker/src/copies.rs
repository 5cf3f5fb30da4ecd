//! Lets the table's copies of what is sealed end, if the configuration says so.

use activity_log::pack::{SealedActivity, kept_after};
use futures_util::{StreamExt, TryStreamExt, stream};
use shared::{
    Error, Moment, TimeRange,
    aws::archive::{Head, SegmentItem},
};
use tokio::time::{Duration, Instant, sleep_until};

use crate::{
    App,
    sealer::{Sealer, Stop},
};

/// After how many copies it stores how far it is.
const STEP: usize = 500;

/// How many copies of one partition are written at the same time.
const WRITES_AT_ONCE: usize = 4;

/// How many write units a second it takes of each partition.
///
/// A partition has 1,000; the others are for recording.
const UNITS_PER_SECOND: f64 = 500.0;

/// Whether there is something sealed whose copies do not end yet.
pub(crate) fn is_left(app: &App, head: &Head) -> bool {
    app.config.hot_time.is_some() && head.border > head.copies_end_to
}

/// Lets the copies of all that is sealed end `HOT_DAYS` from now; returns whether that is
/// done, or left to the next run for lack of time.
///
/// Only what segments have is touched, so what is nowhere else stays in the table.
pub(crate) async fn end_copies(sealer: &Sealer<'_>, head: &Head) -> Result<bool, Stop> {
    let (app, done_to) = (sealer.app, head.copies_end_to);
    let Some(hot_time) = app.config.hot_time.filter(|_| is_left(app, head)) else {
        return Ok(true);
    };
    let at = app.clock.now().plus(hot_time);
    for segment in app.store.segments(&sealer.lease.partner).await? {
        let is_done = done_to.is_some_and(|done_to| segment.last <= done_to);
        if is_done || segment.is_pruned() {
            continue;
        }
        if !end_copies_of(sealer, head, &segment, at).await? {
            tracing::info!("the table's copies do not all end yet; the next sweep continues");
            return Ok(false);
        }
    }
    Ok(true)
}

/// At least one step is made, however little time is left.
async fn end_copies_of(
    sealer: &Sealer<'_>,
    head: &Head,
    segment: &SegmentItem,
    at: Moment,
) -> Result<bool, Stop> {
    let app = sealer.app;
    let copies = kept_after(app.store.archive(), segment, head.copies_end_to, at);
    let copies = sealer.keeping(copies).await?;
    let mut steps = copies.chunks(STEP).peekable();
    while let Some(step) = steps.next() {
        match sealer.keeping(end_step(sealer, segment, step, at)).await {
            // The table has no room for it now.
            Err(Stop::Failed(Error::Unavailable(_))) => return Ok(false),
            done => done?,
        }
        let is_last = steps.peek().is_none();
        let done_to = step.last().filter(|_| !is_last).map(|last| last.id);
        sealer
            .keep_copies_end(done_to.unwrap_or(segment.last))
            .await?;
        if app.clock.now() >= sealer.limits.end_copies_until {
            return Ok(is_last && head.border == Some(segment.last));
        }
    }
    if copies.is_empty() {
        sealer.keep_copies_end(segment.last).await?;
    }
    Ok(true)
}

/// Lets some copies end, no faster than the partition allows.
async fn end_step(
    sealer: &Sealer<'_>,
    segment: &SegmentItem,
    step: &[SealedActivity],
    at: Moment,
) -> Result<(), Error> {
    let (activities, partner) = (&sealer.app.activities, &sealer.lease.partner);
    let range = TimeRange::new(segment.first.occurred_at(), segment.last.occurred_at());
    let partitions = activities.partitions(&range.unwrap_or(TimeRange::ALL));
    let started_at = Instant::now();
    let units = stream::iter(step.to_vec())
        .map(|copy| activities.end_copy(partner, copy.id, at))
        .buffer_unordered(WRITES_AT_ONCE * partitions)
        .try_collect::<Vec<f64>>()
        .await?;
    let partitions = u32::try_from(partitions).unwrap_or(u32::MAX);
    let seconds = units.iter().sum::<f64>() / UNITS_PER_SECOND / f64::from(partitions);
    sleep_until(started_at + Duration::from_secs_f64(seconds)).await;
    Ok(())
}
