//! Many activities of one millisecond, on both sides of the border and of each segment.

use activity_log::{Effort, Question};
use shared::{Filter, Order, TimeRange, aws::activities::RangeQuery};

use super::{walks::walked, *};

#[tokio::test]
async fn activities_of_one_moment_are_given_once_on_both_sides_of_a_border() {
    let mut log = SealedLog::of(7, |_, mut samples| {
        let (mut first, mut second) = (samples.next(), samples.next());
        let old = first.occurred_at.min(second.occurred_at);
        let old = old.minus(Duration::from_hours(48));
        first.occurred_at = old;
        second.occurred_at = old.plus(Duration::from_millis(1));
        second.customer.clone_from(&first.customer);
        [vec![first; 90], vec![second; 10]].concat()
    })
    .await;
    let table = log.log(None);
    let filters = [
        Filter::default(),
        Filter {
            customer_id: log.activities[0]
                .activity
                .content
                .customer
                .as_ref()
                .map(|it| it.id.clone()),
            ..Filter::default()
        },
    ];
    let at = log.activities[0].activity.content.occurred_at;
    let moment = TimeRange::new(at, at.plus(Duration::from_millis(1))).unwrap();
    let archive = log.seal_keeping(60).await;
    let sealed = log.log(Some(archive));
    for (range, order) in [
        (TimeRange::ALL, Order::Asc),
        (TimeRange::ALL, Order::Desc),
        (moment, Order::Asc),
        (moment, Order::Desc),
    ] {
        for filter in &filters {
            let question = Question {
                partner: &log.partner,
                query: RangeQuery {
                    range,
                    order,
                    with_details: true,
                    settled: false,
                },
                filter,
                kept_at: log.app.now(),
                counted_by: None,
            };
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
                    range.contains(at) && !it.is_expired(question.kept_at)
                };
                assert_eq!(found.len(), log.activities.iter().filter(is_due).count());
            }
        }
    }
}
