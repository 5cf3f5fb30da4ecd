//! The bus: sends events in as few calls as possible, and says of each what became of it.

use aws_config::SdkConfig;
use aws_sdk_eventbridge::{
    Client,
    config::Builder,
    error::ProvideErrorMetadata,
    types::{PutEventsRequestEntry, PutEventsResultEntry},
};
use futures_util::{
    FutureExt,
    future::{BoxFuture, join_all},
};
use shared::{Error, aws::sdk, metrics};

use crate::event::{BYTES_MAX, Event};

/// The most events of a call.
const EVENTS_MAX: usize = 10;

/// The codes that say that an event can never be sent as it is.
const REFUSED: [&str; 4] = [
    "InvalidArgument",
    "MalformedDetail",
    "SerializationException",
    "ValidationException",
];

/// A bus of EventBridge.
#[derive(Debug, Clone)]
pub struct Bus {
    client: Client,
    name: String,
}

/// What became of an event.
#[derive(Debug)]
pub enum Delivery {
    /// The bus has it.
    Done,
    /// The bus will never take it, for this reason.
    Refused(String),
    /// It can be sent again later.
    Failed(Error),
}

impl Bus {
    /// The bus with this name or ARN.
    pub fn new(sdk: &SdkConfig, name: String) -> Self {
        let config = Builder::from(sdk).retry_partition(sdk::own_retries());
        Self {
            client: Client::from_conf(config.build()),
            name,
        }
    }

    /// Sends events, all calls at once; the answer has one delivery for each, in their order.
    pub async fn send(&self, events: &[Event]) -> Vec<Delivery> {
        let calls = calls(events).map(|events| self.put(events));
        let deliveries: Vec<_> = join_all(calls).await.into_iter().flatten().collect();
        let is_done = |delivery: &&Delivery| matches!(delivery, Delivery::Done);
        metrics::streamed(deliveries.iter().filter(is_done).count() as u64);
        deliveries
    }

    /// One call; if it is refused as a whole, each event has one of its own.
    fn put<'a>(&'a self, events: &'a [Event]) -> BoxFuture<'a, Vec<Delivery>> {
        async move {
            let entries: Vec<PutEventsRequestEntry> =
                events.iter().map(|event| event.entry(&self.name)).collect();
            let sent = self.client.put_events().set_entries(Some(entries)).send();
            let error = match sent.await {
                Ok(answer) => return deliveries(answer.entries(), events.len()),
                Err(error) => error,
            };
            let is_refused = error.code().is_some_and(|code| REFUSED.contains(&code));
            match events {
                [_] if is_refused => {
                    let reason = error.message().unwrap_or("no reason was given");
                    vec![Delivery::Refused(reason.to_owned())]
                }
                _ if is_refused => {
                    let alone = events.chunks(1).map(|event| self.put(event));
                    join_all(alone).await.into_iter().flatten().collect()
                }
                _ => failed(&sdk::failed("sending events", error), events.len()),
            }
        }
        .boxed()
    }
}

/// What became of each event of a call; an answer that leaves some out says nothing of them.
fn deliveries(answered: &[PutEventsResultEntry], count: usize) -> Vec<Delivery> {
    if answered.len() != count {
        let error = Error::Unavailable("the bus did not answer for each event".into());
        return failed(&error, count);
    }
    answered.iter().map(delivery).collect()
}

fn delivery(answered: &PutEventsResultEntry) -> Delivery {
    let Some(code) = answered.error_code() else {
        return Delivery::Done;
    };
    let reason = answered.error_message().unwrap_or(code);
    if REFUSED.contains(&code) {
        return Delivery::Refused(reason.to_owned());
    }
    Delivery::Failed(Error::Unavailable(format!("{code}: {reason}").into()))
}

fn failed(error: &Error, count: usize) -> Vec<Delivery> {
    let one = |_| Delivery::Failed(Error::Unavailable(error.chain().into()));
    (0..count).map(one).collect()
}

/// Divides events into calls, none of which is too large unless a single event is.
fn calls(events: &[Event]) -> impl Iterator<Item = &[Event]> {
    let mut rest = events;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |event: &&Event| {
            bytes += event.bytes();
            bytes <= BYTES_MAX
        };
        let count = rest.iter().take(EVENTS_MAX).take_while(fits).count();
        let (call, others) = rest.split_at_checked(count.max(1))?;
        rest = others;
        Some(call)
    })
}
