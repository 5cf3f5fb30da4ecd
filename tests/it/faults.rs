//! Faults that tests inject into the functions' requests to AWS.
//!
//! The HTTP client of the SDK injects them. A test chooses which requests meet
//! a fault: the next ones of an operation or function, or random ones.

mod partner_faults;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings,
            SharedHttpClient, SharedHttpConnector,
        },
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use futures_util::stream;
use http_body::Frame;
use http_body_util::StreamBody;
use serde_json::Value;
use tokio::sync::Notify;

use self::partner_faults::PartnerFaults;

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The request does not arrive, and the client gets an error.
    Lost,
    /// The request is carried out, but the client gets an error.
    ReplyLost,
    /// The request is carried out, but only half of the answer arrives.
    Cut,
    /// The service answers that it is too busy.
    Throttled,
    /// The request does not arrive, but the client gets the answer `202`.
    Swallowed,
    /// The request waits until the test calls [`Faults::release`].
    Held,
    /// The client never gets an answer.
    Hung,
    /// The client gets an error, and the request is carried out a moment later.
    Late,
    /// The request is carried out, and arrives a second time a moment later.
    Twice,
    /// The process is killed before the request, and sends no request any more.
    Killed,
    /// The process is killed after the request was carried out.
    KilledAfter,
}

/// A fault for the next requests of one operation or function.
#[derive(Debug)]
struct Rule {
    /// The name of the operation or function.
    name: String,
    /// How many requests pass before the first one meets the fault.
    skip: usize,
    fault: Fault,
    /// How many requests meet the fault.
    times: usize,
    /// How many of them are still to come.
    left: usize,
}

/// The faults that a test has set, and the requests that were made so far.
///
/// A clone shares its state with the original.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    rules: Arc<Mutex<Vec<Rule>>>,
    dice: Arc<Mutex<Option<Dice>>>,
    by_partner: Arc<Mutex<Vec<PartnerFaults>>>,
    /// How often each kind of call was made.
    calls: Arc<Mutex<BTreeMap<Call, usize>>>,
    /// The reads of a table that were not strongly consistent.
    eventual_reads: Arc<Mutex<BTreeSet<Call>>>,
    /// Every kind of write, with its condition.
    writes: Arc<Mutex<BTreeSet<Write>>>,
    /// The operations that met a fault, in order.
    met: Arc<Mutex<Vec<(String, Fault)>>>,
    /// The operation of the request that is held.
    held: Arc<Mutex<Option<String>>>,
    released: Arc<Notify>,
    /// The tasks that stand for killed processes.
    killed: Arc<Mutex<HashSet<tokio::task::Id>>>,
    in_flight: Arc<AtomicUsize>,
    last_worker_call: Arc<Mutex<Option<Instant>>>,
}

/// Random faults for the requests of one function.
///
/// The same seed gives the same faults if the requests come in the same order.
#[derive(Debug)]
struct Dice {
    function: String,
    random: fastrand::Rng,
    /// How many requests can still meet a fault.
    left: usize,
    faults: &'static [Fault],
}

/// The faults that the dice choose from.
const DICE_FAULTS: [Fault; 5] = [
    Fault::Lost,
    Fault::ReplyLost,
    Fault::Throttled,
    Fault::Killed,
    Fault::KilledAfter,
];

/// A write of an item, and the condition on which it happens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Write {
    pub(crate) function: String,
    pub(crate) operation: String,
    pub(crate) condition: String,
    /// The partition key of the item.
    pub(crate) partition: String,
    table: String,
}

/// The calling function, the operation, and its table or bucket; empty if it has none.
pub(crate) type Call = (String, String, String);

impl Faults {
    /// Lets the next `times` requests of an operation or function meet a fault.
    ///
    /// `name` is an operation (`PutItem`, or `archive PutItem` for what the archive stores) or a
    /// function (`record`).
    pub(crate) fn add(&self, name: &str, fault: Fault, times: usize) {
        self.add_after(name, 0, fault, times);
    }

    /// As `add`, but the next `skip` requests pass without the fault.
    pub(crate) fn add_after(&self, name: &str, skip: usize, fault: Fault, times: usize) {
        let name = name.to_owned();
        self.rules.lock().unwrap().push(Rule {
            name,
            skip,
            fault,
            times,
            left: times,
        });
    }

    /// Lets about one request in five of a function meet a random fault.
    ///
    /// After `times` faults there are no more.
    pub(crate) fn throw_dice(&self, function: &str, seed: u64, times: usize) {
        self.throw_dice_among(function, seed, times, &DICE_FAULTS);
    }

    /// The same with other faults than the usual ones.
    pub(crate) fn throw_dice_among(
        &self,
        function: &str,
        seed: u64,
        times: usize,
        faults: &'static [Fault],
    ) {
        *self.dice.lock().unwrap() = Some(Dice {
            function: function.to_owned(),
            random: fastrand::Rng::with_seed(seed),
            left: times,
            faults,
        });
    }

    /// Lets requests for these partners meet random faults by a seed.
    pub(crate) fn add_random_faults(&self, seed: u64, partners: &[&str]) {
        let faults = PartnerFaults::new(seed, partners);
        self.by_partner.lock().unwrap().push(faults);
    }

    /// Ends the random faults of a seed's partners.
    pub(crate) fn remove_random_faults(&self, seed: u64) {
        self.by_partner
            .lock()
            .unwrap()
            .retain(|faults| faults.seed != seed);
    }

    /// The operations that met a fault since the last call of this method.
    pub(crate) fn take_met_faults(&self) -> Vec<(String, Fault)> {
        std::mem::take(&mut *self.met.lock().unwrap())
    }

    /// How many requests are under way, including those of killed processes.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    /// How long ago a worker that was not killed has sent its last request.
    pub(crate) fn worker_idle_time(&self) -> Duration {
        let last = *self.last_worker_call.lock().unwrap();
        last.map_or(Duration::ZERO, |last| last.elapsed())
    }

    /// Sets the workers' idle time to zero.
    pub(crate) fn reset_worker_idle_time(&self) {
        *self.last_worker_call.lock().unwrap() = Some(Instant::now());
    }

    /// How many processes were killed.
    pub(crate) fn kill_count(&self) -> usize {
        self.killed.lock().unwrap().len()
    }

    /// Whether the task stands for a process that was killed.
    pub(crate) fn is_killed(&self, process: tokio::task::Id) -> bool {
        self.killed.lock().unwrap().contains(&process)
    }

    /// The HTTP client for the functions' SDK clients.
    pub(crate) fn client(&self) -> SharedHttpClient {
        let inner = aws_smithy_http_client::Builder::new().build_http();
        SharedHttpClient::new(FaultyClient {
            inner,
            faults: self.clone(),
        })
    }

    /// Lets the request that is held go on; if none is held, the next one.
    pub(crate) fn release(&self) {
        self.released.notify_one();
    }

    /// Whether any request is held.
    pub(crate) fn is_holding(&self) -> bool {
        self.held.lock().unwrap().is_some()
    }

    /// Whether a request of this operation is held.
    pub(crate) fn is_held(&self, operation: &str) -> bool {
        self.held.lock().unwrap().as_deref() == Some(operation)
    }

    /// Every kind of call that was made so far, and every kind of part of a transaction.
    pub(crate) fn calls(&self) -> BTreeSet<Call> {
        self.calls.lock().unwrap().keys().cloned().collect()
    }

    /// Every kind of read of a table that was not strongly consistent, but for the registry.
    pub(crate) fn eventual_reads(&self) -> BTreeSet<Call> {
        self.eventual_reads.lock().unwrap().clone()
    }

    /// How a table was written so far.
    pub(crate) fn writes_of(&self, table: &str) -> Vec<Write> {
        let writes = self.writes.lock().unwrap();
        let of_table = writes.iter().filter(|write| write.table == table);
        of_table.cloned().collect()
    }

    /// How often a function has called an operation.
    pub(crate) fn count(&self, function: &str, operation: &str) -> usize {
        let calls = self.calls.lock().unwrap();
        let matching = calls.iter().filter(|((called_by, called, store), _)| {
            called_by == function && named(called, store) == operation
        });
        matching.map(|(_, count)| count).sum()
    }

    /// Removes every rule; returns whether a request met the fault of the last.
    pub(crate) fn clear(&self) -> bool {
        let rules = std::mem::take(&mut *self.rules.lock().unwrap());
        rules
            .last()
            .is_some_and(|rule| rule.skip == 0 && rule.left < rule.times)
    }

    /// Adds one request to what `calls`, `count`, `writes_of` and `worker_idle_time` tell.
    fn note_call(&self, request: &HttpRequest, body: &Value, function: &str, operation: &str) {
        let is_of_dynamodb = request.headers().get("x-amz-target").is_some();
        let store = store_name(request, body, operation);
        let call = (function.to_owned(), operation.to_owned(), store.to_owned());
        let is_read = ["GetItem", "BatchGetItem", "Query"].contains(&operation);
        // Who is registered stays so: an older answer costs a put that changes nothing.
        let key = body["Key"]["partition_key"]["S"].as_str();
        let may_be_old = key.is_some_and(|key| key.starts_with("#partners#"));
        if is_read && !may_be_old && !body.to_string().contains(r#""ConsistentRead":true"#) {
            self.eventual_reads.lock().unwrap().insert(call.clone());
        }
        if is_of_dynamodb && !is_read {
            self.note_write(body, function, operation);
        }
        *self.calls.lock().unwrap().entry(call).or_default() += 1;
        for (operation, part) in parts_of_transaction(body) {
            let table = table_name(part).to_owned();
            self.note_write(part, function, &operation);
            let call = (function.to_owned(), operation, table);
            *self.calls.lock().unwrap().entry(call).or_default() += 1;
        }
        if function.ends_with("-worker") {
            *self.last_worker_call.lock().unwrap() = Some(Instant::now());
        }
    }

    /// Adds one write of an item to what `writes_of` tells.
    fn note_write(&self, body: &Value, function: &str, operation: &str) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let partition = |item: &str| body[item]["partition_key"]["S"].as_str();
        let partition = partition("Item").or(partition("Key"));
        self.writes.lock().unwrap().insert(Write {
            function: function.to_owned(),
            operation: operation.to_owned(),
            condition: text(&body["ConditionExpression"]),
            partition: partition.unwrap_or_default().to_owned(),
            table: table_name(body).to_owned(),
        });
    }

    /// The fault that this request meets, if any.
    fn next_fault(&self, request: &HttpRequest, function: &str, operation: &str) -> Option<Fault> {
        let body = json_body(request);
        self.note_call(request, &body, function, operation);
        let operation = &named(operation, store_name(request, &body, operation));
        let fault = self
            .by_rule(function, operation)
            .or_else(|| self.by_dice(function))
            .or_else(|| {
                let partner = partner_faults::partner_of(request, &body)?;
                let kind = partner_faults::request_kind(function, operation, &partner, &body);
                self.by_partner_seed(function, &partner, kind)
            })?;
        self.met.lock().unwrap().push((operation.to_owned(), fault));
        Some(fault)
    }

    fn by_dice(&self, function: &str) -> Option<Fault> {
        let mut dice = self.dice.lock().unwrap();
        let dice = dice.as_mut().filter(|dice| dice.function == function)?;
        if dice.left == 0 || dice.random.usize(..5) > 0 {
            return None;
        }
        dice.left -= 1;
        dice.random.choice(dice.faults).copied()
    }

    fn by_partner_seed(&self, function: &str, partner: &str, kind: String) -> Option<Fault> {
        let mut seeds = self.by_partner.lock().unwrap();
        let faults = seeds.iter_mut().find(|seed| seed.includes(partner))?;
        faults.next_fault(function, kind)
    }

    fn by_rule(&self, function: &str, operation: &str) -> Option<Fault> {
        let mut rules = self.rules.lock().unwrap();
        let rule = rules
            .iter_mut()
            .find(|rule| [function, operation].contains(&rule.name.as_str()) && rule.left > 0)?;
        if rule.skip > 0 {
            rule.skip -= 1;
            return None;
        }
        rule.left -= 1;
        Some(rule.fault)
    }
}

#[derive(Debug)]
struct FaultyClient {
    inner: SharedHttpClient,
    faults: Faults,
}

impl HttpClient for FaultyClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(FaultyConnector {
            inner,
            faults: self.faults.clone(),
        })
    }
}

#[derive(Debug)]
struct FaultyConnector {
    inner: SharedHttpConnector,
    faults: Faults,
}

impl HttpConnector for FaultyConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (process, killed) = (tokio::task::try_id(), Arc::clone(&self.faults.killed));
        if process.is_some_and(|process| killed.lock().unwrap().contains(&process)) {
            return HttpConnectorFuture::new(std::future::pending());
        }
        let operation = operation_name(&request);
        let body = json_body(&request);
        let named = named(&operation, store_name(&request, &body, &operation));
        let function = function_name(&request);
        let fault = self.faults.next_fault(&request, &function, &operation);
        let inner = CountingConnector {
            inner: self.inner.clone(),
            in_flight: Arc::clone(&self.faults.in_flight),
        };
        let released = Arc::clone(&self.faults.released);
        let held = Arc::clone(&self.faults.held);
        HttpConnectorFuture::new(async move {
            match fault {
                None => inner.call(request).await,
                Some(Fault::Lost) => Err(connection_error()),
                Some(Fault::ReplyLost) => {
                    inner.call(request).await?;
                    Err(connection_error())
                }
                Some(Fault::Cut) => Ok(cut_in_half(inner.call(request).await?).await),
                Some(Fault::Late) => {
                    inner.call_later(request);
                    Err(connection_error())
                }
                Some(Fault::Twice) => {
                    if let Some(copy) = request.try_clone() {
                        inner.call_later(copy);
                    }
                    inner.call(request).await
                }
                Some(Fault::Throttled) => Ok(throttled(&operation)),
                Some(Fault::Swallowed) => Ok(answer(202, "")),
                Some(Fault::Held) => {
                    *held.lock().unwrap() = Some(named);
                    released.notified().await;
                    *held.lock().unwrap() = None;
                    inner.call(request).await
                }
                Some(Fault::Hung) => std::future::pending().await,
                Some(kill @ (Fault::Killed | Fault::KilledAfter)) => {
                    if kill == Fault::KilledAfter {
                        // Whoever sees that a process was killed may drop its requests.
                        let _ = inner.call(request).await;
                    }
                    killed.lock().unwrap().extend(process);
                    std::future::pending().await
                }
            }
        })
    }
}

/// Sends requests, and counts those that are under way.
struct CountingConnector {
    inner: SharedHttpConnector,
    in_flight: Arc<AtomicUsize>,
}

impl CountingConnector {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let _guard = InFlight::begin(&self.in_flight);
        self.inner.call(request).await
    }

    /// Sends a request after a moment; nobody gets its answer.
    fn call_later(&self, request: HttpRequest) {
        let guard = InFlight::begin(&self.in_flight);
        let inner = self.inner.clone();
        tokio::spawn(async move {
            tokio::time::sleep(LATE_DELAY).await;
            let _ = inner.call(request).await;
            drop(guard);
        });
    }
}

/// How long a late request is delayed: the SDK repeats the request before that.
const LATE_DELAY: Duration = Duration::from_millis(25);

/// Counts one request until this value is dropped.
struct InFlight(Arc<AtomicUsize>);

impl InFlight {
    fn begin(in_flight: &Arc<AtomicUsize>) -> Self {
        in_flight.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(in_flight))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The body of a request; null if it is not JSON.
fn json_body(request: &HttpRequest) -> Value {
    let body = request.body().bytes();
    body.and_then(|body| serde_json::from_slice(body).ok())
        .unwrap_or_default()
}

/// The calling function's name, which `local` puts into the SDK's user agent.
fn function_name(request: &HttpRequest) -> String {
    let agent = request.headers().get("user-agent").unwrap_or_default();
    let name = agent
        .split_whitespace()
        .find_map(|part| part.strip_prefix("app/"));
    name.unwrap_or_default().to_owned()
}

/// The name of the operation that a request calls.
///
/// DynamoDB has it in a header, Lambda in the path, S3 in method and query.
fn operation_name(request: &HttpRequest) -> String {
    if let Some(target) = request.headers().get("x-amz-target") {
        return target.rsplit('.').next().unwrap_or_default().to_owned();
    }
    let uri = request.uri();
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    match request.method() {
        "POST" if path.ends_with("/invocations") => "Invoke",
        "POST" if query.starts_with("uploads") => "CreateMultipartUpload",
        "POST" => "CompleteMultipartUpload",
        "PUT" if query.contains("partNumber=") => "UploadPart",
        "PUT" => "PutObject",
        "DELETE" if query.contains("uploadId=") => "AbortMultipartUpload",
        "DELETE" => "DeleteObject",
        _ if query.contains("list-type=2") => "ListObjectsV2",
        _ => "GetObject",
    }
    .to_owned()
}

/// The table or the bucket of a request.
fn store_name<'a>(request: &'a HttpRequest, body: &'a Value, operation: &str) -> &'a str {
    if request.headers().get("x-amz-target").is_some() {
        table_name(body)
    } else {
        bucket_name(request, operation)
    }
}

/// The name by which tests call an operation on a table or a bucket.
fn named(operation: &str, store: &str) -> String {
    match store {
        "archive" => format!("archive {operation}"),
        _ => operation.to_owned(),
    }
}

/// The table of a request to DynamoDB; empty for a transaction, whose parts have tables.
fn table_name(body: &Value) -> &str {
    let tables = body["RequestItems"].as_object();
    let table = tables.and_then(|tables| tables.keys().next()?.as_str().into());
    body["TableName"].as_str().or(table).unwrap_or_default()
}

/// The bucket of a request to S3, which the path begins with; empty for a call of a function.
fn bucket_name<'a>(request: &'a HttpRequest, operation: &str) -> &'a str {
    if operation == "Invoke" {
        return "";
    }
    let (_, after_scheme) = request.uri().split_once("://").unwrap_or_default();
    after_scheme.split(['/', '?']).nth(1).unwrap_or_default()
}

/// What a transaction does, each part as the operation that would do it alone.
fn parts_of_transaction(body: &Value) -> impl Iterator<Item = (String, &Value)> {
    let parts = body["TransactItems"].as_array().into_iter().flatten();
    // Each part has one member: `Put`, `Update`, `Delete`, `ConditionCheck` or `Get`.
    let parts = parts.filter_map(|part| part.as_object()?.iter().next());
    parts.map(|(kind, part)| (format!("{kind}Item"), part))
}

fn connection_error() -> ConnectorError {
    ConnectorError::io("the connection broke".into())
}

/// An answer whose connection breaks after half of the body.
async fn cut_in_half(mut answer: HttpResponse) -> HttpResponse {
    let body = std::mem::replace(answer.body_mut(), SdkBody::taken());
    let whole = ByteStream::new(body).collect().await.unwrap().into_bytes();
    let half = Frame::data(whole.slice(..whole.len() / 2));
    let frames = StreamBody::new(stream::iter([Ok(half), Err(connection_error())]));
    *answer.body_mut() = SdkBody::from_body_1_x(frames);
    answer
}

/// The answer of a service that is too busy, in that service's own format.
fn throttled(operation: &str) -> HttpResponse {
    match operation {
        "Invoke" => {
            let mut answer = answer(429, r#"{"Type":"User","message":"Rate Exceeded."}"#);
            let headers = answer.headers_mut();
            headers.insert("x-amzn-errortype", "TooManyRequestsException");
            answer
        }
        "PutObject" | "GetObject" | "DeleteObject" | "ListObjectsV2" => answer(503, SLOW_DOWN),
        name if name.contains("Upload") => answer(503, SLOW_DOWN),
        _ => answer(
            400,
            r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException"}"#,
        ),
    }
}

const SLOW_DOWN: &str = "<Error><Code>SlowDown</Code><Message>Reduce your rate.</Message></Error>";

fn answer(status: u16, body: &'static str) -> HttpResponse {
    HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body))
}
