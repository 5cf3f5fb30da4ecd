//! `admin replay`: what logs have is sent again.

use std::{collections::BTreeSet, time::Duration};

use admin::{Error, Replay, Replayed};
use shared::Clock;

use crate::{
    harness::{TestApp, activity, ago, with},
    stream::RECORDED,
};

impl TestApp {
    async fn replay(&self, replay: &Replay) -> Result<Replayed, Error> {
        let now = self.now();
        let clock = Clock::from_fn(move || now);
        let (sdk, config) = (&self.stack.sdk, &self.stack.config);
        replay.run(sdk, config, &clock).await
    }

    /// The ids of what a replay sends.
    async fn replayed(&self, replay: &Replay) -> BTreeSet<String> {
        let before = self.stack.bus.events().len();
        self.replay(replay).await.unwrap();
        let events = self.stack.bus.events();
        let sent = events[before..].iter();
        let sent = sent.filter(|event| event["detail-type"] == RECORDED);
        sent.map(|event| event["detail"]["id"].as_str().unwrap().to_owned())
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_sends_what_happened_or_was_recorded_in_a_time() {
    let app = TestApp::start_streaming("activity").await;
    let hour = 3_600;
    let id = |stored: serde_json::Value| stored["id"].as_str().unwrap().to_owned();
    let old = id(app.record(&with("occurred_at", ago(50 * hour))).await);
    let new = id(app.record(&activity()).await);
    app.advance(Duration::from_mins(10));
    let noon = app.now();
    let late = id(app.record(&with("occurred_at", ago(40 * hour))).await);
    app.advance(Duration::from_mins(10));
    app.until_told(RECORDED, 3).await;
    let all = [&old, &new, &late].map(String::clone).into();
    assert_eq!(app.replayed(&Replay::default()).await, all);
    // What is damaged stops nothing.
    let damaged = format!("{}#019b76da-a800-7000-8000-000000000000", ago(30 * hour));
    app.store_damaged("contoso", &damaged).await;
    let done = app.replay(&Replay::default()).await.unwrap();
    assert_eq!((done.events, done.not_sent), (3, 1));
    let since = |seconds: i64| Some(ago(seconds).parse().unwrap());
    let happened = Replay {
        partner: Some("contoso".into()),
        from: since(45 * hour),
        to: since(hour),
        ..Replay::default()
    };
    assert_eq!(app.replayed(&happened).await, [late.clone()].into());
    let recorded = Replay {
        recorded_from: Some(noon),
        ..Replay::default()
    };
    assert_eq!(app.replayed(&recorded).await, [late].into());
    let before = Replay {
        recorded_from: since(100 * hour),
        recorded_to: Some(noon),
        ..Replay::default()
    };
    assert_eq!(app.replayed(&before).await, [old, new].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sealed_is_replayed_with_its_checkpoint_and_without_what_was_erased() {
    let app = TestApp::start_sealing(&[("STREAM_FORMAT", "ocsf")]).await;
    app.stack.load("contoso", 250, app.now()).unwrap();
    let stored = app.record(&activity()).await;
    app.advance(Duration::from_hours(72));
    app.seal().await;
    app.erase_without_hurry().await;
    app.until_told(RECORDED, 3).await;
    app.until_told("Customer Erased", 1).await;
    let before = app.stack.bus.events().len();
    let done = app.replay(&Replay::default()).await.unwrap();
    let events = app.stack.bus.events()[before..].to_vec();
    // 250 and one, the request of the erasure and its end, the erasure itself, the checkpoint.
    assert_eq!((done.partners, done.events, done.not_sent), (1, 255, 0));
    assert_eq!(events.len(), 255);
    let count = |kind: &str| {
        let is_one = |event: &&std::sync::Arc<serde_json::Value>| event["detail-type"] == kind;
        events.iter().filter(is_one).count()
    };
    let counts = [RECORDED, "Customer Erased", "Checkpoint Signed"].map(count);
    assert_eq!(counts, [253, 1, 1]);
    let erased = events
        .iter()
        .find(|event| event["detail"]["id"] == stored["id"]);
    let unmapped = &erased.unwrap()["detail"]["data"]["unmapped"];
    assert!(unmapped["erased_at"].is_string(), "{unmapped}");
    assert!(!erased.unwrap().to_string().contains("Relecloud"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_without_a_bus_or_with_a_wrong_range_is_refused() {
    let app = TestApp::start().await;
    let refused =
        async |app: &TestApp, replay: &Replay| app.replay(replay).await.unwrap_err().to_string();
    assert_eq!(
        refused(&app, &Replay::default()).await,
        "STREAM_FORMAT and EVENT_BUS are missing: take those of the function stream"
    );
    let app = TestApp::start_streaming("activity").await;
    let backwards = Replay {
        from: Some(app.now()),
        to: Some(app.now().minus(Duration::from_secs(1))),
        ..Replay::default()
    };
    let reason = refused(&app, &backwards).await;
    assert_eq!(reason, "the end of the range is before its start");
    let partner = Replay {
        partner: Some("no#partner".into()),
        ..Replay::default()
    };
    let reason = refused(&app, &partner).await;
    assert_eq!(reason, "partner must be a partner's id, not \"no#partner\"");
}
