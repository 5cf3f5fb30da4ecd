//! Lambda's runtime API: hands out events one by one and takes the answers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderName, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use shared::Clock;
use tokio::{
    sync::{Mutex, mpsc},
    time::timeout,
};

use crate::{Error, canned};

/// A function that does not ask or answer for so long has failed.
const PATIENCE: Duration = Duration::from_mins(2);

/// An event must be answered within so long, as the function is told.
const DEADLINE: Duration = Duration::from_mins(2);

/// The API, as the one who calls the function sees it.
pub(super) struct Runtime {
    /// What `AWS_LAMBDA_RUNTIME_API` says.
    pub(super) address: String,
    events: mpsc::Sender<String>,
    happened: mpsc::Receiver<(Happened, Instant)>,
}

/// What the function did.
#[derive(Debug)]
enum Happened {
    Asked,
    Answered(Bytes),
    Failed(Bytes),
}

/// The API, as the function sees it.
struct Api {
    events: Mutex<mpsc::Receiver<String>>,
    happened: mpsc::Sender<(Happened, Instant)>,
    calls: AtomicU64,
}

impl Runtime {
    pub(super) async fn serve() -> Result<Self, Error> {
        let (events, to_give) = mpsc::channel(1);
        let (happens, happened) = mpsc::channel(4);
        let api = Arc::new(Api {
            events: Mutex::new(to_give),
            happened: happens,
            calls: AtomicU64::new(0),
        });
        let invocation = "/2018-06-01/runtime/invocation";
        let router = Router::new()
            .route(&format!("{invocation}/next"), get(next))
            .route(&format!("{invocation}/{{id}}/response"), post(answered))
            .route(&format!("{invocation}/{{id}}/error"), post(failed))
            .route("/2018-06-01/runtime/init/error", post(failed))
            .with_state(api);
        let url = canned::serve(router).await?;
        let address = url.trim_start_matches("http://").to_owned();
        Ok(Self {
            address,
            events,
            happened,
        })
    }

    /// Waits until the function asks for an event; answers when it did.
    pub(super) async fn asked(&mut self) -> Result<Instant, Error> {
        match self.next().await? {
            (Happened::Asked, at) => Ok(at),
            (other, _) => Err(unexpected(&other)),
        }
    }

    /// Gives a function that has asked an event; answers with its answer, and
    /// when that came, once the function asks again and nothing is left to do.
    pub(super) async fn call(&mut self, event: String) -> Result<(Bytes, Instant), Error> {
        self.events.send(event).await?;
        let answered = match self.next().await? {
            (Happened::Answered(answer), at) => (answer, at),
            (other, _) => return Err(unexpected(&other)),
        };
        self.asked().await?;
        Ok(answered)
    }

    async fn next(&mut self) -> Result<(Happened, Instant), Error> {
        let happened = timeout(PATIENCE, self.happened.recv()).await?;
        happened.ok_or_else(|| "the runtime API has ended".into())
    }
}

fn unexpected(happened: &Happened) -> Error {
    match happened {
        Happened::Asked => "the function asked instead of an answer".into(),
        Happened::Answered(answer) => format!("an answer to nothing: {answer:?}").into(),
        Happened::Failed(reason) => format!("the function failed: {reason:?}").into(),
    }
}

impl Api {
    async fn tell(&self, happened: Happened) {
        // Nobody listens any more when the run is over.
        let _ = self.happened.send((happened, Instant::now())).await;
    }
}

async fn next(State(api): State<Arc<Api>>) -> Response {
    api.tell(Happened::Asked).await;
    let Some(event) = api.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let id = api.calls.fetch_add(1, Ordering::Relaxed);
    let deadline = Clock::system().now().plus(DEADLINE).as_millis();
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:bench";
    let trace = "Root=1-6b02b69b-3f1b0c9e5d7a48b26e0f1a3c;Parent=3f1b0c9e5d7a48b2;Sampled=0";
    let headers = [
        ("lambda-runtime-aws-request-id", format!("call-{id}")),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", arn.to_owned()),
        ("lambda-runtime-trace-id", trace.to_owned()),
        ("content-type", "application/json".to_owned()),
    ];
    let headers = headers.map(|(name, value)| (HeaderName::from_static(name), value));
    (headers, event).into_response()
}

async fn answered(State(api): State<Arc<Api>>, answer: Bytes) -> StatusCode {
    api.tell(Happened::Answered(answer)).await;
    StatusCode::ACCEPTED
}

async fn failed(State(api): State<Arc<Api>>, reason: Bytes) -> StatusCode {
    api.tell(Happened::Failed(reason)).await;
    StatusCode::ACCEPTED
}
