//! `TestApp`, a running service for one test, and the builder of activities.
//!
//! A `TestApp` sends requests, makes tokens, and moves the service's clock.

use std::{
    collections::HashMap,
    io::Read,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use flate2::read::GzDecoder;
use local::{Options, Stack, concurrency::Limits, functions::Functions};
use reqwest::{Method, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use shared::{Clock, Moment};

use crate::{contract, faults::Faults};

/// The issuer's key for all stacks: making one takes longer than a test.
static KEY: LazyLock<String> = LazyLock::new(|| local::token::new_key().unwrap());

/// The whole service for one test, in memory and on its own ports.
pub(crate) struct TestApp {
    pub(crate) stack: Stack,
    client: reqwest::Client,
    /// By how much the service's clock is ahead of the machine's.
    ahead_ms: Arc<AtomicI64>,
    pub(crate) faults: Faults,
    /// The tokens by partner and role.
    tokens: Mutex<HashMap<(String, String), String>>,
}

impl TestApp {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts with environment variables that differ from those of `local`.
    pub(crate) async fn start_with(variables: &[(&str, &str)]) -> Self {
        Self::start_limited(variables, Duration::from_mins(15)).await
    }

    /// Starts with such variables and a time limit for each call of a worker.
    pub(crate) async fn start_limited(variables: &[(&str, &str)], worker_time: Duration) -> Self {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()));
        Self::start_from(Options {
            worker_time,
            variables: variables.collect(),
            ..Options::in_memory()
        })
        .await
    }

    /// Starts with limits on how many calls run at once.
    pub(crate) async fn start_within(concurrency: Limits) -> Self {
        Self::start_from(Options {
            concurrency,
            ..Options::in_memory()
        })
        .await
    }

    /// Starts from options that differ from those in memory.
    pub(crate) async fn start_from(options: Options) -> Self {
        let ahead_ms = Arc::new(AtomicI64::new(0));
        let ahead = Arc::clone(&ahead_ms);
        let clock = Clock::from_fn(move || now(&ahead));
        let faults = Faults::default();
        // Most tests record what happened long ago, without an import.
        let mut variables = options.variables;
        let lateness = variables.entry("MAX_LATENESS_DAYS".into());
        lateness.or_insert("366".into());
        let options = Options {
            variables,
            http_client: Some(faults.client()),
            key: Some(KEY.clone()),
            clock,
            ..options
        };
        let stack = Stack::start(options).await.unwrap();
        Self {
            stack,
            client: reqwest::Client::new(),
            ahead_ms,
            faults,
            tokens: Mutex::default(),
        }
    }

    /// Starts with the service's clock at a moment, for tests that name days.
    ///
    /// Download links do not work then, because S3 keeps the machine's clock.
    pub(crate) async fn start_at(moment: &str) -> Self {
        let app = Self::start().await;
        let moment: Moment = moment.parse().unwrap();
        app.set_ahead(moment.as_millis() - app.now().as_millis());
        app
    }

    /// The time on the service's clock.
    pub(crate) fn now(&self) -> Moment {
        now(&self.ahead_ms)
    }

    /// A clock that is behind the service's.
    pub(crate) fn clock_behind(&self, by: Duration) -> Clock {
        let ahead = Arc::clone(&self.ahead_ms);
        Clock::from_fn(move || now(&ahead).minus(by))
    }

    /// Moves the service's clock forward.
    pub(crate) fn advance(&self, by: Duration) {
        self.move_clock(i64::try_from(by.as_millis()).unwrap());
    }

    /// Moves the service's clock forward, or back if the number is negative.
    pub(crate) fn move_clock(&self, by_ms: i64) {
        self.ahead_ms.fetch_add(by_ms, Ordering::SeqCst);
    }

    /// Sets the service's clock to some milliseconds ahead of the machine's.
    pub(crate) fn set_ahead(&self, ahead_ms: i64) {
        self.ahead_ms.store(ahead_ms, Ordering::SeqCst);
    }

    /// A token with these claims and the usual ones, such as `exp` and `name`.
    pub(crate) fn token_of(&self, claims: Value) -> String {
        let mut all = json!({ "sub": "u-1", "name": "Ann Beebe", "exp": 4_000_000_000_u64 });
        all.as_object_mut()
            .unwrap()
            .extend(claims.as_object().unwrap().clone());
        self.stack.issuer.sign(all).unwrap()
    }

    /// A token for a partner with one role, signed once: a signature takes as long as a
    /// request.
    pub(crate) fn token(&self, partner: &str, role: &str) -> String {
        let claims = || json!({ "partner_id": partner, "roles": [role] });
        let mut tokens = self.tokens.lock().unwrap();
        let token = tokens.entry((partner.to_owned(), role.to_owned()));
        token.or_insert_with(|| self.token_of(claims())).clone()
    }

    /// A token that may read contoso's log.
    pub(crate) fn reader(&self) -> String {
        self.token("contoso", "admin_agent")
    }

    /// A token that may record into contoso's log.
    pub(crate) fn recorder(&self) -> String {
        self.token("contoso", "activity_recorder")
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> TestRequest {
        let url = format!("{}{path}", self.stack.url);
        let builder = self.client.request(method.clone(), url);
        TestRequest {
            method,
            path: path.to_owned(),
            builder,
            sent: None,
        }
    }

    pub(crate) fn get(&self, path: &str) -> TestRequest {
        self.request(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> TestRequest {
        let mut request = self.request(Method::POST, path).raw(body.to_string());
        request.sent = Some(body.clone());
        request
    }

    /// Records an activity as contoso's recorder; returns the stored activity.
    pub(crate) async fn record(&self, activity: &Value) -> Value {
        let answer = self
            .post("/v1/activities", activity)
            .token(&self.recorder())
            .send()
            .await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json()
    }

    /// Reads as contoso's reader.
    pub(crate) async fn read(&self, path: &str) -> Answer {
        self.get(path).token(&self.reader()).send().await
    }

    /// Reads a page of contoso's log.
    pub(crate) async fn list(&self, query: &str) -> Value {
        let answer = self.read(&format!("/v1/activities?{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    /// Reads all pages of a query; returns their items.
    pub(crate) async fn list_all(&self, query: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut page = self.list(query).await;
        loop {
            items.extend(page["items"].as_array().unwrap().clone());
            let Some(cursor) = page["next_cursor"].as_str() else {
                return items;
            };
            page = self.list(&format!("{query}&cursor={cursor}")).await;
        }
    }

    /// Reads a path until the answer is as wanted; panics after 30 seconds.
    pub(crate) async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = std::time::Instant::now() + Duration::from_secs(30);
        loop {
            let answer = self.read(path).await.json();
            if wanted(&answer) {
                return answer;
            }
            assert!(
                std::time::Instant::now() < deadline,
                "never as wanted: {answer}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Records activities with details of 240 kB each.
    ///
    /// The details compress badly, so a few activities fill several pages of a
    /// query and several parts of an upload.
    pub(crate) async fn record_wide(&self, count: usize) {
        let recorder = self.recorder();
        for place in 0..count {
            let mut sent = with("occurred_at", ago(7_200 + i64::try_from(place).unwrap()));
            sent["details"] = json!({ "blob": random_digits(place, 240_000) });
            let request = self.post("/v1/activities", &sent).token(&recorder);
            assert_eq!(request.send().await.status, 201);
        }
    }

    /// How many calls of a worker have failed.
    pub(crate) fn worker_failures(&self) -> usize {
        match &self.stack.functions {
            Functions::InProcess(apps) => apps.worker_failures.load(Ordering::SeqCst),
            Functions::Endpoint { .. } => 0,
        }
    }

    /// How many calls of a worker are under way.
    pub(crate) fn workers_running(&self) -> usize {
        match &self.stack.functions {
            Functions::InProcess(apps) => apps.workers_running.load(Ordering::SeqCst),
            Functions::Endpoint { .. } => 0,
        }
    }

    /// Moves the clock on by a minute if the worker is gone; waits a moment.
    ///
    /// After that minute, the next read of the export or erasure calls a worker
    /// again. `failures` is how many failed calls are known; it is updated.
    pub(crate) async fn advance_if_worker_is_gone(&self, failures: &mut usize) {
        // A killed process counts as a failed call too, but only much later. So
        // after a kill the failures do not show whether the worker is gone.
        let has_failed = self.worker_failures() > *failures && self.faults.kill_count() == 0;
        let is_gone = has_failed || self.faults.worker_idle_time().as_secs() >= 1;
        // The requests that a killed process has sent must arrive first.
        if is_gone && self.faults.in_flight() == 0 {
            *failures = self.worker_failures();
            self.faults.reset_worker_idle_time();
            self.advance(Duration::from_secs(61));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    /// Waits until so many calls of a worker have failed.
    pub(crate) async fn until_failures(&self, wanted: usize) {
        let failed = eventually(|| self.worker_failures() >= wanted).await;
        assert!(failed, "the worker did not fail {wanted} times");
    }

    /// Waits until a function has called an operation.
    pub(crate) async fn until_called(&self, function: &str, operation: &str) {
        let called = eventually(|| self.faults.count(function, operation) > 0).await;
        assert!(called, "{function} never called {operation}");
    }

    /// Exports as contoso's reader and waits until the file is ready.
    pub(crate) async fn export(&self, body: &Value) -> Value {
        self.export_as(&self.reader(), body).await
    }

    /// Exports with a token and waits until the file is ready.
    pub(crate) async fn export_as(&self, token: &str, body: &Value) -> Value {
        let asked = self.post("/v1/exports", body).token(token).send().await;
        assert_eq!(asked.status, 202, "{}", asked.text);
        for _ in 0..3_000 {
            let export = self.get(asked.header("location")).token(token).send().await;
            let export = export.json();
            if export["state"] != "queued" && export["state"] != "running" {
                assert_eq!(export["state"], "ready", "{export}");
                return export;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the export never ends: {}", asked.text);
    }

    /// Follows a download link. S3 answers it, so it is not in the contract.
    pub(crate) async fn download(&self, url: &str) -> (StatusCode, HeaderMap, Vec<u8>) {
        let response = self.client.get(url).send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        (status, headers, response.bytes().await.unwrap().to_vec())
    }

    /// Downloads the file of an export.
    pub(crate) async fn file(&self, export: &Value) -> Vec<u8> {
        let url = export["download"]["url"].as_str().unwrap();
        let (status, _, bytes) = self.download(url).await;
        assert_eq!(status, 200);
        bytes
    }
}

/// A request under construction.
pub(crate) struct TestRequest {
    method: Method,
    path: String,
    builder: reqwest::RequestBuilder,
    /// The body, if it is JSON that the contract describes.
    sent: Option<Value>,
}

impl TestRequest {
    pub(crate) fn token(mut self, token: &str) -> Self {
        self.builder = self.builder.bearer_auth(token);
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.builder = self.builder.header(name, value);
        self
    }

    /// Sets the body, which need not be valid JSON.
    pub(crate) fn raw(mut self, body: impl Into<reqwest::Body>) -> Self {
        self.builder = self
            .builder
            .header("content-type", "application/json")
            .body(body);
        self
    }

    /// Sends the request; panics if the contract does not allow the answer.
    pub(crate) async fn send(self) -> Answer {
        let response = self.builder.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await.unwrap();
        let mut text = String::new();
        if headers
            .get("content-encoding")
            .is_some_and(|coding| coding == "gzip")
        {
            let mut unpacked = GzDecoder::new(&bytes[..]);
            unpacked.read_to_string(&mut text).unwrap();
        } else {
            text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
        let sent = self.sent.as_ref();
        contract::check(&self.method, &self.path, sent, status, &headers, &text);
        Answer {
            status,
            headers,
            text,
        }
    }
}

/// An answer of the service.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map(|value| value.to_str().unwrap())
            .unwrap_or_default()
    }

    /// Status, field and reason of a refusal: `400 customer.id is missing`.
    ///
    /// Without a field it is status and code: `403 forbidden`.
    pub(crate) fn refusal(&self) -> String {
        let body = self.json();
        let error = &body["errors"][0];
        match error["field"].as_str() {
            Some(field) => {
                format!(
                    "{} {field} {}",
                    self.status.as_u16(),
                    error["reason"].as_str().unwrap()
                )
            }
            None => format!(
                "{} {}",
                self.status.as_u16(),
                body["code"].as_str().unwrap()
            ),
        }
    }
}

/// Whether as much is tried as each change must pass.
pub(crate) fn is_full() -> bool {
    std::env::var_os("FULL").is_some()
}

/// How far apart the requests are that meet a fault where any one could: each meets one
/// with `FULL=1`, otherwise every third.
pub(crate) fn step() -> usize {
    if is_full() { 1 } else { 3 }
}

/// Waits until a condition is true; returns whether it was within 30 seconds.
pub(crate) async fn eventually(condition: impl Fn() -> bool) -> bool {
    for _ in 0..1_500 {
        if condition() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

/// Random hexadecimal digits, the same for the same seed.
pub(crate) fn random_digits(seed: usize, length: usize) -> String {
    let mut random = fastrand::Rng::with_seed(seed as u64);
    let digit = |_| char::from(random.choice(*b"0123456789abcdef").unwrap_or(b'0'));
    (0..length).map(digit).collect()
}

/// A valid activity that happened just now.
///
/// A test changes only the fields that it is about.
pub(crate) fn activity() -> Value {
    json!({
        "action": "create_order",
        "outcome": "succeeded",
        "customer": { "id": "c-1", "name": "Relecloud" },
        "actor": { "id": "u-17", "name": "admin@contoso.example", "kind": "user" },
    })
}

/// A valid activity with one field set.
pub(crate) fn with(field: &str, value: impl Into<Value>) -> Value {
    let mut activity = activity();
    *at(&mut activity, field) = value.into();
    activity
}

/// The value of a field such as `customer.id`, to be changed.
pub(crate) fn at<'a>(activity: &'a mut Value, field: &str) -> &'a mut Value {
    field
        .split('.')
        .fold(activity, |value, name| &mut value[name])
}

/// The time of a clock that is ahead of the machine's.
fn now(ahead_ms: &AtomicI64) -> Moment {
    let now = Clock::system().now().as_millis();
    Moment::from_millis(now + ahead_ms.load(Ordering::SeqCst)).unwrap()
}

/// The moment `seconds` before now, as text.
pub(crate) fn ago(seconds: i64) -> String {
    now(&AtomicI64::new(-1_000 * seconds)).to_string()
}
