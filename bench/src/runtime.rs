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
    extract::{DefaultBodyLimit, State},
    http::{HeaderName, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use shared::Clock;
use tokio::{
    sync::{Mutex, mpsc},
    time::timeout,
};

use crate::{Error, loopback::Server};

/// A function that sends no request for so long has failed.
const SILENCE_MAX: Duration = Duration::from_hours(1);

/// How much time a function is told to have for an event: enough for any export.
const DEADLINE: Duration = Duration::from_hours(2);

/// The API, as seen by whoever calls the function.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
    server: Server,
    events: mpsc::Sender<String>,
    requests: mpsc::Receiver<(Request, Instant)>,
}

/// A function's answer to an event.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) body: Bytes,
    pub(crate) at: Instant,
}

/// A request of the function, and the moment at which it came.
#[derive(Debug)]
enum Request {
    /// `/next`: it waits for an event.
    Next,
    /// `/response`: it has answered.
    Response(Bytes),
    /// `/error`: it has failed.
    Error(Bytes),
}

/// The API, as seen by the function.
struct Routes {
    events: Mutex<mpsc::Receiver<String>>,
    reports: mpsc::Sender<(Request, Instant)>,
    calls: AtomicU64,
}

impl RuntimeApi {
    pub(crate) async fn serve() -> Result<Self, Error> {
        let (events, next_events) = mpsc::channel(1);
        let (reports, requests) = mpsc::channel(4);
        let state = Arc::new(Routes {
            events: Mutex::new(next_events),
            reports,
            calls: AtomicU64::new(0),
        });
        let invocation = "/2018-06-01/runtime/invocation";
        let router = Router::new()
            .route(&format!("{invocation}/next"), get(next))
            .route(&format!("{invocation}/{{id}}/response"), post(response))
            .route(&format!("{invocation}/{{id}}/error"), post(error))
            .route("/2018-06-01/runtime/init/error", post(error))
            // An answer has up to 6 MB.
            .layer(DefaultBodyLimit::disable())
            .with_state(state);
        Ok(Self {
            server: Server::http(router).await?,
            events,
            requests,
        })
    }

    /// What `AWS_LAMBDA_RUNTIME_API` names.
    pub(crate) fn address(&self) -> String {
        self.server.address.to_string()
    }

    /// Waits until the function asks for an event; answers when it did.
    pub(crate) async fn ready(&mut self) -> Result<Instant, Error> {
        match self.request().await? {
            (Request::Next, at) => Ok(at),
            (other, _) => Err(unexpected(&other)),
        }
    }

    /// Gives the waiting function an event; answers once it waits for the next one,
    /// so that nothing of this call is left to do.
    pub(crate) async fn call(&mut self, event: String) -> Result<Answer, Error> {
        self.events.send(event).await?;
        let answer = match self.request().await? {
            (Request::Response(body), at) => Answer { body, at },
            (other, _) => return Err(unexpected(&other)),
        };
        self.ready().await?;
        Ok(answer)
    }

    async fn request(&mut self) -> Result<(Request, Instant), Error> {
        let request = timeout(SILENCE_MAX, self.requests.recv()).await?;
        request.ok_or_else(|| "the runtime API has ended".into())
    }
}

fn unexpected(request: &Request) -> Error {
    match request {
        Request::Next => "the function asked for an event and did not answer the last one".into(),
        Request::Response(body) => format!("the function answered no event: {body:?}").into(),
        Request::Error(body) => format!("the function failed: {body:?}").into(),
    }
}

impl Routes {
    async fn report(&self, request: Request) {
        // Nobody listens any more when the run is over.
        let _ = self.reports.send((request, Instant::now())).await;
    }
}

async fn next(State(routes): State<Arc<Routes>>) -> Response {
    routes.report(Request::Next).await;
    let Some(event) = routes.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let id = routes.calls.fetch_add(1, Ordering::Relaxed);
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

async fn response(State(routes): State<Arc<Routes>>, body: Bytes) -> StatusCode {
    routes.report(Request::Response(body)).await;
    StatusCode::ACCEPTED
}

async fn error(State(routes): State<Arc<Routes>>, body: Bytes) -> StatusCode {
    routes.report(Request::Error(body)).await;
    StatusCode::ACCEPTED
}
