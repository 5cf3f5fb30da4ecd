//! The development issuer's sign-in: `OpenID` Connect's code flow with PKCE.
//!
//! Codes and sessions are tokens that the issuer signs, so it stores nothing. Unlike
//! a real issuer it asks for no password, and a code works more than once. Browsers and
//! codes are only sent to pages of this machine and of the portal.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Form, Query, Request, State},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{COOKIE, SET_COOKIE},
    },
    middleware::{Next, from_fn_with_state},
    response::{Html, IntoResponse, Json, Redirect, Response},
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use shared::Clock;

use crate::{
    origins::Origins,
    token::{Issuer, TOKEN_LIFETIME_SECONDS},
};

/// How long a code is valid.
const CODE_LIFETIME_SECONDS: i64 = 60;

/// The audience of a code, so that a code is not accepted as an access token.
const CODE: &str = "sign-in-code";

/// The audience of a session's cookie, so that it is not accepted as an access token.
const SESSION: &str = "sign-in-session";

/// The name of the session's cookie.
const COOKIE_NAME: &str = "development_sign_in";

const FORM: &str = include_str!("sign_in.html");

/// The routes of the sign-in.
pub(crate) fn router(issuer: Arc<Issuer>, origins: Origins) -> Router {
    Router::new()
        .route("/dev/sign-in", get(show_form).post(submit_form))
        .route("/dev/sign-out", get(sign_out))
        .layer(from_fn_with_state(origins, check_redirect))
        .route("/dev/sign-in/token", post(exchange_code))
        .with_state(issuer)
}

/// The address of a page; `check_redirect` has checked whose it is.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Page(Url);

impl TryFrom<String> for Page {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Url::parse(&text)
            .map(Self)
            .map_err(|error| error.to_string())
    }
}

/// The addresses to which a request wants the browser to be sent.
#[derive(Debug, Deserialize)]
struct Redirects {
    redirect_uri: Option<Page>,
    post_logout_redirect_uri: Option<Page>,
}

/// Refuses to send the browser to another website, or to an address that is not a page.
async fn check_redirect(State(origins): State<Origins>, request: Request, next: Next) -> Response {
    let Ok(Query(redirects)) = Query::<Redirects>::try_from_uri(request.uri()) else {
        return (
            StatusCode::BAD_REQUEST,
            "the address to return to is not a URL",
        )
            .into_response();
    };
    let mut asked = [redirects.redirect_uri, redirects.post_logout_redirect_uri]
        .into_iter()
        .flatten();
    if asked.all(|Page(url)| origins.is_page(&url)) {
        return next.run(request).await;
    }
    let reason = "the address to return to must be a page on this machine or of --portal-origin";
    (StatusCode::BAD_REQUEST, reason).into_response()
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ResponseType {
    Code,
}

#[derive(Debug, Deserialize)]
enum ChallengeMethod {
    S256,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Prompt {
    None,
    Login,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum GrantType {
    AuthorizationCode,
}

/// The parameters of an authorization request (RFC 6749, RFC 7636, `OpenID` Connect).
#[derive(Debug, Deserialize)]
struct AuthorizeQuery {
    client_id: String,
    redirect_uri: Page,
    #[serde(rename = "response_type")]
    _response_type: ResponseType,
    code_challenge: String,
    #[serde(rename = "code_challenge_method")]
    _code_challenge_method: ChallengeMethod,
    state: Option<String>,
    nonce: Option<String>,
    prompt: Option<Prompt>,
}

impl AuthorizeQuery {
    /// Sends the browser back to the page, with these parameters and the page's `state`.
    fn redirect_back(&self, parameters: &[(&str, &str)]) -> Response {
        let mut url = self.redirect_uri.0.clone();
        url.query_pairs_mut().extend_pairs(parameters);
        if let Some(state) = &self.state {
            url.query_pairs_mut().append_pair("state", state);
        }
        Redirect::to(url.as_str()).into_response()
    }

    /// Sends the browser back to the page, with a code for this person.
    fn redirect_with_code(&self, issuer: &Issuer, person: Value) -> Response {
        let grant = Grant {
            person,
            client_id: self.client_id.clone(),
            redirect_uri: self.redirect_uri.0.to_string(),
            code_challenge: self.code_challenge.clone(),
            nonce: self.nonce.clone(),
        };
        let exp = now() + CODE_LIFETIME_SECONDS;
        match issuer.sign(json!({ "aud": CODE, "exp": exp, "grant": grant })) {
            Ok(code) => self.redirect_back(&[("code", &code)]),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}

/// What a code was issued for.
#[derive(Debug, Serialize, Deserialize)]
struct Grant {
    person: Value,
    client_id: String,
    redirect_uri: String,
    code_challenge: String,
    nonce: Option<String>,
}

impl Grant {
    /// Whether the code is exchanged by the page that asked for it.
    fn is_for(&self, form: &TokenForm) -> bool {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&form.code_verifier));
        form.client_id == self.client_id
            && form.redirect_uri == self.redirect_uri
            && challenge == self.code_challenge
    }
}

/// Shows the form; if there is a session, sends the browser back with a code instead.
async fn show_form(
    State(issuer): State<Arc<Issuer>>,
    Query(query): Query<AuthorizeQuery>,
    headers: HeaderMap,
) -> Response {
    match (session(&issuer, &headers), &query.prompt) {
        (Some(person), None | Some(Prompt::None)) => query.redirect_with_code(&issuer, person),
        (None, Some(Prompt::None)) => query.redirect_back(&[("error", "login_required")]),
        _ => Html(FORM).into_response(),
    }
}

/// The fields of the form.
#[derive(Debug, Deserialize)]
struct SignInForm {
    partner_id: String,
    role: String,
    name: String,
}

/// Begins a session, and sends the browser back with a code.
async fn submit_form(
    State(issuer): State<Arc<Issuer>>,
    Query(query): Query<AuthorizeQuery>,
    Form(form): Form<SignInForm>,
) -> Response {
    let person = json!({
        "sub": form.name,
        "name": form.name,
        "roles": [form.role],
        "partner_id": form.partner_id,
    });
    let exp = now() + TOKEN_LIFETIME_SECONDS;
    let session = json!({ "aud": SESSION, "exp": exp, "person": person });
    let Ok(session) = issuer.sign(session) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    with_cookie(
        query.redirect_with_code(&issuer, person),
        &session,
        TOKEN_LIFETIME_SECONDS,
    )
}

/// The fields of a request that exchanges a code.
#[derive(Debug, Deserialize)]
struct TokenForm {
    #[serde(rename = "grant_type")]
    _grant_type: GrantType,
    code: String,
    redirect_uri: String,
    client_id: String,
    code_verifier: String,
}

/// Exchanges a code for tokens.
async fn exchange_code(State(issuer): State<Arc<Issuer>>, Form(form): Form<TokenForm>) -> Response {
    let grant = issuer.verify(&form.code, &[CODE]);
    let grant = grant.and_then(|mut claims| serde_json::from_value(claims.remove("grant")?).ok());
    match grant.filter(|grant: &Grant| grant.is_for(&form)) {
        Some(grant) => tokens(&issuer, &grant),
        None => (
            StatusCode::BAD_REQUEST,
            Json(json!({ "error": "invalid_grant" })),
        )
            .into_response(),
    }
}

fn tokens(issuer: &Issuer, grant: &Grant) -> Response {
    let now = now();
    let mut access = grant.person.clone();
    access["iat"] = now.into();
    access["exp"] = (now + TOKEN_LIFETIME_SECONDS).into();
    let mut identity = access.clone();
    identity["aud"] = grant.client_id.as_str().into();
    if let Some(nonce) = &grant.nonce {
        identity["nonce"] = nonce.as_str().into();
    }
    match (issuer.sign(access), issuer.sign(identity)) {
        (Ok(access), Ok(identity)) => Json(json!({
            "access_token": access,
            "id_token": identity,
            "token_type": "Bearer",
            "expires_in": TOKEN_LIFETIME_SECONDS,
        }))
        .into_response(),
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The parameters of a request to sign out.
#[derive(Debug, Deserialize)]
struct SignOutQuery {
    post_logout_redirect_uri: Option<Page>,
}

/// Ends the session.
async fn sign_out(Query(query): Query<SignOutQuery>) -> Response {
    let response = match query.post_logout_redirect_uri {
        Some(Page(url)) => Redirect::to(url.as_str()).into_response(),
        None => "Signed out.".into_response(),
    };
    with_cookie(response, "", 0)
}

fn with_cookie(mut response: Response, value: &str, lifetime_seconds: i64) -> Response {
    let cookie = format!(
        "{COOKIE_NAME}={value}; Path=/dev; Max-Age={lifetime_seconds}; HttpOnly; SameSite=Lax"
    );
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

/// The person of the session; none if there is no session.
fn session(issuer: &Issuer, headers: &HeaderMap) -> Option<Value> {
    let cookies = headers.get(COOKIE)?.to_str().ok()?;
    let mut cookies = cookies.split(';').map(str::trim);
    let cookie = cookies.find_map(|cookie| cookie.strip_prefix(COOKIE_NAME)?.strip_prefix('='))?;
    let mut claims: Map<String, Value> = issuer.verify(cookie, &[SESSION])?;
    claims.remove("person")
}

/// The time of the machine's clock, which the authorizer uses, whatever time the
/// stack's clock has.
fn now() -> i64 {
    Clock::system().now().as_seconds()
}
