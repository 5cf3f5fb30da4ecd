//! Walks a partner's log and takes one customer's name and details out of it.
//!
//! Oldest first, in pages; after each page the place is written down, and
//! before the function's time is up the rest is left to another call. Doing a
//! page twice changes nothing, so a worker may die anywhere.

use aws_config::SdkConfig;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::SignedDuration;
use shared::{
    ActivityId, ActivityStore, Clock, Config, Erasure, ErasureStore, Error, Moment, Order,
    TimeRange, Workers, aws,
    erasure::{Progress, WorkerEvent},
    erasure_store::Turn,
    metrics, observe,
    store::{Reading, Stamp},
    trail,
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
        let dynamodb = aws::dynamodb(sdk);
        let activities = config.activities_table.clone();
        Self {
            erasures: ErasureStore::new(dynamodb.clone(), config.erasures_table.clone()),
            activities: ActivityStore::new(dynamodb, activities, config.retention),
            workers: Workers::new(sdk, config.erasure_worker_function),
            clock,
        }
    }
}

/// So long before the function's deadline the rest is left to the next call.
const HAND_ON_BEFORE: SignedDuration = SignedDuration::from_secs(45);

/// Activities that one page looks at: seconds of work, even if all are erased.
const PAGE_MAX: usize = 250;

/// How many activities are erased at the same time: enough to get on, too few
/// to take the partner's write units from those who record.
const WRITES_AT_ONCE: usize = 4;

/// Carries out one call, which ends by `deadline`.
pub async fn handle(app: &App, event: &WorkerEvent, deadline: Moment) -> Result<(), Error> {
    let erasure_id = event.erasure_id;
    observe::partner(&event.partner_id);
    let Some((turn, erasure)) = app.erasures.begin(event, app.clock.now()).await? else {
        tracing::info!(%erasure_id, "nothing to do");
        return Ok(());
    };
    let walk = Walk {
        app,
        turn: &turn,
        erasure: &erasure,
    };
    match walk.run(deadline.minus(HAND_ON_BEFORE)).await {
        Ok(End::Done) => Ok(()),
        Ok(End::TakenOver) => {
            tracing::warn!(%erasure_id, "another worker has the erasure");
            Ok(())
        }
        Ok(End::OutOfTime) => {
            tracing::info!(%erasure_id, "the rest is left to the next call");
            app.workers.call(event).await
        }
        Err(error) => {
            tracing::error!(%erasure_id, error = error.chain(), "the erasure was interrupted");
            Err(error)
        }
    }
}

/// Why a walk ended.
enum End {
    Done,
    TakenOver,
    OutOfTime,
}

struct Walk<'a> {
    app: &'a App,
    turn: &'a Turn,
    erasure: &'a Erasure,
}

impl Walk<'_> {
    async fn run(&self, hand_on_at: Moment) -> Result<End, Error> {
        let mut progress = self.erasure.progress;
        let mut position = self.erasure.position;
        loop {
            let next = self.page(position, &mut progress).await?;
            let now = self.app.clock.now();
            let Some(next) = next else {
                return self.finish(progress, now).await;
            };
            position = Some(next);
            let erasures = &self.app.erasures;
            if !erasures.checkpoint(self.turn, next, progress, now).await? {
                return Ok(End::TakenOver);
            }
            if now >= hand_on_at {
                return Ok(End::OutOfTime);
            }
        }
    }

    /// Erases what a page holds of the customer; answers where to go on.
    async fn page(
        &self,
        position: Option<ActivityId>,
        progress: &mut Progress,
    ) -> Result<Option<ActivityId>, Error> {
        let reading = Reading {
            range: TimeRange::ALL,
            order: Order::Asc,
            with_details: false,
            settled: false,
        };
        let partner = &self.turn.key.partner_id;
        let activities = &self.app.activities;
        let slice = activities
            .query(partner, &reading, position, PAGE_MAX)
            .await?;
        let next = slice.resume_after;
        let now = self.app.clock.now();
        let mut found = Vec::new();
        for stored in slice.activities() {
            let activity = stored?.activity;
            progress.read += 1;
            let customer = activity.content.customer.as_ref();
            let is_of_customer = customer.is_some_and(|it| it.id == self.erasure.customer_id);
            // Erased before this erasure was asked for, nothing is left to erase.
            let is_left = activity
                .erased_at
                .is_none_or(|at| at >= self.erasure.created_at);
            if is_of_customer && is_left {
                found.push(activity.id);
            }
        }
        progress.erased += found.len() as u64;
        stream::iter(found)
            .map(|id| activities.erase(partner, id, &self.erasure.customer_id, now))
            .buffer_unordered(WRITES_AT_ONCE)
            .try_collect::<()>()
            .await?;
        Ok(next)
    }

    /// Leaves the entry in the log; one that an earlier worker left stays as it is.
    async fn finish(&self, progress: Progress, now: Moment) -> Result<End, Error> {
        let entry = trail::erased(&self.turn.key, self.erasure, progress)?;
        let stamp = Stamp {
            recorded_at: now,
            request_id: format!("erasure-worker/{}", self.turn.key.id),
        };
        match self.app.activities.append(entry, &stamp).await {
            Ok(_) | Err(Error::Conflict) => {}
            Err(error) => return Err(error),
        }
        let done = self.app.erasures.finish(self.turn, progress, now).await?;
        if !done {
            return Ok(End::TakenOver);
        }
        metrics::erased(progress.erased);
        Ok(End::Done)
    }
}
