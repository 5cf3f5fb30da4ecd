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

/// The page may only load files and call the API of its own origin; `frame_ancestors` is
/// the origin whose pages may show it in a frame, or `'none'`.
///
/// The hash is that of an empty `<style>`. Fluent UI adds such elements, which needs
/// a permission, and then fills them by script, which needs none.
/// `frame-src` is for the hidden frame in which the page renews its token at the issuer.
/// `form-action` is `none` because the page sends no form.
pub fn content_security_policy(frame_ancestors: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; \
         style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; \
         img-src 'self'; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors {frame_ancestors}; require-trusted-types-for 'script'; trusted-types 'none'"
    )
}

/// The policy of the file that ends a renewal: only the page itself frames it.
pub const RENEWAL_POLICY: &str = "default-src 'none'; script-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'self'; require-trusted-types-for 'script'; trusted-types 'none'";

/// The API's router, with the page added to it.
pub(crate) fn serve(api: Router, folder: &Path, url: &str, frame_ancestors: &str) -> Router {
    let configuration = Json(json!({
        "issuer": url,
        "client_id": "partner-activity-log-page",
        "scope": "openid profile",
        "frame_ancestors": frame_ancestors,
    }));
    let file = |name: &str| ServeFile::new(folder.join(name));
    let files = Router::new()
        .route_service("/", file("index.html"))
        .nest_service("/assets", ServeDir::new(folder.join("assets")))
        .nest_service("/branding", ServeDir::new(folder.join("branding")))
        .route_service("/branding.json", file("branding.json"))
        .route_service("/favicon.svg", file("favicon.svg"))
        .route_service("/renewed.js", file("renewed.js"))
        .route("/config.json", get(|| async { configuration }));
    let renewal = Router::new().route_service("/renewed.html", file("renewed.html"));
    let policy = content_security_policy(frame_ancestors);
    api.merge(with_headers(files, &policy))
        .merge(with_headers(renewal, RENEWAL_POLICY))
}

fn with_headers(files: Router, policy: &str) -> Router {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy),
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
        let value = HeaderValue::from_str(value).ok();
        files.layer(SetResponseHeaderLayer::overriding(name, value))
    })
}
