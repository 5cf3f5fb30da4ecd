//! Lets the table's copies of what is sealed end, if the configuration says so.

use activity_log::pack::{SealedActivity, kept_after};
use futures_util::future::try_join_all;
use shared::{
    Error, Moment, TimeRange,
    aws::archive::{Head, SegmentItem},
};
use tokio::time::{Duration, Instant, sleep_until};

use crate::sealer::{Sealer, Stop};

/// After how many copies it stores how far it is.
const STEP: usize = 100;

/// How many copies of one partition are written at the same time.
const WRITES_AT_ONCE: usize = 4;

/// How many write units a second it takes of each partition.
///
/// A partition has 1,000; the others are for recording.
const UNITS_PER_SECOND: f64 = 500.0;

/// Lets the copies of all that is sealed end `HOT_DAYS` from now; returns whether that is
/// done, or left to the next run for lack of time.
///
/// Only what segments have is touched, so what is nowhere else stays in the table.
pub(crate) async fn end_copies(sealer: &Sealer<'_>, head: &Head) -> Result<bool, Stop> {
    let (app, done_to) = (sealer.app, head.copies_end_to);
    let Some(hot_time) = app.config.hot_time.filter(|_| head.border > done_to) else {
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
    // The last segments may be pruned.
    if let Some(border) = head.border {
        sealer.keep_copies_end(border).await?;
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
            Err(Stop::Failed(error @ Error::Unavailable(_))) => {
                tracing::warn!(error = error.chain(), "copies could not be ended");
                return Ok(false);
            }
            done => done?,
        }
        if let Some(last) = step.last().filter(|_| steps.peek().is_some()) {
            sealer.keep_copies_end(last.id).await?;
            if app.clock.now() >= sealer.limits.end_copies_until {
                return Ok(false);
            }
        }
    }
    let is_last = head.border == Some(segment.last);
    if !is_last {
        sealer.keep_copies_end(segment.last).await?;
    }
    Ok(is_last || app.clock.now() < sealer.limits.end_copies_until)
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
    let units_per_second = UNITS_PER_SECOND * f64::from(u32::try_from(partitions).unwrap_or(1));
    let (started_at, mut units) = (Instant::now(), 0.0);
    for copies in step.chunks(WRITES_AT_ONCE * partitions) {
        let ended = copies.iter().copied();
        let ended = ended.map(|copy| activities.end_copy(partner, copy.id, at));
        units += try_join_all(ended).await?.iter().sum::<f64>();
        sleep_until(started_at + Duration::from_secs_f64(units / units_per_second)).await;
    }
    Ok(())
}
