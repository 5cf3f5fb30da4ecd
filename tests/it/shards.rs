//! A log in several shards, which are partitions of the table, acts as one log.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use shared::Clock;

use crate::harness::{Answer, TestApp, ago, with};

impl TestApp {
    /// Records an activity; its `correlation_id` is also its key.
    async fn record_keyed(&self, activity: &Value) -> Answer {
        let key = activity["correlation_id"].as_str().unwrap();
        let request = self.post("/v1/activities", activity);
        let request = request.header("idempotency-key", key);
        request.token(&self.recorder()).send().await
    }

    /// The keys of the table's partitions that have activities.
    async fn partitions(&self) -> BTreeSet<String> {
        let dynamodb = aws_sdk_dynamodb::Client::new(&self.stack.sdk);
        let scan = dynamodb
            .scan()
            .table_name(&self.stack.config.activities_table);
        let items = scan.send().await.unwrap().items.unwrap();
        let key =
            |item: &HashMap<String, AttributeValue>| item["partition_key"].as_s().unwrap().clone();
        items.iter().map(key).collect()
    }
}

/// An activity of a number. Two each have the same moment; customers alternate.
fn numbered(number: i64) -> Value {
    let mut sent = with("occurred_at", ago(3_000 - number / 2));
    sent["correlation_id"] = format!("k-{number}").into();
    sent["customer"]["id"] = format!("c-{}", number % 2).into();
    sent
}

fn ids(items: &[Value]) -> Vec<&str> {
    items
        .iter()
        .map(|item| item["id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_log_in_several_shards_is_recorded_read_exported_and_erased_as_one() {
    let app = TestApp::start_with(&[("WRITE_SHARDS", "3")]).await;
    let sent: Vec<_> = (0..60).map(numbered).collect();
    let mut recorded = Vec::new();
    for activity in &sent {
        recorded.push(app.record_keyed(activity).await.json());
    }
    assert_eq!(app.partitions().await.len(), 3);
    recorded.sort_by_key(|item| item["id"].as_str().unwrap().to_owned());
    for order in ["asc", "desc"] {
        if order == "desc" {
            recorded.reverse();
        }
        for limit in ["1", "7", "100"] {
            let query = format!("order={order}&limit={limit}");
            let listed = app.list_all(&query).await;
            assert_eq!(ids(&listed), ids(&recorded), "{query}");
        }
    }
    let found = app.list_all("customer_id=c-1&limit=3").await;
    assert_eq!(found.len(), 30);
    let one = recorded[17]["id"].as_str().unwrap();
    let read = app.read(&format!("/v1/activities/{one}")).await.json();
    assert_eq!(read["id"], one);
    let again = app.record_keyed(&sent[5]).await;
    assert_eq!(again.header("idempotency-replayed"), "true");

    let export = app.export(&json!({ "format": "jsonl" })).await;
    let file = String::from_utf8(app.file(&export).await).unwrap();
    let lines: Vec<Value> = file
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["customer"].is_object())
        .collect();
    assert_eq!(ids(&lines), ids(&recorded));

    assert_eq!(app.erase().await["progress"]["erased"], 30);
    let erased = app.list_all("customer_id=c-1").await;
    assert!(
        erased
            .iter()
            .all(|item| item["customer"]["name"] == "[erased]")
    );
}

#[tokio::test]
async fn a_retry_finds_what_was_recorded_with_an_earlier_number_of_shards() {
    let start = Clock::system().now().plus(Duration::from_hours(1));
    let shards = format!("1,4@{start}");
    let app = TestApp::start_with(&[("WRITE_SHARDS", &shards)]).await;
    let sent = numbered(0);
    let before = app.record_keyed(&sent).await;
    app.advance(Duration::from_hours(2));
    for _ in 0..40 {
        app.record(&with("occurred_at", ago(-7_000))).await;
    }
    assert!(app.partitions().await.len() > 1);
    let again = app.record_keyed(&sent).await;
    assert_eq!(again.status, 200);
    assert_eq!(again.json()["id"], before.json()["id"]);
    assert_eq!(app.list_all("").await.len(), 41);
}
