//! Turns HTTP requests into events of payload format 2.0, and the answers of
//! functions into HTTP responses.

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::CONTENT_TYPE, request::Parts},
    response::Response,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use shared::{Moment, model::zone::Zone};
use uuid::Uuid;

use crate::template::Route;

/// The path with which an HTTP API finds the route: decoded, and only up to a `?`.
pub(crate) fn decoded_path(path: &str) -> String {
    let path = percent_decode_str(path).decode_utf8_lossy();
    path.split('?').next().unwrap_or_default().to_owned()
}

/// The event of a request.
pub(crate) fn from_request(
    route: &Route,
    parameters: Vec<(String, String)>,
    claims: Option<Map<String, Value>>,
    parts: &Parts,
    body: &Bytes,
    now: Moment,
) -> Value {
    let path = decoded_path(parts.uri.path());
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
            "path": decoded_path(parts.uri.path()),
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

/// The headers by their lower-case names; the values of a repeated one are joined by commas.
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

/// Whether API Gateway passes the body on as text; it encodes other bodies in base64.
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

/// The response to a function's answer; none if the answer has another form.
pub(crate) fn to_response(answer: &Value) -> Option<Response> {
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
