//! An event bus on one machine: answers EventBridge's `PutEvents`, and shows what came.
//!
//! It has no rules and no targets; whoever wants to see the events reads `/dev/events`, a
//! stream of server-sent events, or opens `/dev/events.html`.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{
        Html, IntoResponse, Json, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::{get, post},
};
use futures_util::{Stream, StreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::Clock;
use tokio::sync::watch;
use uuid::Uuid;

use crate::aws::REGION;

/// The path of `PutEvents`, below the gateway's address.
pub(crate) const PATH: &str = "/dev/bus";

/// How many events are kept for whoever asks later.
const KEPT: usize = 1_000;

/// The most events of a call, and the most bytes of all together.
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>
const ENTRIES_MAX: usize = 10;
const BYTES_MAX: usize = 256 * 1024;

/// How often a stream without events shows that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

const PAGE: &str = include_str!("events.html");
const PAGE_SCRIPT: &str = include_str!("events.js");
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; \
    connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The bus; clones share what came.
#[derive(Debug, Clone)]
pub struct Bus(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    kept: Mutex<VecDeque<Numbered>>,
    /// How many events came, whether they are still kept or not.
    count: watch::Sender<u64>,
}

/// An event, and its number: the first is 1.
#[derive(Debug, Clone)]
struct Numbered {
    number: u64,
    event: Arc<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutEvents {
    entries: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    #[serde(default)]
    source: String,
    #[serde(default)]
    detail_type: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    event_bus_name: String,
}

impl Default for Bus {
    fn default() -> Self {
        let (count, _) = watch::channel(0);
        let kept = Mutex::default();
        Self(Arc::new(Shared { kept, count }))
    }
}

impl Bus {
    /// The events that came last, at most 1,000, the oldest first.
    pub fn events(&self) -> Vec<Arc<Value>> {
        let kept = self.kept();
        kept.iter().map(|it| Arc::clone(&it.event)).collect()
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Numbered>> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, event: Value) {
        let mut kept = self.kept();
        let number = *self.0.count.borrow() + 1;
        let event = Arc::new(event);
        kept.push_back(Numbered { number, event });
        if kept.len() > KEPT {
            kept.pop_front();
        }
        self.0.count.send_replace(number);
    }

    /// The first event after a number that is kept.
    fn next_after(&self, number: u64) -> Option<Numbered> {
        self.kept().iter().find(|it| it.number > number).cloned()
    }

    /// The events after a number: those that are kept, then those to come.
    ///
    /// Numbers begin anew with each process, so one that is too high is of an earlier one.
    fn after(self, number: u64) -> impl Stream<Item = Numbered> {
        let number = if number > *self.0.count.borrow() {
            0
        } else {
            number
        };
        let count = self.0.count.subscribe();
        stream::unfold((self, number, count), async |(bus, last, mut count)| {
            loop {
                count.mark_unchanged();
                if let Some(next) = bus.next_after(last) {
                    let last = next.number;
                    return Some((next, (bus, last, count)));
                }
                count.changed().await.ok()?;
            }
        })
    }
}

/// The routes of the bus, and of what came.
pub(crate) fn router(bus: Bus, clock: Clock) -> Router {
    let put = post(put_events).with_state((bus.clone(), clock));
    Router::new()
        .route(&format!("{PATH}/"), put)
        .route("/dev/events", get(events).with_state(bus))
        .route("/dev/events.html", get(page))
        .route("/dev/events.js", get(script))
}

async fn put_events(State((bus, clock)): State<(Bus, Clock)>, body: Bytes) -> Response {
    let Ok(PutEvents { entries }) = serde_json::from_slice(&body) else {
        return invalid("the body is no PutEvents");
    };
    if !(1..=ENTRIES_MAX).contains(&entries.len()) {
        return invalid("Entries must have 1 to 10 members");
    }
    if entries.iter().map(Entry::bytes).sum::<usize>() > BYTES_MAX {
        return invalid("Total size of the entries in the request is over the limit.");
    }
    let now = clock.now().to_string();
    let answers: Vec<_> = entries
        .iter()
        .map(|entry| entry.pass_on(&bus, &now))
        .collect();
    let is_failed = |answer: &&Value| answer.get("ErrorCode").is_some();
    let failed = answers.iter().filter(is_failed).count();
    Json(json!({ "FailedEntryCount": failed, "Entries": answers })).into_response()
}

fn invalid(message: &str) -> Response {
    let body = Json(json!({ "__type": "ValidationException", "message": message }));
    (StatusCode::BAD_REQUEST, body).into_response()
}

impl Entry {
    fn bytes(&self) -> usize {
        self.source.len() + self.detail_type.len() + self.detail.len()
    }

    /// Gives the event to the bus, as targets of EventBridge get it; returns the answer.
    fn pass_on(&self, bus: &Bus, now: &str) -> Value {
        let refused =
            |code: &str, message: &str| json!({ "ErrorCode": code, "ErrorMessage": message });
        if self.source.is_empty() || self.detail_type.is_empty() {
            return refused(
                "InvalidArgument",
                "Parameter Source or DetailType is not valid.",
            );
        }
        let detail = serde_json::from_str(&self.detail)
            .ok()
            .filter(Value::is_object);
        let Some(detail) = detail else {
            return refused("MalformedDetail", "Detail is malformed.");
        };
        let id = Uuid::now_v7().to_string();
        bus.take(json!({
            "version": "0",
            "id": id,
            "detail-type": self.detail_type,
            "source": self.source,
            "account": "000000000000",
            "time": now,
            "region": REGION,
            "resources": [],
            "event-bus-name": self.event_bus_name,
            "detail": detail,
        }));
        json!({ "EventId": id })
    }
}

/// The events as they come; after `Last-Event-ID`, or the last 1,000 and what comes.
async fn events(
    State(bus): State<Bus>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let last = headers.get("last-event-id");
    let last = last.and_then(|last| last.to_str().ok()?.parse().ok());
    let events = bus.after(last.unwrap_or(0)).map(|numbered| {
        let event = Event::default().id(numbered.number.to_string());
        Ok(event.data(numbered.event.to_string()))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

async fn page() -> Response {
    let policy = HeaderValue::from_static(PAGE_POLICY);
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(PAGE)).into_response()
}

async fn script() -> Response {
    let kind = HeaderValue::from_static("text/javascript; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], PAGE_SCRIPT).into_response()
}
