//! Faults at the SDK's HTTP seam: each request of a function may be lost, done
//! but reported lost, refused, swallowed or held, or be the last thing that its
//! process does; chosen by place, or by a seed.

mod chance;

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

use self::chance::Chance;

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It never arrives.
    Lost,
    /// It is carried out, and the answer never arrives.
    ReplyLost,
    /// Its answer breaks off in the middle.
    Cut,
    /// The service says that it is too busy.
    Throttled,
    /// It never arrives, and is answered with `202` all the same.
    Swallowed,
    /// It waits until the test lets it go.
    Held,
    /// It is never answered at all.
    Hung,
    /// It is reported lost, and is carried out a moment later all the same.
    Late,
    /// It is carried out, and comes once more a moment later.
    Twice,
    /// The process is killed before it; nothing of that process is heard again.
    Killed,
    /// The process is killed after it was carried out.
    KilledAfter,
}

/// A fault for the requests of an operation, or of a function, after the next `skip`.
#[derive(Debug)]
struct Rule {
    name: String,
    skip: usize,
    fault: Fault,
    times: usize,
    left: usize,
}

/// The faults to come, each for the next requests of one operation, and what
/// was called so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    rules: Arc<Mutex<Vec<Rule>>>,
    dice: Arc<Mutex<Option<Dice>>>,
    chances: Arc<Mutex<Vec<Chance>>>,
    calls: Arc<Mutex<BTreeMap<Call, usize>>>,
    /// The reads of a table that may answer what was so a moment ago.
    eventual: Arc<Mutex<BTreeSet<Call>>>,
    /// Every kind of write, with its condition.
    writes: Arc<Mutex<BTreeSet<Write>>>,
    /// The operations that met a fault, in order.
    met: Arc<Mutex<Vec<(String, Fault)>>>,
    held: Arc<Mutex<Option<String>>>,
    released: Arc<Notify>,
    /// The tasks whose process was killed.
    dead: Arc<Mutex<HashSet<tokio::task::Id>>>,
    in_flight: Arc<AtomicUsize>,
    last_call: Arc<Mutex<Option<Instant>>>,
}

/// Faults by chance, the same for the same seed and requests.
#[derive(Debug)]
struct Dice {
    function: String,
    random: fastrand::Rng,
    left: usize,
}

/// What the dice choose from.
const CHANCES: [Fault; 5] = [
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
    table: String,
}

/// A function, an operation, and the table or bucket that it was for.
pub(crate) type Call = (String, String, String);

impl Faults {
    /// The next `times` requests of an operation such as `PutItem`, or of a
    /// function such as `record`, meet `fault`.
    pub(crate) fn add(&self, name: &str, fault: Fault, times: usize) {
        self.add_after(name, 0, fault, times);
    }

    /// The same, after the next `skip` requests.
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

    /// One request in five of a function meets a fault, until `times` have.
    pub(crate) fn throw_dice(&self, function: &str, seed: u64, times: usize) {
        *self.dice.lock().unwrap() = Some(Dice {
            function: function.to_owned(),
            random: fastrand::Rng::with_seed(seed),
            left: times,
        });
    }

    /// From now on requests for these partners meet faults by chance.
    pub(crate) fn tempt(&self, seed: u64, partners: &[&str]) {
        let chance = Chance::new(seed, partners);
        self.chances.lock().unwrap().push(chance);
    }

    /// The partners of a seed meet no more faults.
    pub(crate) fn spare(&self, seed: u64) {
        self.chances
            .lock()
            .unwrap()
            .retain(|chance| chance.seed != seed);
    }

    /// The operations that met a fault since this was asked last.
    pub(crate) fn take_met(&self) -> Vec<(String, Fault)> {
        std::mem::take(&mut *self.met.lock().unwrap())
    }

    /// How many requests are on their way, those of killed processes too.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    /// How long no worker that lives has called anything.
    pub(crate) fn idle(&self) -> Duration {
        let last = *self.last_call.lock().unwrap();
        last.map_or(Duration::ZERO, |last| last.elapsed())
    }

    /// Counts what is idle from now on.
    pub(crate) fn wake(&self) {
        *self.last_call.lock().unwrap() = Some(Instant::now());
    }

    /// How many processes were killed.
    pub(crate) fn kills(&self) -> usize {
        self.dead.lock().unwrap().len()
    }

    /// The client that the functions' SDK clients get.
    pub(crate) fn client(&self) -> SharedHttpClient {
        let inner = aws_smithy_http_client::Builder::new().build_http();
        SharedHttpClient::new(FaultyClient {
            inner,
            faults: self.clone(),
        })
    }

    /// Lets the request that is held, or the next one, go.
    pub(crate) fn release(&self) {
        self.released.notify_one();
    }

    /// Whether any request waits to be let go.
    pub(crate) fn is_holding(&self) -> bool {
        self.held.lock().unwrap().is_some()
    }

    /// Whether a request of this operation waits to be let go.
    pub(crate) fn is_held(&self, operation: &str) -> bool {
        self.held.lock().unwrap().as_deref() == Some(operation)
    }

    /// Every kind of call that was made so far.
    pub(crate) fn calls(&self) -> BTreeSet<Call> {
        self.calls.lock().unwrap().keys().cloned().collect()
    }

    /// Every kind of read that did not ask for what is stored now.
    pub(crate) fn eventual_reads(&self) -> BTreeSet<Call> {
        self.eventual.lock().unwrap().clone()
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
        let of_both = calls
            .iter()
            .filter(|((by, what, _), _)| by == function && what == operation);
        of_both.map(|(_, count)| count).sum()
    }

    /// Forgets every fault; answers whether the last one has met a request.
    pub(crate) fn clear(&self) -> bool {
        let rules = std::mem::take(&mut *self.rules.lock().unwrap());
        rules
            .last()
            .is_some_and(|rule| rule.skip == 0 && rule.left < rule.times)
    }

    fn note(&self, body: &Value, function: &str, operation: &str) {
        let tables = body["RequestItems"].as_object();
        let table = tables.and_then(|tables| tables.keys().next()?.as_str().into());
        let table: &str = body["TableName"].as_str().or(table).unwrap_or_default();
        let call = (function.to_owned(), operation.to_owned(), table.to_owned());
        let is_read = ["GetItem", "BatchGetItem", "Query"].contains(&operation);
        if is_read && !body.to_string().contains(r#""ConsistentRead":true"#) {
            self.eventual.lock().unwrap().insert(call.clone());
        }
        if !is_read {
            let condition = body["ConditionExpression"].as_str().unwrap_or_default();
            self.writes.lock().unwrap().insert(Write {
                function: function.to_owned(),
                operation: operation.to_owned(),
                condition: condition.to_owned(),
                table: table.to_owned(),
            });
        }
        *self.calls.lock().unwrap().entry(call).or_default() += 1;
        if function.ends_with("-worker") {
            *self.last_call.lock().unwrap() = Some(Instant::now());
        }
    }

    fn next(&self, request: &HttpRequest, function: &str, operation: &str) -> Option<Fault> {
        let body = body(request);
        self.note(&body, function, operation);
        let fault = self
            .by_rule(function, operation)
            .or_else(|| self.by_chance(function))
            .or_else(|| {
                let partner = chance::whose(request, &body)?;
                let name = chance::name(function, operation, &partner, &body);
                self.by_seed(function, &partner, name)
            })?;
        self.met.lock().unwrap().push((operation.to_owned(), fault));
        Some(fault)
    }

    fn by_chance(&self, function: &str) -> Option<Fault> {
        let mut dice = self.dice.lock().unwrap();
        let dice = dice.as_mut().filter(|dice| dice.function == function)?;
        if dice.left == 0 || dice.random.usize(..5) > 0 {
            return None;
        }
        dice.left -= 1;
        dice.random.choice(CHANCES)
    }

    fn by_seed(&self, function: &str, partner: &str, name: String) -> Option<Fault> {
        let mut chances = self.chances.lock().unwrap();
        let chance = chances.iter_mut().find(|chance| chance.is_for(partner))?;
        chance.next(function, name)
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
        let (process, dead) = (tokio::task::try_id(), Arc::clone(&self.faults.dead));
        if process.is_some_and(|process| dead.lock().unwrap().contains(&process)) {
            return HttpConnectorFuture::new(std::future::pending());
        }
        let operation = operation(&request);
        let function = function(&request);
        let fault = self.faults.next(&request, &function, &operation);
        let inner = Counted {
            inner: self.inner.clone(),
            in_flight: Arc::clone(&self.faults.in_flight),
        };
        let released = Arc::clone(&self.faults.released);
        let held = Arc::clone(&self.faults.held);
        HttpConnectorFuture::new(async move {
            match fault {
                None => inner.call(request).await,
                Some(Fault::Lost) => Err(lost()),
                Some(Fault::ReplyLost) => {
                    inner.call(request).await?;
                    Err(lost())
                }
                Some(Fault::Cut) => Ok(cut(inner.call(request).await?).await),
                Some(Fault::Late) => {
                    inner.later(request);
                    Err(lost())
                }
                Some(Fault::Twice) => {
                    if let Some(copy) = request.try_clone() {
                        inner.later(copy);
                    }
                    inner.call(request).await
                }
                Some(Fault::Throttled) => Ok(throttled(&operation)),
                Some(Fault::Swallowed) => Ok(answer(202, "")),
                Some(Fault::Held) => {
                    *held.lock().unwrap() = Some(operation);
                    released.notified().await;
                    *held.lock().unwrap() = None;
                    inner.call(request).await
                }
                Some(Fault::Hung) => std::future::pending().await,
                Some(kill @ (Fault::Killed | Fault::KilledAfter)) => {
                    dead.lock().unwrap().extend(process);
                    if kill == Fault::KilledAfter {
                        inner.call(request).await?;
                    }
                    std::future::pending().await
                }
            }
        })
    }
}

/// Counts the requests that are on their way.
struct Counted {
    inner: SharedHttpConnector,
    in_flight: Arc<AtomicUsize>,
}

impl Counted {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let _on_its_way = OnItsWay::begin(&self.in_flight);
        self.inner.call(request).await
    }

    /// Carries a request out after a moment, whoever asked being gone.
    fn later(&self, request: HttpRequest) {
        let on_its_way = OnItsWay::begin(&self.in_flight);
        let inner = self.inner.clone();
        tokio::spawn(async move {
            tokio::time::sleep(LATE_BY).await;
            // Nobody hears what came of it.
            let _ = inner.call(request).await;
            drop(on_its_way);
        });
    }
}

/// So late is a request that was reported lost: after the SDK's next attempts.
const LATE_BY: Duration = Duration::from_millis(25);

/// Counts one request for as long as it can arrive.
struct OnItsWay(Arc<AtomicUsize>);

impl OnItsWay {
    fn begin(in_flight: &Arc<AtomicUsize>) -> Self {
        in_flight.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(in_flight))
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What a request carries, if that is JSON.
fn body(request: &HttpRequest) -> Value {
    let body = request.body().bytes();
    body.and_then(|body| serde_json::from_slice(body).ok())
        .unwrap_or_default()
}

/// The function's name, which `local` puts into the SDK's user agent.
fn function(request: &HttpRequest) -> String {
    let agent = request.headers().get("user-agent").unwrap_or_default();
    let name = agent
        .split_whitespace()
        .find_map(|part| part.strip_prefix("app/"));
    name.unwrap_or_default().to_owned()
}

/// The operation's name: DynamoDB says it in a header, Lambda in its path, S3
/// by method and parameters.
fn operation(request: &HttpRequest) -> String {
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
        _ => "GetObject",
    }
    .to_owned()
}

fn lost() -> ConnectorError {
    ConnectorError::io("the connection broke".into())
}

/// An answer of which half arrives.
async fn cut(mut answer: HttpResponse) -> HttpResponse {
    let body = std::mem::replace(answer.body_mut(), SdkBody::taken());
    let whole = ByteStream::new(body).collect().await.unwrap().into_bytes();
    let half = Frame::data(whole.slice(..whole.len() / 2));
    let frames = StreamBody::new(stream::iter([Ok(half), Err(lost())]));
    *answer.body_mut() = SdkBody::from_body_1_x(frames);
    answer
}

/// "Too busy" in the words of the service that is asked.
fn throttled(operation: &str) -> HttpResponse {
    match operation {
        "Invoke" => {
            let mut answer = answer(429, r#"{"Type":"User","message":"Rate Exceeded."}"#);
            let headers = answer.headers_mut();
            headers.insert("x-amzn-errortype", "TooManyRequestsException");
            answer
        }
        "PutObject" | "GetObject" | "DeleteObject" => answer(503, SLOW_DOWN),
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
