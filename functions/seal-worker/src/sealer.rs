//! Who seals a partner's log: the lease of its archive, and how it is kept.

use std::future::Future;

use shared::{
    Error, Moment,
    aws::archive::SealLease,
    model::lease::{LEASE_TIME, RENEW_EVERY},
};
use tokio::time::{Instant, sleep};

use crate::App;

/// The worker of one partner's log, which has the lease of its archive.
#[derive(Debug)]
pub(crate) struct Sealer<'a> {
    pub(crate) app: &'a App,
    pub(crate) lease: SealLease,
    /// When no further segment is begun.
    pub(crate) stop_at: Moment,
}

/// Why a run ends before its work is done.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Somebody else has the lease.
    Lost,
    /// The time is nearly up, or an erasure waits for the lease.
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
        let head = self.app.store.renew(&self.lease, now).await?;
        let head = head.ok_or(Stop::Lost)?;
        if head.is_awaited(now) {
            tracing::info!("an erasure waits; the next sweep continues");
            return Err(Stop::Yield);
        }
        Ok(())
    }

    /// Does something that may take long, and keeps the lease meanwhile.
    pub(crate) async fn keeping<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Stop> {
        tokio::select! {
            done = work => Ok(done?),
            lost = self.renew_until_lost() => Err(lost),
        }
    }

    async fn renew_until_lost(&self) -> Stop {
        let mut renewed_at = Instant::now();
        loop {
            sleep(RENEW_EVERY).await;
            match self
                .app
                .store
                .renew(&self.lease, self.app.clock.now())
                .await
            {
                Ok(Some(_)) => renewed_at = Instant::now(),
                Ok(None) => return Stop::Lost,
                Err(error) => {
                    let error = error.chain();
                    tracing::warn!(error, "the lease could not be renewed");
                }
            }
            if renewed_at.elapsed() + RENEW_EVERY > LEASE_TIME {
                return Stop::Lost;
            }
        }
    }
}

/// Stops the run if a write says that the lease is lost.
pub(crate) fn held(is_held: bool) -> Result<(), Stop> {
    is_held.then_some(()).ok_or(Stop::Lost)
}
