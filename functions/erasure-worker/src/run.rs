//! The walk as a whole: its parts, one after another, and what ends it.

use futures_util::FutureExt;
use shared::{
    Error, Moment,
    aws::{
        archive::{Head, Holder},
        erasures::Position,
    },
    model::{
        erasure::{Progress, Scope, Stage},
        lease::LeaseStatus,
        stream::SENDING_TIME_MAX,
    },
};

use crate::walk::{End, Parts, Stop, Walk, held};

impl Walk<'_> {
    pub(crate) async fn run(&self) -> Result<End, Error> {
        let now = self.app.clock.now();
        if self.erasure.has_stale_end(now) && !self.renew_end(now).await? {
            return Ok(End::Lost);
        }
        let progress = self.erasure.progress;
        if let Some(failure) = self.erasure.reason_to_stop(now) {
            return self.end(progress, Some(&failure)).await;
        }
        if self.erasure.finished_at.is_some() {
            return self.end(progress, None).await;
        }
        let store = &self.app.archive;
        let partner = &self.lease.key.partner_id;
        let taken = store.take_lease(partner, Holder::Erasure, now).await?;
        let Some((archive, head)) = taken else {
            return self.wait("a seal is under way").await;
        };
        let mut parts = Parts {
            at: self.position(&head, now),
            walk: self,
            archive,
            head,
        };
        let done = parts.work().await;
        let now = self.app.clock.now();
        let released = store.release(&parts.archive, done.is_ok(), now).await;
        match done {
            Ok(()) => {
                released?;
                self.end(parts.at.progress, None).await
            }
            Err(Stop::End(End::Waits(reason))) => self.wait(reason).await,
            Err(Stop::End(End::OutOfTime)) => self.hand_over().await,
            Err(Stop::End(end)) => {
                // If only the archive's lease is lost, another worker can begin at once.
                self.app.erasures.release(self.lease, now).await.ok();
                Ok(end)
            }
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    /// How far the walk is; if it begins now, what is fixed then.
    fn position(&self, head: &Head, now: Moment) -> Position {
        let erasure = self.erasure;
        if let Some(scope) = erasure.scope {
            return Position {
                scope,
                stage: erasure.stage,
                position: erasure.position,
                progress: erasure.progress,
            };
        }
        Position {
            scope: Scope {
                // Machines' clocks differ, and `erased_at` must not be before the erasure.
                erased_at: now.max(erasure.created_at),
                size: head.size,
                border: head.border,
            },
            stage: Stage::default(),
            position: None,
            progress: Progress::default(),
        }
    }

    /// Leaves the rest to a later call, which is no failed attempt.
    async fn wait(&self, reason: &'static str) -> Result<End, Error> {
        let (erasures, now) = (&self.app.erasures, self.app.clock.now());
        if erasures.be_patient(self.lease, now).await? == LeaseStatus::Held {
            return Ok(End::Waits(reason));
        }
        Ok(End::Lost)
    }

    async fn hand_over(&self) -> Result<End, Error> {
        let now = self.app.clock.now();
        Ok(match self.app.erasures.release(self.lease, now).await? {
            LeaseStatus::Held => End::OutOfTime,
            _ => End::Lost,
        })
    }
}

impl Parts<'_> {
    /// Does what is left of the walk.
    async fn work(&mut self) -> Result<(), Stop> {
        // The scope is stored before the first activity is erased.
        if self.walk.erasure.scope.is_none() {
            let (app, now) = (self.walk.app, self.walk.app.clock.now());
            let begun = app.erasures.begin(self.walk.lease, &self.at, now).await?;
            held(begun == LeaseStatus::Held)?;
        }
        loop {
            self.at.stage = match self.at.stage {
                Stage::Fresh => {
                    self.erase_fresh().await?;
                    Stage::Sealed
                }
                Stage::Sealed => {
                    self.erase_sealed().await?;
                    Stage::Copies
                }
                Stage::Copies => {
                    self.erase_copies().await?;
                    Stage::Unnamed
                }
                Stage::Unnamed => {
                    self.let_events_pass().await?;
                    return self.delete_unnamed().await;
                }
            };
            self.at.position = None;
            self.advance().await?;
        }
    }

    /// Waits until no event can be under way that has what was erased.
    async fn let_events_pass(&self) -> Result<(), Stop> {
        if !self.walk.app.is_streamed {
            return Ok(());
        }
        let pass = tokio::time::sleep(SENDING_TIME_MAX);
        self.keeping(pass.map(Ok)).await
    }

    /// Deletes the objects that nothing names any more, and that may hold the name.
    ///
    /// If an earlier holder of the archive's lease did not let go, a segment of it may
    /// still arrive. Then the walk waits until that is impossible, and deletes once more.
    async fn delete_unnamed(&self) -> Result<(), Stop> {
        let app = self.walk.app;
        let now = app.clock.now();
        let (partner, head) = (&self.archive.partner, &self.head);
        let segments = app.archive.whole_segments(partner, head).await?;
        app.archive.delete_unnamed(&self.archive, &segments).await?;
        if self.head.may_get_late_put(now) {
            let reason = "a former worker may still store a segment";
            return Err(Stop::End(End::Waits(reason)));
        }
        Ok(())
    }
}
