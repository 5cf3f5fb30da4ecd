//! Walks a partner's log and takes one customer's name and details out of it.
//!
//! Oldest first, in pages; after each page the place is written down, and
//! before the function's time is up the rest is left to another call. Doing a
//! page twice changes nothing, so a worker may die anywhere.

use aws_config::SdkConfig;
use futures_util::{StreamExt, TryStreamExt, stream};
use shared::{
    ActivityId, ActivityStore, Clock, Config, Erasure, ErasureId, ErasureStore, Error, Moment,
    Order, TimeRange, Workers,
    aws::{
        activities::{RangeQuery, Stamp},
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

/// Activities that one page looks at: seconds of work, even if all are erased.
const PAGE_MAX: usize = 50;

/// How many activities are erased at the same time: enough to get on, too few
/// to take the partner's write units from those who record.
const WRITES_AT_ONCE: usize = 4;

/// Carries out one call, which ends by `deadline`.
pub async fn handle(app: &App, event: &WorkerEvent, deadline: Moment) -> Result<(), Error> {
    let erasure_id = event.erasure_id;
    observe::partner(&event.partner_id);
    let Some((lease, erasure)) = app.erasures.take_lease(event, app.clock.now()).await? else {
        tracing::info!(%erasure_id, "nothing to do");
        return Ok(());
    };
    let walk = Walk {
        app,
        lease: &lease,
        erasure: &erasure,
    };
    match walk.run(deadline.minus(HAND_OVER_BEFORE)).await {
        Ok(End::Over) => Ok(()),
        Ok(End::TakenOver) => {
            tracing::warn!(%erasure_id, "another worker has the erasure");
            Ok(())
        }
        Ok(End::OutOfTime) => {
            tracing::info!(%erasure_id, "the next call does the rest");
            app.workers.call(event).await
        }
        Err(error) => {
            tracing::error!(%erasure_id, error = error.chain(), "the erasure was interrupted");
            // Where this fails too, the lease runs out before Lambda calls again.
            app.erasures.release(&lease, app.clock.now()).await.ok();
            Err(error)
        }
    }
}

/// Why a walk ended.
enum End {
    Over,
    TakenOver,
    OutOfTime,
}

struct Walk<'a> {
    app: &'a App,
    lease: &'a Lease<ErasureId>,
    erasure: &'a Erasure,
}

impl Walk<'_> {
    async fn run(&self, hand_over_at: Moment) -> Result<End, Error> {
        let mut progress = self.erasure.progress;
        if let Some(failure) = self.erasure.lost_cause() {
            return self.end(progress, Some(&failure)).await;
        }
        if self.erasure.finished_at.is_some() {
            return self.end(progress, None).await;
        }
        let erasures = &self.app.erasures;
        let mut position = self.erasure.position;
        loop {
            let next = self.page(position, &mut progress).await?;
            let Some(next) = next else {
                return self.end(progress, None).await;
            };
            position = Some(next);
            let now = self.app.clock.now();
            let kept = erasures.checkpoint(self.lease, next, progress, now).await?;
            if kept != LeaseStatus::Held {
                return Ok(End::TakenOver);
            }
            if now >= hand_over_at {
                return Ok(match erasures.release(self.lease, now).await? {
                    LeaseStatus::Held => End::OutOfTime,
                    _ => End::TakenOver,
                });
            }
        }
    }

    /// Erases what a page holds of the customer; answers where to go on.
    async fn page(
        &self,
        position: Option<ActivityId>,
        progress: &mut Progress,
    ) -> Result<Option<ActivityId>, Error> {
        let query = RangeQuery {
            range: TimeRange::ALL,
            order: Order::Asc,
            with_details: false,
            settled: false,
        };
        let (partner, activities) = (&self.lease.key.partner_id, &self.app.activities);
        let page = activities
            .query(partner, &query, position, PAGE_MAX)
            .await?;
        let next = page.resume_after;
        let mut left = Vec::new();
        for view in page.erasure_views() {
            let view = view?;
            progress.read += 1;
            if view.customer_id.as_ref() != Some(&self.erasure.customer_id) {
                continue;
            }
            match view.erased_at {
                None => left.push(view.id),
                // By a worker of this erasure that did not get to the page's end.
                Some(at) if at >= self.erasure.created_at => progress.erased += 1,
                Some(_) => {}
            }
        }
        progress.erased += left.len() as u64;
        // Machines' clocks differ: what this erasure erased must not look older.
        let now = self.app.clock.now().max(self.erasure.created_at);
        stream::iter(left)
            .map(|id| activities.erase(partner, id, &self.erasure.customer_id, now))
            .buffer_unordered(WRITES_AT_ONCE)
            .try_collect::<()>()
            .await?;
        Ok(next)
    }

    /// Settles the end, leaves the entry in the log, and closes the erasure.
    ///
    /// An entry that an earlier worker left stays as it is.
    async fn end(&self, progress: Progress, failure: Option<&Failure>) -> Result<End, Error> {
        // Machines' clocks differ: the end is not before the beginning.
        let now = self.app.clock.now().max(self.erasure.created_at);
        let erasures = &self.app.erasures;
        let settled = erasures.settle(self.lease, progress, failure, now).await?;
        let Some(erasure) = settled else {
            return Ok(End::TakenOver);
        };
        let stamp = Stamp {
            recorded_at: now,
            request_id: format!("erasure-worker/{}", self.lease.key.id),
        };
        let entry = trail::erased(&self.lease.key, &erasure)?;
        match self.app.activities.append(entry, &stamp).await {
            Ok(_) | Err(Error::Conflict) => {}
            Err(error) => return Err(error),
        }
        let state = match failure {
            None => State::Done,
            Some(_) => State::Failed,
        };
        if erasures.close(self.lease, state).await? != LeaseStatus::Held {
            return Ok(End::TakenOver);
        }
        metrics::erased(progress.erased);
        Ok(End::Over)
    }
}
