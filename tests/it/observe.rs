//! The lines of logs and metrics that a call leaves, as on Lambda.

use std::time::Duration;

use lambda_http::{Context, Service, http::Response, lambda_runtime::LambdaInvocation, service_fn};
use serde_json::{Value, json};
use shared::{metrics::NAMESPACE, observe::Observer};
use tracing::{Dispatch, subscriber::DefaultGuard};

use crate::{
    faults::Fault,
    guards::read,
    harness::{TestApp, activity, with},
    logs::Log,
};

/// The levels of a deployment, without the lines of DynamoDB and S3 of `local`.
const LEVELS: &str = "info,dynoxide=off,s3s=off,s3s_fs=off";

/// The keys that a query of the logs can rely on.
const KEYS: [&str; 8] = [
    "service",
    "level",
    "message",
    "timestamp",
    "function_request_id",
    "cold_start",
    "partner.id",
    "xray_trace_id",
];

/// Calls the functions of a stack as Lambda's runtime does.
struct Lambda {
    app: TestApp,
    observer: Observer<Log>,
    log: Log,
    _capture: (DefaultGuard, Dispatch),
}

impl Lambda {
    async fn start() -> Self {
        let log = Log::default();
        let capture = log.capture("activity-log", LEVELS);
        Self {
            app: TestApp::start().await,
            observer: Observer::new("activity-log".into(), log.clone()),
            log,
            _capture: capture,
        }
    }

    /// Calls a function with an event; returns the lines that the call logs.
    async fn call(&self, function: &str, event: &Value) -> Vec<Value> {
        let functions = self.app.stack.functions.clone();
        let function = function.to_owned();
        let mut service = self
            .observer
            .around(service_fn(move |it: LambdaInvocation| {
                let event = serde_json::from_slice(&it.body).unwrap();
                let (functions, function) = (functions.clone(), function.clone());
                Box::pin(async move { functions.call(&function, event).await })
            }));
        let mut context = Context::default();
        context.request_id = "8f5e0c1a-request".into();
        context.xray_trace_id = Some("Root=1-trace".into());
        let _ = self.log.take();
        let invocation = LambdaInvocation {
            parts: Response::new(()).into_parts().0,
            body: event.to_string().into(),
            context,
        };
        let _ = service.call(invocation).await;
        let text = self.log.take();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Calls a function with an event; returns its only line of metrics.
    async fn metrics(&self, function: &str, event: &Value) -> Value {
        let lines = self.call(function, event).await;
        let mut lines = lines.iter().filter(|line| line["_aws"].is_object());
        let line = lines.next().cloned().expect("a line of metrics");
        assert_eq!(lines.next(), None);
        line
    }

    /// Requests an export or erasure but calls no worker; returns its id.
    async fn request_without_worker(&self, path: &str, body: &Value) -> Value {
        self.app.faults.add("Invoke", Fault::Swallowed, 1);
        let request = self.app.post(path, body);
        let admin = self.app.token("contoso", "global_admin");
        request.token(&admin).send().await.json()["id"].clone()
    }
}

/// An event of `tests/events`, with another body unless that is null.
fn event(name: &str, body: &Value) -> Value {
    let mut event: Value =
        serde_json::from_str(&read(&format!("tests/events/{name}.json"))).unwrap();
    if !body.is_null() {
        event["body"] = body.to_string().into();
        event["isBase64Encoded"] = false.into();
    }
    event
}

#[tokio::test]
async fn each_line_of_each_function_has_the_usual_keys() {
    let lambda = Lambda::start().await;
    let canary = json!({ "canary-field": "canary-details" });
    let calls = [
        ("record", event("record__activity", &canary)),
        ("record", event("record__no_role", &Value::Null)),
        ("list", event("list__one", &Value::Null)),
        ("export", event("export__delete_unknown", &Value::Null)),
        (
            "export-worker",
            event("export-worker__unknown", &Value::Null),
        ),
        ("erasure", event("erasure__create", &canary)),
        (
            "erasure-worker",
            event("erasure-worker__unknown", &Value::Null),
        ),
    ];
    for (place, (function, event)) in calls.iter().enumerate() {
        let lines = lambda.call(function, event).await;
        let (metrics, lines): (Vec<_>, Vec<_>) =
            lines.into_iter().partition(|line| line["_aws"].is_object());
        assert!(!lines.is_empty(), "{function} logs nothing");
        for line in lines {
            for key in KEYS {
                assert!(!line[key].is_null(), "{function} without {key}: {line}");
            }
            assert_eq!(line["service"], "activity-log");
            assert_eq!(line["function_request_id"], "8f5e0c1a-request");
            assert_eq!(line["partner.id"], "contoso", "{function}");
            assert_eq!(line["cold_start"], place == 0, "{function}");
            assert!(!line.to_string().contains("canary"), "{line}");
        }
        for line in metrics {
            for key in [
                "service",
                "level",
                "message",
                "timestamp",
                "function_request_id",
            ] {
                assert!(line[key].is_string(), "{function} without {key}: {line}");
            }
        }
    }
}

#[tokio::test]
async fn a_refused_item_of_a_batch_names_its_own_partner() {
    let lambda = Lambda::start().await;
    let item = |partner: &str| {
        let mut item = with("occurred_at", "2020-01-01T00:00:00Z");
        item["partner_id"] = partner.into();
        // The key makes the service look each item up before it refuses it, and
        // it looks up both at the same time.
        item["idempotency_key"] = "k-1".into();
        item
    };
    let batch = json!({ "activities": [item("contoso"), item("fabrikam")] });
    let mut event = event("record__batch", &batch);
    let claims = &mut event["requestContext"]["authorizer"]["jwt"]["claims"];
    *claims = json!({ "sub": "portal", "roles": "[platform_recorder]" });
    let lines = lambda.call("record", &event).await;
    let partners: Vec<_> = lines
        .iter()
        .filter_map(|line| line["partner.id"].as_str())
        .collect();
    assert_eq!(partners, ["contoso", "fabrikam"]);
}

#[tokio::test]
async fn a_batch_is_one_line_of_metrics() {
    let lambda = Lambda::start().await;
    let mut keyed = with("occurred_at", crate::harness::ago(5));
    keyed["idempotency_key"] = "k-1".into();
    let mut broken = activity();
    broken["outcome"] = "lost".into();
    let batch = json!({ "activities": [activity(), keyed, keyed, broken] });
    let line = lambda
        .metrics("record", &event("record__batch", &batch))
        .await;
    assert_eq!(
        (
            &line["recorded"],
            &line["replayed"],
            &line["refused"],
            &line["code"]
        ),
        (&json!(2), &json!(1), &json!(1), &json!("invalid_request")),
        "{line}"
    );
    // Three puts, and the partner is looked up and registered.
    assert_eq!(line["store_latency_ms"].as_array().unwrap().len(), 5);
    let by_service = json!({
        "Namespace": NAMESPACE,
        "Dimensions": [["service"]],
        "Metrics": [
            { "Name": "recorded", "Unit": "Count" },
            { "Name": "refused", "Unit": "Count" },
            { "Name": "replayed", "Unit": "Count" },
            { "Name": "store_latency_ms", "Unit": "Milliseconds" },
        ],
    });
    let by_code = json!({
        "Namespace": NAMESPACE,
        "Dimensions": [["service", "code"]],
        "Metrics": [{ "Name": "refused", "Unit": "Count" }],
    });
    assert_eq!(
        line["_aws"]["CloudWatchMetrics"],
        json!([by_service, by_code])
    );
}

#[tokio::test]
async fn the_metrics_of_pages_files_and_erasures_count_their_activities() {
    let lambda = Lambda::start().await;
    for _ in 0..3 {
        lambda.app.record(&activity()).await;
    }
    let page = lambda
        .metrics("list", &event("list__page", &Value::Null))
        .await;
    let listed = lambda.app.list("").await["items"].as_array().unwrap().len();
    assert_eq!((listed, &page["listed"]), (3, &json!(3)), "{page}");

    lambda.app.advance(Duration::from_secs(2));
    let id = lambda
        .request_without_worker("/v1/exports", &json!({}))
        .await;
    let worker = json!({ "partner_id": "contoso", "export_id": id });
    let exported = lambda.metrics("export-worker", &worker).await;
    let path = format!("/v1/exports/{}", id.as_str().unwrap());
    let file = lambda.app.read(&path).await.json()["file"].clone();
    assert_eq!(exported["exported_rows"], file["rows"], "{exported}");
    assert_eq!(exported["exported_bytes"], file["bytes"], "{exported}");

    let customer = &activity()["customer"]["id"];
    let id = lambda
        .request_without_worker("/v1/erasures", &json!({ "customer_id": customer }))
        .await;
    let worker = json!({ "partner_id": "contoso", "erasure_id": id });
    let erased = lambda.metrics("erasure-worker", &worker).await;
    assert_eq!(erased["erased"], 3, "{erased}");
}

#[tokio::test]
async fn a_call_with_nothing_to_report_logs_no_line() {
    let lambda = Lambda::start().await;
    let lines = lambda
        .call("list", &event("list__openapi", &Value::Null))
        .await;
    assert_eq!(lines, Vec::<Value>::new());
}

#[test]
fn a_start_under_cargo_lambda_warns_of_nothing() {
    let log = Log::default();
    let _capture = log.capture("activity-log", LEVELS);
    // What Lambda's runtime says there; the smoke run starts the functions themselves.
    tracing::warn!(target: "lambda_runtime::runtime", "AWS_LAMBDA_MAX_CONCURRENCY is set to '1'");
    assert_eq!(log.take(), "");
    tracing::error!(target: "lambda_runtime::runtime", "an error of the runtime");
    tracing::warn!(target: "lambda_runtime::layers", "a warning of another part");
    assert_eq!(log.take().lines().count(), 2);
}
