//! Whatever fails, in the end each entry was told.

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;

use crate::{
    faults::Fault,
    harness::{TestApp, activity, is_full, with},
    stream::RECORDED,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_the_bus_or_the_table_does_not_answer_is_told_all_the_same() {
    for operation in ["PutEvents", "BatchGetItem"] {
        for fault in [
            Fault::Lost,
            Fault::ReplyLost,
            Fault::Throttled,
            Fault::Cut,
            Fault::Twice,
        ] {
            let app = TestApp::start_streaming("activity").await;
            // All attempts of a call, and one of the next.
            app.faults.add(operation, fault, 4);
            let ids = app.record_some(3).await;
            app.until_told(RECORDED, 3).await;
            assert_eq!(app.event_ids(RECORDED), ids, "{operation} {fault:?}");
            assert!(app.faults.clear(), "{operation} {fault:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_is_told_when_the_bus_is_back() {
    let app = TestApp::start_streaming("ocsf").await;
    app.faults.add("PutEvents", Fault::Lost, 1_000_000);
    let ids = app.record_some(230).await;
    app.until_called("stream", "PutEvents").await;
    assert_eq!(app.stack.bus.events().len(), 0);
    app.faults.clear();
    app.until_told(RECORDED, 230).await;
    assert_eq!(app.event_ids(RECORDED), ids);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_never_be_told_is_told_as_such_and_holds_nothing_up() {
    let app = TestApp::start_streaming("activity").await;
    app.store_damaged(
        "contoso",
        "2026-01-01T00:00:00.000Z#019b76da-a800-7000-8000-000000000000",
    )
    .await;
    app.store_damaged("contoso#checkpoints", "no moment").await;
    app.store_damaged("#unknown", "x").await;
    let ids = app.record_some(2).await;
    app.until_told(RECORDED, 2).await;
    assert_eq!(app.event_ids(RECORDED), ids);
    let told = app.until_told("Not Sent", 3).await;
    for event in told {
        let data = &event["detail"]["data"];
        assert!(!data["reason"].as_str().unwrap().is_empty());
        let key = format!(
            "{}/{}",
            text(&data["partition_key"]),
            text(&data["sort_key"])
        );
        assert_eq!(text(&event["detail"]["id"]), key);
    }
}

fn text(value: &serde_json::Value) -> &str {
    value.as_str().unwrap()
}

impl TestApp {
    /// Stores an item without what an entry must have.
    pub(crate) async fn store_damaged(&self, partition: &str, sort: &str) {
        let value = |text: &str| AttributeValue::S(text.to_owned());
        let put = self.dynamodb().put_item();
        let put = put.table_name(&self.stack.config.activities_table);
        let put = put.item("partition_key", value(partition));
        let put = put.item("sort_key", value(sort));
        put.send().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_or_has_ended_is_not_told() {
    let app = TestApp::start_streaming("activity").await;
    app.faults.add("BatchGetItem", Fault::Lost, 6);
    let gone = app.record(&activity()).await;
    app.delete_item(&gone).await;
    let kept = app.record(&activity()).await;
    app.until_told(RECORDED, 1).await;
    let id = kept["id"].as_str().unwrap().to_owned();
    assert_eq!(app.event_ids(RECORDED), BTreeSet::from([id]));
}

/// Clients record while requests of `stream` meet faults by chance.
#[tokio::test(flavor = "multi_thread")]
async fn under_faults_by_chance_the_events_are_the_entries_in_the_end() {
    for seed in 0..if is_full() { 20 } else { 3 } {
        let app = TestApp::start_streaming("activity").await;
        app.faults.throw_dice_among(
            "stream",
            seed,
            30,
            &[
                Fault::Lost,
                Fault::ReplyLost,
                Fault::Throttled,
                Fault::Twice,
            ],
        );
        let mut ids = BTreeSet::new();
        for place in 0..60 {
            let sent = with("occurred_at", crate::harness::ago(place * 100));
            let stored = app.record(&sent).await;
            ids.insert(text(&stored["id"]).to_owned());
            if place % 20 == 0 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        app.until_told(RECORDED, 60).await;
        assert_eq!(app.event_ids(RECORDED), ids, "seed {seed}");
    }
}
