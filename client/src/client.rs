//! Sends requests and judges their answers.

use std::{sync::Arc, time::Duration};

use reqwest::{Method, Response, StatusCode, header};
use serde::de::DeserializeOwned;

use crate::{
    error::{Error, Refusal, unanswered},
    retries::Retries,
    token::{Token, TokenKeeper},
};

/// How long a connection may take.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);

/// How long an answer may pause; the gateway gives up after 30 s.
const READ_TIME_MAX: Duration = Duration::from_secs(40);

/// A client of one service, with one token's rights; clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Arc<str>,
    tokens: Arc<TokenKeeper>,
    retries: Retries,
}

/// A request that may be sent several times.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// The path, with a query.
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// JSON.
    pub(crate) body: Option<String>,
}

impl Request {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            headers: Vec::new(),
            body: None,
        }
    }

    pub(crate) fn post(path: impl Into<String>, body: String) -> Self {
        Self {
            method: Method::POST,
            body: Some(body),
            ..Self::get(path)
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl Client {
    /// A client of the service at an address such as `https://api.example`.
    pub fn new(base: &str, token: Token) -> Result<Self, Error> {
        let base = base.trim_end_matches('/');
        let is_http = base.starts_with("https://") || base.starts_with("http://");
        if !is_http || reqwest::Url::parse(base).is_err() {
            let reason = format!("{base} must be an address such as https://api.example");
            return Err(Error::Setup(reason));
        }
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIME_MAX)
            .read_timeout(READ_TIME_MAX)
            .build();
        Ok(Self {
            http: http.map_err(|error| Error::Setup(error.to_string()))?,
            base: base.into(),
            tokens: Arc::new(TokenKeeper::new(token)),
            retries: Retries::default(),
        })
    }

    /// The same client, which repeats requests otherwise.
    #[must_use]
    pub fn with_retries(self, retries: Retries) -> Self {
        Self { retries, ..self }
    }

    /// The token of now, for a program that sends requests of its own.
    pub async fn token(&self) -> Result<String, Error> {
        self.tokens.token(&self.http).await
    }

    /// How requests are repeated.
    pub(crate) fn retries(&self) -> Retries {
        self.retries
    }

    /// The HTTP client, for requests that carry no token.
    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Sends a request until it is answered; the answer is a success.
    pub(crate) async fn send(&self, request: &Request) -> Result<Response, Error> {
        self.retries.run(|| self.attempt(request)).await
    }

    /// Sends a request until it is answered, and reads the answer.
    pub(crate) async fn json<T: DeserializeOwned>(&self, request: &Request) -> Result<T, Error> {
        self.retries
            .run(|| async { read(self.attempt(request).await?).await })
            .await
    }

    /// Sends a request once, or twice if its token was no longer valid.
    pub(crate) async fn attempt(&self, request: &Request) -> Result<Response, Error> {
        let token = self.tokens.token(&self.http).await?;
        let mut answer = self.send_once(request, &token).await?;
        if answer.status() == StatusCode::UNAUTHORIZED && self.tokens.forget(&token).await {
            let token = self.tokens.token(&self.http).await?;
            answer = self.send_once(request, &token).await?;
        }
        judged(answer).await
    }

    async fn send_once(&self, request: &Request, token: &str) -> Result<Response, Error> {
        let url = format!("{}{}", self.base, request.path);
        let mut sent = self.http.request(request.method.clone(), url);
        sent = sent.bearer_auth(token);
        for (name, value) in &request.headers {
            sent = sent.header(*name, value);
        }
        if let Some(body) = &request.body {
            let json = (header::CONTENT_TYPE, "application/json");
            sent = sent.header(json.0, json.1).body(body.clone());
        }
        sent.send().await.map_err(unanswered)
    }
}

/// The answer if it is a success; otherwise what it means.
pub(crate) async fn judged(answer: Response) -> Result<Response, Error> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let retry_after = answer.headers().get(header::RETRY_AFTER);
    let retry_after = retry_after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let body = answer.bytes().await.unwrap_or_default();
    let refusal = Refusal::new(status.as_u16(), &body);
    if matches!(status.as_u16(), 408 | 429 | 500..) {
        return Err(Error::Unavailable {
            reason: refusal.to_string(),
            retry_after: retry_after.map(Duration::from_secs),
        });
    }
    Err(Error::Refused(refusal))
}

/// Reads an answer as JSON; an answer that breaks off may be whole the next time.
pub(crate) async fn read<T: DeserializeOwned>(answer: Response) -> Result<T, Error> {
    let body = answer.bytes().await.map_err(unanswered)?;
    serde_json::from_slice(&body).map_err(|error| Error::Answer(error.to_string()))
}
