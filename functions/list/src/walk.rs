//! Reads the activities of one page from the log; the work of a request is limited.

use std::time::Duration;

use shared::{ActivityId, ActivityStore, Error, Moment, PartnerId, aws::activities::Stored};
use tokio::time::Instant;

use crate::request::ListRequest;

/// The most Query pages that one request reads; with shards, each is one Query for
/// each shard.
const QUERY_PAGES_MAX: usize = 4;

/// How long after its start a request begins no further Query page.
const TIME_MAX: Duration = Duration::from_secs(5);

/// The activities that one request found.
#[derive(Debug)]
pub(crate) struct Walked {
    pub(crate) items: Vec<Stored>,
    /// The activity after which the next request continues; absent at the end of the range.
    pub(crate) resume_after: Option<ActivityId>,
}

/// Collects activities that the filter accepts, at most one page of them.
pub(crate) async fn walk(
    activities: &ActivityStore,
    partner: &PartnerId,
    request: &ListRequest,
    now: Moment,
) -> Result<Walked, Error> {
    let limit = request.limit.get();
    // One activity more than fits on the page shows whether there is a next page.
    let page_limit = if request.filter.is_open() {
        limit + 1
    } else {
        ActivityStore::QUERY_PAGE_MAX
    };
    let deadline = Instant::now() + TIME_MAX;
    let mut walked = Walked {
        items: Vec::new(),
        resume_after: request.resume_after,
    };
    for _ in 0..QUERY_PAGES_MAX {
        let page = activities
            .query(partner, &request.query, walked.resume_after, page_limit)
            .await?;
        walked.resume_after = page.resume_after;
        for stored in page.activities() {
            let stored = stored?;
            if !stored.is_expired(now) && request.filter.matches(&stored.activity.content) {
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
