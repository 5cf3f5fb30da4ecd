//! Counts activities by day, action, customer, actor and outcome.

use std::collections::{BTreeMap, btree_map::Entry};

use activity_log::{Dimension, Effort, Log, Question, Tally};
use serde::Serialize;
use shared::{
    Action, ActivityId, ActivityStore, Error, Identifier, Moment, Name, Outcome, PartnerId,
    lambda::envelope, model::zone::Date,
};
use tokio::time::Instant;

use crate::{
    request::SummaryRequest,
    walk::{QUERY_PAGES_MAX, TIME_MAX},
};

/// How many parts of the range are read at once: few, since the page sends three
/// summaries at a time.
const AT_ONCE: usize = 2;

/// With more groups than this no further Query page is begun.
const GROUPS_MAX: usize = 2_000;

/// With more bytes of groups than this no further Query page is begun.
///
/// The activities of one more page, up to 1,232 with 16 shards, add at most 4.2 MB:
/// each names at most two ids of 512 bytes and two names of 1,024 bytes, counted inside
/// Lambda's answer.
const GROUP_BYTES_MAX: usize = envelope::BODY_BYTES_MAX - 4_200_000;

/// What the activities of a group have in common.
///
/// A dimension that the request does not name is absent.
#[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    day: Option<Date>,
    action: Option<Action>,
    outcome: Option<&'static str>,
    customer: Option<Identifier>,
    actor: Option<Identifier>,
}

/// How many activities a group has, and the newest names of its customer and actor.
#[derive(Debug, Default)]
struct Count {
    activities: u64,
    customer: Option<Name>,
    actor: Option<Name>,
}

/// One line of the answer.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<Action>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<Named>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<Named>,
    count: u64,
}

#[derive(Debug, Serialize)]
struct Named {
    id: Identifier,
    name: Name,
}

/// The answer: what this request has counted.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    pub(crate) groups: Vec<Line>,
    complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    from: Moment,
    to: Moment,
    settled: bool,
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
    let mut position = None;
    let effort = Effort {
        pages: QUERY_PAGES_MAX,
        page_limit: ActivityStore::QUERY_PAGE_MAX,
        wanted: ActivityStore::QUERY_PAGE_MAX,
        until: Some(Instant::now() + TIME_MAX),
    };
    let mut walk = log.walk(question, request.resume_after, effort);
    while let Some(page) = walk.next(AT_ONCE).await? {
        position = page.resume_after;
        for tally in page.tallies(*question) {
            groups.add(&request.counted_by.dimensions, tally?);
        }
        if groups.are_enough() {
            break;
        }
    }
    Ok(answer(request, question.partner, groups.counts, position))
}

/// The groups that were counted so far.
#[derive(Debug, Default)]
struct Groups {
    counts: BTreeMap<Group, Count>,
    /// How many bytes they have in an answer.
    bytes: usize,
}

impl Groups {
    /// Counts activities in their group.
    fn add(&mut self, dimensions: &[Dimension], tally: Tally) {
        let (customer_id, customer) = tally.customer.unzip();
        let (actor_id, actor) = tally.actor.unzip();
        let group = Group {
            day: dimensions.contains(&Dimension::Day).then_some(tally.day),
            action: tally.action,
            outcome: tally.outcome.map(Outcome::as_str),
            customer: customer_id,
            actor: actor_id,
        };
        let count = match self.counts.entry(group) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let names = Count {
                    activities: 0,
                    customer,
                    actor,
                };
                self.bytes += bytes_inside(entry.key(), &names);
                entry.insert(names)
            }
        };
        count.activities += tally.count;
    }

    /// Whether the next page's groups might not fit into the answer any more.
    fn are_enough(&self) -> bool {
        self.counts.len() > GROUPS_MAX || self.bytes > GROUP_BYTES_MAX
    }
}

/// How many bytes a group has in an answer at most.
fn bytes_inside(group: &Group, names: &Count) -> usize {
    /// The names of the fields, the count, the day, the action and the outcome.
    const REST: usize = 300;
    let ids = [&group.customer, &group.actor].into_iter().flatten();
    let ids = ids.map(Identifier::as_str);
    let names = [&names.customer, &names.actor].into_iter().flatten();
    let texts = ids.chain(names.map(Name::as_str));
    REST + texts.map(envelope::text_bytes_inside).sum::<usize>()
}

fn answer(
    request: &SummaryRequest,
    partner: &PartnerId,
    groups: BTreeMap<Group, Count>,
    position: Option<ActivityId>,
) -> Answer {
    let named = |id: Option<Identifier>, name: Option<Name>| {
        id.zip(name).map(|(id, name)| Named { id, name })
    };
    let line = |(group, count): (Group, Count)| Line {
        day: group.day,
        action: group.action,
        outcome: group.outcome,
        customer: named(group.customer, count.customer),
        actor: named(group.actor, count.actor),
        count: count.activities,
    };
    let range = request.query.range;
    Answer {
        groups: groups.into_iter().map(line).collect(),
        complete: position.is_none(),
        next_cursor: position.map(|id| request.cursor_after(id, partner)),
        from: range.from(),
        to: range.to(),
        settled: request.query.settled,
    }
}
