//! Counts activities by day, action, customer, actor and outcome.

use activity_log::{Effort, Log, Question};
use serde::Serialize;
use shared::{ActivityId, ActivityStore, Error, Moment};

use crate::{
    groups::{Groups, Line},
    request::SummaryRequest,
};

/// How many parts of the range are read at once: few, since the page may send several
/// summaries at a time.
const AT_ONCE_MAX: usize = 2;

/// A part that adds less than this is followed by several at once.
const SMALL_PART_BYTES: usize = 250_000;

/// The answer: what this request has counted.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    pub(crate) groups: Vec<Line>,
    complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// How far was counted; absent at the end of the range.
    #[serde(skip_serializing_if = "Option::is_none")]
    read_to: Option<Moment>,
    from: Moment,
    to: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded_to: Option<Moment>,
    settled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    sealed_to: Option<Moment>,
}

/// Counts the activities that the filter accepts, the newest first, until the range
/// ends or the request has read as much as it may.
pub(crate) async fn count(
    log: &Log,
    question: &Question<'_>,
    request: &SummaryRequest,
) -> Result<Answer, Error> {
    let mut groups = Groups::default();
    // A walk without a page has nothing left to read.
    let mut position: Option<ActivityId> = None;
    let effort = Effort::of_a_request(ActivityStore::QUERY_PAGE_MAX, ActivityStore::QUERY_PAGE_MAX);
    let dimensions = &request.counted_by.dimensions;
    let mut walk = log.walk(question, request.resume_after, effort);
    let mut at_once = 1;
    while let Some(page) = walk.next(at_once).await? {
        let before = groups.bytes();
        position = page.resume_after;
        for tally in page.tallies(*question) {
            groups.add(dimensions, tally?);
        }
        // Parts that fill the answer are read one by one: others would be for nothing.
        let is_small = groups.bytes() - before < SMALL_PART_BYTES;
        at_once = if is_small { AT_ONCE_MAX } else { 1 };
        if !groups.have_room(dimensions) {
            break;
        }
    }
    let range = request.query.range;
    Ok(Answer {
        groups: groups.into_lines(),
        complete: position.is_none(),
        next_cursor: position.map(|id| request.cursor_after(id, question.partner)),
        read_to: position.map(ActivityId::occurred_at),
        from: range.from(),
        to: range.to(),
        recorded_to: request.recorded.map(|recorded| recorded.to()),
        settled: walk.is_settled(),
        sealed_to: walk.sealed_to(),
    })
}
