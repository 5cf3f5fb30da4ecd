//! The page's files, with the headers that a deployment adds too.

use std::path::Path;

use axum::{
    Router,
    http::{HeaderName, HeaderValue, header},
    response::Json,
    routing::get,
};
use serde_json::json;
use tower_http::{
    services::{ServeDir, ServeFile},
    set_header::SetResponseHeaderLayer,
};

/// What the page may load and call: files and API of its own origin.
///
/// The hash is that of an empty `<style>`: Fluent UI fills such elements by
/// script, which needs no permission, but an empty one does.
/// `form-action` stays closed since nothing here is sent by a form.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; \
    img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// The API's router with the page beside it.
pub(crate) fn serve(api: Router, folder: &Path, url: &str) -> Router {
    let configuration = Json(json!({
        "issuer": url,
        "client_id": "partner-activity-log-page",
        "scope": "openid profile",
    }));
    let index = ServeFile::new(folder.join("index.html"));
    let files = Router::new()
        .route_service("/", index)
        .nest_service("/assets", ServeDir::new(folder.join("assets")))
        .route_service("/favicon.svg", ServeFile::new(folder.join("favicon.svg")))
        .route("/config.json", get(|| async { configuration }));
    api.merge(with_headers(files))
}

fn with_headers(files: Router) -> Router {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        // A page that was built anew is seen at the next load.
        (header::CACHE_CONTROL, "no-cache"),
    ];
    headers.into_iter().fold(files, |files, (name, value)| {
        files.layer(SetResponseHeaderLayer::overriding(
            name,
            HeaderValue::from_static(value),
        ))
    })
}
