//! What is told of the logs: events on the bus.

mod faults;
pub(crate) mod forms;
mod listeners;
mod replay;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use local::Options;
use serde_json::Value;

use crate::{
    faults::Fault,
    harness::{TestApp, activity, ago, eventually, with},
};

const RECORDED: &str = "Activity Recorded";

impl TestApp {
    /// Starts with a stream of events, in a format.
    pub(crate) async fn start_streaming(format: &str) -> Self {
        Self::start_with(&[("STREAM_FORMAT", format)]).await
    }

    /// All events of a kind, in the order in which they came.
    fn events(&self, kind: &str) -> Vec<Arc<Value>> {
        let mut events = self.stack.bus.events();
        events.retain(|event| event["detail-type"] == kind);
        events
    }

    /// The ids of the events of a kind.
    fn event_ids(&self, kind: &str) -> BTreeSet<String> {
        let id = |event: &Arc<Value>| event["detail"]["id"].as_str().unwrap().to_owned();
        self.events(kind).iter().map(id).collect()
    }

    /// Waits until there are events of a kind with so many ids.
    async fn until_told(&self, kind: &str, count: usize) -> Vec<Arc<Value>> {
        let told = eventually(|| self.event_ids(kind).len() >= count).await;
        let events = self.events(kind);
        assert!(told, "{kind}: {} of {count}", events.len());
        events
    }

    /// Erases the usual customer, and leaves the clock alone while the worker waits.
    pub(crate) async fn erase_without_hurry(&self) {
        let asked = self.ask_to_erase_customer("c-1").await;
        let path = asked.header("location");
        let done = async {
            while self.erasure(path).await["state"] != "done" {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let limit = Duration::from_mins(1);
        tokio::time::timeout(limit, done).await.expect("it ends");
    }

    /// Records activities that happened some seconds ago, and returns their ids.
    async fn record_some(&self, count: usize) -> BTreeSet<String> {
        let mut ids = BTreeSet::new();
        for place in 0..count {
            let sent = with("occurred_at", ago(i64::try_from(place).unwrap()));
            ids.insert(self.record(&sent).await["id"].as_str().unwrap().to_owned());
        }
        ids
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_new_entry_is_told_whether_it_is_late_or_not() {
    let app = TestApp::start_streaming("activity").await;
    let mut ids = app.record_some(3).await;
    for days in [1, 30] {
        let late = app
            .record(&with("occurred_at", ago(days * 24 * 3_600)))
            .await;
        ids.insert(late["id"].as_str().unwrap().to_owned());
    }
    let events = app.until_told(RECORDED, 5).await;
    assert_eq!(app.event_ids(RECORDED), ids);
    // Nothing else is: not the names of the late ones, and nothing twice without a fault.
    assert_eq!((events.len(), app.stack.bus.events().len()), (5, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_request_is_told_once() {
    let app = TestApp::start_streaming("activity").await;
    let sent = with("occurred_at", ago(60));
    for _ in 0..2 {
        let request = app.post("/v1/activities", &sent);
        let request = request.header("idempotency-key", "k-1");
        let answer = request.token(&app.recorder()).send().await;
        assert!(answer.status.is_success(), "{}", answer.text);
    }
    app.record_some(1).await;
    assert_eq!(app.until_told(RECORDED, 2).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_format_nothing_is_told() {
    let app = TestApp::start().await;
    app.record(&activity()).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(app.stack.bus.events().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_erasure_is_told_and_nothing_that_it_erased_is_told_afterwards() {
    let app = TestApp::start_streaming("activity").await;
    // The entry waits at the bus when the erasure begins, and can only be sent after it.
    app.faults.add("PutEvents", Fault::Lost, 100);
    let stored = app.record(&activity()).await;
    app.until_called("stream", "PutEvents").await;
    app.erase_without_hurry().await;
    app.faults.clear();
    let erased = app.until_told("Customer Erased", 1).await;
    let customer_id = &activity()["customer"]["id"];
    assert_eq!(erased[0]["detail"]["data"]["customer_id"], *customer_id);
    assert_eq!(erased[0]["detail"]["subject"], *customer_id);
    // The entry, the request of the erasure and its end.
    let events = app.until_told(RECORDED, 3).await;
    let entry = events
        .iter()
        .find(|event| event["detail"]["id"] == stored["id"]);
    let data = &entry.unwrap()["detail"]["data"];
    assert_eq!(data["action"], stored["action"]);
    assert!(data["erased_at"].is_string(), "{data}");
    let name = activity()["customer"]["name"].as_str().unwrap().to_owned();
    for event in app.stack.bus.events() {
        assert!(!event.to_string().contains(&name), "{event}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_ends_only_when_no_event_can_be_under_way() {
    let app = TestApp::start_streaming("activity").await;
    // The entry was read, and its call of the bus is under way.
    app.faults.add("PutEvents", Fault::Held, 1);
    app.record(&activity()).await;
    assert!(eventually(|| app.faults.is_held("PutEvents")).await);
    let begun = std::time::Instant::now();
    app.erase_without_hurry().await;
    // The call has given up by then, however often it was repeated.
    assert!(begun.elapsed() >= shared::model::stream::SENDING_TIME_MAX);
    let ended = app.stack.bus.events().len();
    app.faults.release();
    app.until_told("Customer Erased", 1).await;
    let name = activity()["customer"]["name"].as_str().unwrap().to_owned();
    for event in &app.stack.bus.events()[ended..] {
        assert!(!event.to_string().contains(&name), "{event}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_checkpoint_is_told_although_its_run_was_interrupted() {
    for fault in [Fault::Lost, Fault::ReplyLost] {
        let app = TestApp::start_sealing(&[("STREAM_FORMAT", "activity")]).await;
        app.record(&activity()).await;
        app.advance(Duration::from_hours(72));
        // All attempts to give the checkpoint to the stream.
        app.faults.add("PutItem", fault, 3);
        app.seal().await;
        assert!(app.faults.clear(), "{fault:?}");
        app.seal().await;
        let checkpoint = app.read("/v1/checkpoint").await.json();
        let is_told = || {
            let told = app.events("Checkpoint Signed");
            let data = told.iter().map(|event| &event["detail"]["data"]);
            let mut same = data.filter(|data| data["note"] == checkpoint["checkpoint"]);
            same.any(|data| data["size"] == 1 && data["sealed_to"] == checkpoint["sealed_to"])
        };
        assert!(eventually(is_told).await, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_it_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let options = || Options {
        data_dir: Some(folder.path().to_owned()),
        variables: [("STREAM_FORMAT".to_owned(), "activity".to_owned())].into(),
        ..Options::in_memory()
    };
    let app = TestApp::start_from(options()).await;
    app.record(&activity()).await;
    app.until_told(RECORDED, 1).await;
    // What is stored while the bus is away is told after the restart.
    app.faults.add("PutEvents", Fault::Lost, 1_000);
    let missed = app.record_some(2).await;
    drop(app);
    let app = TestApp::start_from(options()).await;
    app.until_told(RECORDED, 2).await;
    assert_eq!(app.event_ids(RECORDED), missed);
}
