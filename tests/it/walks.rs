//! Walks through a log that read several parts of it at once.

use activity_log::{Effort, Log, Question, Walk};
use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use shared::{
    ActivityId, ActivityStore, Actor, ActorKind, Content, Filter, Identifier, Moment, Name, Order,
    Outcome, PartnerId, TimeRange,
    aws::activities::{RangeQuery, loadable_item},
};

use crate::harness::TestApp;

impl TestApp {
    /// Stores an activity for each moment.
    async fn load_at(&self, moments: &[Moment]) {
        let dynamodb = aws_sdk_dynamodb::Client::new(&self.stack.sdk);
        let config = &self.stack.config;
        let put = |at: &Moment| {
            let item = loadable_item("contoso", content(*at), *at, None, &config.write_shards);
            let put = PutRequest::builder().set_item(Some(item.unwrap()));
            WriteRequest::builder()
                .put_request(put.build().unwrap())
                .build()
        };
        for moments in moments.chunks(25) {
            let puts = moments.iter().map(put).collect();
            let sent = dynamodb.batch_write_item();
            let sent = sent.request_items(&config.activities_table, puts).send();
            assert!(sent.await.unwrap().unprocessed_items.unwrap().is_empty());
        }
    }

    /// The partner whose log it is.
    pub(crate) async fn contoso(&self) -> PartnerId {
        self.export_without_worker().await;
        let open = self.exports().open_page(None).await.unwrap();
        open.tasks[0].key.partner_id.clone()
    }
}

fn content(occurred_at: Moment) -> Content {
    Content {
        occurred_at,
        action: "create_order".to_owned().try_into().unwrap(),
        outcome: Outcome::Succeeded,
        customer: None,
        actor: Actor {
            id: Identifier::try_from("u-1".to_owned()).unwrap(),
            name: Name::try_from("Ann".to_owned()).unwrap(),
            kind: ActorKind::User,
        },
        resource: None,
        correlation_id: None,
        details: None,
    }
}

/// Moments of activities with crowds, gaps of seconds to months, and equal ones.
fn moments(random: &mut fastrand::Rng, count: usize) -> Vec<Moment> {
    let mut at = 1_700_000_000_000;
    let mut moments = Vec::new();
    while moments.len() < count {
        let gap = random.choice([0, 1, 50, 1_000, 3_600_000, 5_000_000_000]);
        let crowd = random.usize(1..40);
        let step = random.choice([0, 1, 20, 7_000]).unwrap_or(0);
        at += gap.unwrap_or(0);
        for _ in 0..crowd {
            at += step;
            moments.push(Moment::from_millis(at).unwrap());
        }
    }
    moments.truncate(count);
    moments
}

/// What a walk gives: the activities of each page, and where the next one begins.
async fn pages(
    walk: &mut Walk<'_>,
    question: Question<'_>,
    at_once: usize,
) -> Vec<(Vec<ActivityId>, Option<ActivityId>)> {
    let mut pages = Vec::new();
    while let Some(page) = walk.next(at_once).await.unwrap() {
        let resume_after = page.resume_after;
        let ids = page.activities(question).map(|it| it.unwrap().activity.id);
        pages.push((ids.collect(), resume_after));
    }
    pages
}

#[tokio::test]
async fn whatever_is_read_at_once_a_walk_gives_each_activity_once_and_in_order() {
    for seed in 0..6 {
        let random = &mut fastrand::Rng::with_seed(seed);
        let shards = random.choice(["1", "3"]).unwrap();
        let app = TestApp::start_with(&[("WRITE_SHARDS", shards), ("RETENTION_DAYS", "0")]).await;
        let moments = moments(random, 600);
        app.load_at(&moments).await;
        let dynamodb = aws_sdk_dynamodb::Client::new(&app.stack.sdk);
        let log = Log::new(ActivityStore::new(dynamodb, &app.stack.config), None);
        let partner = app.contoso().await;
        let filter = Filter::default();
        let (from, to) = (
            moments[random.usize(0..100)],
            moments[random.usize(300..600)],
        );
        let order = random.choice([Order::Asc, Order::Desc]).unwrap();
        let question = Question::new(
            &partner,
            RangeQuery {
                range: TimeRange::new(from, to).unwrap(),
                order,
                with_details: false,
                eventual: false,
            },
            &filter,
            to,
        );
        let effort = |pages| Effort {
            pages,
            page_limit: 7,
            wanted: 7,
            until: None,
        };
        let one_by_one = pages(
            &mut log.walk(&question, None, effort(usize::MAX)),
            question,
            1,
        )
        .await;
        let expected: Vec<_> = one_by_one.into_iter().flat_map(|(ids, _)| ids).collect();
        let within = moments
            .iter()
            .filter(|at| from <= **at && **at < to)
            .count();
        assert_eq!(expected.len(), within);
        assert!(expected.is_sorted_by(|one, next| match order {
            Order::Asc => one < next,
            Order::Desc => one > next,
        }));
        for at_once in [2, 8] {
            // Small efforts, so that walks end while parts behind their end are read.
            let (mut found, mut position, mut walks) = (Vec::new(), None, 0);
            loop {
                let limit = random.usize(1..20);
                let given = pages(
                    &mut log.walk(&question, position, effort(limit)),
                    question,
                    at_once,
                )
                .await;
                assert!(given.len() <= limit);
                for (ids, resume_after) in given {
                    found.extend(ids);
                    assert_eq!(found[..], expected[..found.len()]);
                    position = resume_after;
                }
                walks += 1;
                assert!(walks < 200, "a walk does not get on");
                if position.is_none() {
                    break;
                }
            }
            assert_eq!(found, expected, "seed {seed}, {at_once} at once");
        }
    }
}
