//! Collects the activities of one page of an answer; the work of a request is limited.

use shared::{ActivityId, ActivityStore, Error, Moment, aws::activities::Stored};

use crate::{Log, effort::Effort, question::Question};

/// How many parts of the range are read at once.
///
/// Pages of small activities take some 100 read units each, and a partition gives 3,000 a
/// second, to all readers of a log together.
const AT_ONCE_MAX: usize = 4;

/// How far a request read.
#[derive(Debug, Default)]
pub struct Collected {
    /// The activity after which the next request continues; absent at the end of the range.
    pub resume_after: Option<ActivityId>,
    /// Whether nothing can enter the range any more.
    pub is_settled: bool,
    /// Up to when the log is sealed, if that was asked.
    pub sealed_to: Option<Moment>,
}

impl Log {
    /// Collects what a question asks for, until `take` says that there is no room for an
    /// activity, or the request has read as much as it may.
    ///
    /// `limit` is how many activities there is room for at most. One more than that is read,
    /// since it shows whether there is a next page.
    pub async fn collect(
        &self,
        question: &Question<'_>,
        resume_after: Option<ActivityId>,
        limit: usize,
        mut take: impl FnMut(Stored) -> Result<bool, Error>,
    ) -> Result<Collected, Error> {
        let mut walk = self.walk(question, resume_after, effort(question, limit + 1));
        // A walk without a page has nothing left to read.
        let mut collected = Collected::default();
        let (mut taken, mut pages, mut at_once) = (0, 0, 1);
        let mut last = resume_after;
        'pages: while let Some(page) = walk.next(at_once).await? {
            pages += 1;
            collected.resume_after = page.resume_after;
            for stored in page.activities(*question) {
                let stored = stored?;
                let id = stored.activity.id;
                if !take(stored)? {
                    collected.resume_after = last;
                    break 'pages;
                }
                taken += 1;
                last = Some(id);
            }
            at_once = pages_to_come((limit + 1).saturating_sub(taken), taken, pages);
        }
        collected.is_settled = walk.is_settled();
        collected.sealed_to = walk.sealed_to();
        Ok(collected)
    }
}

fn effort(question: &Question<'_>, wanted: usize) -> Effort {
    let page_limit = if question.filter.is_open() {
        wanted
    } else {
        ActivityStore::QUERY_PAGE_MAX
    };
    Effort::of_a_request(page_limit, wanted)
}

/// How many pages are likely to hold `missing` more, at most [`AT_ONCE_MAX`].
///
/// More would be read for nothing.
fn pages_to_come(missing: usize, found: usize, pages: usize) -> usize {
    let expected = (missing * pages).checked_div(found);
    expected.map_or(AT_ONCE_MAX, |expected| expected.clamp(1, AT_ONCE_MAX))
}
