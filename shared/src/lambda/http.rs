//! Requests and responses; the only code that knows status codes.

use std::{future::Future, time::Duration};

use lambda_http::{
    Body, Request, RequestExt, Response,
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    request::RequestContext,
};
use serde::Serialize;
use tokio::time::timeout;

use crate::{
    Error, Identifier, metrics,
    model::json::{FIELD_MAX, short, unsupported},
};

/// The body of an error's response: RFC 9457 problem details.
#[derive(Debug, Serialize)]
pub struct Problem {
    title: &'static str,
    /// The HTTP status.
    pub status: u16,
    detail: String,
    code: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    request_id: String,
}

#[derive(Debug, Serialize)]
struct FieldError {
    field: String,
    reason: String,
}

impl Problem {
    /// Makes the problem of an error, and logs the error.
    ///
    /// The detail of a 503 is `when_unavailable`; a 500 shows only its status phrase.
    /// The causes of both are logged here, once. The log line of a 4xx contains
    /// nothing that the caller wrote.
    pub fn of(error: Error, request_id: &str, when_unavailable: &str) -> Self {
        let (status, code) = status(&error);
        metrics::refused(code);
        if status.is_server_error() {
            tracing::error!(
                request_id,
                code,
                error = error.chain(),
                "the request failed"
            );
        } else {
            tracing::info!(
                request_id,
                code,
                status = status.as_u16(),
                "the request was refused"
            );
        }
        let title = status.canonical_reason().unwrap_or_default();
        let detail = match &error {
            Error::Internal { .. } => title.into(),
            Error::Unavailable(_) => when_unavailable.into(),
            error => error.to_string(),
        };
        let errors = match error {
            Error::Invalid { field, reason } => vec![FieldError { field, reason }],
            _ => Vec::new(),
        };
        let (status, request_id) = (status.as_u16(), request_id.to_owned());
        Self {
            title,
            status,
            detail,
            code,
            errors,
            request_id,
        }
    }

    fn into_response(self) -> Response<Body> {
        let status = StatusCode::from_u16(self.status).unwrap_or_default();
        let mut response = json(status, &self);
        set(
            &mut response,
            header::CONTENT_TYPE,
            "application/problem+json",
        );
        match status {
            StatusCode::SERVICE_UNAVAILABLE => set(&mut response, header::RETRY_AFTER, "1"),
            StatusCode::TOO_MANY_REQUESTS => set(&mut response, header::RETRY_AFTER, "10"),
            _ => {}
        }
        response
    }
}

/// The detail of a 503 for a read or a deletion.
const TRY_AGAIN: &str = "the service got no answer in time; try again";

/// The detail of a 503 for a write.
pub const WRITE_AGAIN: &str = "the outcome is unknown; retry with the same idempotency key; \
                               without a key, the write may be done twice";

/// The status and the stable code of each error.
fn status(error: &Error) -> (StatusCode, &'static str) {
    match error {
        Error::Invalid { .. } => (StatusCode::BAD_REQUEST, "invalid_request"),
        Error::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
        Error::Forbidden { .. } => (StatusCode::FORBIDDEN, "forbidden"),
        Error::NotFound => (StatusCode::NOT_FOUND, "not_found"),
        Error::Conflict => (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused"),
        Error::TooManyExports { .. } => (StatusCode::TOO_MANY_REQUESTS, "too_many_exports"),
        Error::ErasureUnderWay => (StatusCode::TOO_MANY_REQUESTS, "erasure_under_way"),
        Error::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        Error::Internal { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
    }
}

/// Turns a handler's result into the response; every error becomes a problem.
///
/// Work that takes longer than `within` gives a 503; without this limit, Lambda or
/// the gateway would end the request without an explanation. Every response says that
/// browsers must use TLS and must not guess the type of its body.
pub async fn answer(
    request: &Request,
    within: Duration,
    work: impl Future<Output = Result<Response<Body>, Error>>,
) -> Response<Body> {
    let done = timeout(within, work).await;
    let mut response = match done.unwrap_or_else(|late| Err(Error::Unavailable(late.into()))) {
        Ok(response) => response,
        Err(error) => {
            let advice = if request.method() == Method::POST {
                WRITE_AGAIN
            } else {
                TRY_AGAIN
            };
            Problem::of(error, &request_id(request), advice).into_response()
        }
    };
    set(
        &mut response,
        header::STRICT_TRANSPORT_SECURITY,
        TLS_FOR_TWO_YEARS,
    );
    set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    response
}

/// Tells browsers to use TLS alone for this host; they ignore it in an answer without TLS.
const TLS_FOR_TWO_YEARS: &str = "max-age=63072000";

/// The gateway's id of this request.
pub fn request_id(request: &Request) -> String {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone(),
        _ => None,
    }
    .unwrap_or_default()
}

/// The route as the gateway matched it, such as `GET /v1/activities/{id}`.
///
/// The path is not used, because a stage or a mapped domain may add a prefix to it.
pub fn route(request: &Request) -> &str {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.route_key.as_deref(),
        _ => None,
    }
    .unwrap_or_default()
}

/// A parameter of the path, as the gateway found it; empty when absent.
pub fn path_parameter<'a>(request: &'a Request, name: &str) -> &'a str {
    request
        .path_parameters_ref()
        .and_then(|parameters| parameters.first(name))
        .unwrap_or_default()
}

/// The decoded query, in order.
pub fn query(request: &Request) -> Result<Vec<(String, String)>, Error> {
    let query = request.uri().query().unwrap_or_default();
    let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
    pairs
        .map(|(name, text)| {
            if name.is_empty() {
                return Err(Error::invalid("query", "must name each parameter"));
            }
            let is_text = !name.contains('\u{fffd}') && !text.contains('\u{fffd}');
            if is_text {
                Ok((name, text))
            } else {
                Err(Error::invalid(short(&name, FIELD_MAX), "must be UTF-8"))
            }
        })
        .collect()
}

/// Removes a parameter from a query and returns it; it may be given only once.
pub fn take(query: &mut Vec<(String, String)>, name: &str) -> Result<Option<String>, Error> {
    let mut found = query
        .extract_if(.., |(other, _)| other == name)
        .map(|(_, text)| text);
    let first = found.next();
    match found.next() {
        None => Ok(first),
        Some(_) => Err(Error::invalid(name, "is given twice")),
    }
}

/// Refuses a query that still has a parameter.
pub fn no_more(query: &[(String, String)]) -> Result<(), Error> {
    match query.first() {
        None => Ok(()),
        Some((name, _)) => Err(unsupported(name)),
    }
}

/// The body, if it has at most `limit_bytes`.
pub fn body(request: &Request, limit_bytes: usize) -> Result<&[u8], Error> {
    let body: &[u8] = request.body();
    if body.len() > limit_bytes {
        Err(Error::TooLarge { limit_bytes })
    } else {
        Ok(body)
    }
}

/// The `Idempotency-Key`, if one was sent.
///
/// It has 1 to 128 characters, none of them a control character.
pub fn idempotency_key(request: &Request) -> Result<Option<Identifier>, Error> {
    let invalid = |reason| Error::invalid("Idempotency-Key", reason);
    let mut keys = request.headers().get_all("idempotency-key").iter();
    let Some(key) = keys.next() else {
        return Ok(None);
    };
    if keys.next().is_some() {
        return Err(invalid("is given twice"));
    }
    let key = std::str::from_utf8(key.as_bytes()).map_err(|_| invalid("must be UTF-8"))?;
    // The gateway joins repeated headers with commas and replaces invalid UTF-8 with
    // U+FFFD; in both cases two different keys could be taken for the same one.
    if key.contains([',', '\u{fffd}']) {
        return Err(invalid("must be given once, in UTF-8 and without a comma"));
    }
    Identifier::try_from(key.to_owned())
        .map(Some)
        .map_err(invalid)
}

/// A `200` response with a JSON body.
pub fn ok(body: &impl Serialize) -> Response<Body> {
    json(StatusCode::OK, body)
}

/// A `201` response with a relative `Location`.
pub fn created(body: &impl Serialize, location: &str) -> Response<Body> {
    with(json(StatusCode::CREATED, body), header::LOCATION, location)
}

/// A `202` response with a relative `Location`, to be read again in a second.
pub fn accepted(body: &impl Serialize, location: &str) -> Response<Body> {
    let response = with(json(StatusCode::ACCEPTED, body), header::LOCATION, location);
    with(response, header::RETRY_AFTER, "1")
}

/// A `204` response.
pub fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// Marks a response as the repetition of an earlier one.
#[must_use]
pub fn replayed(response: Response<Body>) -> Response<Body> {
    with(
        response,
        HeaderName::from_static("idempotency-replayed"),
        "true",
    )
}

/// The status of an item of a batch: 200 for a replay, otherwise 201.
pub fn recorded_status(replayed: bool) -> u16 {
    if replayed {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    }
    .as_u16()
}

/// A `200` response with a complete JSON text, such as the `OpenAPI` document.
pub fn ready_json(text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::Text(text.to_owned()));
    set(&mut response, header::CONTENT_TYPE, "application/json");
    response
}

/// Adds a header; a value that is not valid in a header is left out.
#[must_use]
pub fn with(mut response: Response<Body>, name: HeaderName, value: &str) -> Response<Body> {
    set(&mut response, name, value);
    response
}

fn set(response: &mut Response<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// A JSON response; it may hold personal data and links, so no cache may keep it.
fn json(status: StatusCode, body: &impl Serialize) -> Response<Body> {
    let text = serde_json::to_string(body).expect("every answer is plain data with string keys");
    let mut response = Response::new(Body::Text(text));
    *response.status_mut() = status;
    set(&mut response, header::CONTENT_TYPE, "application/json");
    set(&mut response, header::CACHE_CONTROL, "no-store");
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_is_not_done_in_time_is_answered_as_unknown() {
        let mut request = Request::new(Body::Empty);
        *request.method_mut() = Method::POST;
        let never = std::future::pending();
        let response = answer(&request, Duration::from_millis(5), never).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        let Body::Text(text) = response.body() else {
            panic!("no text")
        };
        assert!(text.contains("outcome is unknown"), "{text}");
    }
}
