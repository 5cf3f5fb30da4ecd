//! The endpoints of the development issuer: its public documents, and tokens on request.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Query, State, rejection::QueryRejection},
    http::{Method, StatusCode},
    response::{IntoResponse, Json, Response},
    routing::get,
};
use serde::Deserialize;
use serde_json::json;
use shared::{Clock, Moment};

use crate::{
    origins::Origins,
    sign_in,
    token::{Issuer, TOKEN_LIFETIME_SECONDS},
};

/// The issuer's routes, those of its sign-in included.
pub(crate) fn router(issuer: &Arc<Issuer>, origins: &Origins) -> Router {
    Router::new()
        .route("/.well-known/jwks.json", get(jwks))
        .route("/.well-known/openid-configuration", get(configuration))
        .route("/dev/token", get(token))
        .with_state(Arc::clone(issuer))
        .merge(sign_in::router(Arc::clone(issuer), origins.clone()))
}

async fn jwks(State(issuer): State<Arc<Issuer>>) -> Response {
    Json(issuer.jwks()).into_response()
}

async fn configuration(State(issuer): State<Arc<Issuer>>) -> Response {
    Json(issuer.configuration()).into_response()
}

/// What a development token should contain.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenQuery {
    partner_id: Option<String>,
    roles: Option<String>,
    name: Option<String>,
}

async fn token(
    State(issuer): State<Arc<Issuer>>,
    method: Method,
    query: Result<Query<TokenQuery>, QueryRejection>,
) -> Response {
    let (Method::GET, Ok(Query(query))) = (method, query) else {
        let message = "use GET, with no parameters except partner_id, roles and name";
        return (StatusCode::BAD_REQUEST, Json(json!({ "message": message }))).into_response();
    };
    let name = query.name.unwrap_or_else(|| "developer@localhost".into());
    let roles: Vec<_> = query
        .roles
        .iter()
        .flat_map(|roles| roles.split(','))
        .map(str::trim)
        .collect();
    // The authorizer uses the machine's clock, whatever time the stack's clock has.
    let now = Clock::system().now().as_seconds();
    let expires = now + TOKEN_LIFETIME_SECONDS;
    let mut claims =
        json!({ "sub": name, "name": name, "roles": roles, "iat": now, "exp": expires });
    if let Some(partner_id) = query.partner_id {
        claims["partner_id"] = partner_id.into();
    }
    let expires_at = Moment::from_millis(expires * 1_000).map(|moment| moment.to_string());
    let Ok(token) = issuer.sign(claims) else {
        let message = json!({ "message": "Internal Server Error" });
        return (StatusCode::INTERNAL_SERVER_ERROR, Json(message)).into_response();
    };
    Json(json!({ "access_token": token, "token_type": "Bearer", "expires_at": expires_at }))
        .into_response()
}
