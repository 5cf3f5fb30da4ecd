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

/// What was wrong, as RFC 9457 problem details.
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
    /// The problem that `error` is, and the line in the log that it deserves.
    ///
    /// A 503 says `when_unavailable`.
    ///
    /// Of a fault of this service the answer says no more than its status; the
    /// causes are logged here, once. Of the caller's faults the log says
    /// nothing that a caller wrote.
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

/// What a 503 says to one who read or deleted.
const TRY_AGAIN: &str = "no answer in time, try again";

/// What a 503 says to one who recorded or exported.
pub const WRITE_AGAIN: &str = "outcome unknown, retry with the same key; \
                               a write without an idempotency key may be done twice";

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
/// Work that is not done `within` its time is answered as a store that does not
/// answer, before Lambda or the gateway gives up and says nothing.
pub async fn answer(
    request: &Request,
    within: Duration,
    work: impl Future<Output = Result<Response<Body>, Error>>,
) -> Response<Body> {
    let done = timeout(within, work).await;
    match done.unwrap_or_else(|late| Err(Error::Unavailable(late.into()))) {
        Ok(response) => response,
        Err(error) => {
            let advice = if request.method() == Method::POST {
                WRITE_AGAIN
            } else {
                TRY_AGAIN
            };
            Problem::of(error, &request_id(request), advice).into_response()
        }
    }
}

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
/// Not the path: a stage or a mapped domain may put something in front of that.
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

/// Takes a parameter out of a query in which it may stand once.
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

/// Refuses every parameter that is left in a query.
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

/// The `Idempotency-Key`, if one was sent: 1 to 128 characters, no control characters.
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
    // The gateway joins headers by commas and puts U+FFFD for what is no UTF-8;
    // either way two keys would be taken for one.
    if key.contains([',', '\u{fffd}']) {
        return Err(invalid("must be given once, in UTF-8 and without a comma"));
    }
    Identifier::try_from(key.to_owned())
        .map(Some)
        .map_err(invalid)
}

/// `200`.
pub fn ok(body: &impl Serialize) -> Response<Body> {
    json(StatusCode::OK, body)
}

/// `201` with a relative `Location`.
pub fn created(body: &impl Serialize, location: &str) -> Response<Body> {
    with(json(StatusCode::CREATED, body), header::LOCATION, location)
}

/// `202` with a relative `Location`, to be looked at again in a second.
pub fn accepted(body: &impl Serialize, location: &str) -> Response<Body> {
    let response = with(json(StatusCode::ACCEPTED, body), header::LOCATION, location);
    with(response, header::RETRY_AFTER, "1")
}

/// `204`.
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

/// Status `201` and `200` as the numbers that a batch puts beside its items.
pub fn recorded_status(replayed: bool) -> u16 {
    if replayed {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    }
    .as_u16()
}

/// A JSON text that is ready, such as the `OpenAPI` document.
pub fn ready_json(text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::Text(text.to_owned()));
    set(&mut response, header::CONTENT_TYPE, "application/json");
    response
}

/// Adds a header, if its value can be one.
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

/// Answers hold personal data and links, so nothing on the way may keep them.
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
        assert!(text.contains("outcome unknown"), "{text}");
    }
}
