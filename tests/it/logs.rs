//! What the functions log, and above all what they don't.

use std::{
    io,
    sync::{Arc, Mutex},
};

use reqwest::Method;
use serde_json::json;
use shared::observe;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::{
    faults::Fault,
    harness::{TestApp, activity, ago, at},
};

/// Everything that was logged.
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
    /// What was logged since this was asked last.
    pub(crate) fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

/// Our own lines of every level, and those of the libraries that a deployment shows.
const LEVELS: &str = "info,shared=trace,record=trace,list=trace,export=trace,\
                      export_worker=trace,erasure=trace,erasure_worker=trace,sweeper=trace,local=trace";

/// Words that only a request's content holds.
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
    /// Everything that carries a secret or a name, in answers good and bad.
    async fn carry_canaries(&self) {
        let mut sent = activity();
        for field in ["customer.id", "customer.name", "actor.id", "actor.name"] {
            *at(&mut sent, field) = format!("canary-{}", field.replace('.', "-")).into();
        }
        *at(&mut sent, "customer.id") = "canary-customer".into();
        *at(&mut sent, "customer.name") = "canary-name".into();
        sent["details"] = json!({ "note": "canary-details" });
        sent["occurred_at"] = ago(5).into();
        self.keyed(&sent).await;
        sent["outcome"] = "failed".into();
        self.keyed(&sent).await;
        sent["canary-field"] = "canary-details".into();
        self.keyed(&sent).await;
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

    async fn keyed(&self, sent: &serde_json::Value) {
        let request = self.post("/v1/activities", sent);
        let request = request.header("idempotency-key", "canary-key");
        request.token(&self.recorder()).send().await;
    }
}

#[tokio::test]
async fn no_log_line_holds_a_name_a_token_a_link_or_a_body() {
    let log = Log::default();
    let subscriber = observe::subscriber("it", EnvFilter::new(LEVELS), log.clone());
    let _guard = tracing::subscriber::set_default(subscriber);
    let app = TestApp::start().await;
    app.carry_canaries().await;
    // The same while each store is away: the causes of 503 and 500 are logged.
    for operation in [
        "PutItem",
        "Query",
        "GetItem",
        "UpdateItem",
        "PutObject",
        "Invoke",
    ] {
        app.faults.add(operation, Fault::Throttled, 3);
        let stored = activity();
        self::quietly(&app, &stored).await;
    }
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

/// Requests that may all fail.
async fn quietly(app: &TestApp, sent: &serde_json::Value) {
    app.keyed(sent).await;
    app.read("/v1/activities?customer=canary-filter").await;
    app.read("/v1/activities/019ab0f4-5c5b-7d0a-8e4f-0c39d6d5c70d")
        .await;
    let export = app.post("/v1/exports", &json!({ "customer": "canary-filter" }));
    export.token(&app.reader()).send().await;
}
