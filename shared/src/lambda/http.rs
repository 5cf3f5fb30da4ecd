//! Requests and responses; the only code that knows status codes.

use std::{collections::BTreeMap, future::Future, pin::Pin, time::Duration};

use lambda_http::{
    Body, Request, RequestExt, Response,
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    request::RequestContext,
};
use percent_encoding::{
    AsciiSet, NON_ALPHANUMERIC, PercentEncode, percent_decode_str, utf8_percent_encode,
};
use serde::Serialize;
use tokio::time::timeout;

use crate::{
    Error, Identifier, Moment,
    lambda::envelope,
    metrics,
    model::{
        error::FieldError,
        json::{FIELD_MAX, short, unsupported},
    },
};

/// All characters except the unreserved ones of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

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
    #[serde(skip_serializing_if = "Option::is_none")]
    sealed_to: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_by: Option<Moment>,
    request_id: String,
}

/// How an error is answered, whatever the form of the body.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    code: &'static str,
    /// What a caller may know of the error.
    pub detail: String,
}

impl Refusal {
    /// How an error is answered, after it was logged and counted.
    ///
    /// The detail of a 503 is `when_unavailable`; a 500 shows only its status phrase.
    pub fn of(error: &Error, request_id: &str, when_unavailable: &str) -> Self {
        let (status, code) = status(error);
        report(error, status, code, request_id);
        let detail = match error {
            Error::Internal { .. } => status.canonical_reason().unwrap_or_default().into(),
            Error::Unavailable(_) => when_unavailable.into(),
            error => error.to_string(),
        };
        Self {
            status,
            code,
            detail,
        }
    }

    /// A 429 for an error of [throttling](Error::is_throttling), for clients that slow down
    /// when they get one.
    pub fn of_throttled(request_id: &str) -> Self {
        let (status, code) = (StatusCode::TOO_MANY_REQUESTS, "throttled");
        report_refused(status, code, request_id);
        Self {
            status,
            code,
            detail: status.canonical_reason().unwrap_or_default().into(),
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// How many seconds a client should wait before it asks again, if that may help.
    pub fn retry_after(&self) -> Option<u32> {
        match self.status {
            StatusCode::SERVICE_UNAVAILABLE => Some(1),
            StatusCode::TOO_MANY_REQUESTS => Some(10),
            _ => None,
        }
    }

    /// The response with a JSON body.
    pub fn into_response(self, body: &impl Serialize) -> Response<Body> {
        let mut response = json(self.status, body);
        if let Some(seconds) = self.retry_after() {
            set(&mut response, header::RETRY_AFTER, &seconds.to_string());
        }
        response
    }
}

impl Problem {
    /// Makes the problem of an error, after it has logged and counted the error.
    pub fn of(error: Error, request_id: &str, when_unavailable: &str) -> Self {
        Self::and_refusal(error, request_id, when_unavailable).0
    }

    fn and_refusal(error: Error, request_id: &str, when_unavailable: &str) -> (Self, Refusal) {
        let refusal = Refusal::of(&error, request_id, when_unavailable);
        let (sealed_to, expected_by) = match error {
            Error::NotSealed {
                sealed_to,
                expected_by,
            } => (sealed_to, expected_by),
            _ => (None, None),
        };
        let problem = Self {
            title: refusal.status.canonical_reason().unwrap_or_default(),
            status: refusal.status(),
            detail: refusal.detail.clone(),
            code: refusal.code,
            errors: error.into_fields(),
            sealed_to,
            expected_by,
            request_id: request_id.to_owned(),
        };
        (problem, refusal)
    }
}

/// The response of an error whose body is a problem.
fn problem(request: &Request, error: Error) -> Response<Body> {
    let advice = match (request.method(), route(request)) {
        (_, "POST /v1/erasures") => ERASE_AGAIN,
        (&Method::POST, _) => WRITE_AGAIN,
        _ => TRY_AGAIN,
    };
    let (problem, refusal) = Problem::and_refusal(error, &request_id(request), advice);
    let response = refusal.into_response(&problem);
    with(response, header::CONTENT_TYPE, PROBLEM_TYPE)
}

/// Logs and counts an error that a request or an item of a batch is answered with.
///
/// The causes of a 5xx are logged here, once. The line of a 4xx contains nothing that
/// the caller wrote.
fn report(error: &Error, status: StatusCode, code: &'static str, request_id: &str) {
    if status.is_server_error() {
        metrics::refused(code);
        let error = error.chain();
        tracing::error!(request_id, code, error, "the request failed");
    } else {
        report_refused(status, code, request_id);
    }
}

fn report_refused(status: StatusCode, code: &'static str, request_id: &str) {
    metrics::refused(code);
    let status = status.as_u16();
    tracing::info!(request_id, code, status, "the request was refused");
}

/// The media type of an answer.
///
/// JSON needs no `charset`, but some clients read Latin-1 without it, such as
/// PowerShell 5.1.
const JSON_TYPE: &str = "application/json; charset=utf-8";

const TEXT_TYPE: &str = "text/plain; charset=utf-8";

/// The media type of an error's answer.
const PROBLEM_TYPE: &str = "application/problem+json; charset=utf-8";

/// The detail of a 503 for a read or a deletion.
pub const TRY_AGAIN: &str = "the service got no answer in time; try again";

/// The detail of a 503 for a write.
pub const WRITE_AGAIN: &str = "the outcome is unknown; retry with the same idempotency key; \
                               without a key, the write may be done twice";

/// The detail of a 503 for an erasure, which takes no key.
const ERASE_AGAIN: &str = "the outcome is unknown; send the same request again, which does no \
                           harm; for a minute, or until that erasure has ended, it may be \
                           answered with 429";

/// The status and the stable code of each error.
fn status(error: &Error) -> (StatusCode, &'static str) {
    match error {
        Error::Invalid { .. } | Error::InvalidFields(_) => {
            (StatusCode::BAD_REQUEST, "invalid_request")
        }
        Error::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
        Error::Forbidden { .. } => (StatusCode::FORBIDDEN, "forbidden"),
        Error::NotFound => (StatusCode::NOT_FOUND, "not_found"),
        Error::Conflict => (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused"),
        Error::TooManyExports { .. } => (StatusCode::TOO_MANY_REQUESTS, "too_many_exports"),
        Error::ErasureUnderWay => (StatusCode::TOO_MANY_REQUESTS, "erasure_under_way"),
        Error::LogBusy => (StatusCode::TOO_MANY_REQUESTS, "log_busy"),
        Error::NotSealed { .. } => (StatusCode::CONFLICT, "not_sealed"),
        Error::RetentionEnded { .. } => (StatusCode::GONE, "retention_ended"),
        Error::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        Error::Internal { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
    }
}

/// Turns a handler's result into the response; every error becomes a problem.
///
/// See [`answer_in`].
pub async fn answer(
    request: &Request,
    within: Duration,
    work: impl Future<Output = Result<Response<Body>, Error>>,
) -> Response<Body> {
    // On the heap: it is large, and without optimisation each call that takes it copies it.
    answer_in(problem, request, within, Box::pin(work)).await
}

/// Turns a handler's result into the response; an error gets the form that is given.
///
/// Work that takes longer than `within` gives a 503; without this limit, Lambda or
/// the gateway would end the request without an explanation. Every response says that
/// browsers must use TLS and must not guess the type of its body.
pub async fn answer_in(
    form: impl FnOnce(&Request, Error) -> Response<Body>,
    request: &Request,
    within: Duration,
    work: Pin<Box<impl Future<Output = Result<Response<Body>, Error>>>>,
) -> Response<Body> {
    let done = timeout(within, work).await;
    let done = done.unwrap_or_else(|late| Err(Error::Unavailable(late.into())));
    let response = done.and_then(within_lambdas_limit);
    let response = response.unwrap_or_else(|error| form(request, error));
    let mut response = envelope::compress(request, response);
    set(
        &mut response,
        header::STRICT_TRANSPORT_SECURITY,
        TLS_FOR_TWO_YEARS,
    );
    set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    response
}

/// Refuses an answer that Lambda would refuse, so that the cause is logged.
fn within_lambdas_limit(response: Response<Body>) -> Result<Response<Body>, Error> {
    if envelope::is_too_large(&response) {
        return Err(Error::internal("answering", "the answer is over 6 MB"));
    }
    Ok(response)
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

/// The decoded query of a request, in order.
pub fn query(request: &Request) -> Result<Vec<(String, String)>, Error> {
    decoded_query(request.uri().query().unwrap_or_default())
}

/// A decoded query, in order.
///
/// It is decoded as a form is, except that bytes which are no UTF-8 are refused.
pub fn decoded_query(query: &str) -> Result<Vec<(String, String)>, Error> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, name_is_text) = decoded(name);
            let (text, text_is_text) = decoded(text);
            if name.is_empty() {
                Err(Error::invalid("query", "must name each parameter"))
            } else if name_is_text && text_is_text {
                Ok((name, text))
            } else {
                Err(Error::invalid(short(&name, FIELD_MAX), "must be UTF-8"))
            }
        })
        .collect()
}

/// The text of a part of a query, and whether its bytes are UTF-8.
fn decoded(part: &str) -> (String, bool) {
    let spaced = part.replace('+', " ");
    let bytes = percent_decode_str(&spaced);
    match bytes.clone().decode_utf8() {
        Ok(text) => (text.into_owned(), true),
        Err(_) => (bytes.decode_utf8_lossy().into_owned(), false),
    }
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

/// Refuses any query, for a route that has no parameters.
pub fn refuse_query(request: &Request) -> Result<(), Error> {
    no_more(&query(request)?)
}

/// A text as any part of an address may have it.
pub fn percent_encoded(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, RESERVED)
}

/// The body, if it has at most `limit_bytes` and is not compressed.
pub fn body(request: &Request, limit_bytes: usize) -> Result<&[u8], Error> {
    let body: &[u8] = request.body();
    if body.len() > limit_bytes {
        return Err(Error::TooLarge { limit_bytes });
    }
    let encodings = request.headers().get_all(header::CONTENT_ENCODING);
    let encodings = encodings
        .iter()
        .filter_map(|encodings| encodings.to_str().ok());
    let mut encodings = encodings.flat_map(|encodings| encodings.split(','));
    if encodings.any(|encoding| is_compression(encoding.trim())) {
        let reason = "must be absent; a body is sent uncompressed";
        return Err(Error::invalid("Content-Encoding", reason));
    }
    let compressed = |format| {
        let reason = format!("is compressed with {format}; send it uncompressed");
        Err(Error::invalid("body", reason))
    };
    match body {
        [0x1f, 0x8b, ..] => compressed("gzip"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => compressed("zstd"),
        _ => Ok(body),
    }
}

/// Whether a content coding of RFC 9110 compresses; others, such as `identity`, do not.
fn is_compression(encoding: &str) -> bool {
    let known = [
        "gzip",
        "x-gzip",
        "deflate",
        "br",
        "zstd",
        "compress",
        "x-compress",
    ];
    known
        .iter()
        .any(|known| known.eq_ignore_ascii_case(encoding))
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
        return Err(invalid(
            "must be given once, in UTF-8, without a comma and without U+FFFD, \
             which stands for bytes that are not UTF-8",
        ));
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

/// The response of a path that has no route, as the gateway answers it.
pub fn no_route() -> Response<Body> {
    json(
        StatusCode::NOT_FOUND,
        &BTreeMap::from([("message", "Not Found")]),
    )
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
    set(&mut response, header::CONTENT_TYPE, JSON_TYPE);
    response
}

/// A `200` response with a text, which no cache may keep.
pub fn text(text: String) -> Response<Body> {
    let mut response = Response::new(Body::Text(text));
    set(&mut response, header::CONTENT_TYPE, TEXT_TYPE);
    set(&mut response, header::CACHE_CONTROL, "no-store");
    response
}

/// Whether the caller asks for a text before anything else.
pub fn wants_text(request: &Request) -> bool {
    let accept = request.headers().get(header::ACCEPT);
    let accept = accept.and_then(|accept| accept.to_str().ok());
    let first = accept.and_then(|accept| accept.split([',', ';']).next());
    first.is_some_and(|first| first.trim().eq_ignore_ascii_case("text/plain"))
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
    set(&mut response, header::CONTENT_TYPE, JSON_TYPE);
    set(&mut response, header::CACHE_CONTROL, "no-store");
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queried(query: &str) -> Result<Vec<(String, String)>, String> {
        let mut request = Request::new(Body::Empty);
        *request.uri_mut() = format!("/v1/activities?{query}").parse().unwrap();
        super::query(&request).map_err(|error| error.to_string())
    }

    #[test]
    fn a_query_is_refused_only_if_its_bytes_are_no_utf_8() {
        let pairs = queried("a=Caf%EF%BF%BD&%EF%BF%BD=+%2B&&b&c=x=y&d=%ZZ%").unwrap();
        let wanted = [
            ("a", "Caf\u{fffd}"),
            ("\u{fffd}", " +"),
            ("b", ""),
            ("c", "x=y"),
            ("d", "%ZZ%"),
        ];
        assert_eq!(
            pairs,
            wanted.map(|(name, text)| (name.to_owned(), text.to_owned()))
        );
        for (query, name) in [
            ("a=%FF", "a"),
            ("a=Caf%E9", "a"),
            ("a=%ED%A0%80", "a"),
            ("a=%C0%AF", "a"),
            ("%FF=a", "\u{fffd}"),
        ] {
            assert_eq!(queried(query), Err(format!("{name} must be UTF-8")));
        }
        assert_eq!(queried("=a").unwrap_err(), "query must name each parameter");
    }

    #[test]
    fn a_compressed_body_is_named_as_what_it_is() {
        let refused = |encoding: &str, sent: &[u8]| {
            let request =
                lambda_http::http::Request::builder().header("content-encoding", encoding);
            let request = request.body(Body::Binary(sent.to_vec())).unwrap();
            body(&request, 100).err().map(|error| error.to_string())
        };
        for encoding in ["identity", "utf-8", ""] {
            assert_eq!(refused(encoding, b"{}"), None);
        }
        for encoding in ["gzip", "identity, GZIP", "br", "deflate"] {
            let refusal = "Content-Encoding must be absent; a body is sent uncompressed";
            assert_eq!(refused(encoding, b"{}").as_deref(), Some(refusal));
        }
        let refusal = "body is compressed with gzip; send it uncompressed";
        assert_eq!(
            refused("identity", b"\x1f\x8b\x08").as_deref(),
            Some(refusal)
        );
    }

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
