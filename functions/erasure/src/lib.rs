//! Erases a customer: `POST /v1/erasures` and `GET /v1/erasures/{id}`.
//!
//! `POST` records an entry in the partner's log, stores the erasure and calls
//! `erasure-worker`; the answer is `202` with the erasure. If that call fails, or an
//! erasure has no worker when it is read, the next sweep or this read calls one.

use std::time::Duration;

use aws_config::SdkConfig;
use lambda_http::{Body, Request, Response};
use serde::Serialize;
use shared::{
    Access, ActivityStore, Actor, Clock, Config, Eraser, Erasure, ErasureId, ErasureKey,
    ErasureStore, Error, Identifier, Moment, Workers,
    aws::{activities::Stamp, erasures::PlaceAttempt, sdk},
    lambda::{
        http,
        reads::{self, Read},
    },
    model::{
        erasure::{Progress, State, WorkerEvent},
        failure::Failure,
        json, trail,
    },
};

/// What the function keeps between requests.
#[derive(Debug)]
pub struct App {
    /// The configuration.
    pub config: Config,
    /// The erasures.
    pub erasures: ErasureStore,
    /// The activities, for the trail.
    pub activities: ActivityStore,
    workers: Workers,
    /// The clock.
    pub clock: Clock,
}

impl App {
    /// Builds the clients, once.
    pub fn new(sdk: &SdkConfig, config: Config, clock: Clock) -> Self {
        let dynamodb = sdk::dynamodb(sdk);
        Self {
            erasures: ErasureStore::new(dynamodb.clone(), config.erasures_table.clone()),
            activities: ActivityStore::new(dynamodb, &config),
            workers: Workers::new(sdk, config.erasure_worker_function.clone()),
            config,
            clock,
        }
    }
}

/// The largest body: 4 KiB, far more than any id needs.
const BODY_BYTES_MAX: usize = 4 * 1024;

/// The body of a request for an erasure.
#[derive(Debug)]
struct CreateErasure {
    customer_id: Identifier,
}

impl CreateErasure {
    fn read(request: &Request) -> Result<Self, Error> {
        if http::idempotency_key(request)?.is_some() {
            let reason =
                "is not allowed for an erasure; repeating the request without it does no harm";
            return Err(Error::invalid("Idempotency-Key", reason));
        }
        json::read(http::body(request, BODY_BYTES_MAX)?, |fields| {
            let customer_id = fields.required("customer_id")?;
            Some(Self { customer_id })
        })
    }
}

/// An erasure as its partner sees it.
#[derive(Debug, Serialize)]
struct Answer {
    id: ErasureId,
    customer_id: Identifier,
    state: State,
    created_at: Moment,
    created_by: Actor,
    progress: Progress,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
}

impl Answer {
    fn new(key: &ErasureKey, erasure: Erasure) -> Self {
        // Until the entry of the end is in the log, the erasure has not ended.
        let has_ended = !erasure.state.is_active();
        Self {
            id: key.id,
            failure: erasure.failure.filter(|_| has_ended),
            finished_at: erasure.finished_at.filter(|_| has_ended),
            customer_id: erasure.customer_id,
            state: erasure.state,
            created_at: erasure.created_at,
            created_by: erasure.created_by,
            progress: erasure.progress,
        }
    }
}

/// How long an answer may take, below the function's 29 s.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(26);

/// Answers one request from the gateway.
pub async fn handle(app: &App, request: &Request) -> Response<Body> {
    http::answer(request, ANSWER_TIME_MAX, async {
        let eraser = Access::from_request(request, &app.config.claim_names).eraser()?;
        http::refuse_query(request)?;
        match http::route(request) {
            "POST /v1/erasures" => create(app, request, eraser).await,
            "GET /v1/erasures/{id}" => read(app, request, eraser).await,
            _ => Err(Error::NotFound),
        }
    })
    .await
}

async fn create(app: &App, request: &Request, eraser: Eraser) -> Result<Response<Body>, Error> {
    let now = app.clock.now();
    let asked = CreateErasure::read(request)?;
    let key = ErasureKey {
        partner_id: eraser.partner_id,
        id: ErasureId::random(now),
    };
    match app.erasures.take_place(&key, now).await? {
        PlaceAttempt::Taken => {}
        PlaceAttempt::Occupied(other, erasure) => {
            let answer = answer_while_occupied(app, &other, *erasure, &asked.customer_id).await?;
            let id = other.id.to_string();
            reads::log(eraser.actor.id.as_str(), request, &Read::one(&id));
            return Ok(answer);
        }
        PlaceAttempt::OccupiedSoon => return Err(Error::ErasureUnderWay),
    }
    let erasure = Erasure::new(asked.customer_id, eraser.actor, now);
    // The entry comes first, so that nothing can be erased without an entry in the log.
    let stamp = Stamp {
        recorded_at: now,
        request_id: http::request_id(request),
    };
    let entry = trail::erasure_requested(&key, &erasure)?;
    app.activities.append(entry, &stamp).await?;
    app.erasures.create(&key, &erasure).await?;
    log_failed_call(&key, app.workers.call(&WorkerEvent::from(&key)).await);
    Ok(accepted(&key, erasure))
}

/// Answers a request while another erasure has the partner's place.
///
/// If that erasure is of the same customer and no worker has had it, it will do what
/// the request asks for, so it is the answer. Otherwise the request is refused.
async fn answer_while_occupied(
    app: &App,
    key: &ErasureKey,
    erasure: Erasure,
    customer_id: &Identifier,
) -> Result<Response<Body>, Error> {
    let now = app.clock.now();
    // The place is only freed when a worker ends that erasure, so it must have one.
    if erasure.wants_dispatch(now) {
        dispatch_again(app, key, now).await;
    }
    if erasure.customer_id == *customer_id && erasure.is_untouched() {
        Ok(accepted(key, erasure))
    } else {
        Err(Error::ErasureUnderWay)
    }
}

fn accepted(key: &ErasureKey, erasure: Erasure) -> Response<Body> {
    let location = format!("/v1/erasures/{}", key.id);
    http::accepted(&Answer::new(key, erasure), &location)
}

async fn read(app: &App, request: &Request, eraser: Eraser) -> Result<Response<Body>, Error> {
    let now = app.clock.now();
    let key = ErasureKey {
        partner_id: eraser.partner_id,
        id: ErasureId::try_from(http::path_parameter(request, "id"))?,
    };
    let erasure = app.erasures.get(&key, now).await?.ok_or(Error::NotFound)?;
    let id = key.id.to_string();
    reads::log(eraser.actor.id.as_str(), request, &Read::one(&id));
    if erasure.wants_dispatch(now) {
        dispatch_again(app, &key, now).await;
    }
    Ok(http::ok(&Answer::new(&key, erasure)))
}

/// Calls another worker, at most once a minute.
async fn dispatch_again(app: &App, key: &ErasureKey, now: Moment) {
    let called = match app.erasures.claim_dispatch(key, now).await {
        Ok(true) => app.workers.call(&WorkerEvent::from(key)).await,
        Ok(false) => Ok(()),
        Err(error) => Err(error),
    };
    log_failed_call(key, called);
}

/// A failure is only logged, because the next sweep calls a worker.
fn log_failed_call(key: &ErasureKey, called: Result<(), Error>) {
    if let Err(error) = called {
        tracing::warn!(erasure_id = %key.id, error = error.chain(), "the call of a worker failed");
    }
}
