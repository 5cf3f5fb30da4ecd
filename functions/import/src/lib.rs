//! Opens a log for the past: `PUT`, `GET` and `DELETE /v1/import`.
//!
//! While an import is open, the routes that record accept activities which are older than
//! `MAX_LATENESS_DAYS` from a `history_importer`, and nothing of the log is sealed. It ends
//! after seven days, or with `DELETE`. `PUT` and `DELETE` may be repeated.

use std::time::Duration;

use aws_config::SdkConfig;
use lambda_http::{Body, Request, Response};
use serde::Serialize;
use serde_with::skip_serializing_none;
use shared::{
    Access, Actor, Clock, Config, Error, Importer, Moment, PartnerId,
    aws::{
        activities::Stamp,
        imports::{Imports, OpenImport},
    },
    lambda::http,
    model::{
        import::{ImportId, Window},
        json,
    },
};

/// What the function keeps between requests.
#[derive(Debug)]
pub struct App {
    /// The configuration.
    pub config: Config,
    imports: Imports,
    /// The clock.
    pub clock: Clock,
}

impl App {
    /// Builds the clients, once.
    pub fn new(sdk: &SdkConfig, config: Config, clock: Clock) -> Self {
        let imports = Imports::new(sdk, &config);
        Self {
            config,
            imports,
            clock,
        }
    }
}

/// An import as its partner sees it.
#[skip_serializing_none]
#[derive(Debug, Serialize)]
struct Answer {
    id: ImportId,
    partner_id: PartnerId,
    state: State,
    opened_at: Moment,
    opened_by: Actor,
    ends_at: Moment,
    /// From when on activities are accepted; absent if there is no limit.
    from: Option<Moment>,
    ended_at: Option<Moment>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Open,
    Closed,
}

/// The largest body: an empty object, as some clients send it.
const BODY_BYTES_MAX: usize = 1024;

/// How long an answer may take, below the function's 29 s.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(26);

/// Answers one request from the gateway.
pub async fn handle(app: &App, request: &Request) -> Response<Body> {
    http::answer(request, ANSWER_TIME_MAX, async {
        let importer = Access::from_request(request, &app.config.claim_names).importer()?;
        let partner = partner(request, &importer)?;
        let stamp = Stamp {
            recorded_at: app.clock.now(),
            request_id: http::request_id(request),
        };
        match http::route(request) {
            "PUT /v1/import" => open(app, request, partner, &importer, &stamp).await,
            "GET /v1/import" => read(app, partner, stamp.recorded_at).await,
            "DELETE /v1/import" => close(app, partner, &importer, &stamp).await,
            _ => Err(Error::NotFound),
        }
    })
    .await
}

/// The partner whose log it is: that of the token, or the one that the query names.
fn partner(request: &Request, importer: &Importer) -> Result<PartnerId, Error> {
    let mut query = http::query(request)?;
    let named = http::take(&mut query, "partner_id")?;
    http::no_more(&query)?;
    importer.recorder.partner(named.as_deref())
}

async fn open(
    app: &App,
    request: &Request,
    partner: PartnerId,
    importer: &Importer,
    stamp: &Stamp,
) -> Result<Response<Body>, Error> {
    let body = http::body(request, BODY_BYTES_MAX)?;
    if !body.is_empty() {
        json::read(body, |_| Some(()))?;
    }
    let open = app.imports.open(&partner, &importer.actor, stamp).await?;
    Ok(http::ok(&app.answer(partner, open, stamp.recorded_at)))
}

async fn read(app: &App, partner: PartnerId, now: Moment) -> Result<Response<Body>, Error> {
    let open = app.imports.find(&partner, now).await?;
    let open = open.ok_or(Error::NotFound)?;
    Ok(http::ok(&app.answer(partner, open, now)))
}

async fn close(
    app: &App,
    partner: PartnerId,
    importer: &Importer,
    stamp: &Stamp,
) -> Result<Response<Body>, Error> {
    let closed = app.imports.close(&partner, &importer.actor, stamp).await?;
    let window = closed.ok_or(Error::NotFound)?;
    Ok(http::ok(&Answer::new(partner, window)))
}

impl App {
    fn answer(&self, partner: PartnerId, open: OpenImport, now: Moment) -> Answer {
        let kept = self.config.retention.map(|retention| now.minus(retention));
        Answer {
            state: State::Open,
            ended_at: None,
            from: kept.max(open.closed_to),
            ..Answer::new(partner, open.window)
        }
    }
}

impl Answer {
    /// The answer for a window that has ended.
    fn new(partner_id: PartnerId, window: Window) -> Self {
        Self {
            id: window.id,
            partner_id,
            state: State::Closed,
            from: None,
            ended_at: Some(window.end()),
            opened_at: window.opened_at,
            opened_by: window.opened_by,
            ends_at: window.ends_at,
        }
    }
}
