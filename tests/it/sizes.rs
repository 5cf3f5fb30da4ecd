//! No answer is larger than Lambda returns, and a client can get it compressed.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    faults::Fault,
    harness::{TestApp, activity, ago},
};

/// A name that takes four bytes a character inside Lambda's answer.
fn longest_name(number: usize) -> String {
    format!("{}{number:06}", "\"".repeat(250))
}

/// An id that takes four bytes a character there.
fn longest_id(number: usize) -> String {
    format!("{}{number:06}", "\"".repeat(122))
}

impl TestApp {
    /// Records activities whose texts take as many bytes as they can.
    async fn record_longest(&self, count: usize) {
        for from in (0..count).step_by(50) {
            let longest = |number| {
                let mut activity = activity();
                activity["occurred_at"] = json!(ago(3_600));
                activity["customer"] =
                    json!({ "id": longest_id(number), "name": longest_name(number) });
                activity["actor"] = json!({
                    "id": longest_id(number), "name": longest_name(number), "kind": "user"
                });
                activity["resource"] =
                    json!({ "type": longest_id(number), "id": longest_id(number) });
                activity["correlation_id"] = json!(longest_id(number));
                activity
            };
            let activities: Vec<_> = (from..from + 50).map(longest).collect();
            let body = json!({ "activities": activities });
            let batch = self
                .post("/v1/activities/batch", &body)
                .token(&self.recorder());
            let answer = batch.send().await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            let results = answer.json();
            let results = results["results"].as_array().unwrap();
            assert!(
                results.iter().all(|result| result["status"] == 201),
                "{}",
                answer.text
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_with_the_longest_filters_are_listed_in_pages_that_fit() {
    let app = TestApp::start_with(&[("MAX_RUNNING_EXPORTS", "100")]).await;
    app.faults.add("Invoke", Fault::Swallowed, 100);
    // Random letters hardly become smaller as gzip, and larger than before as base64.
    let letters = |_| fastrand::alphanumeric().to_ascii_lowercase();
    let action = |_| (0..64).map(letters).collect::<String>();
    let actions: Vec<_> = (0..960).map(action).collect();
    for _ in 0..100 {
        let asked = app.post_export(&json!({ "action": actions })).await;
        assert_eq!(asked.status, 202, "{}", asked.text);
    }
    let mut found = BTreeSet::new();
    let mut path = "/v1/exports?limit=100".to_owned();
    let mut pages = 0;
    loop {
        let request = app.get(&path).token(&app.reader());
        let page = request.header("accept-encoding", "gzip").send().await;
        let page = page.json();
        let items = page["items"].as_array().unwrap();
        found.extend(items.iter().map(|item| item["id"].to_string()));
        pages += 1;
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/v1/exports?limit=100&cursor={cursor}");
    }
    assert_eq!((found.len(), pages), (100, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_activities_are_listed_and_counted_in_answers_that_fit() {
    let app = TestApp::start().await;
    app.record_longest(1_500).await;
    let page = app.list("limit=500").await;
    assert_eq!(page["items"].as_array().unwrap().len(), 500);

    let mut counted = 0;
    let mut query = "group_by=customer&group_by=actor".to_owned();
    loop {
        let path = format!("/v1/activities/summary?{query}");
        let summary = app.read(&path).await.json();
        counted += summary["groups"].as_array().unwrap().len();
        let Some(cursor) = summary["next_cursor"].as_str() else {
            break;
        };
        query = format!("group_by=customer&group_by=actor&cursor={cursor}");
    }
    assert_eq!(counted, 1_500);
}

#[tokio::test]
async fn an_event_that_lambda_would_refuse_does_not_reach_a_function() {
    let app = TestApp::start().await;
    let quotes = app
        .post("/v1/activities", &Value::Null)
        .raw("\"".repeat(3_200_000));
    let answer = quotes.token(&app.recorder()).send().await;
    assert_eq!(answer.status, 413);
    assert_eq!(answer.text, r#"{"message":"Request Entity Too Large"}"#);
}

#[tokio::test]
async fn a_client_that_accepts_gzip_gets_a_long_answer_compressed() {
    let app = TestApp::start().await;
    for _ in 0..5 {
        app.record(&activity()).await;
    }
    let list = || app.get("/v1/activities").token(&app.reader());
    let plain = list().send().await;
    assert_eq!(
        (plain.header("vary"), plain.header("content-encoding")),
        ("accept-encoding", "")
    );
    let compressed = list().header("accept-encoding", "gzip").send().await;
    assert_eq!(compressed.header("content-encoding"), "gzip");
    assert_eq!(compressed.text, plain.text);
}
