//! Holds every answer of the running service to `openapi.yaml` and to
//! `tests/contract/strict.yaml`, which has what generators of clients do not read.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex},
};

use jsonschema::{Registry, Validator};
use reqwest::{Method, StatusCode, header::HeaderMap};
use serde_json::{Value, json};

/// The contract as the service compiles it in.
pub(crate) static OPENAPI: LazyLock<Value> = LazyLock::new(|| {
    serde_saphyr::from_str(include_str!("../../openapi.yaml")).expect("openapi.yaml is YAML")
});

/// The contract with the conditions that the service keeps to besides.
static STRICT: LazyLock<Value> = LazyLock::new(|| {
    let patch = serde_saphyr::from_str(include_str!("../contract/strict.yaml"));
    let mut strict = OPENAPI.clone();
    json_patch::merge(&mut strict, &patch.expect("strict.yaml is YAML"));
    strict
});

static REGISTRY: LazyLock<Registry<'static>> = LazyLock::new(|| {
    let document = Registry::new().add("urn:openapi", STRICT.clone());
    document.unwrap().prepare().unwrap()
});

/// The headers that a response may carry only if the contract says so.
const CONTRACT_HEADERS: [&str; 5] = [
    "location",
    "link",
    "retry-after",
    "idempotency-replayed",
    "cache-control",
];

/// Panics unless the contract allows this answer.
pub(crate) fn check(
    method: &Method,
    path: &str,
    sent: Option<&Value>,
    status: StatusCode,
    headers: &HeaderMap,
    body: &str,
) {
    let Some(template) = template(method, path) else {
        assert!(
            status == 404 || status == 401,
            "{method} {path}: {status} outside the contract"
        );
        return;
    };
    let at = format!("{method} {path}: {status} {body}");
    let operation = &STRICT["paths"][template][method.as_str().to_lowercase()];
    // A batch is accepted whole with bad activities in it.
    let is_batch = template.ends_with("/batch");
    if let (Some(sent), true) = (sent, status.is_success() && !is_batch) {
        let schema = schema_of(&operation["requestBody"]["content"]["application/json"]);
        assert_valid(&schema, sent, &format!("accepted request of {at}"));
    }
    let response = resolve(&operation["responses"][status.as_str()]);
    assert!(!response.is_null(), "the contract lacks {at}");
    for name in CONTRACT_HEADERS
        .iter()
        .filter(|name| headers.contains_key(**name))
    {
        let declared = response["headers"].as_object().into_iter().flatten();
        let known = declared
            .map(|(header, _)| header)
            .any(|header| header.eq_ignore_ascii_case(name));
        assert!(known, "the contract lacks the header {name} of {at}");
    }
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        let required = resolve(header)["required"] == true;
        assert!(
            !required || headers.contains_key(name.as_str()),
            "no header {name} in {at}"
        );
    }
    if body.is_empty() {
        assert!(response["content"].is_null(), "no body in {at}");
        return;
    }
    let given = headers["content-type"].to_str().unwrap();
    let media_type = given.split(';').next().unwrap().trim();
    // The gateway's own answers have neither.
    let is_ours = headers.contains_key("cache-control");
    assert!(
        !is_ours || given.ends_with("; charset=utf-8"),
        "no charset in {given} of {at}"
    );
    let content = &response["content"][media_type];
    assert!(
        !content.is_null(),
        "the contract lacks {media_type} for {at}"
    );
    let body = match media_type {
        "text/plain" => Value::from(body),
        _ => serde_json::from_str(body).unwrap(),
    };
    assert_valid(&schema_of(content), &body, &at);
}

/// The path of the contract that a request belongs to; a literal one wins.
fn template(method: &Method, path: &str) -> Option<&'static str> {
    let path = path.split('?').next().unwrap();
    // The greedy route is not in the contract; what is behind it is.
    let path = match path.trim_start_matches("/v1").trim_start_matches('/') {
        rest if rest.starts_with("auditrecords") => format!("/v1/{rest}"),
        _ => path.to_owned(),
    };
    let segments: Vec<_> = path.split('/').collect();
    let templates = OPENAPI["paths"].as_object().unwrap().keys();
    let matches = templates.filter(|template| {
        let wanted: Vec<_> = template.split('/').collect();
        let operation = &OPENAPI["paths"][template.as_str()][method.as_str().to_lowercase()];
        !operation.is_null()
            && wanted.len() == segments.len()
            && wanted
                .iter()
                .zip(&segments)
                .all(|(want, have)| want == have || (want.starts_with('{') && !have.is_empty()))
    });
    matches
        .min_by_key(|template| template.matches('{').count())
        .map(String::as_str)
}

/// What a reference of the document stands for.
fn resolve(value: &Value) -> &Value {
    match value["$ref"].as_str() {
        Some(reference) => STRICT.pointer(reference.trim_start_matches('#')).unwrap(),
        None => value,
    }
}

/// A media type's schema, with references that lead into the document.
fn schema_of(content: &Value) -> Value {
    let schema = content["schema"]
        .to_string()
        .replace("\"#/", "\"urn:openapi#/");
    serde_json::from_str(&schema).unwrap()
}

/// The validator of a schema, built once in the whole run.
fn validator(schema: &Value) -> Arc<Validator> {
    static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> =
        LazyLock::new(Mutex::default);
    let build = || {
        jsonschema::options()
            .with_registry(&REGISTRY)
            .build(schema)
            .unwrap()
    };
    let mut validators = VALIDATORS.lock().unwrap();
    Arc::clone(
        validators
            .entry(schema.to_string())
            .or_insert_with(|| Arc::new(build())),
    )
}

fn assert_valid(schema: &Value, instance: &Value, at: &str) {
    let validator = validator(schema);
    let faults: Vec<_> = validator
        .iter_errors(instance)
        .map(|fault| format!("{} {fault}", fault.instance_path()))
        .collect();
    assert!(
        faults.is_empty(),
        "not as the contract says: {faults:#?}\n{at}"
    );
}

#[test]
fn the_examples_of_the_contract_are_valid() {
    let mut checked = 0;
    let mut pending = vec![&*STRICT];
    while let Some(value) = pending.pop() {
        match value {
            Value::Object(entries) => pending.extend(entries.values()),
            Value::Array(items) => pending.extend(items),
            _ => {}
        }
        for (_, example) in value["examples"].as_object().into_iter().flatten() {
            if let example @ Value::Object(_) = resolve(example)
                && !value["schema"].is_null()
            {
                let schema = schema_of(value);
                assert_valid(&schema, &example["value"], &example["summary"].to_string());
                checked += 1;
            }
        }
    }
    assert!(checked > 10, "only {checked} examples found");
}

/// What generators of clients stumble over, each seen to break a client or to be left out of it.
const CONDITIONS: [&str; 13] = [
    "anyOf",
    "const",
    "default",
    "dependentRequired",
    "else",
    "if",
    "not",
    "nullable",
    "oneOf",
    "patternProperties",
    "then",
    "unevaluatedProperties",
    "uniqueItems",
];

#[test]
fn the_contract_has_nothing_that_generators_of_clients_stumble_over() {
    assert_eq!(OPENAPI["openapi"], "3.0.3");
    for (at, schema) in schemas_of(&OPENAPI) {
        for name in CONDITIONS {
            assert!(schema[name].is_null(), "{name} at {at}");
        }
        // With one reference it only gives the field a description of its own.
        let joined = schema["allOf"].as_array().map_or(1, Vec::len);
        assert_eq!(joined, 1, "allOf at {at}");
        let both = !schema["pattern"].is_null() && !schema["format"].is_null();
        assert!(!both, "a pattern beside a format at {at}");
        let is_nameless = !schema["properties"].is_null() || !schema["enum"].is_null();
        let parent = at.rsplit_once('/').unwrap().0;
        assert!(
            !is_nameless || parent == "/components/schemas",
            "a schema without a name of its own at {at}"
        );
    }
}

#[test]
fn a_client_of_the_contract_accepts_a_field_that_a_later_version_adds() {
    for (name, schema) in OPENAPI["components"]["schemas"].as_object().unwrap() {
        let is_closed = schema["additionalProperties"] == false;
        assert_eq!(is_closed, name.starts_with("New"), "{name}");
    }
}

#[test]
fn every_object_of_the_strict_contract_names_all_its_fields() {
    let named = STRICT["components"]["schemas"].as_object().unwrap();
    for (name, schema) in named
        .iter()
        .filter(|(_, schema)| !schema["properties"].is_null())
    {
        // An imported record keeps members that nobody knows.
        if name == "AuditRecord" {
            continue;
        }
        assert_eq!(schema["additionalProperties"], false, "{name}");
    }
}

/// The schemas of a document, with where each is: what has a type or refers to another.
fn schemas_of(document: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    let mut pending = vec![(String::new(), document)];
    while let Some((at, value)) = pending.pop() {
        let entries = value.as_object().into_iter().flatten();
        let inner = entries.filter(|(name, _)| !["example", "examples"].contains(&name.as_str()));
        pending.extend(inner.map(|(name, value)| (format!("{at}/{name}"), value)));
        let is_schema = ["schema", "items"]
            .iter()
            .any(|end| at.ends_with(&format!("/{end}")))
            || ["schemas", "properties"].iter().any(|end| {
                at.rsplit_once('/')
                    .is_some_and(|(parent, _)| parent.ends_with(&format!("/{end}")))
            });
        if is_schema {
            found.push((at, value));
        }
    }
    assert!(found.len() > 100, "only {} schemas found", found.len());
    found
}

/// The body of the contract's example with this name.
fn example(name: &str) -> Value {
    OPENAPI["components"]["examples"][name]["value"].clone()
}

/// A body with another value at a path such as `/items/0/details`.
fn with(mut body: Value, path: &str, value: Value) -> Value {
    let (parent, name) = path.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[name] = value;
    body
}

fn without(mut body: Value, name: &str) -> Value {
    body.as_object_mut().unwrap().remove(name).unwrap();
    body
}

/// Checks what the strict contract says of each body, as in `GET /v1/exports/{id} 200`.
fn assert_accepts(what: &str, cases: &[(Value, bool)]) {
    let [method, path, part]: [_; 3] = what.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let operation = &STRICT["paths"][path][method.to_lowercase()];
    let with_content = match part {
        "request" => &operation["requestBody"],
        status => resolve(&operation["responses"][status]),
    };
    let media_type = match with_content["content"].get("application/problem+json") {
        Some(problem) => problem,
        None => &with_content["content"]["application/json"],
    };
    for (body, is_valid) in cases {
        let validator = validator(&schema_of(media_type));
        assert_eq!(validator.is_valid(body), *is_valid, "{what}: {body}");
    }
}

#[test]
fn the_strict_contract_knows_what_an_export_has_in_each_state() {
    let [ready, failed] = ["ReadyExport", "FailedExport"].map(example);
    let cases = [
        (ready.clone(), true),
        (failed.clone(), true),
        (without(ready.clone(), "download"), false),
        (without(ready.clone(), "file"), false),
        (without(ready.clone(), "style"), false),
        (with(ready.clone(), "/format", json!("jsonl")), false),
        (with(ready.clone(), "/news", json!(1)), false),
        (
            with(ready.clone(), "/from", json!("2026-11-01T00:00:00Z")),
            false,
        ),
        (without(failed.clone(), "failure"), false),
        (with(failed.clone(), "/file", ready["file"].clone()), false),
    ];
    assert_accepts("GET /v1/exports/{id} 200", &cases);
    let created = [(ready.clone(), true), (failed.clone(), false)];
    assert_accepts("POST /v1/exports 201", &created);
    let pending = [
        (example("QueuedExport"), true),
        (failed, true),
        (without(ready.clone(), "download"), false),
    ];
    assert_accepts("POST /v1/exports 202", &pending);
    let listed = [
        (
            json!({ "items": [without(ready.clone(), "download")] }),
            true,
        ),
        (json!({ "items": [ready] }), false),
    ];
    assert_accepts("GET /v1/exports 200", &listed);
}

#[test]
fn the_strict_contract_knows_which_fields_an_activity_has() {
    let [activity, trail] = ["Activity", "TrailActivity"].map(example);
    let cases = [
        (activity.clone(), true),
        (trail.clone(), true),
        (without(activity.clone(), "details"), false),
        (with(activity.clone(), "/has_details", json!(false)), false),
        (without(activity, "customer"), false),
        (without(trail, "resource"), false),
    ];
    assert_accepts("GET /v1/activities/{id} 200", &cases);
    let page = example("ActivityPage");
    let listed = [
        (page.clone(), true),
        (with(page, "/items/0/details", json!({})), false),
    ];
    assert_accepts("GET /v1/activities 200", &listed);
    let batch = example("BatchAnswer");
    let results = [
        (batch.clone(), true),
        (with(batch.clone(), "/results/0/status", json!(400)), false),
        (
            with(batch.clone(), "/results/0/activity/details", json!({})),
            false,
        ),
        (with(batch, "/results/1/status", json!(201)), false),
    ];
    assert_accepts("POST /v1/activities/batch 200", &results);
    let summary = json!({ "groups": [], "complete": true, "settled": true,
        "from": "2026-11-01T00:00:00.000Z", "to": "2026-11-02T00:00:00.000Z" });
    let counts = [
        (summary.clone(), true),
        (with(summary.clone(), "/complete", json!(false)), false),
        (with(summary, "/next_cursor", json!("a")), false),
    ];
    assert_accepts("GET /v1/activities/summary 200", &counts);
}

#[test]
fn the_strict_contract_knows_what_a_request_may_send() {
    let exports = [
        (
            json!({ "action": "a", "outcome": null, "from": null }),
            true,
        ),
        (json!({ "action": [] }), false),
        (json!({ "from": "2026-11-01T00:00:00" }), false),
        (json!({ "format": "jsonl", "style": "raw" }), false),
        (json!({ "compression": "gzip" }), false),
        (json!({ "style": "raw", "locale": "ko" }), false),
    ];
    assert_accepts("POST /v1/exports request", &exports);
    let activity = example("NewActivity");
    let singles = [
        (with(activity.clone(), "/occurred_at", json!(null)), true),
        (
            with(activity.clone(), "/idempotency_key", json!(null)),
            true,
        ),
        (with(activity, "/idempotency_key", json!("k")), false),
    ];
    assert_accepts("POST /v1/activities request", &singles);
    let batch = example("NewActivities");
    let keyed = [
        (batch.clone(), true),
        (
            with(batch, "/activities/1/idempotency_key", json!("k")),
            true,
        ),
    ];
    assert_accepts("POST /v1/activities/batch request", &keyed);
    let timeless = without(
        example("NewActivities")["activities"][0].take(),
        "occurred_at",
    );
    let refused = [(json!({ "activities": [timeless] }), false)];
    assert_accepts("POST /v1/activities/batch request", &refused);
}

#[test]
fn the_strict_contract_knows_the_code_of_a_status() {
    let problem = json!({ "title": "Bad Request", "status": 400, "detail": "a", "request_id": "r",
        "code": "invalid_request", "errors": [{ "field": "a", "reason": "b" }] });
    let cases = [
        (problem.clone(), true),
        (with(problem.clone(), "/status", json!(403)), false),
        (with(problem.clone(), "/code", json!("forbidden")), false),
        (with(problem.clone(), "/message", json!("a")), false),
        (without(problem.clone(), "errors"), false),
    ];
    assert_accepts("GET /v1/activities 400", &cases);
    let gateway = [
        (json!({ "message": "Unauthorized" }), true),
        (problem, false),
    ];
    assert_accepts("GET /v1/activities 401", &gateway);
}
