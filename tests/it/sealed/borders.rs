//! Many activities of one millisecond, on both sides of the border and of each segment.

use activity_log::{CountedBy, Dimension, Effort, Question};
use shared::{Filter, Order, TimeRange, aws::activities::RangeQuery, model::zone::Zone};

use super::{
    walks::{counted, counting, walked},
    *,
};

#[tokio::test]
async fn activities_of_one_moment_are_given_once_on_both_sides_of_a_border() {
    let mut log = SealedLog::of(7, |_, mut samples| {
        let (mut first, mut second) = (samples.next(), samples.next());
        let old = first.occurred_at.min(second.occurred_at);
        let old = old.minus(Duration::from_hours(48));
        first.occurred_at = old;
        second.occurred_at = old.plus(Duration::from_millis(1));
        second.customer.clone_from(&first.customer);
        // Neighbours have different customers, so that counts end within the moment.
        let other = Content {
            customer: None,
            ..first.clone()
        };
        let equal = vec![[first, other]; 45].into_iter().flatten();
        equal.chain(vec![second; 10]).collect()
    })
    .await;
    let table = log.log(None);
    let filters = [
        Filter::default(),
        Filter {
            customer_id: log
                .activities
                .iter()
                .find_map(|it| it.activity.content.customer.as_ref())
                .map(|customer| customer.id.clone()),
            ..Filter::default()
        },
    ];
    let at = log.activities[0].activity.content.occurred_at;
    let moment = TimeRange::new(at, at.plus(Duration::from_millis(1))).unwrap();
    let archive = log.seal_keeping(60).await;
    let sealed = log.log(Some(archive));
    let now = log.app.now();
    for (range, order) in [
        (TimeRange::ALL, Order::Asc),
        (TimeRange::ALL, Order::Desc),
        (moment, Order::Asc),
        (moment, Order::Desc),
    ] {
        for filter in &filters {
            let question = Question::new(
                &log.partner,
                RangeQuery {
                    range,
                    order,
                    with_details: true,
                    eventual: false,
                },
                filter,
                now,
            );
            for (page_limit, wanted, at_once) in [(7, 7, 1), (50, 3, 4), (1_000, 1_000, 8)] {
                let effort = Effort {
                    pages: 3,
                    page_limit,
                    wanted,
                    until: None,
                };
                let expected = walked(&table, question, effort, 1).await;
                let found = walked(&sealed, question, effort, at_once).await;
                assert_eq!(
                    found, expected,
                    "{range:?}, {order:?}, {filter:?}, {effort:?}"
                );
                let is_due = |it: &&Stored| {
                    let at = it.activity.content.occurred_at;
                    let is_kept = !it.is_expired(question.kept_at);
                    range.contains(at) && is_kept && filter.matches(&it.activity.content)
                };
                let due = log.activities.iter().filter(is_due).count();
                assert_eq!(found.len(), due);
                let by = CountedBy {
                    dimensions: vec![Dimension::Customer],
                    zone: Zone::UTC,
                    room: 1,
                    size: |_| 1,
                };
                let question = counting(&log.partner, question.query, filter, now, &by);
                let counts = counted(&sealed, question, effort, at_once).await;
                let count: u64 = counts.values().map(|count| count.0).sum();
                assert_eq!(count, due as u64);
            }
        }
    }
}

/// An export may run for hours; its first pages are too young to ask for the border.
#[tokio::test]
async fn a_border_that_is_newer_than_what_was_given_gives_nothing_twice() {
    for (at_once, count) in [(1, 140), (4, 140), (4, 50), (4, 20)] {
        a_seal_during_a_walk(at_once, count).await;
    }
}

async fn a_seal_during_a_walk(at_once: usize, count: usize) {
    let mut log = SealedLog::of(5, |_, mut samples| {
        let mut contents: Vec<Content> = (0..150).map(|_| samples.next()).collect();
        for content in &mut contents {
            content.occurred_at = content.occurred_at.minus(Duration::from_hours(48));
        }
        contents
    })
    .await;
    let filter = Filter::default();
    // The walk began when the first 60 were older than a day.
    let begun = log.activities[60].activity.content.occurred_at;
    let begun = begun.plus(Duration::from_hours(24));
    let (partner, read) = (log.partner.clone(), log.log(Some(log.archive())));
    let question = Question::new(
        &partner,
        RangeQuery {
            range: TimeRange::ALL,
            order: Order::Desc,
            with_details: true,
            eventual: false,
        },
        &filter,
        begun,
    );
    let effort = Effort {
        pages: 100,
        page_limit: 7,
        wanted: 7,
        until: None,
    };
    let mut walk = read.walk(&question, None, effort);
    let mut found = Vec::new();
    for place in 0.. {
        if place == 3 {
            log.seal_keeping(count).await;
        }
        let Some(page) = walk.next(at_once).await.unwrap() else {
            break;
        };
        let page = page.activities(question).map(Result::unwrap);
        found.extend(page.map(|stored| stored.activity.id));
    }
    found.reverse();
    let due = log.activities.iter().filter(|it| !it.is_expired(begun));
    let due: Vec<ActivityId> = due.map(|stored| stored.activity.id).collect();
    assert_eq!(found, due);
}
