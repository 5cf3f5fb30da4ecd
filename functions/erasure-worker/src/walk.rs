//! One worker's walk, with the leases of the erasure and of the archive.

use std::{future::Future, ops::ControlFlow};

use shared::{
    Erasure, ErasureId, Error, Moment,
    aws::{
        archive::{Head, SealLease},
        erasures::Position,
    },
    model::lease::{self, Lease, LeaseStatus},
};

use crate::App;

/// Why a walk ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The erasure has ended, and its end is stored.
    Over,
    /// Another worker has the erasure, or the archive.
    Lost,
    /// It can't go on now; a later call continues.
    Waits(&'static str),
    /// The call's time is nearly up; the next call continues.
    OutOfTime,
}

/// Why a part of the walk ends before its work is done.
pub(crate) enum Stop {
    /// The walk ends like this.
    End(End),
    /// The next call may succeed.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// One worker's walk through the log.
pub(crate) struct Walk<'a> {
    pub(crate) app: &'a App,
    pub(crate) lease: &'a Lease<ErasureId>,
    pub(crate) erasure: &'a Erasure,
    /// When it hands over to the next call.
    pub(crate) hand_over_at: Moment,
}

/// A walk that also has the lease of the archive.
pub(crate) struct Parts<'a> {
    pub(crate) walk: &'a Walk<'a>,
    pub(crate) archive: SealLease,
    pub(crate) head: Head,
    /// How far the walk is.
    pub(crate) at: Position,
}

impl Parts<'_> {
    /// Stores how far the walk is and renews both leases; hands over if the time is nearly
    /// up.
    pub(crate) async fn advance(&self) -> Result<(), Stop> {
        let (app, now) = (self.walk.app, self.walk.app.clock.now());
        let kept = app.erasures.checkpoint(self.walk.lease, &self.at, now);
        held(kept.await? == LeaseStatus::Held)?;
        held(app.archive.renew(&self.archive, now).await?.is_some())?;
        if now >= self.walk.hand_over_at {
            return Err(Stop::End(End::OutOfTime));
        }
        Ok(())
    }

    /// Does something that may take long, and keeps both leases meanwhile.
    pub(crate) async fn keeping<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Stop> {
        tokio::select! {
            done = work => Ok(done?),
            _ = lease::keep(|| self.renew()) => Err(Stop::End(End::Lost)),
        }
    }

    async fn renew(&self) -> Result<ControlFlow<()>, Error> {
        let (app, now) = (self.walk.app, self.walk.app.clock.now());
        let kept = app.erasures.renew(self.walk.lease, now).await?;
        let archive = app.archive.renew(&self.archive, now).await?;
        let is_held = kept == LeaseStatus::Held && archive.is_some();
        Ok(if is_held {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        })
    }
}

/// Ends the walk if a write says that a lease is lost.
pub(crate) fn held(is_held: bool) -> Result<(), Stop> {
    is_held.then_some(()).ok_or(Stop::End(End::Lost))
}
