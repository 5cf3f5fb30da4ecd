//! Nothing enters below what is closed, and whoever records is registered.

use serde_json::json;
use shared::aws::archive::Holder;

use super::*;
use crate::{
    faults::Fault,
    harness::{activity, ago, with},
};

const HOUR: i64 = 3_600;

impl TestApp {
    /// Closes contoso's log at a moment, as a service with another lateness would.
    async fn close_at(&self, to: Moment) {
        let (store, partner) = (self.seal_store(), self.registered_partner("contoso").await);
        let taken = store.take_lease(&partner, Holder::Seal, self.now()).await;
        let (lease, _) = taken.unwrap().unwrap();
        assert!(store.close(&lease, to).await.unwrap());
        let released = store.release(&lease, true, self.now()).await;
        released.unwrap();
    }
}

#[tokio::test]
async fn what_happened_before_a_log_was_closed_is_refused_although_it_is_not_too_late() {
    let app = TestApp::start_with(&[("MAX_LATENESS_DAYS", "30")]).await;
    let before = with("occurred_at", ago(60 * HOUR));
    assert_eq!(app.post_keyed(&before, "k-1").await.status, 201);
    let closed_to = app.now().minus(Duration::from_hours(48));
    app.close_at(closed_to).await;
    let late = app.post("/v1/activities", &before).token(&app.recorder());
    assert_eq!(
        late.send().await.refusal(),
        format!(
            "400 occurred_at must be {closed_to} or later, because the log is closed up to then"
        )
    );
    // A retry of what was stored finds it; another key does not.
    let replay = app.post_keyed(&before, "k-1").await;
    assert_eq!(
        (
            replay.status.as_u16(),
            replay.header("idempotency-replayed")
        ),
        (200, "true")
    );
    let mut other = before.clone();
    other["action"] = "delete_order".into();
    assert_eq!(app.post_keyed(&other, "k-1").await.status, 422);
    assert_eq!(app.post_keyed(&before, "k-2").await.status, 400);
    let batch = json!({ "activities": [before, activity()] });
    let batch = app
        .post("/v1/activities/batch", &batch)
        .token(&app.recorder());
    let batch = batch.send().await.json();
    assert_eq!(batch["results"][0]["status"], 400);
    assert_eq!(batch["results"][1]["status"], 201);
    // The boundary itself is open.
    let open = app
        .record(&with("occurred_at", closed_to.to_string()))
        .await;
    assert_eq!(open["occurred_at"], closed_to.to_string());
    // The log is never opened again, also by a service that accepts older activities.
    let day = Duration::from_hours(24);
    app.close_at(closed_to.minus(day)).await;
    let partner = app.registered_partner("contoso").await;
    let head = app.seal_head(&partner).await;
    assert_eq!(head.closed_to, Some(closed_to));
}

#[tokio::test]
async fn an_activity_of_today_costs_no_read_of_the_head() {
    let app = TestApp::start().await;
    app.record(&with("occurred_at", ago(23 * HOUR))).await;
    app.record(&activity()).await;
    // The partner was looked up once.
    assert_eq!(app.faults.count("record", "archive GetItem"), 1);
    app.record(&with("occurred_at", ago(25 * HOUR))).await;
    assert_eq!(app.faults.count("record", "archive GetItem"), 2);
}

#[tokio::test]
async fn a_partner_is_registered_before_the_first_2xx() {
    let app = TestApp::start_with(&[("FIRST_SEAL_DAYS", "30")]).await;
    for fault in [Fault::Lost, Fault::Throttled] {
        app.faults.add("archive PutItem", fault, 3);
        assert_eq!(
            app.post_keyed(&with("occurred_at", ago(5)), "k-1")
                .await
                .status,
            503
        );
        assert!(app.registered().await.is_empty());
    }
    app.faults.add("archive GetItem", Fault::Lost, 3);
    let sent = with("occurred_at", ago(7));
    assert_eq!(app.post_keyed(&sent, "k-2").await.status, 503);
    // The entry is stored, but nobody was told; the retry is a replay, and it registers.
    let replay = app.post_keyed(&sent, "k-2").await;
    assert_eq!(replay.status, 200);
    assert_eq!(app.registered().await.len(), 1);
    let now = app.now();
    let due = app.due("contoso").await;
    assert!(due > now.plus(Duration::from_hours(29 * 24)), "{due}");
    assert!(due <= now.plus(Duration::from_hours(30 * 24)), "{due}");
}

#[tokio::test]
async fn a_late_replay_registers_too() {
    let app = TestApp::start_sealing(&[]).await;
    let sent = with("occurred_at", app.now().to_string());
    app.faults.add("archive GetItem", Fault::Lost, 3);
    assert_eq!(app.post_keyed(&sent, "k-1").await.status, 503);
    app.advance(Duration::from_hours(30));
    assert_eq!(app.post_keyed(&sent, "k-1").await.status, 200);
    assert_eq!(app.registered().await.len(), 1);
}

#[tokio::test]
async fn a_partner_who_only_exports_is_registered_and_sealed() {
    let app = TestApp::start_sealing(&[]).await;
    app.export(&json!({})).await;
    assert_eq!(app.registered().await.len(), 1);
    app.advance(Duration::from_hours(26));
    app.seal().await;
    let partner = app.registered_partner("contoso").await;
    let rows = app.check_archive(&partner).await;
    let actions: Vec<&str> = rows.iter().map(|row| row.action.as_str()).collect();
    assert_eq!(actions, ["export_activity_log", "download_activity_log"]);
}

#[tokio::test]
async fn a_process_registers_a_partner_once_however_many_record_at_once() {
    let app = TestApp::start().await;
    let batch = json!({ "activities": vec![activity(); 40] });
    for _ in 0..2 {
        let request = app.post("/v1/activities/batch", &batch);
        assert_eq!(request.token(&app.recorder()).send().await.status, 200);
    }
    assert_eq!(app.faults.count("record", "archive GetItem"), 1);
    assert_eq!(app.faults.count("record", "archive PutItem"), 1);
}
