//! Following a log by when its activities were recorded.

mod model;

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use shared::{ActivityId, Moment};

use crate::{
    copies::put_all,
    faults::Fault,
    harness::{Answer, TestApp, activity, with},
};

/// What may be under way, and a little more.
const MARGIN: Duration = Duration::from_secs(61);

impl TestApp {
    /// Records an activity that happened some time ago; returns its id.
    async fn record_late(&self, ago: Duration) -> String {
        let at = self.now().minus(ago).to_string();
        let recorded = self.record(&with("occurred_at", at)).await;
        recorded["id"].as_str().unwrap().to_owned()
    }

    /// Stores the name of a late activity that never was; five fill a page.
    async fn name_heavily(&self) {
        let id = ActivityId::random(self.now().minus(days(1)));
        let item = [
            ("partition_key", "contoso#late".to_owned()),
            ("sort_key", format!("{}#{id}", self.now())),
            ("padding", "x".repeat(200_000)),
        ];
        let item = item.map(|(name, value)| (name.to_owned(), AttributeValue::S(value)));
        let table = self.stack.config.activities_table.clone();
        put_all(self, &[(table, item.into())]).await;
    }

    /// The ids of what was recorded from a moment on, and the moment to go on with.
    pub(crate) async fn follow(&self, from: &str, conditions: &str) -> (Vec<String>, String) {
        let query = format!("recorded_from={from}&{conditions}");
        let mut page = self.list(&query).await;
        let mut found = ids(&page);
        while let Some(cursor) = page["next_cursor"].as_str() {
            page = self.list(&format!("{query}&cursor={cursor}")).await;
            found.extend(ids(&page));
        }
        (found, recorded_to(&page))
    }
}

fn ids(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap().iter();
    items
        .map(|item| item["id"].as_str().unwrap().to_owned())
        .collect()
}

/// The moment to go on with.
fn recorded_to(answer: &Value) -> String {
    answer["recorded_to"].as_str().unwrap().to_owned()
}

fn days(days: u64) -> Duration {
    Duration::from_hours(24 * days)
}

#[tokio::test]
async fn an_activity_is_shown_once_a_minute_after_it_was_recorded() {
    let app = TestApp::start().await;
    let from = app.now().to_string();
    let one = app.record_late(Duration::ZERO).await;
    let (found, from) = app.follow(&from, "").await;
    assert_eq!(found, [""; 0], "its minute is not over");
    app.advance(MARGIN);
    let (found, from) = app.follow(&from, "").await;
    assert_eq!(found, [one]);
    app.advance(MARGIN);
    assert_eq!(app.follow(&from, "").await.0, [""; 0]);
}

#[tokio::test]
async fn a_late_activity_is_found_without_reading_what_lies_between() {
    let app = TestApp::start().await;
    for ago in 1..60 {
        app.record_late(days(6) * ago / 60).await;
    }
    app.advance(MARGIN);
    let (_, from) = app.follow("1970-01-01", "").await;
    let late = app.record_late(days(5)).await;
    app.advance(MARGIN);
    let before = app.faults.count("list", "Query");
    let (found, _) = app.follow(&from, "limit=500").await;
    assert_eq!(found, [late]);
    // The names, the time around the late one, and the last hour; and how much is sealed,
    // of each of the two.
    let queries = app.faults.count("list", "Query") - before;
    assert!(queries <= 5, "{queries}");
}

#[tokio::test]
async fn what_was_recorded_in_time_costs_two_queries() {
    let app = TestApp::start().await;
    app.record_late(days(5)).await;
    app.advance(MARGIN);
    let (_, from) = app.follow("1970-01-01", "").await;
    let one = app.record_late(Duration::from_mins(59)).await;
    app.advance(MARGIN);
    let before = app.faults.count("list", "Query");
    assert_eq!(app.follow(&from, "").await.0, [one]);
    assert_eq!(app.faults.count("list", "Query") - before, 2);
}

#[tokio::test]
async fn conditions_and_a_range_narrow_what_is_followed() {
    let app = TestApp::start().await;
    let from = app.now().to_string();
    let old = app.record_late(days(3)).await;
    let new = app.record_late(Duration::ZERO).await;
    let mut other = activity();
    other["action"] = "cancel_order".into();
    app.record(&other).await;
    app.advance(MARGIN);
    let (found, _) = app
        .follow(&from, "exclude_action=cancel_order&order=asc")
        .await;
    assert_eq!(found, [old.clone(), new]);
    let day = app.now().minus(days(2)).to_string();
    assert_eq!(app.follow(&from, &format!("to={day}")).await.0, [old]);
    let day = app.now().plus(days(2)).to_string();
    assert_eq!(app.follow(&from, &format!("from={day}")).await.0, [""; 0]);
}

#[tokio::test]
async fn an_entry_of_the_export_that_follows_is_left_out_of_the_next_one() {
    let app = TestApp::start().await;
    let from = app.now().to_string();
    app.record_late(days(3)).await;
    app.advance(MARGIN);
    let asked = |from: &str| {
        json!({
            "format": "jsonl",
            "recorded_from": from,
            "exclude_action": ["export_activity_log", "download_activity_log"],
        })
    };
    let first = app.export(&asked(&from)).await;
    assert_eq!(first["file"]["rows"], 1);
    let from = recorded_to(&first);
    app.advance(MARGIN);
    let second = app.export(&asked(&from)).await;
    assert_eq!(second["file"]["rows"], 0);
}

#[tokio::test]
async fn a_start_in_the_future_is_given_back_and_shows_nothing() {
    let app = TestApp::start().await;
    app.record_late(Duration::ZERO).await;
    let from = "2100-01-01T00:00:00.000Z";
    assert_eq!(app.follow(from, "").await, (Vec::new(), from.to_owned()));
}

#[tokio::test]
async fn a_start_that_is_no_time_is_refused() {
    let app = TestApp::start().await;
    let answer = app.read("/v1/activities?recorded_from=yesterday").await;
    insta::assert_snapshot!(answer.refusal(), @"400 recorded_from must be an RFC 3339 time with a zone or a date: 2026-11-22T09:32:11Z or 2026-11-22");
    let answer = app.read("/v1/activities?recorded_to=2026-11-22").await;
    insta::assert_snapshot!(answer.refusal(), @"400 recorded_to is not supported");
}

#[tokio::test]
async fn a_cursor_keeps_the_end_of_what_is_followed() {
    let app = TestApp::start().await;
    let from = app.now().to_string();
    for _ in 0..3 {
        app.record_late(Duration::ZERO).await;
    }
    app.advance(MARGIN);
    let query = format!("recorded_from={from}&limit=2");
    let page = app.list(&query).await;
    app.record_late(Duration::from_mins(30)).await;
    app.advance(MARGIN);
    let cursor = page["next_cursor"].as_str().unwrap();
    let last = app.list(&format!("{query}&cursor={cursor}")).await;
    assert_eq!((ids(&page).len(), ids(&last).len()), (2, 1));
    assert_eq!(page["recorded_to"], last["recorded_to"]);
}

/// A 2xx promises that the activity will be seen, so its name must be there before it.
#[tokio::test]
async fn a_late_activity_is_not_stored_without_its_name() {
    let app = TestApp::start().await;
    let from = app.now().to_string();
    let at = app.now().minus(days(2)).to_string();
    let put = || async {
        let request = app.post("/v1/activities", &with("occurred_at", at.clone()));
        let request = request.token(&app.recorder());
        request.header("idempotency-key", "k-1").send().await
    };
    app.faults.add("PutItem", Fault::Lost, 3);
    assert_eq!(put().await.refusal(), "503 unavailable");
    assert_eq!(app.list("from=2000-01-01").await["items"], json!([]));
    app.faults.clear();
    // Its name is stored, and it is itself, but no answer of the latter arrives.
    app.faults.add_after("PutItem", 1, Fault::ReplyLost, 3);
    assert_eq!(put().await.refusal(), "503 unavailable");
    app.faults.clear();
    app.advance(MARGIN);
    let (found, from) = app.follow(&from, "").await;
    assert_eq!(found.len(), 1, "it is stored");
    let again: Answer = put().await;
    assert_eq!(again.status, 200);
    app.advance(MARGIN);
    assert_eq!(
        app.follow(&from, "").await.0,
        [""; 0],
        "it was shown before"
    );
}

/// More than fits into the pages of names that one request reads.
#[tokio::test]
async fn a_request_for_too_many_late_names_covers_a_shorter_time() {
    let app = TestApp::start().await;
    let start = app.now().to_string();
    let (mut from, mut wanted) = (start.clone(), BTreeSet::new());
    for second in 0..40 {
        if second % 8 == 0 {
            wanted.insert(app.record_late(days(2)).await);
        }
        app.name_heavily().await;
        app.advance(Duration::from_secs(1));
    }
    let end = app.now();
    app.advance(MARGIN);
    let (mut found, mut requests) = (Vec::new(), 0);
    while from.parse::<Moment>().unwrap() < end {
        let (some, to) = app.follow(&from, "limit=500").await;
        assert!(to > from, "following does not get on");
        (from, requests) = (to, requests + 1);
        found.extend(some);
    }
    assert!((3..10).contains(&requests), "{requests}");
    let count = found.len();
    assert_eq!((found.into_iter().collect(), count), (wanted, 5));
    // An export has the whole time.
    let body = json!({ "format": "jsonl", "recorded_from": start });
    let export = app.export(&body).await;
    assert_eq!(export["file"]["rows"], 5);
}
