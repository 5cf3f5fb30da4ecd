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

/// Codes that are about the caller or the bus, so that single events would fare no better.
const NOT_ABOUT_EVENTS: [&str; 2] = ["AccessDeniedException", "ResourceNotFoundException"];

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
    ///
    /// An entry that is refused is sent once more without its details.
    pub async fn send(&self, events: &[Event]) -> Vec<Delivery> {
        let mut deliveries = self.send_once(events).await;
        let is_refused = |delivery: &Delivery| matches!(delivery, Delivery::Refused(_));
        let refused = deliveries.iter_mut().zip(events);
        let refused = refused.filter(|(delivery, _)| is_refused(delivery));
        let reduced = refused.filter_map(|(delivery, event)| Some((delivery, event.reduced()?)));
        let (places, reduced): (Vec<_>, Vec<_>) = reduced.unzip();
        for (place, delivery) in places.into_iter().zip(self.send_once(&reduced).await) {
            *place = delivery;
        }
        let is_done = |delivery: &&Delivery| matches!(delivery, Delivery::Done);
        metrics::streamed(deliveries.iter().filter(is_done).count() as u64);
        deliveries
    }

    async fn send_once(&self, events: &[Event]) -> Vec<Delivery> {
        let calls = calls(events).map(|events| self.put(events));
        join_all(calls).await.into_iter().flatten().collect()
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
            let code = error.code().unwrap_or("no code").to_owned();
            match sdk::failed("sending events", error) {
                Error::Unavailable(source) => failed(&Error::Unavailable(source), events.len()),
                _ if events.len() > 1 && !NOT_ABOUT_EVENTS.contains(&code.as_str()) => {
                    let alone = events.chunks(1).map(|event| self.put(event));
                    join_all(alone).await.into_iter().flatten().collect()
                }
                _ => events.iter().map(|_| not_taken(&code)).collect(),
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
    answered.error_code().map_or(Delivery::Done, not_taken)
}

/// What became of an event that the bus did not take.
///
/// Its message is left out, because it may quote the event.
fn not_taken(code: &str) -> Delivery {
    if REFUSED.contains(&code) {
        return Delivery::Refused(format!("the bus answers {code}"));
    }
    Delivery::Failed(Error::Unavailable(format!("the bus answers {code}").into()))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(sizes: &[usize]) -> Vec<usize> {
        let events: Vec<_> = sizes.iter().map(|bytes| Event::of_bytes(*bytes)).collect();
        calls(&events).map(<[Event]>::len).collect()
    }

    #[test]
    fn a_call_has_at_most_ten_events_and_so_many_bytes() {
        assert_eq!(counts(&[]), Vec::<usize>::new());
        assert_eq!(counts(&[100; 25]), [10, 10, 5]);
        assert_eq!(counts(&[BYTES_MAX; 3]), [1, 1, 1]);
        assert_eq!(counts(&[BYTES_MAX / 2, BYTES_MAX / 2, 100]), [2, 1]);
        assert_eq!(counts(&[BYTES_MAX + 1, 100]), [1, 1]);
    }

    #[test]
    fn what_the_bus_never_takes_is_told_from_what_it_takes_later() {
        let entry = |code: Option<&str>| {
            let entry = PutEventsResultEntry::builder().set_error_code(code.map(str::to_owned));
            entry.error_message("quotes Relecloud").build()
        };
        assert!(matches!(delivery(&entry(None)), Delivery::Done));
        for code in REFUSED {
            let Delivery::Refused(reason) = delivery(&entry(Some(code))) else {
                panic!("{code}");
            };
            assert_eq!(reason, format!("the bus answers {code}"));
        }
        for code in [
            "InternalFailure",
            "ThrottlingException",
            "AccessDeniedException",
            "new",
        ] {
            let Delivery::Failed(error) = delivery(&entry(Some(code))) else {
                panic!("{code}");
            };
            assert!(!error.chain().contains("Relecloud"));
        }
    }

    #[test]
    fn an_answer_that_leaves_events_out_says_nothing_of_any() {
        let one = PutEventsResultEntry::builder().event_id("1").build();
        let said = deliveries(&[one], 2);
        assert_eq!(said.len(), 2);
        assert!(said.iter().all(|one| matches!(one, Delivery::Failed(_))));
    }
}
