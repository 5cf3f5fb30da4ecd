//! The table of erasures; no other code knows it.
//!
//! A worker holds a lease of the erasure that it works on; `leases` has the
//! conditions. Erasing a page twice changes nothing, so a lease that has run out
//! is still valid until another worker takes the erasure.

use aws_sdk_dynamodb::Client;

use crate::{
    ActivityId, Erasure, ErasureId, ErasureKey, Error, Moment,
    aws::{
        leases::{self, Taking, Task},
        open_work,
        places::{Place, Places},
        table::{
            self, Item, Table, Update, Updated, from_item, moment, number, text, to_item, to_value,
        },
    },
    model::{
        erasure::{Progress, Scope, Stage, State, WorkerEvent},
        failure::Failure,
        lease::{Lease, LeaseRecord, LeaseStatus},
        task::{OpenTask, OpenTasks, TaskId},
    },
};

/// The erasures of all partners, in DynamoDB.
#[derive(Debug, Clone)]
pub struct ErasureStore {
    table: Table,
}

/// How far the walk of an erasure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// What was fixed when it began.
    pub scope: Scope,
    /// The part that is under way.
    pub stage: Stage,
    /// The last activity of this part that was read.
    pub position: Option<ActivityId>,
    /// How much was walked.
    pub progress: Progress,
}

/// The result of taking a partner's only place for an erasure.
#[derive(Debug)]
pub enum PlaceAttempt {
    /// The erasure has the place.
    Taken,
    /// This erasure has it.
    Occupied(ErasureKey, Box<Erasure>),
    /// An erasure has it that another request is about to store.
    OccupiedSoon,
}

impl Task for Erasure {
    fn lease(&self) -> &LeaseRecord {
        &self.lease
    }

    fn is_running(&self) -> bool {
        self.state == State::Running
    }

    fn is_cancelled(&self) -> bool {
        false
    }
}

impl ErasureStore {
    /// A store over `table`.
    pub fn new(client: Client, table: String) -> Self {
        let table = Table {
            client,
            name: table,
        };
        Self { table }
    }

    /// Opens the connection; see [`crate::aws::sdk::open`].
    pub async fn open(&self) {
        self.table.open().await;
    }

    /// Takes the partner's only place for an erasure.
    pub async fn take_place(&self, key: &ErasureKey, now: Moment) -> Result<PlaceAttempt, Error> {
        let places = Places {
            table: &self.table,
            partner: &key.partner_id,
            max: 1,
        };
        loop {
            let Place::Full(ids) = places.take(key.id, now).await? else {
                return Ok(PlaceAttempt::Taken);
            };
            for id in &ids {
                let other = ErasureKey {
                    partner_id: key.partner_id.clone(),
                    id: *id,
                };
                match self.get(&other, now).await? {
                    Some(erasure) if erasure.state.is_active() => {
                        return Ok(PlaceAttempt::Occupied(other, Box::new(erasure)));
                    }
                    None if id.is_new(now) => return Ok(PlaceAttempt::OccupiedSoon),
                    _ => {}
                }
            }
            places.free(&ids).await?;
        }
    }

    /// Stores a new erasure.
    pub async fn create(&self, key: &ErasureKey, erasure: &Erasure) -> Result<(), Error> {
        let mut item = to_item(erasure)?;
        item.extend(item_key(key));
        open_work::add(&self.table, key, erasure.created_at).await?;
        // The id is random, so an existing item can only be from a retry of this put.
        self.table.put_new(item).await?;
        Ok(())
    }

    /// Reads one erasure; none if it is absent or has expired.
    pub async fn get(&self, key: &ErasureKey, now: Moment) -> Result<Option<Erasure>, Error> {
        let erasure: Option<Erasure> = self.table.get(item_key(key)).await?;
        Ok(erasure.filter(|erasure| erasure.expires_at > now.as_seconds()))
    }

    /// Some of the erasures that may not have ended, the oldest first.
    pub async fn open_page(
        &self,
        resume_after: Option<String>,
    ) -> Result<OpenTasks<ErasureId>, Error> {
        open_work::page(&self.table, resume_after).await
    }

    /// Removes an erasure that has ended from those that may not have ended.
    pub async fn remove_from_open(&self, task: &OpenTask<ErasureId>) -> Result<(), Error> {
        open_work::remove(&self.table, task).await
    }

    /// Claims the right to call a worker, at most once a minute.
    pub async fn claim_dispatch(&self, key: &ErasureKey, now: Moment) -> Result<bool, Error> {
        leases::claim_dispatch(&self.table, item_key(key), now).await
    }

    /// Takes the lease of the erasure in an event; none if it can't be taken now.
    pub async fn take_lease(
        &self,
        event: &WorkerEvent,
        now: Moment,
    ) -> Result<Option<(Lease<ErasureId>, Erasure)>, Error> {
        let key = ErasureKey::of_event(&event.partner_id, event.erasure_id)?;
        let holder = ErasureId::random(now).to_string();
        let anytime = |update| update;
        let taken = leases::take::<Erasure>(&self.table, item_key(&key), holder, now, anytime);
        Ok(match taken.await? {
            Taking::Taken(erasure) => {
                let epoch = erasure.lease.epoch;
                Some((Lease { key, epoch }, erasure))
            }
            Taking::Refused(_) | Taking::Absent => None,
        })
    }

    /// Renews the lease and stores where the walk begins.
    pub async fn begin(
        &self,
        lease: &Lease<ErasureId>,
        at: &Position,
        now: Moment,
    ) -> Result<LeaseStatus, Error> {
        let update = leases::renewing(reaching(at)?, now);
        self.update(lease, update, |_| false).await
    }

    /// Renews the lease and stores how far the walk is.
    pub async fn checkpoint(
        &self,
        lease: &Lease<ErasureId>,
        at: &Position,
        now: Moment,
    ) -> Result<LeaseStatus, Error> {
        let update = leases::advancing(reaching(at)?, now);
        self.update(lease, update, |_| false).await
    }

    /// Releases the lease of a worker that has to wait, which is no failed attempt.
    pub async fn be_patient(
        &self,
        lease: &Lease<ErasureId>,
        now: Moment,
    ) -> Result<LeaseStatus, Error> {
        let update = leases::releasing(now)
            .and_set("attempts = :none")
            .value(":none", number(0));
        self.update(lease, update, leases::is_released).await
    }

    /// Renews the lease.
    pub async fn renew(&self, lease: &Lease<ErasureId>, now: Moment) -> Result<LeaseStatus, Error> {
        let update = leases::renewing(Update::set("dispatched_at = :now"), now)
            .when("attribute_exists(lease_until)")
            .value(":now", moment(now));
        self.update(lease, update, |_| false).await
    }

    /// Releases the lease, so that another worker can take it at once.
    pub async fn release(
        &self,
        lease: &Lease<ErasureId>,
        now: Moment,
    ) -> Result<LeaseStatus, Error> {
        self.update(lease, leases::releasing(now), leases::is_released)
            .await
    }

    /// Stores when and how the walk ended, before the entry is recorded in the log.
    ///
    /// None if another worker has the erasure.
    /// If an earlier worker stored when the walk ended, that time is kept.
    pub async fn record_end(
        &self,
        lease: &Lease<ErasureId>,
        progress: Progress,
        failure: Option<&Failure>,
        now: Moment,
    ) -> Result<Option<Erasure>, Error> {
        let mut update =
            Update::set("progress = :progress, finished_at = if_not_exists(finished_at, :now)");
        if let Some(failure) = failure {
            update = update
                .and_set("failure = :failure")
                .value(":failure", to_value(failure)?);
        }
        let update = update
            .value(":progress", to_value(&progress)?)
            .value(":now", moment(now))
            .returning_it();
        let update = leases::if_epoch(update, lease.epoch);
        match self.table.update(item_key(&lease.key), update).await? {
            Updated::Done(item) => from_item(item).map(Some),
            Updated::Refused(_) | Updated::Absent => Ok(None),
        }
    }

    /// Forgets when the walk ended, so that [`ErasureStore::record_end`] stores it anew.
    pub async fn forget_end(&self, lease: &Lease<ErasureId>) -> Result<LeaseStatus, Error> {
        let update = Update::remove("finished_at");
        self.update(lease, update, |erasure| erasure.finished_at.is_none())
            .await
    }

    /// Stores the final state, after the entry was recorded.
    pub async fn close(
        &self,
        lease: &Lease<ErasureId>,
        state: State,
    ) -> Result<LeaseStatus, Error> {
        let update = Update::set("#state = :ended").and_remove("lease_until");
        let update = update.value(":ended", text(state.as_str()));
        self.update(lease, update, |erasure| erasure.state == state)
            .await
    }

    /// Writes as the worker that took the erasure last.
    ///
    /// `is_done` recognises an erasure that an earlier attempt of this write changed.
    async fn update(
        &self,
        lease: &Lease<ErasureId>,
        update: Update,
        is_done: impl Fn(&Erasure) -> bool,
    ) -> Result<LeaseStatus, Error> {
        let update = leases::if_epoch(update, lease.epoch);
        let updated = self.table.update(item_key(&lease.key), update).await?;
        leases::status(updated, lease.epoch, is_done)
    }
}

/// Stores how far the walk is, unless it has ended.
fn reaching(at: &Position) -> Result<Update, Error> {
    let update = Update::set("#scope = :scope, #stage = :stage, progress = :progress")
        // The SDK retries an attempt that timed out; the first attempt may still arrive
        // after a later write.
        .when("attribute_exists(lease_until)")
        .when("attribute_not_exists(finished_at)")
        .name("#position", "position")
        .name("#scope", "scope")
        .name("#stage", "stage")
        .value(":scope", to_value(&at.scope)?)
        .value(":stage", to_value(&at.stage)?)
        .value(":progress", to_value(&at.progress)?);
    Ok(match at.position {
        None => update.and_remove("#position"),
        Some(position) => update
            .and_set("#position = :position")
            .value(":position", text(position.to_string())),
    })
}

fn item_key(key: &ErasureKey) -> Item {
    table::key(&key.partner_id, key.id)
}
