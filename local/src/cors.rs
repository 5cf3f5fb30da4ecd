//! CORS as API Gateway does it, with the template's configuration.
//!
//! Which origins may call was decided before: see `origins.rs`.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{
            ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
            ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
            ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
        },
    },
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::template::Cors;

/// Answers a preflight, and lets a page read the answers to its requests.
pub(crate) async fn answer(
    State(cors): State<Arc<Cors>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(origin) = request.headers().get(ORIGIN).cloned() else {
        return next.run(request).await;
    };
    let is_preflight = request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if is_preflight {
        let mut response = StatusCode::NO_CONTENT.into_response();
        add_permissions(response.headers_mut(), &cors);
        response
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    let exposed = cors.expose_headers.join(",");
    set(headers, ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    headers.append(VARY, HeaderValue::from_static("origin"));
    response
}

/// What only the answer to a preflight says.
fn add_permissions(headers: &mut HeaderMap, cors: &Cors) {
    let methods = cors.allow_methods.join(",");
    let allowed = cors.allow_headers.join(",");
    set(headers, ACCESS_CONTROL_ALLOW_METHODS, methods);
    set(headers, ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    set(headers, ACCESS_CONTROL_MAX_AGE, cors.max_age.to_string());
}

fn set(headers: &mut HeaderMap, name: HeaderName, text: String) {
    if let Ok(value) = HeaderValue::try_from(text) {
        headers.insert(name, value);
    }
}
