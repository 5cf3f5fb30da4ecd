//! Lists, counts and single activities.

use std::collections::BTreeMap;

use activity_log::{CountedBy, Dimension, Effort, Log, Question};
use shared::{
    Activity, ActivityId, Filter, Moment, Name, Order, PartnerId, TimeRange,
    aws::activities::RangeQuery, model::zone::Zone,
};
use tokio::time::Instant;

use super::*;

/// A walk from page to page, each by a request of its own, as clients go through a list.
pub(super) async fn walked(
    log: &Log,
    question: Question<'_>,
    effort: Effort,
    at_once: usize,
) -> Vec<(Activity, bool)> {
    let (mut found, mut position, mut requests) = (Vec::new(), None, 0);
    loop {
        let mut walk = log.walk(&question, position, effort);
        position = None;
        while let Some(page) = walk.next(at_once).await.unwrap() {
            position = page.resume_after;
            for stored in page.activities(question) {
                let stored = stored.unwrap();
                found.push((stored.activity, stored.has_details));
            }
        }
        requests += 1;
        assert!(requests < 2_000, "a walk does not get on");
        if position.is_none() {
            return found;
        }
    }
}

/// Counts go from the newest to the oldest, so that the first name is the newest.
pub(super) fn counting<'a>(
    partner: &'a PartnerId,
    query: RangeQuery,
    filter: &'a Filter,
    kept_at: Moment,
    by: &'a CountedBy,
) -> Question<'a> {
    Question {
        counted_by: Some(by),
        ..Question::new(
            partner,
            RangeQuery {
                order: Order::Desc,
                with_details: false,
                ..query
            },
            filter,
            kept_at,
        )
    }
}

const DIMENSIONS: [Dimension; 5] = [
    Dimension::Day,
    Dimension::Action,
    Dimension::Customer,
    Dimension::Actor,
    Dimension::Outcome,
];

/// What is counted together, and the newest names of its customer and its actor.
pub(super) type Counts = BTreeMap<String, (u64, Option<Name>, Option<Name>)>;

pub(super) async fn counted(
    log: &Log,
    question: Question<'_>,
    effort: Effort,
    at_once: usize,
) -> Counts {
    let has_day = question
        .counted_by
        .unwrap()
        .dimensions
        .contains(&Dimension::Day);
    let mut counts = Counts::new();
    let mut position = None;
    loop {
        let mut walk = log.walk(&question, position, effort);
        position = None;
        while let Some(page) = walk.next(at_once).await.unwrap() {
            position = page.resume_after;
            for tally in page.tallies(question) {
                let tally = tally.unwrap();
                let (customer_id, customer) = tally.customer.unzip();
                let (actor_id, actor) = tally.actor.unzip();
                let day = has_day.then_some(tally.day);
                let what = (day, tally.action, tally.outcome, customer_id, actor_id);
                let count = counts
                    .entry(format!("{what:?}"))
                    .or_insert((0, customer, actor));
                count.0 += tally.count;
            }
        }
        if position.is_none() {
            return counts;
        }
    }
}

#[tokio::test]
async fn whatever_is_sealed_walks_and_single_activities_are_those_of_the_table() {
    for seed in 0..3 {
        let mut log = SealedLog::start(seed, 200).await;
        let table = log.log(None);
        let old = log.sealable();
        let count = match seed % 4 {
            0 => 0,
            1 => old,
            _ => log.random.usize(1..old),
        };
        let mut cases = Vec::new();
        for _ in 0..8 {
            let at = |log: &mut SealedLog| {
                let place = log.random.usize(0..log.activities.len());
                log.activities[place].activity.content.occurred_at
            };
            let (one, other) = (at(&mut log), at(&mut log));
            let range = TimeRange::new(one.min(other), one.max(other)).unwrap();
            let query = RangeQuery {
                range: if log.random.u8(0..4) == 0 {
                    TimeRange::ALL
                } else {
                    range
                },
                order: log.random.choice([Order::Asc, Order::Desc]).unwrap(),
                with_details: log.random.bool(),
                eventual: false,
            };
            let filter = log.filter();
            let question = Question::new(&log.partner, query, &filter, log.app.now());
            let effort = Effort {
                pages: 100,
                page_limit: 1_000,
                wanted: 1_000,
                until: None,
            };
            let expected = walked(&table, question, effort, 1).await;
            let zone = log.random.choice(["UTC", "Asia/Seoul"]).unwrap();
            let by = CountedBy {
                dimensions: log
                    .random
                    .choose_multiple(DIMENSIONS, 2)
                    .into_iter()
                    .collect(),
                zone: Zone::try_from(zone.to_owned()).unwrap(),
                room: 30,
                size: |_| 1,
            };
            let question = counting(&log.partner, query, &filter, question.kept_at, &by);
            let counts = counted(&table, question, effort, 1).await;
            cases.push((query, filter, expected, by, counts));
        }
        let now = log.app.now();
        let archive = log.seal(count).await;
        let whole = log.log(Some(archive));
        for (query, filter, expected, by, counts) in cases {
            let question = Question::new(&log.partner, query, &filter, now);
            let effort = Effort {
                pages: log.random.usize(1..6),
                page_limit: log.random.choice([3, 50, 1_000]).unwrap(),
                wanted: log.random.choice([20, 100, 1_000]).unwrap(),
                // A walk whose time is over still gives a page.
                until: log.random.bool().then(Instant::now),
            };
            let at_once = log.random.choice([1, 2, 8]).unwrap();
            let found = walked(&whole, question, effort, at_once).await;
            let context = format!("seed {seed}, {query:?}, {filter:?}, {effort:?}, {at_once}");
            assert_eq!(found, expected, "{context}");
            let question = counting(&log.partner, query, &filter, now, &by);
            let found = counted(&whole, question, effort, at_once).await;
            assert_eq!(found, counts, "{context}, {by:?}");
        }
        for stored in log.activities.iter().step_by(12) {
            let id = stored.activity.id;
            let found = whole.one(&log.partner, id, now).await.unwrap();
            let expected = (!stored.is_expired(now)).then_some(&stored.activity);
            assert_eq!(found.as_ref().map(|found| &found.activity), expected);
        }
        let absent = ActivityId::random(log.activities[0].activity.content.occurred_at);
        assert!(
            whole
                .one(&log.partner, absent, now)
                .await
                .unwrap()
                .is_none()
        );
    }
}
