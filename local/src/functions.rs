//! Calls the functions: in this process, or the binaries that `cargo lambda watch` runs.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use lambda_http::{
    Body, LambdaEvent, Request, Response, Service, request::LambdaRequest, service_fn,
};
use lambda_runtime::Context;
use serde_json::{Value, json};
use shared::{Clock, lambda::event};
use tokio::time::MissedTickBehavior;

use crate::concurrency::Concurrency;

/// The functions behind the gateway.
#[derive(Debug, Clone)]
pub enum Functions {
    /// They run in this process.
    InProcess(Arc<Apps>),
    /// They run behind an endpoint that has Lambda's invoke call.
    Endpoint {
        /// The endpoint, without a slash at its end.
        url: String,
        /// The client for it.
        client: reqwest::Client,
    },
}

/// What the functions keep between calls.
#[derive(Debug)]
#[expect(missing_docs, reason = "the functions' names")]
pub struct Apps {
    pub record: record::App,
    pub list: list::App,
    pub auditrecords: auditrecords::App,
    pub export: export::App,
    pub export_worker: export_worker::App,
    pub erasure: erasure::App,
    pub erasure_worker: erasure_worker::App,
    pub import: import::App,
    pub seal_worker: seal_worker::App,
    /// None if nothing is streamed.
    pub stream: Option<stream::App>,
    pub sweeper: sweeper::App,
    pub worker_time: Duration,
    pub(crate) concurrency: Concurrency,
    /// How many calls of workers have failed so far.
    pub worker_failures: AtomicUsize,
    /// How many calls of workers are under way.
    pub workers_running: AtomicUsize,
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// There is no function of this name.
    #[error("there is no function {0}")]
    Unknown(String),
    /// The event has more bytes than Lambda accepts.
    #[error("the event is over {EVENT_BYTES_MAX} bytes")]
    TooLarge,
    /// As many calls run as the account or the function may have at once.
    #[error("no execution of {0} is free")]
    Throttled(String),
    /// The function ended with an error, which it has logged.
    #[error("the function {function} failed: {reason}")]
    Failed {
        /// Which function.
        function: String,
        /// The function's error.
        reason: String,
    },
}

/// The largest event and the largest answer of a call that waits for it.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const EVENT_BYTES_MAX: usize = 6_291_456;
const ANSWER_BYTES_MAX: usize = 6_291_556;

/// What the sweeper sweeps, as the schedules of the template name it.
const SWEPT: [&str; 2] = ["tasks", "logs"];

/// The time limit of the sweeper, as in the template.
const SWEEP_TIME: Duration = Duration::from_mins(4);

/// The pauses before a failed asynchronous call is repeated, as Lambda has them.
pub const RETRIES_AFTER: [Duration; 2] = [Duration::from_mins(1), Duration::from_mins(2)];

impl Functions {
    /// Calls a function and waits for its answer.
    pub async fn call(&self, function: &str, event: Value) -> Result<Value, CallError> {
        if event.to_string().len() > EVENT_BYTES_MAX {
            return Err(CallError::TooLarge);
        }
        let answer = self.call_with(function, event).await?;
        if answer.to_string().len() > ANSWER_BYTES_MAX {
            return Err(failed(function, "the answer is over 6 MB"));
        }
        Ok(answer)
    }

    async fn call_with(&self, function: &str, event: Value) -> Result<Value, CallError> {
        match self {
            Self::InProcess(apps) => apps.call(function, event).await,
            Self::Endpoint { url, client } => {
                let url = format!("{url}/2015-03-31/functions/{function}/invocations");
                forward(client.post(url).json(&event))
                    .await
                    .map_err(|reason| failed(function, reason))
            }
        }
    }

    /// Calls the sweeper for all that it sweeps, at once and then after each pause.
    pub(crate) async fn sweep_every(&self, pause: Duration) {
        let mut ticks = tokio::time::interval(pause);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            for what in SWEPT {
                let event = json!({ "sweep": what });
                if let Err(error) = self.call("sweeper", event).await {
                    tracing::warn!(%error, what, "a sweep failed");
                }
            }
        }
    }

    /// Calls a function asynchronously, up to three times, as Lambda does.
    pub fn queue(&self, function: &str, event: Value) {
        let (functions, function) = (self.clone(), function.to_owned());
        tokio::spawn(async move {
            let pauses = RETRIES_AFTER.into_iter().map(Some).chain([None]);
            for pause in pauses {
                let Err(error) = functions.call(&function, event.clone()).await else {
                    return;
                };
                tracing::warn!(%error, ?pause, "an asynchronous call failed");
                if let Some(pause) = pause {
                    tokio::time::sleep(pause).await;
                }
            }
        });
    }
}

impl Apps {
    async fn call(self: &Arc<Self>, function: &str, event: Value) -> Result<Value, CallError> {
        let throttled = |_| CallError::Throttled(function.to_owned());
        let _execution = self.concurrency.take(function).map_err(throttled)?;
        let apps = Arc::clone(self);
        let handle: Handle = match function {
            "record" => Box::new(move |request| {
                let apps = Arc::clone(&apps);
                async move { record::handle(&apps.record, &request).await }.boxed()
            }),
            "list" => Box::new(move |request| {
                let apps = Arc::clone(&apps);
                async move { list::handle(&apps.list, &request).await }.boxed()
            }),
            "auditrecords" => Box::new(move |request| {
                let apps = Arc::clone(&apps);
                async move { auditrecords::handle(&apps.auditrecords, &request).await }.boxed()
            }),
            "export" => Box::new(move |request| {
                let apps = Arc::clone(&apps);
                async move { export::handle(&apps.export, &request).await }.boxed()
            }),
            "erasure" => Box::new(move |request| {
                let apps = Arc::clone(&apps);
                async move { erasure::handle(&apps.erasure, &request).await }.boxed()
            }),
            "import" => Box::new(move |request| {
                let apps = Arc::clone(&apps);
                async move { import::handle(&apps.import, &request).await }.boxed()
            }),
            "export-worker" | "erasure-worker" | "seal-worker" => {
                return self.call_worker(function, event).await;
            }
            "stream" => return self.stream(event).await,
            "sweeper" => return self.sweep(event).await,
            _ => return Err(CallError::Unknown(function.to_owned())),
        };
        answer(event, handle)
            .await
            .map_err(|error| failed(function, error))
    }

    /// Calls the function that streams; its answer names what is to be brought again.
    async fn stream(&self, event: Value) -> Result<Value, CallError> {
        let app = self.stream.as_ref();
        let app = app.ok_or_else(|| failed("stream", "nothing is streamed"))?;
        let batch = serde_json::from_value(event).map_err(|error| failed("stream", error))?;
        let answer = stream::handle(app, &batch).await;
        let answer = answer.map_err(|error| failed("stream", error))?;
        serde_json::to_value(answer).map_err(|error| failed("stream", error))
    }

    /// Calls the sweeper, which has no answer.
    async fn sweep(&self, event: Value) -> Result<Value, CallError> {
        let event = serde_json::from_value(event).map_err(|error| failed("sweeper", error))?;
        let deadline = self.sweeper.clock.now().plus(SWEEP_TIME);
        let done = sweeper::handle(&self.sweeper, &event, deadline).await;
        done.map(|()| Value::Null)
            .map_err(|error| failed("sweeper", error))
    }

    /// Calls a worker, which has no answer.
    async fn call_worker(&self, function: &str, event: Value) -> Result<Value, CallError> {
        self.workers_running.fetch_add(1, Ordering::SeqCst);
        let done = self.run_worker(function, event).await;
        self.workers_running.fetch_sub(1, Ordering::SeqCst);
        done.map_err(|reason| {
            self.worker_failures.fetch_add(1, Ordering::SeqCst);
            failed(function, reason)
        })
    }

    async fn run_worker(&self, function: &str, event: Value) -> Result<Value, String> {
        let invalid = |error: serde_json::Error| error.to_string();
        let deadline = |clock: &Clock| clock.now().plus(self.worker_time);
        // On the heap: together the workers' futures are too large for a test's stack.
        let done = match function {
            "export-worker" => {
                let event = serde_json::from_value(event).map_err(invalid)?;
                let app = &self.export_worker;
                Box::pin(export_worker::handle(app, &event, deadline(&app.clock))).await
            }
            "seal-worker" => {
                let event = serde_json::from_value(event).map_err(invalid)?;
                let app = &self.seal_worker;
                Box::pin(seal_worker::handle(app, &event, deadline(&app.clock))).await
            }
            _ => {
                let event = serde_json::from_value(event).map_err(invalid)?;
                let app = &self.erasure_worker;
                Box::pin(erasure_worker::handle(app, &event, deadline(&app.clock))).await
            }
        };
        done.map(|()| Value::Null)
            .map_err(|error| error.to_string())
    }
}

type Handle = Box<dyn FnMut(Request) -> BoxFuture<'static, Response<Body>> + Send>;

/// Passes an event to a handler in the same way as `event::run` on AWS.
async fn answer(event: Value, mut handle: Handle) -> Result<Value, serde_json::Error> {
    let request: LambdaRequest = serde_json::from_str(&event.to_string())?;
    let handle = service_fn(move |request| handle(request).map(Ok::<_, Infallible>));
    let event = LambdaEvent::new(request, Context::default());
    let Ok(response) = event::service(handle).call(event).await;
    serde_json::to_value(response)
}

/// Sends a call to an endpoint that has Lambda's invoke call.
async fn forward(call: reqwest::RequestBuilder) -> Result<Value, String> {
    let response = call.send().await.map_err(|error| error.to_string())?;
    let failed = response.headers().contains_key("x-amz-function-error");
    let status = response.status();
    let body = response.text().await.map_err(|error| error.to_string())?;
    if failed || !status.is_success() {
        return Err(format!("{status}: {body}"));
    }
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&body).map_err(|error| error.to_string())
}

fn failed(function: &str, reason: impl std::fmt::Display) -> CallError {
    CallError::Failed {
        function: function.to_owned(),
        reason: reason.to_string(),
    }
}
