//! DynamoDB's answers: pages of the log, and an export that is always free.
//!
//! A query reads the whole log or one shard of it whatever its condition says, the
//! condition of an update always holds, and a put stores nothing; but it may be one
//! too many for its partition.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, atomic::Ordering},
    time::Instant,
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
use shared::{Actor, Export, ExportRequest, Moment, Order, TimeRange};

use super::{Counts, limit::Limit, log::Log, wire};
use crate::Error;

/// The server.
pub(super) struct DynamoDb {
    log: Log,
    limit: Option<Limit>,
    /// The answer to the update that takes the lease.
    leased: String,
    counts: Arc<Counts>,
}

/// The export as a worker sees it that looks whether it still has it.
const HELD: &str = r#"{"Item":{"state":{"S":"running"},"lease_epoch":{"N":"1"}}}"#;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Query {
    exclusive_start_key: Option<HashMap<String, HashMap<String, String>>>,
    scan_index_forward: Option<bool>,
    limit: Option<u64>,
    projection_expression: Option<String>,
    #[serde(default)]
    expression_attribute_names: HashMap<String, String>,
    #[serde(default)]
    expression_attribute_values: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Update {
    return_values: Option<String>,
    #[serde(default)]
    expression_attribute_values: Value,
}

impl Query {
    /// The attributes that the answer's items have; all if nothing is said.
    fn attributes(&self) -> Option<BTreeSet<String>> {
        let named = |name: &str| {
            let name = name.trim();
            let full = self.expression_attribute_names.get(name);
            full.map_or(name, String::as_str).to_owned()
        };
        let projection = self.projection_expression.as_deref()?;
        Some(projection.split(',').map(named).collect())
    }

    /// The shard that the partition's key names.
    fn shard(&self) -> u32 {
        let partition = self.expression_attribute_values.pointer("/:partner/S");
        let shard = partition.and_then(|key| key.as_str()?.split_once('#')?.1.parse().ok());
        shard.unwrap_or_default()
    }
}

impl DynamoDb {
    /// A server over a log, with one export of it that was asked for `now`.
    pub(super) fn new(
        log: Log,
        limit: Option<Limit>,
        request: ExportRequest,
        now: Moment,
        counts: Arc<Counts>,
    ) -> Result<Self, Error> {
        let leased = json!({ "Attributes": leased(request, log.range(), now)? }).to_string();
        Ok(Self {
            log,
            limit,
            leased,
            counts,
        })
    }

    fn answer(&self, operation: &str, body: &[u8]) -> Result<String, Error> {
        match operation {
            "Query" => self.query(&serde_json::from_slice(body)?),
            "UpdateItem" => Ok(self.update(&serde_json::from_slice(body)?)),
            "GetItem" => Ok(HELD.into()),
            "PutItem" => self.put(body),
            other => Err(format!("{other} is not canned").into()),
        }
    }

    fn put(&self, body: &[u8]) -> Result<String, Error> {
        if let Some(limit) = &self.limit {
            let asked: Value = serde_json::from_slice(body)?;
            let item = asked.get("Item").ok_or("a put has no item")?;
            if !limit.admits(item, Instant::now())? {
                return Err(TooMany.into());
            }
        }
        self.counts.items_put.fetch_add(1, Ordering::Relaxed);
        Ok("{}".into())
    }

    fn query(&self, query: &Query) -> Result<String, Error> {
        let order = match query.scan_index_forward {
            Some(false) => Order::Desc,
            Some(true) | None => Order::Asc,
        };
        let after = query.exclusive_start_key.as_ref();
        let after = after.and_then(|key| key.get("sort_key")?.get("S"));
        let limit = query.limit.unwrap_or(u64::MAX);
        let attributes = query.attributes();
        let after = after.map(String::as_str);
        let page = self
            .log
            .page(attributes.as_ref(), query.shard(), order, after, limit)?;
        self.counts
            .entries_read
            .fetch_add(page.count, Ordering::Relaxed);
        Ok(page.body)
    }

    fn update(&self, update: &Update) -> String {
        let values = &update.expression_attribute_values;
        let rows = values
            .pointer("/:progress/M/rows/N")
            .and_then(Value::as_str);
        if let Some(rows) = rows.and_then(|rows| rows.parse().ok()) {
            self.counts.rows_reported.store(rows, Ordering::Relaxed);
        }
        // Only the update that takes the lease asks for the item.
        match update.return_values.as_deref() {
            Some("ALL_NEW") => self.leased.clone(),
            _ => "{}".into(),
        }
    }
}

/// A fresh export of the whole log, as it is once a worker has its lease.
fn leased(request: ExportRequest, range: TimeRange, now: Moment) -> Result<Value, Error> {
    let ann: Actor = serde_json::from_value(json!({ "id": "u-1", "name": "Ann", "kind": "user" }))?;
    let export = Export::new(request, range, true, ann, now);
    let item: HashMap<_, _> = serde_dynamo::to_item(export)?;
    let mut item = wire::item(&item);
    let changed = [
        ("state", json!({ "S": "running" })),
        ("lease_epoch", json!({ "N": "1" })),
        ("attempts", json!({ "N": "1" })),
    ];
    let attributes = item.as_object_mut().ok_or("an item is an object")?;
    attributes.extend(changed.map(|(name, value)| (name.to_owned(), value)));
    Ok(item)
}

/// A partition has no units left.
#[derive(Debug, thiserror::Error)]
#[error("the partition takes no more now")]
struct TooMany;

/// The server's one route.
pub(super) fn router(server: DynamoDb) -> Router {
    Router::new()
        .route("/", post(answer))
        .with_state(Arc::new(server))
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
            let kind = if error.is::<TooMany>() {
                "ProvisionedThroughputExceededException"
            } else {
                "ValidationException"
            };
            let body = json!({ "__type": kind, "message": error.to_string() });
            (StatusCode::BAD_REQUEST, body.to_string())
        }
    };
    (status, [(CONTENT_TYPE, "application/x-amz-json-1.0")], body).into_response()
}
