//! Walks a partner's log and removes one customer's name and details from it.
//!
//! It reads pages of activities, the oldest first, and stores its position after
//! each page. Before the function's time is up it hands over to the next call.
//! Erasing a page twice changes nothing, so a worker may die at any point.

use aws_config::SdkConfig;
use futures_util::{StreamExt, TryStreamExt, stream};
use shared::{
    ActivityId, ActivityStore, Clock, Config, Erasure, ErasureId, ErasureStore, Error, Moment,
    Order, TimeRange, Workers,
    aws::{
        activities::{ErasureView, QueryPage, RangeQuery, Stamp},
        sdk,
    },
    metrics,
    model::{
        erasure::{Progress, State, WorkerEvent},
        failure::Failure,
        lease::{HAND_OVER_BEFORE, Lease, LeaseStatus},
        trail,
    },
    observe,
};

/// What the function keeps between calls.
#[derive(Debug)]
pub struct App {
    erasures: ErasureStore,
    activities: ActivityStore,
    workers: Workers,
    /// The clock.
    pub clock: Clock,
}

impl App {
    /// Builds the clients, once.
    pub fn new(sdk: &SdkConfig, config: Config, clock: Clock) -> Self {
        let dynamodb = sdk::dynamodb(sdk);
        Self {
            erasures: ErasureStore::new(dynamodb.clone(), config.erasures_table.clone()),
            activities: ActivityStore::new(dynamodb, &config),
            workers: Workers::new(sdk, config.erasure_worker_function),
            clock,
        }
    }
}

/// How many activities a page has: a few seconds of work, even if all are erased.
const PAGE_MAX: usize = 50;

/// How many activities are erased at the same time.
///
/// More would use the write capacity of the partner's partition that recording needs.
const WRITES_AT_ONCE: usize = 4;

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
    };
    match walk.run(deadline.minus(HAND_OVER_BEFORE)).await {
        Ok(End::Over) => Ok(()),
        Ok(End::Lost) => {
            tracing::warn!(%erasure_id, "the erasure is no longer this worker's");
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

/// Why a walk ended.
enum End {
    /// The erasure has ended, and its end is stored.
    Over,
    /// Another worker has the erasure.
    Lost,
    /// The call's time is nearly up; the next call continues.
    OutOfTime,
}

/// One worker's walk through the log.
struct Walk<'a> {
    app: &'a App,
    lease: &'a Lease<ErasureId>,
    erasure: &'a Erasure,
}

impl Walk<'_> {
    async fn run(&self, hand_over_at: Moment) -> Result<End, Error> {
        let now = self.app.clock.now();
        let mut progress = self.erasure.progress;
        if self.erasure.has_stale_end(now) && !self.renew_end(now).await? {
            return Ok(End::Lost);
        }
        if let Some(failure) = self.erasure.reason_to_stop(now) {
            return self.end(progress, Some(&failure)).await;
        }
        if self.erasure.finished_at.is_some() {
            return self.end(progress, None).await;
        }
        let erasures = &self.app.erasures;
        let mut position = self.erasure.position;
        loop {
            let next = self.erase_page(position, &mut progress).await?;
            let Some(next) = next else {
                return self.end(progress, None).await;
            };
            position = Some(next);
            let now = self.app.clock.now();
            let kept = erasures.checkpoint(self.lease, next, progress, now).await?;
            if kept != LeaseStatus::Held {
                return Ok(End::Lost);
            }
            if now >= hand_over_at {
                return Ok(match erasures.release(self.lease, now).await? {
                    LeaseStatus::Held => End::OutOfTime,
                    _ => End::Lost,
                });
            }
        }
    }

    /// Erases the customer's activities of one page; returns the position after it, or
    /// none at the end of the log.
    async fn erase_page(
        &self,
        position: Option<ActivityId>,
        progress: &mut Progress,
    ) -> Result<Option<ActivityId>, Error> {
        let query = RangeQuery {
            range: TimeRange::ALL,
            order: Order::Asc,
            // What is hashed of them stays.
            with_details: true,
            settled: false,
        };
        let (partner, activities) = (&self.lease.key.partner_id, &self.app.activities);
        let page = activities
            .query(partner, &query, position, PAGE_MAX)
            .await?;
        let next = page.resume_after;
        let to_erase = self.count(page, progress)?;
        // Machines' clocks differ, and `erased_at` must not be before this erasure began.
        let now = self.app.clock.now().max(self.erasure.created_at);
        stream::iter(to_erase)
            .map(|view| activities.erase(partner, view, &self.erasure.customer_id, now))
            .buffer_unordered(WRITES_AT_ONCE)
            .try_collect::<()>()
            .await?;
        Ok(next)
    }

    /// Counts the activities of a page; returns those that are still to be erased.
    fn count(&self, page: QueryPage, progress: &mut Progress) -> Result<Vec<ErasureView>, Error> {
        let mut to_erase = Vec::new();
        for view in page.erasure_views() {
            let view = view?;
            progress.read += 1;
            if view.customer_id.as_ref() != Some(&self.erasure.customer_id) {
                continue;
            }
            match view.erased_at {
                None => to_erase.push(view),
                // An earlier worker of this erasure did not reach the end of the page.
                Some(at) if at >= self.erasure.created_at => progress.erased += 1,
                Some(_) => {}
            }
        }
        progress.erased += to_erase.len() as u64;
        Ok(to_erase)
    }

    /// Makes sure that the entry of a walk that ended long ago has a time that is not
    /// too late to be recorded; returns whether this worker still has the erasure.
    ///
    /// An entry that is in the log keeps its time. Otherwise no worker is left that
    /// could still record it, because each would have given up hours ago.
    async fn renew_end(&self, now: Moment) -> Result<bool, Error> {
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
    async fn end(&self, progress: Progress, failure: Option<&Failure>) -> Result<End, Error> {
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
