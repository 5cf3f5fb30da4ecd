//! Walks a partner's log and removes one customer's name and details from it.
//!
//! The log is in two places: what is sealed is in the archive's segments, the rest only in
//! the table, which may also have copies of what is sealed. So the walk has parts, in an
//! order in which nothing can slip through: the table behind what is sealed, the segments,
//! the table's copies, and the objects that nothing names any more. It holds the lease of
//! the archive meanwhile, so that no seal moves activities from one place to the other.
//!
//! It stores its position after each page. Before the function's time is up it hands over
//! to the next call. Erasing twice changes nothing, so a worker may die at any point.

mod app;
mod end;
mod run;
mod sealed;
mod table;
mod walk;

use std::time::Duration;

use shared::{Error, Moment, model::erasure::WorkerEvent, observe};

pub use crate::app::App;
use crate::walk::{End, Walk};

/// How long before the function's deadline it hands over to the next call.
///
/// Storing a segment has three attempts of a minute each.
const HAND_OVER_BEFORE: Duration = Duration::from_mins(4);

/// Carries out one call, which ends by `deadline`.
pub async fn handle(app: &App, event: &WorkerEvent, deadline: Moment) -> Result<(), Error> {
    let erasure_id = event.erasure_id;
    observe::partner(&event.partner_id);
    let Some((lease, erasure)) = app.erasures.take_lease(event, app.clock.now()).await? else {
        tracing::info!(%erasure_id, "nothing to do: no such erasure waits for a worker");
        return Ok(());
    };
    let walk = Walk {
        app,
        lease: &lease,
        erasure: &erasure,
        hand_over_at: deadline.minus(HAND_OVER_BEFORE),
    };
    match walk.run().await {
        Ok(End::Over) => Ok(()),
        Ok(End::Lost) => {
            tracing::warn!(%erasure_id, "the erasure is no longer this worker's");
            Ok(())
        }
        Ok(End::Waits(reason)) => {
            tracing::info!(%erasure_id, reason, "the erasure waits; a later call continues");
            Ok(())
        }
        Ok(End::OutOfTime) => {
            tracing::info!(%erasure_id, "the time is nearly up; the next call continues");
            app.workers.call(event).await
        }
        Err(error) => {
            tracing::error!(%erasure_id, error = error.chain(), "the erasure was interrupted");
            // If this also fails, the lease runs out before Lambda calls again.
            app.erasures.release(&lease, app.clock.now()).await.ok();
            Err(error)
        }
    }
}
