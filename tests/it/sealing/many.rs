//! Many partners, many shards, and the sweep that has them sealed.

use super::*;
use crate::harness::activity;

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
