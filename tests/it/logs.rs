//! What the functions must not log: names, tokens, links and bodies.

use std::{
    io,
    sync::{Arc, Mutex},
};

use reqwest::Method;
use serde_json::json;
use shared::observe;
use tracing::{Dispatch, subscriber::DefaultGuard};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::{
    faults::Fault,
    harness::{TestApp, activity, ago, at, eventually},
    stream::forms::deeper_than_the_bus_reads,
};

/// A writer that keeps everything that is logged.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Log {
    /// Captures what this thread logs at these levels, until the result is dropped.
    pub(crate) fn capture(&self, service: &str, levels: &str) -> (DefaultGuard, Dispatch) {
        let subscriber = || observe::subscriber(service, EnvFilter::new(levels), self.clone());
        // With a single subscriber, tracing asks only the thread that first reaches a line
        // of code whether anybody listens there, and that thread may be another test's.
        let second = Dispatch::new(subscriber());
        (tracing::subscriber::set_default(subscriber()), second)
    }

    /// What was logged since the last call of this method.
    pub(crate) fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

/// Our own lines of all levels, and the libraries' lines as in a deployment.
const LEVELS: &str = "info,shared=trace,record=trace,list=trace,export=trace,\
                      export_worker=trace,erasure=trace,erasure_worker=trace,sweeper=trace,stream=trace,events=trace,local=trace";

/// Words that occur only in secrets and in the content of requests.
const CANARIES: [&str; 9] = [
    "canary-customer",
    "canary-name",
    "canary-actor",
    "canary-details",
    "canary-field",
    "canary-key",
    "canary-filter",
    "X-Amz-",
    "Bearer",
];

impl TestApp {
    /// Sends requests with canaries; some succeed, and some are refused.
    async fn send_canaries(&self) {
        let mut sent = activity();
        for field in ["customer.id", "customer.name", "actor.id", "actor.name"] {
            *at(&mut sent, field) = format!("canary-{}", field.replace('.', "-")).into();
        }
        *at(&mut sent, "customer.id") = "canary-customer".into();
        *at(&mut sent, "customer.name") = "canary-name".into();
        sent["details"] = json!({ "note": "canary-details" });
        sent["occurred_at"] = ago(5).into();
        self.record_with_key(&sent).await;
        // The bus refuses these.
        let mut deep = sent.clone();
        deep["details"] = deeper_than_the_bus_reads();
        self.record(&deep).await;
        sent["outcome"] = "failed".into();
        self.record_with_key(&sent).await;
        sent["canary-field"] = "canary-details".into();
        self.record_with_key(&sent).await;
        self.read("/v1/activities?customer=canary-filter").await;
        self.read("/v1/activities?canary-filter=1").await;
        let export = self.export(&json!({ "customer": "canary-name" })).await;
        let path = format!("/v1/exports/{}", export["id"].as_str().unwrap());
        self.read(&path).await;
        let delete = self.request(Method::DELETE, &path);
        delete.token(&self.reader()).send().await;
        let erasure = self.post("/v1/erasures", &json!({ "customer_id": "canary-customer" }));
        erasure
            .token(&self.token("contoso", "global_admin"))
            .send()
            .await;
    }

    async fn record_with_key(&self, sent: &serde_json::Value) {
        let request = self.post("/v1/activities", sent);
        let request = request.header("idempotency-key", "canary-key");
        request.token(&self.recorder()).send().await;
    }
}

#[tokio::test]
async fn no_log_line_holds_a_name_a_token_a_link_or_a_body() {
    let log = Log::default();
    let _capture = log.capture("it", LEVELS);
    let app = TestApp::start_streaming("activity").await;
    app.send_canaries().await;
    // Once more while AWS refuses calls: the causes of 503 and 500 are logged.
    for operation in [
        "PutItem",
        "Query",
        "GetItem",
        "UpdateItem",
        "PutObject",
        "Invoke",
        "BatchGetItem",
        "PutEvents",
    ] {
        app.faults.add(operation, Fault::Throttled, 3);
        let stored = activity();
        send_requests_that_may_fail(&app, &stored).await;
    }
    let is_streamed = || app.stack.bus.events().len() > 1;
    assert!(eventually(is_streamed).await);
    let text = log.take();
    for expected in ["the request was refused", "the request failed"] {
        assert!(text.contains(expected), "{expected:?} was never logged");
    }
    let token = app.reader();
    let secret = token.rsplit('.').next().unwrap();
    for canary in CANARIES.into_iter().chain([secret]) {
        let line = text.lines().find(|line| line.contains(canary));
        assert_eq!(line, None, "{canary}");
    }
}

#[tokio::test]
async fn each_read_leaves_a_line_that_tells_who_read_what() {
    let log = Log::default();
    let _capture = log.capture("it", LEVELS);
    let app = TestApp::start().await;
    let stored = app.record(&activity()).await;
    let id = stored["id"].as_str().unwrap();
    let export = app.post("/v1/exports", &json!({})).token(&app.reader());
    let export = export.send().await.json();
    let export = export["id"].as_str().unwrap();
    let erasure = app.post("/v1/erasures", &json!({ "customer_id": "c-1" }));
    let admin = app.token("contoso", "global_admin");
    let erasure = erasure.token(&admin).send().await.json();
    let erasure = erasure["id"].as_str().unwrap();
    log.take();
    let range = "from=2026-01-01&to=2999-12-31";
    for (path, expected) in [
        (
            format!("/v1/activities?{range}&customer=canary-filter&action=create_order"),
            json!({ "route": "GET /v1/activities", "conditions": "action,customer", "count": 0,
                "from": "2026-01-01T00:00:00.000Z", "to": "3000-01-01T00:00:00.000Z" }),
        ),
        (
            format!("/v1/activities/summary?{range}&group_by=day"),
            json!({ "route": "GET /v1/activities/summary", "conditions": "", "count": 1,
                "from": "2026-01-01T00:00:00.000Z", "to": "3000-01-01T00:00:00.000Z" }),
        ),
        (
            format!("/v1/activities/{id}"),
            json!({ "route": "GET /v1/activities/{id}", "id": id, "count": 1 }),
        ),
        (
            "/v1/exports".to_owned(),
            json!({ "route": "GET /v1/exports", "count": 1 }),
        ),
        (
            format!("/v1/exports/{export}"),
            json!({ "route": "GET /v1/exports/{id}", "id": export, "count": 1 }),
        ),
        (
            format!("/v1/erasures/{erasure}"),
            json!({ "route": "GET /v1/erasures/{id}", "id": erasure, "count": 1 }),
        ),
    ] {
        let answer = app.get(&path).token(&admin).send().await;
        assert_eq!(answer.status, 200, "{path}");
        let lines = log.take();
        let lines = lines.lines().filter_map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            (line["message"] == "read").then_some(line)
        });
        let lines: Vec<_> = lines.collect();
        assert_eq!(lines.len(), 1, "{path}");
        let line = &lines[0];
        assert_eq!(line["subject"], "u-1", "{path}");
        assert!(line["request_id"].is_string(), "{path}");
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&line[name], value, "{name} of {path}");
        }
        assert!(!line.to_string().contains("canary"), "{line}");
    }
}

#[tokio::test]
async fn who_is_answered_with_the_erasure_of_somebody_else_leaves_a_line() {
    let log = Log::default();
    let _capture = log.capture("it", LEVELS);
    let app = TestApp::start().await;
    let event = app.erasure_without_worker().await;
    // Its worker is not called yet, so it is still untouched.
    app.faults.add("Invoke", Fault::Swallowed, 1);
    log.take();
    let other = app.token_of(json!({
        "partner_id": "contoso", "roles": ["global_admin"], "sub": "u-2", "name": "ben@contoso.example",
    }));
    let again = app.post("/v1/erasures", &json!({ "customer_id": "c-1" }));
    let answer = again.token(&other).send().await;
    assert_eq!(answer.json()["id"], event.erasure_id.to_string());
    let lines = log.take();
    let reads = lines
        .lines()
        .filter(|line| line.contains(r#""message":"read""#));
    let reads: Vec<_> = reads.collect();
    let line: serde_json::Value = serde_json::from_str(reads[0]).unwrap();
    assert_eq!((reads.len(), &line["subject"]), (1, &json!("u-2")));
    assert_eq!(line["id"], event.erasure_id.to_string());
}

/// Sends requests with canaries; all may fail.
async fn send_requests_that_may_fail(app: &TestApp, sent: &serde_json::Value) {
    app.record_with_key(sent).await;
    app.read("/v1/activities?customer=canary-filter").await;
    app.read("/v1/activities/019ab0f4-5c5b-7d0a-8e4f-0c39d6d5c70d")
        .await;
    let export = app.post("/v1/exports", &json!({ "customer": "canary-filter" }));
    export.token(&app.reader()).send().await;
}
