//! The development issuer's sign-in: `OpenID` Connect's code flow with PKCE.
//!
//! Codes and sessions are tokens that it signs, so it remembers nothing. It
//! leaves out what guards a real issuer: passwords, and codes that work once.

use std::sync::Arc;

use axum::{
    extract::{Form, Query, State},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{COOKIE, SET_COOKIE},
    },
    response::{Html, IntoResponse, Json, Redirect, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use shared::Clock;

use crate::gateway::{Gateway, TOKEN_LIFETIME_SECONDS};

/// How long a code may take to come back.
const CODE_LIFETIME_SECONDS: i64 = 60;

/// The audience of a code, which is no access token.
const CODE: &str = "sign-in-code";

/// The audience of a session's cookie, which is no access token either.
const SESSION: &str = "sign-in-session";

/// The session's cookie.
const COOKIE_NAME: &str = "development_sign_in";

const FORM: &str = include_str!("sign_in.html");

/// A page on this machine; a code or a browser is sent nowhere else.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Page(Url);

impl TryFrom<String> for Page {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match Url::parse(&text) {
            Ok(url) if matches!(url.host_str(), Some("127.0.0.1" | "localhost")) => Ok(Self(url)),
            _ => Err("must be an address on this machine"),
        }
    }
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

/// What the page asks for (RFC 6749, 7636 and `OpenID` Connect).
#[derive(Debug, Deserialize)]
pub(crate) struct Authorize {
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

impl Authorize {
    /// Back to the page with these parameters and its `state`.
    fn back(&self, parameters: &[(&str, &str)]) -> Response {
        let mut url = self.redirect_uri.0.clone();
        url.query_pairs_mut().extend_pairs(parameters);
        if let Some(state) = &self.state {
            url.query_pairs_mut().append_pair("state", state);
        }
        Redirect::to(url.as_str()).into_response()
    }

    /// Back to the page with a code for this person.
    fn admit(&self, gateway: &Gateway, person: Value) -> Response {
        let grant = Grant {
            person,
            client_id: self.client_id.clone(),
            redirect_uri: self.redirect_uri.0.to_string(),
            code_challenge: self.code_challenge.clone(),
            nonce: self.nonce.clone(),
        };
        let exp = now() + CODE_LIFETIME_SECONDS;
        match gateway
            .issuer
            .sign(json!({ "aud": CODE, "exp": exp, "grant": grant }))
        {
            Ok(code) => self.back(&[("code", &code)]),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}

/// What a code stands for.
#[derive(Debug, Serialize, Deserialize)]
struct Grant {
    person: Value,
    client_id: String,
    redirect_uri: String,
    code_challenge: String,
    nonce: Option<String>,
}

impl Grant {
    /// Whether who asks is who was sent to sign in.
    fn fits(&self, asked: &TokenForm) -> bool {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&asked.code_verifier));
        asked.client_id == self.client_id
            && asked.redirect_uri == self.redirect_uri
            && challenge == self.code_challenge
    }
}

/// The form, or at once the way back: with a code when there is a session.
pub(crate) async fn ask(
    State(gateway): State<Arc<Gateway>>,
    Query(asked): Query<Authorize>,
    headers: HeaderMap,
) -> Response {
    match (session(&gateway, &headers), &asked.prompt) {
        (Some(person), None | Some(Prompt::None)) => asked.admit(&gateway, person),
        (None, Some(Prompt::None)) => asked.back(&[("error", "login_required")]),
        _ => Html(FORM).into_response(),
    }
}

/// Who says that they sign in.
#[derive(Debug, Deserialize)]
pub(crate) struct Person {
    partner_id: String,
    role: String,
    name: String,
}

/// Takes the form, keeps a session, and goes back with a code.
pub(crate) async fn submit(
    State(gateway): State<Arc<Gateway>>,
    Query(asked): Query<Authorize>,
    Form(person): Form<Person>,
) -> Response {
    let person = json!({
        "sub": person.name,
        "name": person.name,
        "roles": [person.role],
        "partner_id": person.partner_id,
    });
    let exp = now() + TOKEN_LIFETIME_SECONDS;
    let session = json!({ "aud": SESSION, "exp": exp, "person": person });
    let Ok(session) = gateway.issuer.sign(session) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    with_cookie(
        asked.admit(&gateway, person),
        &session,
        TOKEN_LIFETIME_SECONDS,
    )
}

/// A code to be exchanged.
#[derive(Debug, Deserialize)]
pub(crate) struct TokenForm {
    #[serde(rename = "grant_type")]
    _grant_type: GrantType,
    code: String,
    redirect_uri: String,
    client_id: String,
    code_verifier: String,
}

/// Exchanges a code for tokens.
pub(crate) async fn token(
    State(gateway): State<Arc<Gateway>>,
    Form(asked): Form<TokenForm>,
) -> Response {
    let grant = gateway.issuer.verify(&asked.code, CODE);
    let grant = grant.and_then(|mut claims| serde_json::from_value(claims.remove("grant")?).ok());
    match grant.filter(|grant: &Grant| grant.fits(&asked)) {
        Some(grant) => tokens(&gateway, &grant),
        None => (
            StatusCode::BAD_REQUEST,
            Json(json!({ "error": "invalid_grant" })),
        )
            .into_response(),
    }
}

fn tokens(gateway: &Gateway, grant: &Grant) -> Response {
    let now = now();
    let mut access = grant.person.clone();
    access["iat"] = now.into();
    access["exp"] = (now + TOKEN_LIFETIME_SECONDS).into();
    let mut identity = access.clone();
    identity["aud"] = grant.client_id.as_str().into();
    if let Some(nonce) = &grant.nonce {
        identity["nonce"] = nonce.as_str().into();
    }
    match (gateway.issuer.sign(access), gateway.issuer.sign(identity)) {
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

/// Where to go after signing out.
#[derive(Debug, Deserialize)]
pub(crate) struct SignOut {
    post_logout_redirect_uri: Option<Page>,
}

/// Ends the session.
pub(crate) async fn out(Query(asked): Query<SignOut>) -> Response {
    let response = match asked.post_logout_redirect_uri {
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

/// Who is signed in.
fn session(gateway: &Gateway, headers: &HeaderMap) -> Option<Value> {
    let cookies = headers.get(COOKIE)?.to_str().ok()?;
    let mut cookies = cookies.split(';').map(str::trim);
    let cookie = cookies.find_map(|cookie| cookie.strip_prefix(COOKIE_NAME)?.strip_prefix('='))?;
    let mut claims: Map<String, Value> = gateway.issuer.verify(cookie, SESSION)?;
    claims.remove("person")
}

/// The machine's clock, whatever the stack's says: the authorizer goes by it.
fn now() -> i64 {
    Clock::system().now().as_seconds()
}
