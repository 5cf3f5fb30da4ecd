//! One page's way through the log, with bounded work.

use std::time::Duration;

use shared::{ActivityId, ActivityStore, Error, Moment, PartnerId, aws::activities::Stored};
use tokio::time::Instant;

use crate::request::Asked;

/// The most pages that one request reads: each a Query, or one for each shard.
const SLICES_MAX: usize = 4;

/// No further Query page is begun after this long.
const TIME_MAX: Duration = Duration::from_secs(5);

/// What one request found.
#[derive(Debug)]
pub(crate) struct Walked {
    pub(crate) items: Vec<Stored>,
    /// Where the next request goes on; absent at the end of the range.
    pub(crate) resume_after: Option<ActivityId>,
}

/// Collects up to a page of what passes the filter.
pub(crate) async fn walk(
    store: &ActivityStore,
    partner: &PartnerId,
    asked: &Asked,
    now: Moment,
) -> Result<Walked, Error> {
    let limit = asked.limit.get();
    // One more than the page holds tells whether there is a next page.
    let slice_limit = if asked.filter.is_open() {
        limit + 1
    } else {
        ActivityStore::SLICE_MAX
    };
    let deadline = Instant::now() + TIME_MAX;
    let mut walked = Walked {
        items: Vec::new(),
        resume_after: asked.resume_after,
    };
    for _ in 0..SLICES_MAX {
        let slice = store
            .query(partner, &asked.reading, walked.resume_after, slice_limit)
            .await?;
        walked.resume_after = slice.resume_after;
        for stored in slice.activities() {
            let stored = stored?;
            if !stored.is_expired(now) && asked.filter.matches(&stored.activity.content) {
                walked.items.push(stored);
            }
        }
        if walked.items.len() > limit {
            walked.items.truncate(limit);
            walked.resume_after = walked.items.last().map(|stored| stored.activity.id);
            break;
        }
        if walked.resume_after.is_none() || Instant::now() >= deadline {
            break;
        }
    }
    Ok(walked)
}
