//! What an event holds, in each format.

use serde_json::{Value, json};

use crate::{
    guards::read,
    harness::{TestApp, activity, eventually, with},
    stream::RECORDED,
};

/// An activity with everything that one can have.
fn whole() -> Value {
    let mut whole = activity();
    whole["resource"] = json!({ "type": "order", "id": "o-1" });
    whole["correlation_id"] = "r-7".into();
    whole["details"] = json!({ "offer": "Microsoft 365", "seats": 25.0 });
    whole
}

/// Records an activity; returns it as it is stored, and the event's detail.
async fn told(app: &TestApp, activity: &Value) -> (Value, Value) {
    let stored = app.record(activity).await;
    let detail = detail_of(app, &stored["id"]).await;
    (stored, detail)
}

/// The detail of the event of an entry, as soon as it came.
async fn detail_of(app: &TestApp, id: &Value) -> Value {
    let find = || {
        let events = app.events(RECORDED);
        events
            .into_iter()
            .find(|event| event["detail"]["id"] == *id)
    };
    assert!(eventually(|| find().is_some()).await, "{id}");
    let event = find().unwrap();
    assert_eq!(event["source"], "partner-activity-log");
    event["detail"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_a_cloud_event_with_the_activity_as_the_api_answers_it() {
    let app = TestApp::start_streaming("activity").await;
    let (stored, detail) = told(&app, &whole()).await;
    let path = format!("/v1/activities/{}", stored["id"].as_str().unwrap());
    let mut answered = app.read(&path).await.json();
    answered.as_object_mut().unwrap().remove("links");
    let expected = json!({
        "specversion": "1.0",
        "id": stored["id"],
        "source": "//partner-activity-log/contoso",
        "type": "partner-activity-log.activity.recorded.v1",
        "subject": "c-1",
        "time": stored["occurred_at"],
        "datacontenttype": "application/json",
        "partnerid": "contoso",
        "recordedat": stored["recorded_at"],
        "data": answered,
    });
    assert_eq!(detail, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ocsf_event_has_every_field_of_the_activity() {
    let app = TestApp::start_streaming("ocsf").await;
    let (stored, detail) = told(&app, &whole()).await;
    let millis = |field: &str| {
        let moment: shared::Moment = stored[field].as_str().unwrap().parse().unwrap();
        moment.as_millis()
    };
    assert_eq!(
        detail["dataschema"],
        "https://schema.ocsf.io/1.3.0/classes/api_activity"
    );
    let expected = json!({
        "activity_id": 1,
        "activity_name": "Create",
        "category_uid": 6,
        "category_name": "Application Activity",
        "class_uid": 6003,
        "class_name": "API Activity",
        "type_uid": 600_301,
        "type_name": "API Activity: Create",
        "severity_id": 1,
        "severity": "Informational",
        "status_id": 1,
        "status": "Success",
        "time": millis("occurred_at"),
        "metadata": {
            "version": "1.3.0",
            "product": {
                "name": "Partner Activity Log",
                "uid": "partner-activity-log",
                "vendor_name": "partner-activity-log",
            },
            "uid": stored["id"],
            "log_name": "partner-activity-log",
            "logged_time": millis("recorded_at"),
            "original_time": stored["occurred_at"],
            "tenant_uid": "contoso",
            "correlation_uid": "r-7",
        },
        "actor": {
            "user": { "uid": "u-17", "name": "admin@contoso.example", "type": "User", "type_id": 1 },
        },
        "api": { "operation": "create_order", "service": { "name": "partner-activity-log" } },
        "src_endpoint": { "svc_name": "partner-activity-log" },
        "resources": [
            { "type": "order", "uid": "o-1" },
            { "type": "customer", "uid": "c-1", "name": "Relecloud" },
        ],
        "unmapped": {
            "outcome": "succeeded",
            "customer": { "id": "c-1", "name": "Relecloud" },
            "details": stored["details"],
            "has_details": true,
        },
    });
    assert_eq!(detail["data"], expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_outcomes_and_other_actions_have_their_own_ocsf_values() {
    let app = TestApp::start_streaming("ocsf").await;
    for (outcome, status) in [
        ("succeeded", json!([1, "Success"])),
        ("failed", json!([2, "Failure"])),
        ("in_progress", json!([99, "In Progress"])),
        ("declined", json!([99, "Declined"])),
    ] {
        let mut sent = with("outcome", outcome);
        sent["action"] = "sign_in".into();
        sent["actor"]["kind"] = "application".into();
        let (_, detail) = told(&app, &sent).await;
        let data = &detail["data"];
        assert_eq!(json!([data["status_id"], data["status"]]), status);
        let activity = json!([data["activity_id"], data["activity_name"], data["type_uid"]]);
        assert_eq!(activity, json!([99, "sign_in", 600_399]));
        let app = json!({ "app_uid": "u-17", "app_name": "admin@contoso.example" });
        assert_eq!(data["actor"], app);
        let customer = json!([{ "type": "customer", "uid": "c-1", "name": "Relecloud" }]);
        assert_eq!(data["resources"], customer);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn details_that_no_event_can_hold_are_left_out_and_said_to_exist() {
    for format in ["activity", "ocsf"] {
        let app = TestApp::start_streaming(format).await;
        let largest = json!({ "a": "x".repeat(shared::Details::BYTES_MAX - 8) });
        for (details, is_told) in [
            (largest, false),
            (json!({ "a": "x".repeat(200_000) }), true),
        ] {
            let mut sent = activity();
            sent["details"] = details;
            let (stored, detail) = told(&app, &sent).await;
            let data = &detail["data"];
            let (details, has_details) = match format {
                "ocsf" => (
                    &data["unmapped"]["details"],
                    &data["unmapped"]["has_details"],
                ),
                _ => (&data["details"], &data["has_details"]),
            };
            assert_eq!(*has_details, true, "{format}");
            let expected = if is_told {
                &stored["details"]
            } else {
                &Value::Null
            };
            assert_eq!(details, expected, "{format}");
        }
    }
}

/// The blocks of JSON of `docs/streaming.md`.
fn documented() -> Vec<Value> {
    let page = read("docs/streaming.md");
    let blocks = page.split("```json\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().unwrap());
    blocks
        .map(|json| serde_json::from_str(json).unwrap())
        .collect()
}

/// The same with no ids and times, which differ from run to run.
fn without_ids_and_times(mut value: Value) -> Value {
    const CHANGING: [&str; 8] = [
        "time",
        "recordedat",
        "occurred_at",
        "recorded_at",
        "uid",
        "logged_time",
        "original_time",
        "id",
    ];
    if let Value::Object(members) = &mut value {
        for (name, member) in members {
            let is_name = ["actor", "customer", "resource", "product", "resources"];
            if is_name.contains(&name.as_str()) {
                continue;
            }
            *member = if CHANGING.contains(&name.as_str()) {
                Value::Null
            } else {
                without_ids_and_times(member.take())
            };
        }
    }
    value
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_document_are_what_is_sent() {
    let [activity, ocsf] = documented().try_into().unwrap();
    for (format, documented) in [("activity", activity["detail"].clone()), ("ocsf", ocsf)] {
        let variables = [("STREAM_FORMAT", format), ("LOG_NAME", "log.example.com")];
        let app = TestApp::start_with(&variables).await;
        let mut sent = whole();
        if format == "activity" {
            sent.as_object_mut().unwrap().remove("correlation_id");
        }
        sent["details"] = json!({ "offer": "Microsoft 365", "seats": 25 });
        let (_, mut told) = told(&app, &sent).await;
        if format == "ocsf" {
            told = told["data"].take();
        }
        assert_eq!(
            without_ids_and_times(told),
            without_ids_and_times(documented)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn details_that_the_bus_refuses_are_left_out_too() {
    let app = TestApp::start_streaming("activity").await;
    let mut sent = activity();
    sent["details"] = deeper_than_the_bus_reads();
    let stored = app.record(&sent).await;
    let detail = detail_of(&app, &stored["id"]).await;
    let data = &detail["data"];
    assert_eq!(
        (&data["has_details"], data.get("details")),
        (&true.into(), None)
    );
    assert_eq!(app.events("Not Sent").len(), 0);
}

/// Details that are as deep as an answer may be, and too deep for the detail of an event.
pub(crate) fn deeper_than_the_bus_reads() -> Value {
    let arrays = (0..125).fold(json!(1), |inner, _| json!([inner]));
    json!({ "deep": arrays })
}
