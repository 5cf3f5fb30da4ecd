//! Ends an erasure: stores how it ended, and leaves an entry in the log.

use shared::{
    Error, Moment,
    aws::activities::Stamp,
    metrics,
    model::{
        erasure::{Progress, State},
        failure::Failure,
        lease::LeaseStatus,
        trail,
    },
};

use crate::walk::{End, Walk};

impl Walk<'_> {
    /// Makes sure that the entry of a walk that ended long ago has a time that is not
    /// too late to be recorded; returns whether this worker still has the erasure.
    ///
    /// An entry that is in the log keeps its time. Otherwise no worker is left that
    /// could still record it, because each would have given up hours ago.
    pub(crate) async fn renew_end(&self, now: Moment) -> Result<bool, Error> {
        let entry = trail::erasure_ended(&self.lease.key, self.erasure)?;
        match self.app.activities.find_replay(&entry, now).await {
            Ok(Some(_)) | Err(Error::Conflict) => return Ok(true),
            Ok(None) => {}
            Err(error) => return Err(error),
        }
        let forgotten = self.app.erasures.forget_end(self.lease).await?;
        Ok(forgotten == LeaseStatus::Held)
    }

    /// Stores how the walk ended, records the entry in the log, and sets the state.
    ///
    /// If an earlier worker recorded the entry, that one stays.
    pub(crate) async fn end(
        &self,
        progress: Progress,
        failure: Option<&Failure>,
    ) -> Result<End, Error> {
        // Machines' clocks differ, and the end must not be before the beginning.
        let now = self.app.clock.now().max(self.erasure.created_at);
        let erasures = &self.app.erasures;
        let ended = erasures.record_end(self.lease, progress, failure, now);
        let Some(erasure) = ended.await? else {
            return Ok(End::Lost);
        };
        let stamp = Stamp {
            recorded_at: now,
            request_id: format!("erasure-worker/{}", self.lease.key.id),
        };
        let entry = trail::erasure_ended(&self.lease.key, &erasure)?;
        match self.app.activities.append(entry, &stamp).await {
            Ok(_) | Err(Error::Conflict) => {}
            Err(error) => return Err(error),
        }
        let state = match failure {
            None => State::Done,
            Some(_) => State::Failed,
        };
        if erasures.close(self.lease, state).await? != LeaseStatus::Held {
            return Ok(End::Lost);
        }
        if let Some(failure) = failure {
            let erasure_id = self.lease.key.id;
            tracing::error!(%erasure_id, failure = failure.detail, "the erasure has failed");
            metrics::failed();
        }
        metrics::erased(progress.erased);
        Ok(End::Over)
    }
}
