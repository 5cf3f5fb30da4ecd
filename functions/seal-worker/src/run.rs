//! One partner's run: what is to be done, in order.

use std::time::Duration;

use shared::{
    Error, Moment, PartnerId,
    aws::{
        activities::Stamp,
        archive::{Head, Holder},
    },
    model::import::Window,
};

use crate::{
    App,
    copies::end_copies,
    publish::publish,
    seal::seal,
    sealer::{Limits, Sealer, Stop, held},
    tidy::tidy,
};

/// How long after a run the next one is due, so that each log is sealed every day.
///
/// The sweep is hourly.
const EVERY: Duration = Duration::from_hours(23);

/// A log that was closed by more than this at once is sealed as soon as it may be.
const BACKLOG: Duration = Duration::from_hours(48);

/// Looks after one partner; returns when it is due again, or none if that stays.
pub(crate) async fn run(
    app: &App,
    partner: &PartnerId,
    limits: Limits,
) -> Result<Option<Moment>, Error> {
    let now = app.clock.now();
    let taken = app.store.take_lease(partner, Holder::Seal, now).await?;
    let Some((lease, head)) = taken else {
        tracing::info!("somebody else works on the archive");
        return Ok(None);
    };
    let is_clean = !head.may_get_late_put(now);
    let sealer = Sealer { app, lease, limits };
    let (is_clean, next) = match work(&sealer, head).await {
        Ok(due_at) => (is_clean, Ok(Some(due_at))),
        Err(Stop::Lost) => {
            tracing::warn!("the lease is lost");
            return Ok(None);
        }
        Err(Stop::Yield) => (false, Ok(None)),
        Err(Stop::Failed(error)) => (false, Err(error)),
    };
    let now = app.clock.now();
    let released = app.store.release(&sealer.lease, is_clean, now).await;
    let next = next?;
    released?;
    Ok(next)
}

/// Does what is to be done; returns when the next run is due.
async fn work(sealer: &Sealer<'_>, head: Head) -> Result<Moment, Stop> {
    tidy(sealer, &head).await?;
    let (app, now) = (sealer.app, sealer.app.clock.now());
    if let Some(window) = &head.import_window {
        if window.is_open(now) {
            tracing::info!("the past is being imported; a later sweep seals");
            return Err(Stop::Yield);
        }
        end_import(sealer, window).await?;
    }
    if head.has_open_close() {
        return confirm_close(sealer).await;
    }
    let sealable_at = sealable_at(&head, app.config.seal_margin);
    if let Some(sealable_at) = sealable_at.filter(|at| *at > now) {
        let is_done = end_copies(sealer, &head).await?;
        return Ok(if is_done { sealable_at } else { now });
    }
    let after = match head.closed_to {
        Some(to) => seal(sealer, head, to).await?,
        None => head,
    };
    let due_at = close(sealer, &after).await?;
    publish(sealer, &after).await?;
    let is_done = end_copies(sealer, &after).await?;
    Ok(if is_done { due_at } else { now })
}

/// Records the end of an import, before which nothing is closed or sealed.
async fn end_import(sealer: &Sealer<'_>, window: &Window) -> Result<(), Stop> {
    let (app, partner) = (sealer.app, &sealer.lease.partner);
    let stamp = Stamp {
        recorded_at: app.clock.now(),
        request_id: format!("seal-worker/{}", window.id),
    };
    app.imports.end(partner, window, &stamp).await?;
    Ok(())
}

/// When what was closed last may be sealed; none if it is sealed.
///
/// Writes that were under way when it was closed have ended by then.
fn sealable_at(head: &Head, margin: Duration) -> Option<Moment> {
    let closed_to = head.closed_to?;
    if head
        .sealed_to
        .is_some_and(|sealed_to| sealed_to >= closed_to)
    {
        return None;
    }
    head.closed_at.map(|at| at.plus(margin))
}

/// Closes the log as far as it may be; returns when the next run is due.
async fn close(sealer: &Sealer<'_>, head: &Head) -> Result<Moment, Stop> {
    let (app, now) = (sealer.app, sealer.app.clock.now());
    let to = app.config.closable_before(now);
    if head.closed_to.is_some_and(|closed_to| closed_to >= to) {
        return Ok(now.plus(EVERY));
    }
    held(app.store.close(&sealer.lease, to).await?)?;
    let soon = confirm_close(sealer).await?;
    let before = head.closed_to.unwrap_or(Moment::MIN);
    let has_backlog = before < to.minus(BACKLOG);
    Ok(if has_backlog { soon } else { now.plus(EVERY) })
}

/// Stores that the log is closed by now; returns when it may be sealed.
async fn confirm_close(sealer: &Sealer<'_>) -> Result<Moment, Stop> {
    let (app, now) = (sealer.app, sealer.app.clock.now());
    held(app.store.confirm_close(&sealer.lease, now).await?)?;
    Ok(now.plus(app.config.seal_margin))
}
