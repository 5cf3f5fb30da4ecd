//! `local demo`: imports a year of sample activities through the public API.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::Method;
use serde_json::{Value, json};
use shared::{Clock, Content, Moment};
use uuid::Uuid;

use crate::{address::base_url, sample::Samples};

/// How many activities one request has; the API accepts 100.
const BATCH: usize = 100;

/// How many requests are under way at the same time.
const REQUESTS_AT_ONCE: usize = 4;

/// How often a batch is sent if an outcome is unknown.
const ATTEMPTS_MAX: u32 = 5;

/// Whose log to fill, where it is, and with how many activities.
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// Address of the API
    #[arg(long, default_value = "http://127.0.0.1:3000", value_parser = base_url)]
    url: String,
    /// Whose log to fill
    #[arg(long, default_value = "contoso")]
    partner: String,
    /// How many activities to record
    #[arg(long, default_value_t = 2_000)]
    activities: usize,
}

/// Why the demo stopped.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain the variants")]
pub enum DemoError {
    #[error("{0} did not answer; is `make run` running?")]
    NoAnswer(String, #[source] reqwest::Error),
    #[error("the answer of {0} has no token; is it a service that `make run` started?")]
    NoToken(String),
    #[error("the import was refused: {0}")]
    NoImport(Value),
    #[error("the log of {0} is sealed up to now, so nothing can be imported")]
    Sealed(String),
    #[error("an activity was refused: {0}")]
    Refused(Value),
    #[error("a batch was not recorded in {ATTEMPTS_MAX} attempts: {0}")]
    GaveUp(String),
}

impl Demo {
    /// Opens an import, records the activities with a bar that shows the progress, and
    /// closes it, so that they are sealed soon.
    pub async fn run(self) -> Result<(), DemoError> {
        let client = reqwest::Client::new();
        let token = self.token(&client).await?;
        let bar = ProgressBar::new(self.activities as u64).with_style(style());
        let open = self.import(&client, &token, Method::PUT).await?;
        let mut samples = Samples::new(Clock::system().now());
        if let Some(from) = from(&open) {
            let since = samples.since(from);
            samples = since.ok_or_else(|| DemoError::Sealed(self.partner.clone()))?;
        }
        let batches = (0..self.activities).step_by(BATCH).map(|start| {
            let count = BATCH.min(self.activities - start);
            (0..count).map(|_| with_key(samples.next())).collect()
        });
        stream::iter(batches)
            .map(|batch| self.send(&client, &token, batch, &bar))
            .buffer_unordered(REQUESTS_AT_ONCE)
            .try_collect::<()>()
            .await?;
        bar.finish();
        self.import(&client, &token, Method::DELETE).await?;
        println!(
            "Imported {} activities of {}; what is older than a week is sealed within a minute.",
            self.activities, self.partner
        );
        Ok(())
    }

    /// Opens or closes the import, or waits until a seal of the log is over.
    async fn import(
        &self,
        client: &reqwest::Client,
        token: &str,
        method: Method,
    ) -> Result<Value, DemoError> {
        let unreachable = |error| DemoError::NoAnswer(self.url.clone(), error);
        let mut answer = Value::Null;
        for attempt in 0..ATTEMPTS_MAX {
            tokio::time::sleep(Duration::from_secs(1) * attempt).await;
            let url = format!("{}/v1/import", self.url);
            let request = client.request(method.clone(), url).bearer_auth(token);
            let response = request.send().await.map_err(unreachable)?;
            answer = response.json().await.map_err(unreachable)?;
            if answer["code"] != "log_busy" {
                break;
            }
        }
        let is_done = answer["state"].is_string();
        is_done
            .then_some(answer.clone())
            .ok_or(DemoError::NoImport(answer))
    }

    async fn token(&self, client: &reqwest::Client) -> Result<String, DemoError> {
        let query = [
            ("partner_id", self.partner.as_str()),
            ("roles", "history_importer"),
            ("name", "demo@localhost"),
        ];
        let unreachable = |error| DemoError::NoAnswer(self.url.clone(), error);
        let response = client.get(format!("{}/dev/token", self.url)).query(&query);
        let response = response.send().await.map_err(unreachable)?;
        let body: Value = response.json().await.map_err(unreachable)?;
        let token = body["access_token"].as_str().map(str::to_owned);
        token.ok_or_else(|| DemoError::NoToken(self.url.clone()))
    }

    /// Sends a batch until each outcome is known.
    ///
    /// Each activity has an idempotency key, so sending it twice records it once.
    async fn send(
        &self,
        client: &reqwest::Client,
        token: &str,
        mut batch: Vec<Value>,
        bar: &ProgressBar,
    ) -> Result<(), DemoError> {
        let mut why = String::new();
        for attempt in 0..ATTEMPTS_MAX {
            tokio::time::sleep(Duration::from_secs(1) * attempt).await;
            let request = client.post(format!("{}/v1/activities/batch", self.url));
            let request = request
                .bearer_auth(token)
                .json(&json!({ "activities": batch }));
            let answer: Result<Value, _> = match request.send().await {
                Ok(response) => response.json().await,
                Err(error) => Err(error),
            };
            let results = match answer {
                Ok(answer) => results(answer)?,
                Err(error) => {
                    why = error.to_string();
                    continue;
                }
            };
            let sent = batch.len();
            batch = unknown(batch, &results)?;
            bar.inc((sent - batch.len()) as u64);
            if batch.is_empty() {
                return Ok(());
            }
            why = "the outcome is still unknown".into();
        }
        Err(DemoError::GaveUp(why))
    }
}

/// From when on an open import accepts activities, if that is limited.
fn from(open: &Value) -> Option<Moment> {
    open["from"].as_str()?.parse().ok()
}

/// The results of a batch; none if the outcome of the whole batch is unknown.
fn results(answer: Value) -> Result<Vec<Value>, DemoError> {
    if matches!(answer["status"].as_u64(), Some(429 | 500..)) {
        return Ok(Vec::new());
    }
    let results = answer["results"].as_array().cloned();
    results.ok_or(DemoError::Refused(answer))
}

/// The activities whose outcome is unknown; a refused one ends the demo.
fn unknown(batch: Vec<Value>, results: &[Value]) -> Result<Vec<Value>, DemoError> {
    if results.is_empty() {
        return Ok(batch);
    }
    let mut unknown = Vec::new();
    for (activity, result) in batch.into_iter().zip(results) {
        match result["status"].as_u64() {
            Some(200 | 201) => {}
            Some(500..) => unknown.push(activity),
            _ => return Err(DemoError::Refused(result.clone())),
        }
    }
    Ok(unknown)
}

/// An activity as the API takes it, with an idempotency key.
fn with_key(content: Content) -> Value {
    let mut activity = serde_json::to_value(content).unwrap_or_default();
    activity["idempotency_key"] = Uuid::now_v7().to_string().into();
    activity
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:40} {pos}/{len} activities, {per_sec}, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent_again(answer: Value) -> Result<usize, DemoError> {
        let batch = vec![
            json!({ "idempotency_key": "a" }),
            json!({ "idempotency_key": "b" }),
        ];
        unknown(batch, &results(answer)?).map(|batch| batch.len())
    }

    #[test]
    fn what_has_no_known_outcome_is_sent_again() {
        let stored = json!({ "status": 201 });
        for (answer, again) in [
            (json!({ "results": [stored, stored] }), 0),
            (json!({ "results": [stored, { "status": 503 }] }), 1),
            (json!({ "status": 503, "code": "unavailable" }), 2),
            (json!({ "status": 429, "code": "too_many_requests" }), 2),
        ] {
            assert_eq!(sent_again(answer).unwrap(), again);
        }
    }

    #[test]
    fn a_refusal_ends_it() {
        for answer in [
            json!({ "results": [{ "status": 201 }, { "status": 400 }] }),
            json!({ "status": 403, "code": "forbidden" }),
        ] {
            assert!(matches!(sent_again(answer), Err(DemoError::Refused(_))));
        }
    }
}
