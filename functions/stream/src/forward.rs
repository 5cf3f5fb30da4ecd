//! Forwards some new items to the bus: reads them, and sends what they are now.

use std::collections::{BTreeSet, HashMap};

use events::{Delivery, Event};
use shared::{
    Error,
    aws::activities::{ItemKey, Streamed},
    metrics,
    model::stream::FORWARDED_WITHIN,
};
use tokio::time::timeout;

use crate::{app::App, batch::NewItem};

/// An event, and the item of which it tells.
type EventOf<'a> = (NewItem<'a>, Event);

/// What becomes of items when they were read.
#[derive(Debug, Default)]
struct Prepared<'a> {
    events: Vec<EventOf<'a>>,
    /// Events in the place of what can't be read.
    not_sent: Vec<EventOf<'a>>,
    /// What could not be read now.
    failed: BTreeSet<&'a str>,
}

/// Reads and sends; returns the sequence numbers of what could not be sent now.
///
/// What was read is sent soon or not at all: it may be erased meanwhile.
pub(crate) async fn forward<'a>(app: &App, items: &[NewItem<'a>]) -> Vec<&'a str> {
    let forwarded = timeout(FORWARDED_WITHIN, read_and_send(app, items)).await;
    let forwarded = forwarded.unwrap_or_else(|late| Err(Error::Unavailable(late.into())));
    forwarded.unwrap_or_else(|error| {
        let error = error.chain();
        tracing::error!(
            error,
            "some items could not be read or sent; they are brought again"
        );
        items.iter().map(|item| item.sequence_number).collect()
    })
}

async fn read_and_send<'a>(app: &App, items: &[NewItem<'a>]) -> Result<Vec<&'a str>, Error> {
    let keys: BTreeSet<_> = items.iter().map(|item| item.key).collect();
    let read = app.activities.read_streamed(keys, app.clock.now()).await?;
    let Prepared {
        events,
        mut not_sent,
        mut failed,
    } = prepare(app, items, read)?;
    for (item, delivery) in send(app, events).await {
        match delivery {
            Delivery::Done => {}
            Delivery::Refused(reason) => not_sent.push((item, of_refusal(app, &item, &reason)?)),
            Delivery::Failed(error) => note_failure(&mut failed, item, &error.chain()),
        }
    }
    for (item, delivery) in send(app, not_sent).await {
        match delivery {
            Delivery::Done => note_not_sent(&item),
            Delivery::Refused(reason) => note_failure(&mut failed, item, &reason),
            Delivery::Failed(error) => note_failure(&mut failed, item, &error.chain()),
        }
    }
    Ok(failed.into_iter().collect())
}

/// The events of what was read; an item that is gone has none.
fn prepare<'a>(
    app: &App,
    items: &[NewItem<'a>],
    mut read: HashMap<ItemKey, Result<Streamed, Error>>,
) -> Result<Prepared<'a>, Error> {
    let mut prepared = Prepared::default();
    for item in items {
        let made = match read.remove(item.key) {
            None => continue,
            Some(streamed) => streamed.and_then(|streamed| app.events.of(streamed)),
        };
        match made {
            Ok(events) => prepared
                .events
                .extend(events.into_iter().map(|event| (*item, event))),
            Err(Error::Unavailable(_)) => {
                prepared.failed.insert(item.sequence_number);
            }
            Err(error) => {
                let event = of_refusal(app, item, &error.chain())?;
                prepared.not_sent.push((*item, event));
            }
        }
    }
    Ok(prepared)
}

async fn send<'a>(app: &App, events: Vec<EventOf<'a>>) -> Vec<(NewItem<'a>, Delivery)> {
    let (items, events): (Vec<_>, Vec<_>) = events.into_iter().unzip();
    items.into_iter().zip(app.bus.send(&events).await).collect()
}

fn of_refusal(app: &App, item: &NewItem<'_>, reason: &str) -> Result<Event, Error> {
    let sequence_number = item.sequence_number;
    tracing::error!(sequence_number, reason, "an item can't be sent as it is");
    app.events.not_sent(item.key, reason, app.clock.now())
}

fn note_not_sent(item: &NewItem<'_>) {
    let sequence_number = item.sequence_number;
    tracing::error!(sequence_number, "the bus was told that an item is not sent");
    metrics::not_streamed();
}

fn note_failure<'a>(failed: &mut BTreeSet<&'a str>, item: NewItem<'a>, error: &str) {
    let sequence_number = item.sequence_number;
    tracing::error!(
        sequence_number,
        error,
        "an event was not sent; it is sent again"
    );
    failed.insert(sequence_number);
}
