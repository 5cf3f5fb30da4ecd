//! The service on this machine, called as API Gateway calls it, with each call
//! counted: requests, Lambda's memory and time, log lines, and bytes that leave.

#![expect(
    clippy::indexing_slicing,
    reason = "only JSON values are indexed here, and an absent one is null"
)]

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use local::{Options, Stack, template};
use serde_json::{Value, json};
use shared::{Clock, Moment, metrics, model::seal::PARTITIONS};

use super::{meter::Meter, prices::Prices, usage::Usage};
use crate::{Error, request::ApiRequest, samples::float};

/// The template's default; `local` has another one.
const LATENESS: (&str, &str) = ("MAX_LATENESS_DAYS", "7");

/// API Gateway counts a longer request or answer as several requests.
const API_REQUEST_BYTES: usize = 512 * 1024;

/// The service, and what it used since that was taken last.
#[derive(Debug)]
pub(super) struct Service<'a> {
    stack: Stack,
    template: &'static Value,
    prices: &'a Prices,
    ahead_ms: Arc<AtomicU64>,
    pub(super) meter: Meter,
    used: Usage,
}

impl<'a> Service<'a> {
    /// Starts the service in memory, with these write shards and `HOT_DAYS`.
    pub(super) async fn start(
        shards: u32,
        hot_days: u32,
        prices: &'a Prices,
    ) -> Result<Self, Error> {
        let (meter, ahead_ms) = (Meter::default(), Arc::new(AtomicU64::new(0)));
        let ahead = Arc::clone(&ahead_ms);
        let clock = Clock::from_fn(move || {
            let ahead = Duration::from_millis(ahead.load(Ordering::SeqCst));
            Clock::system().now().plus(ahead)
        });
        let (shards, hot_days) = (shards.to_string(), hot_days.to_string());
        let variables = [LATENESS, ("WRITE_SHARDS", &shards), ("HOT_DAYS", &hot_days)];
        let stack = Stack::start(Options {
            http_client: Some(meter.client()),
            variables: variables
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            clock,
            ..Options::in_memory()
        });
        Ok(Self {
            stack: stack.await?,
            template: template::parse()?,
            prices,
            ahead_ms,
            meter,
            used: Usage::default(),
        })
    }

    /// What the service's clock says.
    pub(super) fn now(&self) -> Moment {
        let ahead = self.ahead_ms.load(Ordering::SeqCst);
        Clock::system().now().plus(Duration::from_millis(ahead))
    }

    /// Sets the service's clock ahead of the machine's.
    pub(super) fn set_ahead(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.ahead_ms.store(by, Ordering::SeqCst);
    }

    /// What was used since this was asked last.
    pub(super) fn take(&mut self) -> Usage {
        let mut used = self.meter.take();
        used += std::mem::take(&mut self.used);
        used
    }

    /// Carries out a request and answers with its body; all but a 2xx is an error.
    pub(super) async fn send(&mut self, request: ApiRequest<'_>) -> Result<Value, Error> {
        let event = request.event()?;
        let sent_bytes = text(&event["body"]).len();
        let answer = self
            .call(request.function, event, request.assumed_ms / 1e3)
            .await?;
        let body = text(&answer["body"]);
        let steps = sent_bytes.max(body.len()).div_ceil(API_REQUEST_BYTES);
        self.used.api_requests += float(steps.max(1));
        self.used.out_bytes += float(body.len() + answer["headers"].to_string().len());
        self.used.log_bytes += float(self.access_line(&request, &answer)?.len());
        if !(200..300).contains(&answer["statusCode"].as_u64().unwrap_or(0)) {
            return Err(format!("{} was refused: {answer}", request.route).into());
        }
        Ok(serde_json::from_str(body)?)
    }

    /// Carries out the calls of the worker that requests have asked for.
    pub(super) async fn work(&mut self) -> Result<(), Error> {
        while let Some(event) = self.meter.next_worker_call() {
            self.call("export-worker", event, 0.0).await?;
        }
        Ok(())
    }

    /// Calls the worker that seals, for the partners of all partitions who are due.
    pub(super) async fn seal(&mut self, seconds: f64) -> Result<(), Error> {
        let partitions: Vec<u8> = (0..PARTITIONS).collect();
        let event = json!({ "partitions": partitions });
        self.call("seal-worker", event, seconds).await?;
        Ok(())
    }

    /// Whether the table forgets what is sealed.
    pub(super) fn forgets(&self) -> bool {
        self.stack.config.hot_time.is_some()
    }

    /// How many bytes all segments have.
    pub(super) fn archived_bytes(&self) -> Result<u64, Error> {
        let bucket = self.stack.s3_dir.join(&self.stack.config.archive_bucket);
        folder_bytes(&bucket)
    }

    /// Adds what was used beside the calls.
    pub(super) fn add(&mut self, usage: Usage) {
        self.used += usage;
    }

    /// A function's memory, in gigabytes.
    pub(super) fn gigabytes(&self, function: &str) -> Result<f64, Error> {
        let functions = self.template["Resources"].as_object();
        let mut functions = functions.into_iter().flat_map(|all| all.values());
        let found = functions.find(|it| it["Metadata"]["BuildProperties"]["Binary"] == function);
        let megabytes = found.and_then(|it| it["Properties"]["MemorySize"].as_f64());
        Ok(megabytes.ok_or("the template does not say a function's memory")? / 1_024.0)
    }

    async fn call(&mut self, function: &str, event: Value, seconds: f64) -> Result<Value, Error> {
        // On the heap: a worker's future is too large for a test's stack.
        let call = Box::pin(self.stack.functions.call(function, event));
        let (answer, tally) = metrics::counted(call).await;
        let service = format!("activity-log-{function}");
        let line = tally.line(&service, &uuid::Uuid::nil().to_string(), self.now());
        let lines = line.iter().chain(&self.prices.assumed.lambda_lines);
        self.used.log_bytes += lines.map(|line| float(line.len())).sum::<f64>();
        self.used.calls += 1.0;
        self.used.gigabyte_seconds += self.gigabytes(function)? * seconds;
        Ok(answer?)
    }

    /// The line of API Gateway's access log, in the template's format.
    fn access_line(&self, request: &ApiRequest<'_>, answer: &Value) -> Result<String, Error> {
        let apis = self.template["Resources"].as_object();
        let mut apis = apis.into_iter().flat_map(|all| all.values());
        let format = apis.find_map(|it| it["Properties"]["AccessLogSettings"]["Format"].as_str());
        let format = format.ok_or("the template has no access log")?;
        let status = answer["statusCode"].to_string();
        let length = text(&answer["body"]).len().to_string();
        let values = [
            ("requestId", "Ze3dNhZ5oAMEVZw="),
            ("requestTime", "22/Nov/2026:09:32:11 +0000"),
            ("routeKey", request.route),
            ("status", &status),
            ("integrationStatus", &status),
            ("responseLength", &length),
            ("responseLatency", "18"),
            ("integrationLatency", "16"),
            ("identity.sourceIp", "203.0.113.178"),
        ];
        Ok(values
            .into_iter()
            .fold(format.to_owned(), |line, (name, value)| {
                line.replace(&format!("\"$context.{name}\""), &format!("\"{value}\""))
            }))
    }
}

fn folder_bytes(folder: &Path) -> Result<u64, Error> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() {
            folder_bytes(&entry.path())?
        } else {
            entry.metadata()?.len()
        };
    }
    Ok(bytes)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
