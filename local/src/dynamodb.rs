//! A DynamoDB that stores its items in `SQLite`: `dynoxide`, behind a server of our own.
//!
//! `dynoxide` has a server too, but it allows every website to call it.

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::post,
};
use dynoxide::{Database, DynoxideError};
use uuid::Uuid;

/// The largest body that DynamoDB accepts.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What stands before the operation's name in the header `x-amz-target`.
const TARGET_PREFIX: &str = "DynamoDB_20120810.";

/// The service that answers DynamoDB's protocol from `database`.
pub(crate) fn router(database: Database) -> Router {
    Router::new()
        .route("/", post(answer))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(database)
}

async fn answer(State(database): State<Database>, headers: HeaderMap, body: String) -> Response {
    let target = headers
        .get("x-amz-target")
        .and_then(|value| value.to_str().ok());
    let operation = target.and_then(|target| target.strip_prefix(TARGET_PREFIX));
    let (status, body) = match call(&database, operation.unwrap_or_default(), &body) {
        Ok(body) => (StatusCode::OK, body),
        Err(error) => {
            let status = StatusCode::from_u16(error.status_code());
            (status.unwrap_or(StatusCode::BAD_REQUEST), error.to_json())
        }
    };
    let mut response = (status, body).into_response();
    let json = HeaderValue::from_static("application/x-amz-json-1.0");
    response.headers_mut().insert(CONTENT_TYPE, json);
    if let Ok(id) = HeaderValue::from_str(&Uuid::now_v7().to_string()) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}

/// Passes operations on to `dynoxide`, each with its input and output type.
macro_rules! operations {
    ($($operation:literal => $method:ident,)*) => {
        fn call(database: &Database, operation: &str, body: &str) -> Result<String, DynoxideError> {
            match operation {
                $($operation => {
                    let input = serde_json::from_str(body).map_err(|error| malformed(&error))?;
                    serde_json::to_string(&database.$method(input)?)
                        .map_err(|error| unwritable(&error))
                })*
                _ => Err(DynoxideError::UnsupportedCapability(format!(
                    "the local DynamoDB has no operation {operation:?}"
                ))),
            }
        }
    };
}

operations! {
    "BatchGetItem" => batch_get_item,
    "BatchWriteItem" => batch_write_item,
    "CreateTable" => create_table,
    "DeleteItem" => delete_item,
    "DeleteTable" => delete_table,
    "DescribeTable" => describe_table,
    "DescribeTimeToLive" => describe_time_to_live,
    "GetItem" => get_item,
    "ListTables" => list_tables,
    "PutItem" => put_item,
    "Query" => query,
    "Scan" => scan,
    "TransactGetItems" => transact_get_items,
    "TransactWriteItems" => transact_write_items,
    "UpdateItem" => update_item,
    "UpdateTable" => update_table,
    "UpdateTimeToLive" => update_time_to_live,
}

fn malformed(error: &serde_json::Error) -> DynoxideError {
    DynoxideError::SerializationException(error.to_string())
}

fn unwritable(error: &serde_json::Error) -> DynoxideError {
    DynoxideError::InternalServerError(error.to_string())
}
