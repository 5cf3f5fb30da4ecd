//! Many partners, many shards, and the sweep that has them sealed.

use shared::{
    ActivityId, TimeRange,
    aws::{activities::Item, archive::Extent},
};

use super::*;
use crate::{copies::put_all, harness::activity};

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_partners_who_are_due_at_once_are_all_sealed_by_four_workers() {
    let app = TestApp::start_sealing(&[]).await;
    let token = app.token_of(json!({ "roles": ["platform_recorder"] }));
    for hundred in 0..5 {
        let activities: Vec<Value> = (0..100)
            .map(|place| {
                let mut sent = activity();
                sent["partner_id"] = format!("partner-{hundred}-{place}").into();
                sent
            })
            .collect();
        let request = app.post("/v1/activities/batch", &json!({ "activities": activities }));
        let answer = request.token(&token).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let partners = app.registered().await;
    assert_eq!(partners.len(), 500);
    app.advance(Duration::from_hours(26));
    for _ in 0..2 {
        app.sweep_logs().await;
        app.advance(MARGIN);
    }
    assert_eq!(app.faults.count("sweeper", "Invoke"), 8);
    for partner in &partners {
        assert_eq!(app.seal_head(partner).await.size, 1, "{partner}");
    }
    // Each is due again the next day, and not before.
    app.sweep_logs().await;
    assert_eq!(app.faults.count("sweeper", "Invoke"), 8);
}

impl TestApp {
    /// Sweeps the logs, and waits until its workers have taken everybody who was due.
    async fn sweep_logs(&self) {
        let (event, at) = (json!({ "sweep": "logs" }), self.now());
        let swept = self.stack.functions.call("sweeper", event).await;
        swept.unwrap();
        for _ in 0..6_000 {
            if self.workers_running() == 0 && self.count_due(at).await == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{} partners stay due", self.count_due(at).await);
    }

    /// How many partners have been due since a moment; whoever was first may be due again
    /// before the last one is sealed.
    async fn count_due(&self, at: Moment) -> usize {
        let all = self.all_due().await;
        all.iter().filter(|due| due.due_at <= at).count()
    }
}

/// A backlog is sealed soon, and a log that is up to date once a day.
#[tokio::test]
async fn a_log_is_due_when_its_margin_has_passed_and_then_every_day() {
    let app = TestApp::start_sealing(&[]).await;
    app.record(&activity()).await;
    app.advance(Duration::from_hours(26));
    let due_in = async || {
        let due = app.due("contoso").await;
        due.as_millis() - app.now().as_millis()
    };
    assert!(due_in().await <= 0);
    app.call_sealer().await;
    let margin = 30_000;
    assert!((margin - 2_000..=margin).contains(&due_in().await));
    app.advance(MARGIN);
    app.call_sealer().await;
    let hours = due_in().await / 3_600_000;
    assert!((22..24).contains(&hours), "{hours}");
    let head = app
        .seal_head(&app.registered_partner("contoso").await)
        .await;
    assert_eq!(head.size, 1);
    assert!(head.closed_to > head.sealed_to);
}

#[tokio::test]
async fn a_damaged_entry_stops_its_log_and_no_other() {
    let app = TestApp::start_sealing(&[]).await;
    let stored = app.record(&activity()).await;
    let token = app.token("fabrikam", "activity_recorder");
    let other = app.post("/v1/activities", &activity()).token(&token);
    assert_eq!(other.send().await.status, 201);
    let id = stored["id"].as_str().unwrap();
    let key = format!("{}#{id}", stored["occurred_at"].as_str().unwrap());
    let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
    let damage = app.dynamodb().update_item().table_name("activities");
    let damage = damage
        .key("partition_key", text("contoso"))
        .key("sort_key", text(&key))
        .update_expression("REMOVE outcome");
    damage.send().await.unwrap();
    app.advance(Duration::from_hours(26));
    app.seal().await;
    let (one, two) = (
        app.registered_partner("contoso").await,
        app.registered_partner("fabrikam").await,
    );
    assert_eq!(
        (
            app.seal_head(&one).await.size,
            app.seal_head(&two).await.size
        ),
        (0, 1)
    );
    assert!(
        app.due("contoso").await <= app.now(),
        "the next sweep tries again"
    );
}

/// How many segments a log has that is as long as none of these tests could make one.
const SEGMENTS: u64 = 6_000;

/// The items of a log's head and segments, three hundred a month, on its first twenty days.
fn long_log(partner: &PartnerId) -> Vec<Item> {
    let start: Moment = "2025-01-01T00:00:00Z".parse().unwrap();
    let start = DateTime::from_timestamp_millis(start.as_millis()).unwrap();
    let segments = (0..SEGMENTS).map(|place| {
        let month = start + Months::new(u32::try_from(place / 300).unwrap());
        let at = month.timestamp_millis() + i64::try_from(place % 300).unwrap() * 5_760_000;
        let first = ActivityId::random(Moment::from_millis(at).unwrap());
        let last = ActivityId::random(Moment::from_millis(at + 5_000_000).unwrap());
        SegmentItem {
            object: format!("archive/v1/partner={partner}/a-segment-that-nobody-reads/{place}"),
            first_index: place * 10,
            count: 10,
            first,
            last,
            bytes: 1_000_000,
            raw_bytes: 10_000_000,
            index_at: 1,
            block_at: 2,
            tail_sha256: vec![7; 32].into(),
            tree: vec![vec![7; 32].into(); 12],
            kept_until: None,
            pruned_at: None,
        }
    });
    let segments: Vec<SegmentItem> = segments.collect();
    let last = segments.last().unwrap();
    let extent = Extent {
        size: last.end_index(),
        border: last.last,
        sealed_to: last.last.occurred_at(),
    };
    let leaves = (0..extent.size).map(|_| Hash([7; 32]));
    let head = Head::new(extent, &proof::CompactRange::of_leaves(0, leaves).unwrap());
    let items = segments.iter().map(|it| it.item(partner).unwrap());
    items.chain([head.item(partner).unwrap()]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_thousands_of_segments_only_those_of_the_range_are_asked_for() {
    let app = TestApp::start_at("2026-09-01T12:00:00Z").await;
    app.record(&activity()).await;
    let partner = app.registered_partner("contoso").await;
    let items = long_log(&partner).into_iter();
    let items: Vec<_> = items.map(|item| ("archive".to_owned(), item)).collect();
    for items in items.chunks(25) {
        put_all(&app, items).await;
    }
    let store = app.seal_store();
    let range =
        |from: &str, to: &str| TimeRange::new(from.parse().unwrap(), to.parse().unwrap()).unwrap();
    let whole = store.archive().standing(&partner, &TimeRange::ALL).await;
    let whole = whole.unwrap().sealed.unwrap();
    assert_eq!(whole.segments.len() as u64, SEGMENTS);
    for range in [
        range("2026-03-03T00:00:00Z", "2026-03-05T00:00:00Z"),
        range("2025-01-02T00:00:00Z", "2025-01-04T00:00:00Z"),
        range("2026-08-19T00:00:00Z", "2027-01-01T00:00:00Z"),
        range("2025-11-30T00:00:00Z", "2025-12-02T00:00:00Z"),
    ] {
        let part = store.archive().standing(&partner, &range).await;
        let part = part.unwrap().sealed.unwrap();
        assert_eq!(part.extent, whole.extent);
        let is_of_range = |segment: &&SegmentItem| {
            segment.last.occurred_at() >= range.from() && segment.first.occurred_at() < range.to()
        };
        let wanted: Vec<_> = whole.segments.iter().filter(is_of_range).collect();
        let found: Vec<_> = part.segments.iter().filter(is_of_range).collect();
        assert_eq!(found, wanted);
        assert!(part.segments.len() < 700, "{}", part.segments.len());
    }
    // A range without entries, so that no object is read.
    let queries = || app.faults.count("list", "archive Query");
    let before = queries();
    let page = app.list("from=2026-03-25&to=2026-03-26").await;
    assert_eq!(page["settled"], true);
    assert!(queries() - before <= 4, "{}", queries() - before);
    // What was skipped may not hide that items are lost.
    let lost = &whole.segments[4_199];
    let delete = app.dynamodb().delete_item().table_name("archive");
    let sort_key = format!("segment#{}#{}", lost.first.occurred_at(), lost.first);
    let delete = delete
        .key("partition_key", AttributeValue::S("contoso".into()))
        .key("sort_key", AttributeValue::S(sort_key));
    delete.send().await.unwrap();
    let path = "/v1/activities?from=2026-03-25&to=2026-03-26";
    assert_eq!(app.read(path).await.status, 503);
}
