//! Serves the page's files, with the same headers as a deployment.

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

/// The page may only load files and call the API of its own origin.
///
/// The hash is that of an empty `<style>`. Fluent UI adds such elements, which needs
/// a permission, and then fills them by script, which needs none.
/// `form-action` is `none` because the page sends no form.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; \
    img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// The API's router, with the page added to it.
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
        // After another build, the browser shows the new page at its next load.
        (header::CACHE_CONTROL, "no-cache"),
    ];
    headers.into_iter().fold(files, |files, (name, value)| {
        files.layer(SetResponseHeaderLayer::overriding(
            name,
            HeaderValue::from_static(value),
        ))
    })
}
