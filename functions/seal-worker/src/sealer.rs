//! Who seals a partner's log: the lease of its archive, and how it is kept.

use std::{future::Future, ops::ControlFlow};

use shared::{
    ActivityId, Error, Moment,
    aws::archive::{Head, SealLease},
    model::lease,
};

use crate::App;

/// The worker of one partner's log, which has the lease of its archive.
#[derive(Debug)]
pub(crate) struct Sealer<'a> {
    pub(crate) app: &'a App,
    pub(crate) lease: SealLease,
    pub(crate) limits: Limits,
}

/// How long a run may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// When no further segment is begun.
    pub(crate) stop_at: Moment,
    /// When no further copies of the table are written, so that the other partners of a
    /// call have their part of the time.
    pub(crate) end_copies_until: Moment,
}

/// Why a run ends before its work is done.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Somebody else has the lease.
    Lost,
    /// The time is nearly up, an erasure waits for the lease, or an import is open.
    Yield,
    /// The next run may succeed.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Sealer<'_> {
    /// Renews the lease; the run stops if somebody else has it, or an erasure waits.
    pub(crate) async fn renew(&self) -> Result<(), Stop> {
        let now = self.app.clock.now();
        go_on(self.app.store.renew(&self.lease, now).await?, now)
    }

    /// Stores up to which activity the table's copies end, as [`Sealer::renew`].
    pub(crate) async fn keep_copies_end(&self, id: ActivityId) -> Result<(), Stop> {
        let (store, now) = (&self.app.store, self.app.clock.now());
        go_on(store.keep_copies_end(&self.lease, id, now).await?, now)
    }

    /// Does something that may take long, and keeps the lease meanwhile.
    pub(crate) async fn keeping<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Stop> {
        let (store, clock) = (&self.app.store, &self.app.clock);
        let kept = lease::keep(|| async {
            let held = store.renew(&self.lease, clock.now()).await?;
            Ok(held.map_or(ControlFlow::Break(()), |_| ControlFlow::Continue(())))
        });
        tokio::select! {
            done = work => Ok(done?),
            _ = kept => Err(Stop::Lost),
        }
    }
}

/// Stops the run if a renewal says that the lease is lost, or if an erasure waits.
fn go_on(head: Option<Head>, now: Moment) -> Result<(), Stop> {
    if head.ok_or(Stop::Lost)?.is_awaited(now) {
        tracing::info!("an erasure waits; the next sweep continues");
        return Err(Stop::Yield);
    }
    Ok(())
}

/// Stops the run if a write says that the lease is lost.
pub(crate) fn held(is_held: bool) -> Result<(), Stop> {
    is_held.then_some(()).ok_or(Stop::Lost)
}
