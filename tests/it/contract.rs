//! Holds every answer of the running service to `openapi.yaml`.

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

static REGISTRY: LazyLock<Registry<'static>> = LazyLock::new(|| {
    let document = Registry::new().add("urn:openapi", OPENAPI.clone());
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
    let operation = &OPENAPI["paths"][template][method.as_str().to_lowercase()];
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
    assert_valid(
        &schema_of(content),
        &serde_json::from_str(body).unwrap(),
        &at,
    );
}

/// The path of the contract that a request belongs to; a literal one wins.
fn template(method: &Method, path: &str) -> Option<&'static str> {
    let segments: Vec<_> = path.split('?').next().unwrap().split('/').collect();
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
        Some(reference) => OPENAPI.pointer(reference.trim_start_matches('#')).unwrap(),
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
    let mut pending = vec![&*OPENAPI];
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
    assert_eq!(json!("3.1.0"), OPENAPI["openapi"]);
}
