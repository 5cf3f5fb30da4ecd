//! Collects the activities of one page of a list; the work of a request is limited.

use std::time::Duration;

use activity_log::{Effort, Log, Question};
use shared::{ActivityId, ActivityStore, Error, Moment, aws::activities::Stored};
use tokio::time::Instant;

use crate::request::ListRequest;

/// The most Query pages that one request reads; with shards, each is one Query for
/// each shard.
pub(crate) const QUERY_PAGES_MAX: usize = 32;

/// How many parts of the range are read at once.
///
/// Pages of small activities take some 100 read units each, and a partition gives 3,000 a
/// second, to all readers of a log together.
const AT_ONCE_MAX: usize = 4;

/// How long after its start a request begins no further Query page.
pub(crate) const TIME_MAX: Duration = Duration::from_secs(5);

/// The activities that one request found.
#[derive(Debug)]
pub(crate) struct Walked {
    pub(crate) items: Vec<Stored>,
    /// The activity after which the next request continues; absent at the end of the range.
    pub(crate) resume_after: Option<ActivityId>,
    /// Whether nothing can enter the range any more.
    pub(crate) is_settled: bool,
    /// Up to when the log is sealed, if that was asked.
    pub(crate) sealed_to: Option<Moment>,
}

/// Collects activities that the filter accepts, at most one page of them.
pub(crate) async fn walk(
    log: &Log,
    question: &Question<'_>,
    request: &ListRequest,
) -> Result<Walked, Error> {
    // One activity more than fits on the page shows whether there is a next page.
    let wanted = request.limit.get() + 1;
    let page_limit = if request.filter.is_open() {
        wanted
    } else {
        ActivityStore::QUERY_PAGE_MAX
    };
    let effort = Effort {
        pages: QUERY_PAGES_MAX,
        page_limit,
        wanted,
        until: Some(Instant::now() + TIME_MAX),
    };
    let mut walk = log.walk(question, request.resume_after, effort);
    // A walk without a page has nothing left to read.
    let mut walked = Walked {
        items: Vec::new(),
        resume_after: None,
        is_settled: false,
        sealed_to: None,
    };
    let (mut pages, mut at_once) = (0, 1);
    while let Some(page) = walk.next(at_once).await? {
        pages += 1;
        walked.resume_after = page.resume_after;
        for stored in page.activities(*question) {
            walked.items.push(stored?);
        }
        let found = walked.items.len();
        if found >= wanted {
            walked.items.truncate(wanted - 1);
            walked.resume_after = walked.items.last().map(|stored| stored.activity.id);
            break;
        }
        at_once = pages_to_come(wanted - found, found, pages);
    }
    walked.is_settled = walk.is_settled();
    walked.sealed_to = walk.sealed_to();
    Ok(walked)
}

/// How many pages are likely to hold `missing` more, at most [`AT_ONCE_MAX`].
///
/// More would be read for nothing.
fn pages_to_come(missing: usize, found: usize, pages: usize) -> usize {
    let expected = (missing * pages).checked_div(found);
    expected.map_or(AT_ONCE_MAX, |expected| expected.clamp(1, AT_ONCE_MAX))
}
