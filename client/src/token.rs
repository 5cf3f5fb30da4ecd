//! Where the token comes from that each request carries.

use std::{
    fmt,
    path::PathBuf,
    time::{Duration, Instant},
};

use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::error::{Error, unanswered};

/// How long before its end a token is renewed.
const RENEWED_BEFORE: Duration = Duration::from_mins(1);

/// How long a token lives whose issuer does not say so.
const LIFE_DEFAULT: Duration = Duration::from_mins(5);

/// The longest life of a token that is believed.
const LIFE_MAX: Duration = Duration::from_hours(24);

/// Where the token comes from; no error and no debug text shows it.
#[derive(Clone)]
pub enum Token {
    /// This one, for as long as it is valid.
    Fixed(String),
    /// The text of a file, which something else keeps up to date; read for each request.
    File(PathBuf),
    /// The client-credentials flow of OAuth 2 (RFC 6749, section 4.4).
    ClientCredentials {
        /// The issuer's token endpoint.
        url: String,
        /// The client's id.
        client_id: String,
        /// The client's secret.
        client_secret: String,
        /// The scope, if the issuer needs one.
        scope: Option<String>,
    },
    /// From a service on one machine, which gives one to anybody.
    Development {
        /// The service's address, such as `http://127.0.0.1:3000`.
        service: String,
        /// Whose log.
        partner: String,
        /// The roles, joined by commas.
        roles: String,
        /// The name of who calls.
        name: String,
    },
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fixed(_) => "Fixed",
            Self::File(_) => "File",
            Self::ClientCredentials { .. } => "ClientCredentials",
            Self::Development { .. } => "Development",
        })
    }
}

/// The token of now.
#[derive(Debug)]
pub(crate) struct TokenKeeper {
    source: Token,
    issued: Mutex<Option<Issued>>,
}

/// A token that an issuer gave.
struct Issued {
    token: String,
    renewed_from: Instant,
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Issued")
    }
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    /// Seconds; some issuers write a text.
    expires_in: Option<Value>,
}

/// A number, also as a text.
fn seconds(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

impl TokenKeeper {
    pub(crate) fn new(source: Token) -> Self {
        Self {
            source,
            issued: Mutex::new(None),
        }
    }

    /// The token for a request.
    pub(crate) async fn token(&self, http: &reqwest::Client) -> Result<String, Error> {
        match &self.source {
            Token::Fixed(token) => Ok(token.clone()),
            Token::File(path) => {
                let text = tokio::fs::read_to_string(path).await;
                let text = text.map_err(Error::file(path))?;
                Ok(text.trim().to_owned())
            }
            Token::ClientCredentials { .. } | Token::Development { .. } => self.issued(http).await,
        }
    }

    /// Forgets a token that was refused; returns whether another one may be given.
    pub(crate) async fn forget(&self, refused: &str) -> bool {
        let mut issued = self.issued.lock().await;
        // Another request may have got a new one meanwhile.
        if issued.as_ref().is_some_and(|it| it.token == refused) {
            *issued = None;
        }
        !matches!(self.source, Token::Fixed(_))
    }

    async fn issued(&self, http: &reqwest::Client) -> Result<String, Error> {
        let mut issued = self.issued.lock().await;
        if let Some(issued) = issued
            .as_ref()
            .filter(|it| Instant::now() < it.renewed_from)
        {
            return Ok(issued.token.clone());
        }
        let answer = self.ask(http).await?;
        let seconds = answer.expires_in.as_ref().and_then(seconds);
        let life = seconds
            .map_or(LIFE_DEFAULT, Duration::from_secs)
            .min(LIFE_MAX);
        *issued = Some(Issued {
            token: answer.access_token.clone(),
            renewed_from: Instant::now() + life.saturating_sub(RENEWED_BEFORE),
        });
        Ok(answer.access_token)
    }

    async fn ask(&self, http: &reqwest::Client) -> Result<Answer, Error> {
        let request = match &self.source {
            Token::Development {
                service,
                partner,
                roles,
                name,
            } => {
                let url = format!("{}/dev/token", service.trim_end_matches('/'));
                http.get(url)
                    .query(&[("partner_id", partner), ("roles", roles), ("name", name)])
            }
            Token::ClientCredentials {
                url,
                client_id,
                client_secret,
                scope,
            } => {
                let mut form = vec![("grant_type", "client_credentials")];
                form.extend(scope.as_deref().map(|scope| ("scope", scope)));
                let request = http.post(url).basic_auth(client_id, Some(client_secret));
                request.form(&form)
            }
            Token::Fixed(_) | Token::File(_) => return Err(Error::Token("none is issued".into())),
        };
        let answer = request.send().await.map_err(unanswered)?;
        let status = answer.status();
        if matches!(status.as_u16(), 429 | 500..) {
            return Err(Error::unavailable(format!("the issuer answered {status}")));
        }
        if !status.is_success() {
            return Err(Error::Token(format!("the issuer answered {status}")));
        }
        let answer = answer.json().await;
        answer.map_err(|_| Error::Token("the issuer's answer has no access_token".into()))
    }
}
