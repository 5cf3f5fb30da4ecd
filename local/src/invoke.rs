//! Lambda's invoke call, through which a function calls a worker.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode},
    response::{IntoResponse, Json, Response},
    routing::post,
};
use serde_json::json;

use crate::functions::{CallError, Functions};

/// The functions that can be called.
#[derive(Debug)]
struct Lambda {
    functions: Functions,
    names: BTreeSet<String>,
}

/// The route of the invoke call, for functions with these names.
pub(crate) fn router(functions: Functions, names: BTreeSet<String>) -> Router {
    Router::new()
        .route("/2015-03-31/functions/{function}/invocations", post(invoke))
        .with_state(Arc::new(Lambda { functions, names }))
}

/// Calls a function, and waits for its answer unless the call is asynchronous.
async fn invoke(
    State(lambda): State<Arc<Lambda>>,
    Path(function): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(event) = serde_json::from_slice(&body) else {
        return lambda_error(StatusCode::BAD_REQUEST, "InvalidRequestContentException");
    };
    let wanted = headers
        .get("x-amz-invocation-type")
        .map(HeaderValue::as_bytes);
    if wanted == Some(b"Event") && lambda.names.contains(&function) {
        lambda.functions.queue(&function, event);
        return StatusCode::ACCEPTED.into_response();
    }
    match lambda.functions.call(&function, event).await {
        Ok(answer) => Json(answer).into_response(),
        Err(CallError::Unknown(_)) => {
            lambda_error(StatusCode::NOT_FOUND, "ResourceNotFoundException")
        }
        Err(CallError::Throttled(_)) => {
            lambda_error(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException")
        }
        Err(error) => {
            let mut response = Json(json!({ "errorMessage": error.to_string() })).into_response();
            let unhandled = HeaderValue::from_static("Unhandled");
            response
                .headers_mut()
                .insert("x-amz-function-error", unhandled);
            response
        }
    }
}

fn lambda_error(status: StatusCode, code: &'static str) -> Response {
    let mut response = (status, Json(json!({ "Type": "User", "Message": code }))).into_response();
    response
        .headers_mut()
        .insert("x-amzn-errortype", HeaderValue::from_static(code));
    response
}
