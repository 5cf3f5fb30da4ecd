//! Carries some new items to the bus: reads them, and sends what they are now.

use std::collections::{BTreeSet, HashMap};

use events::{Delivery, Event};
use shared::{
    Error,
    aws::activities::{ItemKey, Streamed},
    metrics,
};

use crate::{app::App, batch::NewItem};

/// An event, and the place in the stream of the item that it tells of.
type Placed<'a> = (NewItem<'a>, Event);

/// Reads and sends; returns the places of what could not be sent now.
pub(crate) async fn carry<'a>(app: &App, items: &[NewItem<'a>]) -> Vec<&'a str> {
    let keys: BTreeSet<_> = items.iter().map(|item| item.key).collect();
    let read = app.activities.read_streamed(keys, app.clock.now()).await;
    let placed = read.and_then(|read| events(app, items, read));
    match placed {
        Ok(placed) => send(app, placed).await,
        Err(error) => {
            tracing::error!(error = error.chain(), "nothing could be read of some items");
            items.iter().map(|item| item.place).collect()
        }
    }
}

/// The events of what was read; an item that is gone has none.
fn events<'a>(
    app: &App,
    items: &[NewItem<'a>],
    mut read: HashMap<ItemKey, Result<Streamed, Error>>,
) -> Result<Vec<Placed<'a>>, Error> {
    let mut placed = Vec::with_capacity(items.len());
    for item in items {
        let told = match read.remove(item.key) {
            None => continue,
            Some(streamed) => streamed.and_then(|streamed| app.telling.events(streamed)),
        };
        let told = match told {
            Ok(told) => told,
            Err(error) => vec![not_sent(app, item, &error.chain())?],
        };
        placed.extend(told.into_iter().map(|event| (*item, event)));
    }
    Ok(placed)
}

/// Sends events; in the place of one that the bus will never take it tells why.
async fn send<'a>(app: &App, placed: Vec<Placed<'a>>) -> Vec<&'a str> {
    let (items, events): (Vec<_>, Vec<_>) = placed.into_iter().unzip();
    let mut failed = BTreeSet::new();
    for (item, delivery) in items.iter().zip(app.bus.send(&events).await) {
        let delivery = match delivery {
            Delivery::Refused(reason) => tell_refusal(app, item, &reason).await,
            delivery => delivery,
        };
        let error = match delivery {
            Delivery::Done => continue,
            Delivery::Refused(reason) => reason,
            Delivery::Failed(error) => error.chain(),
        };
        tracing::error!(
            error,
            place = item.place,
            "an event was not sent; it is sent again"
        );
        failed.insert(item.place);
    }
    failed.into_iter().collect()
}

async fn tell_refusal(app: &App, item: &NewItem<'_>, reason: &str) -> Delivery {
    match not_sent(app, item, reason) {
        Ok(event) => {
            let mut deliveries = app.bus.send(&[event]).await;
            let none = || Delivery::Failed(Error::Unavailable("the bus gave no answer".into()));
            deliveries.pop().unwrap_or_else(none)
        }
        Err(error) => Delivery::Failed(error),
    }
}

fn not_sent(app: &App, item: &NewItem<'_>, reason: &str) -> Result<Event, Error> {
    let place = item.place;
    tracing::error!(
        place,
        reason,
        "an item can never be sent; the queue of failures has it"
    );
    metrics::not_streamed();
    app.telling.not_sent(item.key, reason, app.clock.now())
}
