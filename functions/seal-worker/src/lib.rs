//! Seals partners' logs: what can no longer change is packed into segments.
//!
//! `sweeper` calls it each hour with partitions of the registry. It takes the partners
//! of these who are due, one after another, until its time is nearly up; who is left is
//! due in the next hour. A partner whose log can't be sealed does not stop the others.
//!
//! A run of a partner deletes what is not needed any more, seals what was closed a margin
//! ago, closes the log further, publishes a checkpoint, and lets the table's copies of what
//! is sealed end. It may be killed anywhere: the next run goes on.

mod app;
mod copies;
mod publish;
mod rows;
mod run;
mod seal;
mod sealer;
mod tidy;

use std::time::Duration;

use shared::{Error, Moment, aws::archive::DuePartner, metrics, model::seal::WorkerEvent, observe};
use tracing::Instrument;

pub use crate::app::App;
use crate::{run::run, sealer::Limits};

/// How long before the function's deadline no further segment is begun.
///
/// Storing a segment has three attempts of a minute each.
const STOP_BEFORE: Duration = Duration::from_mins(4);

/// Carries out one call, which ends by `deadline`.
///
/// A log that can't be sealed is no error of the call: the next sweep tries again, and an
/// alarm tells it.
pub async fn handle(app: &App, event: &WorkerEvent, deadline: Moment) -> Result<(), Error> {
    let stop_at = deadline.minus(STOP_BEFORE);
    let mut due: Vec<DuePartner> = Vec::new();
    for partition in &event.partitions {
        due.extend(app.registry.due(*partition, app.clock.now()).await?);
    }
    due.sort_by_key(|partner| partner.due_at);
    rotate(&mut due, app.clock.now());
    for (place, partner) in due.iter().enumerate() {
        let now = app.clock.now();
        if now >= stop_at {
            tracing::info!("the time is nearly up; the next sweep continues");
            break;
        }
        let limits = limits(now, stop_at, due.len() - place);
        look_after(app, partner, limits)
            .instrument(observe::part())
            .await;
    }
    Ok(())
}

/// The limits of the next run, of so many that are left.
///
/// Nobody waits for the end of the table's copies, so that takes only its part of the time.
fn limits(now: Moment, stop_at: Moment, runs: usize) -> Limits {
    let left = stop_at.as_millis().saturating_sub(now.as_millis());
    let left = Duration::from_millis(u64::try_from(left).unwrap_or_default());
    let runs = u32::try_from(runs.max(1)).unwrap_or(u32::MAX);
    Limits {
        stop_at,
        end_copies_until: now.plus(left / runs),
    }
}

/// Begins at another partner each hour, so that one whose run ends the process does not
/// keep the others from being sealed.
fn rotate(due: &mut [DuePartner], now: Moment) {
    let hour = usize::try_from(now.as_seconds() / (60 * 60)).unwrap_or_default();
    let places = hour.checked_rem(due.len()).unwrap_or_default();
    due.rotate_left(places);
}

async fn look_after(app: &App, due: &DuePartner, limits: Limits) {
    observe::partner(due.partner.as_str());
    let done = async {
        let next = run(app, &due.partner, limits).await?;
        match next {
            Some(due_at) => app.registry.set_due(&due.partner, due_at).await,
            None => Ok(()),
        }
    };
    if let Err(error) = done.await {
        tracing::error!(error = error.chain(), "the log could not be sealed");
        metrics::seal_failed();
    }
}
