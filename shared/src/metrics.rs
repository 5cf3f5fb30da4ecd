//! Counts what happens during a call, and makes the line that reports it.
//!
//! The line is in CloudWatch's embedded metric format. Outside a call that is
//! observed, as in `local`, nothing is counted.

use std::{cell::RefCell, collections::BTreeMap, future::Future, pin::pin, time::Duration};

use serde::Serialize;
use tokio::task_local;

use crate::Moment;

/// The namespace of the metrics in CloudWatch.
pub const NAMESPACE: &str = "PartnerActivityLog";

/// The most values of one metric that CloudWatch accepts in a line.
///
/// A worker may have more; the later ones are left out.
const VALUES_MAX: usize = 100;

task_local! {
    static TALLY: RefCell<Tally>;
}

/// What one call has counted.
#[derive(Debug, Default, Serialize)]
pub struct Tally {
    /// The count of each metric; only `seal_lag_seconds` may be zero.
    #[serde(flatten)]
    counts: BTreeMap<&'static str, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    store_latency_ms: Vec<f64>,
}

/// Runs a call; returns its result and what it has counted.
pub async fn counted<T>(call: impl Future<Output = T>) -> (T, Tally) {
    let mut call = pin!(TALLY.scope(RefCell::default(), call));
    let done = call.as_mut().await;
    let tally = call.take_value().unwrap_or_default().into_inner();
    (done, tally)
}

/// Counts an activity that was stored now, or by an earlier request with its key.
pub fn recorded(replayed: bool) {
    add(if replayed { "replayed" } else { "recorded" }, 1);
}

/// Counts a request, or one item of a batch, that ended with this code.
///
/// If the items of a batch have different codes, the code is `several`.
pub fn refused(code: &'static str) {
    add("refused", 1);
    change(|tally| {
        let is_only_code = tally.code.is_none_or(|other| other == code);
        tally.code = Some(if is_only_code { code } else { "several" });
    });
}

/// Counts the activities of a page that was returned.
pub fn listed(items: usize) {
    add("listed", items as u64);
}

/// Counts the rows and bytes of a file that is ready.
pub fn exported(rows: u64, bytes: u64) {
    add("exported_rows", rows);
    add("exported_bytes", bytes);
}

/// Counts the activities that an erasure has erased when it ends.
pub fn erased(activities: u64) {
    add("erased", activities);
}

/// Counts the activities that were sealed.
pub fn sealed(activities: u64) {
    add("sealed", activities);
}

/// Counts a log that could not be sealed.
pub fn seal_failed() {
    add("seals_failed", 1);
}

/// Reports since when the seal is due that waits longest.
///
/// Zero is reported too, so that its absence shows that nobody looks.
pub fn seal_lag(due_at: Moment, now: Moment) {
    let seconds = (now.as_seconds() - due_at.as_seconds()).max(0);
    change(|tally| {
        tally
            .counts
            .insert("seal_lag_seconds", seconds.unsigned_abs());
    });
}

/// Counts the events that the bus has taken.
pub fn streamed(events: u64) {
    add("streamed", events);
}

/// Counts what can never be sent, and is told as such.
pub fn not_streamed() {
    add("not_streamed", 1);
}

/// Counts an export or an erasure that has ended as failed.
pub fn failed() {
    add("failed", 1);
}

/// Reports when the oldest task that has not ended was requested.
pub fn oldest_open_task(requested_at: Moment, now: Moment) {
    let seconds = now.as_seconds() - requested_at.as_seconds();
    add("oldest_open_seconds", seconds.unsigned_abs());
}

/// Adds the time that a call to DynamoDB took, including its retries.
pub fn store_latency(taken: Duration) {
    change(|tally| {
        if tally.store_latency_ms.len() < VALUES_MAX {
            let micros = (taken.as_secs_f64() * 1e6).round();
            tally.store_latency_ms.push(micros / 1e3);
        }
    });
}

fn add(metric: &'static str, count: u64) {
    if count > 0 {
        change(|tally| *tally.counts.entry(metric).or_default() += count);
    }
}

fn change(change: impl FnOnce(&mut Tally)) {
    // It fails outside an observed call, where nothing is counted.
    let _ = TALLY.try_with(|tally| change(&mut tally.borrow_mut()));
}

/// A line of CloudWatch's embedded metric format.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(rename = "_aws")]
    about: About,
    service: &'a str,
    level: &'static str,
    message: &'static str,
    timestamp: Moment,
    function_request_id: &'a str,
    #[serde(flatten)]
    tally: &'a Tally,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct About {
    timestamp: i64,
    cloud_watch_metrics: Vec<Directive>,
}

/// Which values are metrics, and which dimensions they have.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: &'static str,
    dimensions: [&'static [&'static str]; 1],
    metrics: Vec<Metric>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    name: &'static str,
    unit: &'static str,
}

impl Tally {
    /// The line, if anything was counted.
    pub fn line(&self, service: &str, request_id: &str, now: Moment) -> Option<String> {
        let cloud_watch_metrics = self.directives();
        if cloud_watch_metrics.is_empty() {
            return None;
        }
        let line = Line {
            about: About {
                timestamp: now.as_millis(),
                cloud_watch_metrics,
            },
            service,
            level: "INFO",
            message: "metrics",
            timestamp: now,
            function_request_id: request_id,
            tally: self,
        };
        let mut line = serde_json::to_string(&line).ok()?;
        line.push('\n');
        Some(line)
    }

    /// Every metric has the dimension `service`; refusals also have one with `code`.
    fn directives(&self) -> Vec<Directive> {
        let of = |dimensions, metrics| Directive {
            namespace: NAMESPACE,
            dimensions: [dimensions],
            metrics,
        };
        let by_service = of(&["service"][..], self.metrics());
        let by_code = |_| of(&["service", "code"][..], vec![Metric::new("refused")]);
        let all = [Some(by_service), self.code.map(by_code)];
        all.into_iter()
            .flatten()
            .filter(|directive| !directive.metrics.is_empty())
            .collect()
    }

    /// The metrics that were counted.
    fn metrics(&self) -> Vec<Metric> {
        let has_latency = !self.store_latency_ms.is_empty();
        let latency = has_latency.then_some("store_latency_ms");
        let names = self.counts.keys().copied().chain(latency);
        names.map(Metric::new).collect()
    }
}

impl Metric {
    fn new(name: &'static str) -> Self {
        let unit = match name {
            "exported_bytes" => "Bytes",
            "oldest_open_seconds" | "seal_lag_seconds" => "Seconds",
            "store_latency_ms" => "Milliseconds",
            _ => "Count",
        };
        Self { name, unit }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    async fn line(call: impl FnOnce()) -> Option<Value> {
        let ((), tally) = counted(async { call() }).await;
        let line = tally.line("record", "r-1", Moment::MAX)?;
        Some(serde_json::from_str(&line).unwrap())
    }

    #[test]
    fn outside_of_a_call_nothing_is_counted() {
        recorded(false);
        refused("forbidden");
    }

    #[tokio::test]
    async fn what_was_not_counted_is_not_told() {
        assert_eq!(line(|| ()).await, None);
        let line = line(|| recorded(false)).await.unwrap();
        assert_eq!((&line["recorded"], line.get("refused")), (&json!(1), None));
        let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
        assert_eq!(directives.len(), 1);
    }

    #[tokio::test]
    async fn each_number_of_a_line_is_a_metric_with_its_unit() {
        let line = line(|| {
            recorded(false);
            recorded(true);
            refused("conflict");
            listed(1);
            exported(2, 3);
            erased(4);
            failed();
            sealed(5);
            seal_failed();
            streamed(6);
            not_streamed();
            let now = Moment::MAX;
            oldest_open_task(now.minus(Duration::from_secs(7)), now);
            seal_lag(now.minus(Duration::from_secs(8)), now);
            store_latency(Duration::from_millis(5));
        });
        let line = line.await.unwrap();
        let [by_service, by_code] = [0, 1].map(|at| &line["_aws"]["CloudWatchMetrics"][at]);
        let metrics = by_service["Metrics"].as_array().unwrap();
        let unit = |name: &str| {
            let metric = metrics.iter().find(|metric| metric["Name"] == name);
            metric.map(|metric| metric["Unit"].as_str().unwrap())
        };
        let numbers = line.as_object().unwrap().iter();
        let numbers: Vec<_> = numbers
            .filter(|(_, value)| value.is_number() || value.is_array())
            .collect();
        assert_eq!(numbers.len(), metrics.len());
        for (name, _) in numbers {
            let expected = match name.as_str() {
                "exported_bytes" => "Bytes",
                "oldest_open_seconds" | "seal_lag_seconds" => "Seconds",
                "store_latency_ms" => "Milliseconds",
                _ => "Count",
            };
            assert_eq!(unit(name), Some(expected), "{name}");
        }
        assert_eq!(by_code["Dimensions"], json!([["service", "code"]]));
        assert_eq!(
            by_code["Metrics"],
            json!([{ "Name": "refused", "Unit": "Count" }])
        );
    }

    #[tokio::test]
    async fn several_codes_are_one_value_of_the_dimension() {
        let code = async |codes: &[&'static str]| {
            let line = line(|| codes.iter().for_each(|code| refused(code))).await;
            line.unwrap()["code"].clone()
        };
        assert_eq!(code(&["forbidden", "forbidden"]).await, "forbidden");
        assert_eq!(
            code(&["forbidden", "conflict", "forbidden"]).await,
            "several"
        );
    }

    #[tokio::test]
    async fn cloudwatch_takes_every_value_of_a_line() {
        let many = line(|| (0..250).for_each(|ms| store_latency(Duration::from_millis(ms)))).await;
        let values = many.unwrap()["store_latency_ms"]
            .as_array()
            .unwrap()
            .clone();
        assert_eq!((values.len(), &values[7]), (100, &json!(7.0)));
    }
}
