//! Sends what is new in the logs of all partners to a bus, for other tools.
//!
//! Lambda calls it with what was stored in the table of activities. The table's stream has
//! only keys, so each entry is read again, right before it is sent to a bus: what was
//! erased meanwhile is not sent any more. Each entry is sent at least once, in no order.
//!
//! What can't be sent now is named in the answer, and Lambda brings it again. What can never
//! be sent is reported by an event of its own, so that it holds up nothing.

mod app;
mod batch;
mod forward;

use futures_util::{StreamExt, stream};
use shared::Error;

use crate::forward::forward;
pub use crate::{
    app::App,
    batch::{Answer, Batch},
};

/// How many items are read at once, and sent in one call if they are small.
const ITEMS_AT_ONCE: usize = 10;

/// How many such groups are under way at the same time.
const GROUPS_AT_ONCE: usize = 4;

/// Carries out one call; the answer names what Lambda must bring again.
///
/// `Unavailable` if that is all of it.
pub async fn handle(app: &App, batch: &Batch) -> Result<Answer, Error> {
    let new: Vec<_> = batch.new_items().collect();
    let groups = new.chunks(ITEMS_AT_ONCE);
    let groups: Vec<_> = groups.map(|group| forward(app, group)).collect();
    let failed = stream::iter(groups).buffer_unordered(GROUPS_AT_ONCE);
    let failed: Vec<Vec<&str>> = failed.collect().await;
    let failed = failed.concat();
    if !new.is_empty() && failed.len() == new.len() {
        // An error, so that the alarm for errors tells that the bus is away.
        return Err(Error::Unavailable("nothing could be sent".into()));
    }
    Ok(Answer::naming(&failed))
}
