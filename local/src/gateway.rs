//! API Gateway on one machine: HTTP requests into version 2.0 events, the
//! answers of functions into HTTP responses, and Lambda's invoke call.
//!
//! What it refuses itself, it refuses in API Gateway's words.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, Query, Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{AUTHORIZATION, CONTENT_TYPE},
        request::Parts,
    },
    response::{IntoResponse, Json, Response},
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use shared::{Clock, Moment, model::zone::Zone};
use uuid::Uuid;

use crate::{
    functions::{CallError, Functions},
    sign_in,
    template::{self, Route},
    token::Issuer,
};

/// The most bytes of request line and headers that API Gateway takes.
const HEAD_BYTES_MAX: usize = 10_240;

/// The largest body that API Gateway takes.
const BODY_BYTES_MAX: usize = 10_000_000;

/// How long API Gateway waits for a function.
const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a token of `/dev/token` lives.
pub(crate) const TOKEN_LIFETIME_SECONDS: i64 = 12 * 60 * 60;

/// What the gateway's handlers share.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) routes: Vec<Route>,
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) functions: Functions,
    pub(crate) clock: Clock,
}

impl Gateway {
    /// Whether there is such a function: one with a route, or a worker.
    fn routes_to(&self, function: &str) -> bool {
        ["export-worker", "erasure-worker"].contains(&function)
            || self.routes.iter().any(|route| route.function == function)
    }
}

/// The service that answers on the gateway's port.
pub(crate) fn router(gateway: Gateway) -> Router {
    Router::new()
        .route("/.well-known/jwks.json", get(jwks))
        .route("/.well-known/openid-configuration", get(configuration))
        .route("/2015-03-31/functions/{function}/invocations", post(invoke))
        .route("/dev/token", get(token))
        .route("/dev/sign-in", get(sign_in::ask).post(sign_in::submit))
        .route("/dev/sign-in/token", post(sign_in::token))
        .route("/dev/sign-out", get(sign_in::out))
        .fallback(api)
        .with_state(Arc::new(gateway))
}

async fn api(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    match answer(&gateway, request).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    }
}

/// What API Gateway answers by itself.
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
    let path = decoded(parts.uri.path());
    let (route, parameters) = template::find(&gateway.routes, parts.method.as_str(), &path)
        .ok_or(Refusal(StatusCode::NOT_FOUND, "Not Found"))?;
    let claims = if route.open {
        None
    } else {
        Some(authorize(gateway, &parts.headers)?)
    };
    let body = axum::body::to_bytes(body, BODY_BYTES_MAX)
        .await
        .map_err(|_| Refusal(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"))?;
    let event = event(
        route,
        parameters,
        claims,
        &parts,
        &body,
        gateway.clock.now(),
    );
    let called = gateway.functions.call(&route.function, event);
    match tokio::time::timeout(INTEGRATION_TIMEOUT, called).await {
        Ok(Ok(answer)) => response(&answer).ok_or(FUNCTION_FAILED),
        Ok(Err(error)) => {
            tracing::error!(%error, route = route.key(), "no answer");
            Err(FUNCTION_FAILED)
        }
        Err(_) => Err(Refusal(
            StatusCode::SERVICE_UNAVAILABLE,
            "Service Unavailable",
        )),
    }
}

/// The size of request line and headers, as they were sent.
fn head_bytes(parts: &Parts) -> usize {
    let line = format!("{} {} HTTP/1.1\r\n", parts.method, parts.uri);
    let headers = parts.headers.iter();
    let headers = headers.map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    line.len() + headers.sum::<usize>()
}

/// A path as an HTTP API matches and passes it on: decoded, up to a `?`.
fn decoded(path: &str) -> String {
    let path = percent_decode_str(path).decode_utf8_lossy();
    path.split('?').next().unwrap_or_default().to_owned()
}

const FUNCTION_FAILED: Refusal =
    Refusal(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");

/// The JWT authorizer: the claims of a valid token.
fn authorize(gateway: &Gateway, headers: &HeaderMap) -> Result<Map<String, Value>, Refusal> {
    headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| gateway.issuer.claims(value))
        .ok_or(Refusal(StatusCode::UNAUTHORIZED, "Unauthorized"))
}

/// The request as an event of payload format 2.0.
fn event(
    route: &Route,
    parameters: Vec<(String, String)>,
    claims: Option<Map<String, Value>>,
    parts: &Parts,
    body: &Bytes,
    now: Moment,
) -> Value {
    let path = decoded(parts.uri.path());
    let mut event = json!({
        "version": "2.0",
        "routeKey": route.key(),
        "rawPath": path,
        "rawQueryString": parts.uri.query().unwrap_or_default(),
        "headers": joined_headers(&parts.headers),
        "requestContext": context(route, claims, parts, now),
        "isBase64Encoded": false,
    });
    if !parameters.is_empty() {
        let parameters = parameters
            .into_iter()
            .map(|(name, value)| (name, value.into()));
        event["pathParameters"] = Value::Object(parameters.collect());
    }
    if !body.is_empty() {
        let text = if is_text(&parts.headers) {
            std::str::from_utf8(body).ok()
        } else {
            None
        };
        event["isBase64Encoded"] = text.is_none().into();
        event["body"] = text
            .map_or_else(|| STANDARD.encode(body), str::to_owned)
            .into();
    }
    event
}

fn context(route: &Route, claims: Option<Map<String, Value>>, parts: &Parts, now: Moment) -> Value {
    let user_agent = parts
        .headers
        .get("user-agent")
        .and_then(|value| value.to_str().ok());
    let mut context = json!({
        "accountId": "000000000000",
        "apiId": "local",
        "domainName": "127.0.0.1",
        "domainPrefix": "127",
        "http": {
            "method": parts.method.as_str(),
            "path": decoded(parts.uri.path()),
            "protocol": "HTTP/1.1",
            "sourceIp": "127.0.0.1",
            "userAgent": user_agent.unwrap_or_default(),
        },
        "requestId": Uuid::now_v7().to_string(),
        "routeKey": route.key(),
        "stage": "$default",
        "time": Zone::UTC.local(now).format("%d/%b/%Y:%H:%M:%S +0000").to_string(),
        "timeEpoch": now.as_millis(),
    });
    if let Some(claims) = claims {
        context["authorizer"] = json!({ "jwt": { "claims": claims, "scopes": null } });
    }
    context
}

/// Headers by their lower-case names, repeated ones joined by commas.
fn joined_headers(headers: &HeaderMap) -> Value {
    let joined = headers.keys().map(|name| {
        let values: Vec<_> = headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        (name.as_str().to_owned(), values.join(",").into())
    });
    Value::Object(joined.collect())
}

/// Whether API Gateway passes a body on as text; it encodes any other in base64.
fn is_text(headers: &HeaderMap) -> bool {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = content_type
        .and_then(|value| value.split(';').next())
        .unwrap_or_default()
        .trim();
    essence.starts_with("text/")
        || matches!(
            essence,
            "application/json" | "application/javascript" | "application/xml"
        )
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
}

/// A function's answer as a response.
fn response(answer: &Value) -> Option<Response> {
    let status = u16::try_from(answer["statusCode"].as_u64()?).ok()?;
    let text = answer["body"].as_str().unwrap_or_default();
    let body = if answer["isBase64Encoded"] == true {
        STANDARD.decode(text).ok()?
    } else {
        text.as_bytes().to_vec()
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).ok()?;
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        let name = HeaderName::try_from(name).ok()?;
        response
            .headers_mut()
            .insert(name, HeaderValue::from_str(value.as_str()?).ok()?);
    }
    Some(response)
}

/// Lambda's invoke call; the SDK of `export` reaches the worker through it.
async fn invoke(
    State(gateway): State<Arc<Gateway>>,
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
    if wanted == Some(b"Event") && gateway.routes_to(&function) {
        gateway.functions.queue(&function, event);
        return StatusCode::ACCEPTED.into_response();
    }
    match gateway.functions.call(&function, event).await {
        Ok(answer) => Json(answer).into_response(),
        Err(CallError::Unknown(_)) => {
            lambda_error(StatusCode::NOT_FOUND, "ResourceNotFoundException")
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

async fn jwks(State(gateway): State<Arc<Gateway>>) -> Response {
    Json(gateway.issuer.jwks()).into_response()
}

async fn configuration(State(gateway): State<Arc<Gateway>>) -> Response {
    Json(gateway.issuer.configuration()).into_response()
}

/// What a development token is asked to say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenQuery {
    partner_id: Option<String>,
    roles: Option<String>,
    name: Option<String>,
}

async fn token(
    State(gateway): State<Arc<Gateway>>,
    method: Method,
    query: Result<Query<TokenQuery>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let (Method::GET, Ok(Query(query))) = (method, query) else {
        let message = "ask with partner_id, roles and name";
        return (StatusCode::BAD_REQUEST, Json(json!({ "message": message }))).into_response();
    };
    let name = query.name.unwrap_or_else(|| "developer@localhost".into());
    let roles: Vec<_> = query
        .roles
        .iter()
        .flat_map(|roles| roles.split(','))
        .map(str::trim)
        .collect();
    // The authorizer compares with the machine's clock, whatever the stack's says.
    let now = Clock::system().now().as_seconds();
    let expires = now + TOKEN_LIFETIME_SECONDS;
    let mut claims =
        json!({ "sub": name, "name": name, "roles": roles, "iat": now, "exp": expires });
    if let Some(partner_id) = query.partner_id {
        claims["partner_id"] = partner_id.into();
    }
    let expires_at = Moment::from_millis(expires * 1_000).map(|moment| moment.to_string());
    match gateway.issuer.sign(claims) {
        Ok(token) => {
            Json(json!({ "access_token": token, "token_type": "Bearer", "expires_at": expires_at }))
                .into_response()
        }
        Err(_) => FUNCTION_FAILED.into_response(),
    }
}
