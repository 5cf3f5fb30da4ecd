//! AWS hangs: the service must answer each request before its client gives up.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    faults::Fault,
    harness::{Answer, TestApp, activity},
};

/// Lambda stops `record` after 15 s; the answer must come a second before that.
const RECORD_TIME_MAX: Duration = Duration::from_secs(14);

/// API Gateway gives up after 30 s; the answer must come 3 seconds before that.
const OTHERS_TIME_MAX: Duration = Duration::from_secs(27);

/// The id of no activity.
const ID: &str = "019ab0f4-5c5b-7d0a-8e4f-0c39d6d5c70d";

impl TestApp {
    /// The answer while these operations never answer, and how long it took.
    async fn answer_while_hanging(
        operations: &[&str],
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (Answer, Duration) {
        let app = Self::start().await;
        for operation in operations {
            app.faults.add(operation, Fault::Hung, 100);
        }
        let started_at = Instant::now();
        let roles = json!(["global_admin", "activity_recorder"]);
        let token = app.token_of(json!({ "partner_id": "contoso", "roles": roles }));
        let mut request = app.request(method, path).token(&token);
        if let Some(body) = body {
            request = request.raw(body.to_string());
        }
        (request.send().await, started_at.elapsed())
    }
}

fn assert_in_time((answer, took): &(Answer, Duration), limit: Duration) {
    assert_eq!(answer.refusal(), "503 unavailable");
    assert_eq!(answer.header("retry-after"), "1");
    assert!(*took < limit, "after {took:?}");
}

#[tokio::test]
async fn a_record_is_answered_before_its_function_ends() {
    let one = TestApp::answer_while_hanging(
        &["PutItem"],
        Method::POST,
        "/v1/activities",
        Some(activity()),
    );
    let batch = json!({ "activities": vec![activity(); 40] });
    let path = "/v1/activities/batch";
    let many = TestApp::answer_while_hanging(&["PutItem"], Method::POST, path, Some(batch));
    let (one, (many, took)) = tokio::join!(one, many);
    assert_in_time(&one, RECORD_TIME_MAX);
    assert!(took < RECORD_TIME_MAX, "after {took:?}");
    let many = many.json();
    let results = many["results"].as_array().unwrap();
    assert!(results.iter().all(|result| result["status"] == 503));
}

#[tokio::test]
async fn whatever_is_read_or_asked_for_is_answered_before_the_gateway_gives_up() {
    let get = |operations: &'static [&'static str], path: &'static str| {
        TestApp::answer_while_hanging(operations, Method::GET, path, None)
    };
    let post = |operations: &'static [&'static str], path: &'static str, body: Value| {
        TestApp::answer_while_hanging(operations, Method::POST, path, Some(body))
    };
    let one = format!("/v1/activities/{ID}");
    let answers = tokio::join!(
        get(&["Query"], "/v1/activities"),
        TestApp::answer_while_hanging(&["GetItem"], Method::GET, &one, None),
        get(&["Query"], "/v1/exports"),
        post(&["UpdateItem"], "/v1/exports", json!({})),
        post(&["PutItem"], "/v1/exports", json!({})),
        post(
            &["PutItem"],
            "/v1/erasures",
            json!({ "customer_id": "c-1" })
        ),
    );
    for answer in [
        &answers.0, &answers.1, &answers.2, &answers.3, &answers.4, &answers.5,
    ] {
        assert_in_time(answer, OTHERS_TIME_MAX);
    }
    // The next sweep calls the worker.
    let (accepted, took) = post(&["Invoke"], "/v1/exports", json!({})).await;
    assert_eq!(accepted.status, 202, "{}", accepted.text);
    assert!(took < OTHERS_TIME_MAX, "after {took:?}");
}
