//! API Gateway on one machine: finds the route, checks the token, calls the function.
//!
//! It also has the routes of Lambda's invoke call and of the development issuer.
//! A request that API Gateway would refuse gets API Gateway's own answer.

use std::{collections::BTreeSet, error::Error, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header::AUTHORIZATION, request::Parts},
    middleware::from_fn_with_state,
    response::{IntoResponse, Json, Response},
};
use http_body_util::LengthLimitError;
use serde_json::{Map, Value, json};
use shared::Clock;

use crate::{
    cors, event,
    functions::{CallError, Functions},
    invoke, issuer,
    origins::Origins,
    template::{self, Cors, Route},
    token::Issuer,
};

/// The most bytes of request line and headers that API Gateway accepts.
const HEAD_BYTES_MAX: usize = 10_240;

/// The largest body that API Gateway accepts.
const BODY_BYTES_MAX: usize = 10_000_000;

/// How long API Gateway waits for a function.
const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(30);

/// What the gateway needs to answer a request.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) routes: Vec<Route>,
    /// The functions that Lambda's invoke call knows.
    pub(crate) names: BTreeSet<String>,
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) functions: Functions,
    pub(crate) clock: Clock,
}

/// Everything that answers on the gateway's port, except the page.
pub(crate) fn router(gateway: Gateway, origins: &Origins, cors: Cors) -> Router {
    let invoke = invoke::router(gateway.functions.clone(), gateway.names.clone());
    let issuer = issuer::router(&gateway.issuer, origins);
    Router::new()
        .fallback(api)
        .with_state(Arc::new(gateway))
        .merge(issuer)
        .layer(from_fn_with_state(Arc::new(cors), cors::answer))
        .merge(invoke)
}

async fn api(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    match answer(&gateway, request).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    }
}

/// A request that API Gateway refuses: the status and its message.
#[derive(Debug, Clone, Copy)]
struct Refusal(StatusCode, &'static str);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(status, message) = self;
        let mut response = (status, Json(json!({ "message": message }))).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer");
            response.headers_mut().insert("www-authenticate", bearer);
        }
        response
    }
}

async fn answer(gateway: &Gateway, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    if head_bytes(&parts) > HEAD_BYTES_MAX {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Err(Refusal(status, "Request Header Fields Too Large"));
    }
    let path = event::decoded_path(parts.uri.path());
    let (route, parameters) = template::find(&gateway.routes, parts.method.as_str(), &path)
        .ok_or(Refusal(StatusCode::NOT_FOUND, "Not Found"))?;
    let claims = if route.open {
        None
    } else {
        Some(authorize(gateway, &parts.headers)?)
    };
    let body = axum::body::to_bytes(body, BODY_BYTES_MAX)
        .await
        .map_err(|error| unread(&error))?;
    let event = event::from_request(
        route,
        parameters,
        claims,
        &parts,
        &body,
        gateway.clock.now(),
    );
    let called = gateway.functions.call(&route.function, event);
    match tokio::time::timeout(INTEGRATION_TIMEOUT, called).await {
        Ok(Ok(answer)) => event::to_response(&answer).ok_or(FUNCTION_FAILED),
        Ok(Err(CallError::Throttled(_))) | Err(_) => Err(UNAVAILABLE),
        Ok(Err(CallError::TooLarge)) => Err(TOO_LARGE),
        Ok(Err(error)) => {
            tracing::error!(%error, route = route.key(), "the function gave no answer");
            Err(FUNCTION_FAILED)
        }
    }
}

/// The size of the request line and the headers, as they were sent.
fn head_bytes(parts: &Parts) -> usize {
    let line = format!("{} {} HTTP/1.1\r\n", parts.method, parts.uri);
    let headers = parts.headers.iter();
    let headers = headers.map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    line.len() + headers.sum::<usize>()
}

const TOO_LARGE: Refusal = Refusal(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");

const UNAVAILABLE: Refusal = Refusal(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");

/// Why a body was not read: it is too large, or it did not come in time.
fn unread(error: &axum::Error) -> Refusal {
    match error.source() {
        Some(source) if source.is::<LengthLimitError>() => TOO_LARGE,
        _ => Refusal(StatusCode::REQUEST_TIMEOUT, "Request Timeout"),
    }
}

const FUNCTION_FAILED: Refusal =
    Refusal(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");

/// The JWT authorizer: returns the claims of a valid token.
fn authorize(gateway: &Gateway, headers: &HeaderMap) -> Result<Map<String, Value>, Refusal> {
    headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| gateway.issuer.claims(value))
        .ok_or(Refusal(StatusCode::UNAUTHORIZED, "Unauthorized"))
}
