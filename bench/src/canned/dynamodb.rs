//! DynamoDB's answers: pages of the log, and one export, whose lease is always granted.
//!
//! A query reads the log or one shard of it, the condition of an update always holds,
//! and a put stores nothing.

#![expect(
    clippy::indexing_slicing,
    reason = "only JSON values are indexed here, and an absent one is null"
)]

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::post,
};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::{Actor, Export, ExportRequest, Moment, TimeRange};

use super::{
    archive::Archive,
    counts::Counter,
    log::{Log, PageRequest},
};
use crate::{
    Error,
    names::{ACTIVITIES, ARCHIVE},
};

/// The server.
pub(super) struct DynamoDb {
    log: Log,
    /// The answer to the update that takes the export's lease.
    leased: String,
    archive: Archive,
    counter: Counter,
}

/// The answer to whoever asks whether a partner is registered.
const REGISTERED: &str = r#"{"Item":{"due_at":{"S":"2030-01-01T00:00:00.000Z"}}}"#;

/// The answer to a worker that checks whether it still has the lease.
const RUNNING: &str = r#"{"Item":{"state":{"S":"running"},"lease_epoch":{"N":"1"}}}"#;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Query {
    table_name: String,
    exclusive_start_key: Option<HashMap<String, HashMap<String, String>>>,
    scan_index_forward: Option<bool>,
    limit: Option<usize>,
    projection_expression: Option<String>,
    #[serde(default)]
    expression_attribute_names: HashMap<String, String>,
    #[serde(default)]
    expression_attribute_values: Value,
}

impl Query {
    fn page(&self) -> PageRequest {
        let start_key = self.exclusive_start_key.as_ref();
        PageRequest {
            shard: self.shard().unwrap_or_default(),
            bounds: self.bounds(),
            after: start_key.and_then(|key| key.get("sort_key")?.get("S").cloned()),
            limit: self.limit,
            attributes: self.attributes(),
        }
    }

    /// The attributes that the answer's items have; all if none are named.
    fn attributes(&self) -> Option<BTreeSet<String>> {
        let full = |name: &str| {
            let full = self.expression_attribute_names.get(name);
            full.map_or(name, String::as_str).to_owned()
        };
        let projection = self.projection_expression.as_deref()?;
        Some(projection.split(',').map(str::trim).map(full).collect())
    }

    /// The sort keys between which the answer lies.
    fn bounds(&self) -> Option<[String; 2]> {
        let value = |name: &str| {
            let value = self.expression_attribute_values.pointer(name)?;
            Some(value.as_str()?.to_owned())
        };
        Some([value("/:from/S")?, value("/:to/S")?])
    }

    /// The shard that the partition's key names; none if it is the first.
    fn shard(&self) -> Option<u32> {
        let partition = self.expression_attribute_values.pointer("/:partner/S")?;
        partition.as_str()?.split_once('#')?.1.parse().ok()
    }
}

impl DynamoDb {
    /// A server over a log, with one export whose lease is taken.
    pub(super) fn new(log: Log, leased: &Value, archive: Archive, counter: Counter) -> Self {
        Self {
            log,
            leased: json!({ "Attributes": leased }).to_string(),
            archive,
            counter,
        }
    }

    /// The one route of all operations.
    pub(super) fn router(self) -> Router {
        Router::new()
            .route("/", post(answer))
            .with_state(Arc::new(self))
    }

    fn answer(&self, operation: &str, body: &[u8]) -> Result<String, Error> {
        match operation {
            "Query" => self.query(&serde_json::from_slice(body)?),
            "UpdateItem" => Ok(self.update(&serde_json::from_slice(body)?)),
            "GetItem" => Ok(self.get(&serde_json::from_slice(body)?)),
            "PutItem" => Ok("{}".into()),
            other => Err(format!("{other} has no canned answer").into()),
        }
    }

    fn query(&self, query: &Query) -> Result<String, Error> {
        if query.table_name == ARCHIVE {
            return Ok(match query.bounds() {
                Some([_, to]) if query.scan_index_forward == Some(false) => {
                    self.archive.segment_up_to(&to)
                }
                _ => self.archive.sealed(),
            });
        }
        if query.scan_index_forward != Some(false) {
            return Err("only queries from the newest entry on have canned answers".into());
        }
        let page = self.log.page(&query.page())?;
        let mut counts = self.counter.counts();
        counts.pages += 1;
        counts.entries_read += page.count as u64;
        Ok(page.body)
    }

    /// The head, a registered partner, or an export that runs; there is no activity under
    /// any key.
    fn get(&self, get: &Value) -> String {
        let partition = get.pointer("/Key/partition_key/S").and_then(Value::as_str);
        let is_registry = partition.is_some_and(|it| it.starts_with("#partners#"));
        match get["TableName"].as_str() {
            Some(ARCHIVE) if is_registry => REGISTERED.to_owned(),
            Some(ACTIVITIES) => "{}".to_owned(),
            Some(ARCHIVE) => self.archive.head(),
            _ => RUNNING.to_owned(),
        }
    }

    fn update(&self, update: &Value) -> String {
        // Only the update that takes the lease asks for the item.
        if update["ReturnValues"] == "ALL_NEW" {
            self.leased.clone()
        } else {
            "{}".into()
        }
    }
}

/// A fresh export of a range that was asked for `now`, as it is once a worker has its lease.
pub(super) fn leased(
    request: ExportRequest,
    range: TimeRange,
    now: Moment,
) -> Result<Value, Error> {
    let ann: Actor = serde_json::from_value(json!({ "id": "u-1", "name": "Ann", "kind": "user" }))?;
    let export = Export::new(request, range, true, ann, now);
    let item: serde_dynamo::Item = serde_dynamo::to_item(export)?;
    let mut item = serde_json::to_value(item)?;
    item["state"] = json!({ "S": "running" });
    item["lease_epoch"] = json!({ "N": "1" });
    item["attempts"] = json!({ "N": "1" });
    Ok(item)
}

async fn answer(State(server): State<Arc<DynamoDb>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default();
    let (status, body) = match server.answer(operation, &body) {
        Ok(body) => (StatusCode::OK, body),
        Err(error) => {
            let error = json!({ "__type": "ValidationException", "message": error.to_string() });
            (StatusCode::BAD_REQUEST, error.to_string())
        }
    };
    (status, [(CONTENT_TYPE, "application/x-amz-json-1.0")], body).into_response()
}
