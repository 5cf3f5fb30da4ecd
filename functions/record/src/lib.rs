//! Records activities: `POST /v1/activities` and `POST /v1/activities/batch`.
//!
//! One activity is one conditional put. A 2xx answer means that it is stored.
//! The answer is `201` with the stored activity and its `Location`; `200` with the
//! same body and `Idempotency-Replayed: true` if the key stored it before; `422` if
//! the key was used for other content; `503` if the outcome is unknown.
//! The answer to a batch is `200` with one such result for each activity, in order.

mod request;

use std::time::Duration;

use aws_config::SdkConfig;
use futures_util::{StreamExt, stream};
use lambda_http::{Body, Request, Response};
use serde::Serialize;
use shared::{
    Access, Activity, ActivityStore, Clock, Config, Error, Moment, Recorded, Recorder,
    aws::{activities::Stamp, sdk},
    lambda::http::{self, Problem},
    metrics, observe,
};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use crate::request::{RecordActivity, Span, Timing};

/// What the function keeps between requests.
#[derive(Debug)]
pub struct App {
    /// The configuration.
    pub config: Config,
    /// The activities.
    pub activities: ActivityStore,
    /// The clock.
    pub clock: Clock,
}

/// How long a batch may take, below the function's 15 s.
///
/// The outcome of an activity that has no result by then is unknown.
const BATCH_TIME_MAX: Duration = Duration::from_secs(12);

/// How many of a batch's activities are written at the same time.
const WRITES_AT_ONCE: usize = 16;

impl App {
    /// Builds the client, once.
    pub fn new(sdk: &SdkConfig, config: Config, clock: Clock) -> Self {
        let client = sdk::dynamodb(sdk);
        let activities = ActivityStore::new(client, &config);
        Self {
            config,
            activities,
            clock,
        }
    }

    fn writer<'a>(&self, recorder: &'a Recorder, now: Moment) -> Writer<'a> {
        let retention = self.config.retention;
        let kept_from = retention.map_or(Moment::EPOCH, |retention| now.minus(retention));
        Writer {
            activities: self.activities.for_one_request(),
            recorder,
            span: Span {
                now,
                max_lateness: self.config.max_lateness,
                imports_from: recorder.may_import.then_some(kept_from),
            },
        }
    }
}

/// How long an answer may take, below the function's 15 s.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(13);

/// Answers one request from the gateway.
pub async fn handle(app: &App, request: &Request) -> Response<Body> {
    http::answer(request, ANSWER_TIME_MAX, async {
        match http::route(request) {
            "POST /v1/activities" => record(app, request).await,
            "POST /v1/activities/batch" => record_batch(app, request).await,
            _ => Err(Error::NotFound),
        }
    })
    .await
}

async fn record(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let recorder = Access::from_request(request, &app.config.claim_names).recorder()?;
    let now = app.clock.now();
    let writer = app.writer(&recorder, now);
    let sent = request::read_one(request, &recorder, writer.span)?;
    let stamp = Stamp {
        recorded_at: now,
        request_id: http::request_id(request),
    };
    let done = writer.store(sent, &stamp).await?;
    Ok(if done.replayed {
        http::replayed(http::ok(&done.activity))
    } else {
        let location = format!("/v1/activities/{}", done.activity.id);
        http::created(&done.activity, &location)
    })
}

async fn record_batch(app: &App, request: &Request) -> Result<Response<Body>, Error> {
    let recorder = Access::from_request(request, &app.config.claim_names).recorder()?;
    let (now, request_id) = (app.clock.now(), http::request_id(request));
    let writer = app.writer(&recorder, now);
    let sent = request::read_many(request, &recorder, writer.span)?;
    let deadline = Instant::now() + BATCH_TIME_MAX;
    let results = stream::iter(sent.into_iter().enumerate())
        .map(|(place, sent)| {
            let stamp = Stamp {
                recorded_at: now,
                request_id: format!("{request_id}/{place}"),
            };
            store_or_explain(&writer, sent, stamp, deadline).instrument(observe::part())
        })
        .buffered(WRITES_AT_ONCE)
        .collect()
        .await;
    Ok(http::ok(&BatchAnswer { results }))
}

#[derive(Serialize)]
struct BatchAnswer {
    results: Vec<BatchResult>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum BatchResult {
    Recorded { status: u16, activity: Activity },
    Refused { status: u16, problem: Problem },
}

async fn store_or_explain(
    writer: &Writer<'_>,
    sent: Result<RecordActivity, Error>,
    stamp: Stamp,
    deadline: Instant,
) -> BatchResult {
    let done = match sent {
        Ok(sent) => timeout_at(deadline, writer.store(sent, &stamp))
            .await
            .unwrap_or_else(|late| Err(Error::Unavailable(late.into()))),
        Err(error) => Err(error),
    };
    match done {
        Ok(Recorded {
            mut activity,
            replayed,
        }) => {
            activity.content.details = None;
            BatchResult::Recorded {
                status: http::recorded_status(replayed),
                activity,
            }
        }
        Err(error) => {
            let problem = Problem::of(error, &stamp.request_id, http::WRITE_AGAIN);
            BatchResult::Refused {
                status: problem.status,
                problem,
            }
        }
    }
}

/// What stores the activities of one request.
struct Writer<'a> {
    activities: ActivityStore,
    recorder: &'a Recorder,
    span: Span,
}

impl Writer<'_> {
    /// Stores the activity that was sent, or finds the one that its key stored before.
    async fn store(&self, sent: RecordActivity, stamp: &Stamp) -> Result<Recorded, Error> {
        let (new, timing) = sent.check(self.recorder, self.span)?;
        let done = match timing {
            Timing::InTime(age) => self.activities.append_aged(new, age, stamp).await?,
            // It may be the retry of a request that was in time, or the machines' clocks differ.
            Timing::OutOfTime(refusal) => match new.idempotency_key {
                Some(_) => self
                    .activities
                    .find_replay(&new, stamp.recorded_at)
                    .await?
                    .ok_or(refusal)?,
                None => return Err(refusal),
            },
        };
        metrics::recorded(done.replayed);
        Ok(done)
    }
}
