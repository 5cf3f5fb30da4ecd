//! The table of exports; no other code knows it.
//!
//! A worker holds a lease of the export that it works on; `leases` has the
//! conditions.

mod keys;
mod places;

use aws_sdk_dynamodb::{Client, primitives::Blob, types::AttributeValue};
use serde::Deserialize;

use crate::{
    Error, Export, ExportId, ExportKey, Limit, Moment, Page, PartnerId,
    aws::{
        leases::{self, Taking, Task},
        open_work, sdk,
        table::{
            self, Item, Table, Update, Updated, from_item, moment, number, text, to_item, to_value,
        },
    },
    metrics,
    model::{
        export::{ATTEMPTS_MAX, Checkpoint, File, Progress, State, WorkerEvent, item_expiry},
        failure::Failure,
        lease::{Lease, LeaseRecord, LeaseStatus, oldest_start},
        task::{OpenTask, OpenTasks},
    },
};

/// The most Query pages of 1 MB that a list of exports reads.
///
/// An export repeats its filter, which may have 64 kB, so its answer is full by then.
const QUERY_PAGES_MAX: u32 = 7;

/// The exports of all partners, in DynamoDB.
#[derive(Debug, Clone)]
pub struct ExportStore {
    table: Table,
}

/// The result of storing a new export.
#[derive(Debug)]
pub enum Creation {
    /// This request has stored it.
    Stored(Export),
    /// An earlier request with the same idempotency key had stored it.
    Found(Export),
}

/// The result of taking an export's lease.
#[derive(Debug)]
pub enum LeaseAttempt {
    /// This worker has the export.
    Taken(Lease<ExportId>, Box<Export>),
    /// Another worker has it, its file is ready, or it does not exist.
    NotNow,
    /// It has ended without a file, and what its workers left in the bucket may still be there.
    ///
    /// Holds the export as the last worker left it.
    Ended(ExportKey, Box<Export>),
}

impl Task for Export {
    fn lease(&self) -> &LeaseRecord {
        &self.lease
    }

    fn is_running(&self) -> bool {
        self.state == State::Running
    }

    fn is_cancelled(&self) -> bool {
        matches!(self.state, State::Cancelled | State::Expired)
    }
}

/// The attributes that show which worker has an export.
#[derive(Debug, Deserialize)]
struct Holder {
    state: State,
    lease_epoch: u64,
}

impl ExportStore {
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

    /// Stores a new export, unless an earlier request has stored one under this key.
    pub async fn create(&self, key: &ExportKey, export: Export) -> Result<Creation, Error> {
        let mut item = to_item(&export)?;
        item.extend(item_key(key));
        open_work::add(&self.table, key, export.created_at).await?;
        let Some(old) = self.table.put_new(item).await? else {
            return Ok(Creation::Stored(export));
        };
        let old = from_item(old)?;
        // If the answer is lost, the SDK repeats the put and finds its own export.
        Ok(if old == export {
            Creation::Stored(old)
        } else {
            Creation::Found(old)
        })
    }

    /// Reads one export; none if it is absent or has expired.
    pub async fn get(&self, key: &ExportKey, now: Moment) -> Result<Option<Export>, Error> {
        let export: Option<Export> = self.table.get(item_key(key)).await?;
        Ok(export.filter(|export| export.expires_at > now.as_seconds()))
    }

    /// A partner's exports, newest first, after `resume_after`.
    pub async fn page(
        &self,
        partner: &PartnerId,
        resume_after: Option<ExportId>,
        limit: Limit,
        now: Moment,
    ) -> Result<Page<(ExportKey, Export)>, Error> {
        let key = |id| ExportKey {
            partner_id: partner.clone(),
            id,
        };
        let mut items = Vec::new();
        let mut resume_after = resume_after.map(|id| item_key(&key(id)));
        for pages in 1.. {
            let output = self
                .table
                .client
                .query()
                .table_name(&self.table.name)
                .key_condition_expression("partition_key = :partner")
                .expression_attribute_values(":partner", text(partner.as_str()))
                .scan_index_forward(false)
                .consistent_read(true)
                .limit(i32::try_from(limit.get() + 1).unwrap_or(i32::MAX))
                .set_exclusive_start_key(resume_after)
                .send()
                .await
                .map_err(|error| sdk::failed("querying exports", error))?;
            for item in output.items.unwrap_or_default() {
                let id = id_of(&item)?;
                let export: Export = from_item(item)?;
                if export.expires_at > now.as_seconds() {
                    items.push((key(id), export));
                }
            }
            resume_after = output.last_evaluated_key;
            // A page without an export could not be continued.
            let is_enough = pages >= QUERY_PAGES_MAX && !items.is_empty();
            if resume_after.is_none() || items.len() > limit.get() || is_enough {
                break;
            }
        }
        let more = items.len() > limit.get() || resume_after.is_some();
        items.truncate(limit.get());
        Ok(Page { items, more })
    }

    /// Some of the exports that may not have ended, the oldest first.
    pub async fn open_page(
        &self,
        resume_after: Option<String>,
    ) -> Result<OpenTasks<ExportId>, Error> {
        open_work::page(&self.table, resume_after).await
    }

    /// Removes an export that has ended from those that may not have ended.
    pub async fn remove_from_open(&self, task: &OpenTask<ExportId>) -> Result<(), Error> {
        open_work::remove(&self.table, task).await
    }

    /// Claims the right to call a worker, at most once a minute.
    pub async fn claim_dispatch(&self, key: &ExportKey, now: Moment) -> Result<bool, Error> {
        leases::claim_dispatch(&self.table, item_key(key), now).await
    }

    /// Takes the lease of the export in an event.
    pub async fn take_lease(
        &self,
        event: &WorkerEvent,
        now: Moment,
    ) -> Result<LeaseAttempt, Error> {
        let key = ExportKey::of_event(&event.partner_id, event.export_id)?;
        let holder = ExportId::random(now).to_string();
        let taken = leases::take::<Export>(&self.table, item_key(&key), holder, now, |update| {
            update
                .when("attempts < :attempts_max")
                .when("created_at > :too_old")
                .value(":attempts_max", number(ATTEMPTS_MAX.into()))
                .value(":too_old", moment(oldest_start(now)))
        });
        match taken.await? {
            Taking::Taken(export) => {
                let epoch = export.lease.epoch;
                Ok(LeaseAttempt::Taken(Lease { key, epoch }, Box::new(export)))
            }
            Taking::Refused(export) => self.give_up(key, export, now).await,
            Taking::Absent => Ok(LeaseAttempt::NotNow),
        }
    }

    /// Stores that an export has failed, if no worker will finish it.
    async fn give_up(
        &self,
        key: ExportKey,
        old: Export,
        now: Moment,
    ) -> Result<LeaseAttempt, Error> {
        // Lambda calls again after a call that could not clean up behind the end.
        if matches!(old.state, State::Failed | State::Cancelled | State::Expired) {
            return Ok(LeaseAttempt::Ended(key, Box::new(old)));
        }
        let Some(failure) = old.unstored_failure(now) else {
            return Ok(LeaseAttempt::NotNow);
        };
        let update = ending("#state = :failed, failure = :failure", &old)
            .when("lease_epoch = :epoch")
            .value(":failed", text(State::Failed.as_str()))
            .value(":failure", to_value(&failure)?)
            .value(":epoch", table::count(old.lease.epoch));
        let update = leases::if_free(update, now);
        let has_failed = match self.table.update(item_key(&key), update).await? {
            Updated::Done(_) => true,
            Updated::Refused(item) => is_failed_with(&from_item(item)?, &failure),
            Updated::Absent => false,
        };
        if !has_failed {
            return Ok(LeaseAttempt::NotNow);
        }
        report_failure(&key, &failure);
        Ok(LeaseAttempt::Ended(key, Box::new(old)))
    }

    /// Renews the lease for another 45 s and stores the progress.
    pub async fn renew(
        &self,
        lease: &Lease<ExportId>,
        progress: Progress,
        now: Moment,
    ) -> Result<LeaseStatus, Error> {
        let update = Update::set("progress = :progress").value(":progress", to_value(&progress)?);
        let update = leases::renewing(update, now);
        self.update(lease, update, now, |_| false).await
    }

    /// Renews the lease and stores the id of the upload that has begun.
    ///
    /// A checkpoint of an earlier upload is not valid for this one. A checkpoint from
    /// before any upload, which only has a partial part, is still valid.
    pub async fn store_upload_id(
        &self,
        lease: &Lease<ExportId>,
        upload_id: &str,
        keep_checkpoint: bool,
        now: Moment,
    ) -> Result<LeaseStatus, Error> {
        let mut update = Update::set("upload_id = :upload_id").value(":upload_id", text(upload_id));
        if !keep_checkpoint {
            update = update.and_remove("checkpoint, proof_upload_id");
        }
        let update = leases::renewing(update, now);
        self.update(lease, update, now, |_| false).await
    }

    /// Renews the lease and stores the id of the proof's upload that has begun.
    pub async fn store_proof_upload_id(
        &self,
        lease: &Lease<ExportId>,
        upload_id: &str,
        now: Moment,
    ) -> Result<LeaseStatus, Error> {
        let update = Update::set("proof_upload_id = :upload_id");
        let update = leases::renewing(update.value(":upload_id", text(upload_id)), now);
        self.update(lease, update, now, |_| false).await
    }

    /// Renews the lease and stores what the uploads hold.
    pub async fn checkpoint(
        &self,
        lease: &Lease<ExportId>,
        checkpoint: &Checkpoint,
        progress: Progress,
        now: Moment,
    ) -> Result<LeaseStatus, Error> {
        let update = Update::set("progress = :progress, checkpoint = :checkpoint")
            .value(":progress", to_value(&progress)?)
            .value(":checkpoint", to_value(checkpoint)?);
        let update = leases::advancing(update, now);
        self.update(lease, update, now, |_| false).await
    }

    /// Checks whether this worker still has the export, without a write.
    ///
    /// It does not notice that a lease has run out; the next write does.
    pub async fn lease_status(&self, lease: &Lease<ExportId>) -> Result<LeaseStatus, Error> {
        let output = self
            .table
            .client
            .get_item()
            .table_name(&self.table.name)
            .set_key(Some(item_key(&lease.key)))
            .projection_expression("#state, lease_epoch")
            .expression_attribute_names("#state", "state")
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| sdk::failed("reading an export", error))?;
        let found: Option<Holder> = output.item.map(from_item).transpose()?;
        Ok(match found {
            Some(Holder { state, lease_epoch })
                if state.is_active() && lease_epoch == lease.epoch =>
            {
                LeaseStatus::Held
            }
            None
            | Some(Holder {
                state: State::Cancelled | State::Expired,
                ..
            }) => LeaseStatus::Cancelled,
            Some(_) => LeaseStatus::TakenOver,
        })
    }

    /// Releases the lease, so that another worker can take it at once.
    pub async fn release(
        &self,
        lease: &Lease<ExportId>,
        now: Moment,
    ) -> Result<LeaseStatus, Error> {
        self.update(lease, leases::releasing(now), now, leases::is_released)
            .await
    }

    /// Stores that the file is ready.
    pub async fn finish(
        &self,
        lease: &Lease<ExportId>,
        file: &File,
        progress: Progress,
        now: Moment,
    ) -> Result<LeaseStatus, Error> {
        let update = Update::set(
            "#state = :ready, #file = :file, progress = :progress, finished_at = :now, \
             expires_at = :expires_at",
        )
        .and_remove("lease_until, upload_id, proof_upload_id, checkpoint")
        .name("#file", "file")
        .value(":ready", text(State::Ready.as_str()))
        .value(":file", to_value(file)?)
        .value(":progress", to_value(&progress)?)
        .value(":now", moment(now))
        .value(":expires_at", number(item_expiry(now)));
        let is_finished = |export: &Export| export.state == State::Ready;
        self.update(lease, update, now, is_finished).await
    }

    /// Stores that the export has failed.
    pub async fn fail(
        &self,
        lease: &Lease<ExportId>,
        failure: Failure,
        now: Moment,
    ) -> Result<LeaseStatus, Error> {
        let update = Update::set("#state = :failed, failure = :failure")
            .and_remove("lease_until, upload_id, proof_upload_id, checkpoint")
            .value(":failed", text(State::Failed.as_str()))
            .value(":failure", to_value(&failure)?);
        let has_failed = |export: &Export| export.state == State::Failed;
        let status = self.update(lease, update, now, has_failed).await?;
        if status == LeaseStatus::Held {
            metrics::failed();
        }
        Ok(status)
    }

    /// Cancels an export that is not finished, or marks its file as expired.
    ///
    /// Returns the export after the change; none if it is absent.
    pub async fn delete(&self, key: &ExportKey, now: Moment) -> Result<Option<Export>, Error> {
        let mut found = self.get(key, now).await?;
        while let Some(export) = found {
            let failure = export.unstored_failure(now);
            let Some(update) = deletion(&export, failure.as_ref())? else {
                return Ok(Some(export));
            };
            let (after, is_done) = match self.table.update(item_key(key), update).await? {
                Updated::Done(item) => (from_item(item)?, true),
                // If a worker changed the state first, the new state is tried.
                Updated::Refused(item) => (from_item(item)?, false),
                Updated::Absent => return Ok(None),
            };
            if let Some(failure) = failure.filter(|failure| is_failed_with(&after, failure)) {
                report_failure(key, &failure);
            }
            if is_done {
                return Ok(Some(after));
            }
            found = Some(after);
        }
        Ok(None)
    }

    /// Writes as the holder of a lease that has not run out.
    ///
    /// `is_done` recognises an export that an earlier attempt of this write changed;
    /// a write that keeps the lease can be repeated, and needs none.
    async fn update(
        &self,
        lease: &Lease<ExportId>,
        update: Update,
        now: Moment,
        is_done: impl Fn(&Export) -> bool,
    ) -> Result<LeaseStatus, Error> {
        let update = leases::if_held(update, lease.epoch, now);
        let updated = self.table.update(item_key(&lease.key), update).await?;
        leases::status(updated, lease.epoch, is_done)
    }
}

/// Whether an export ended with this failure.
///
/// It may have been an earlier attempt of the same write whose answer was lost.
fn is_failed_with(export: &Export, failure: &Failure) -> bool {
    export.state == State::Failed && export.failure.as_ref() == Some(failure)
}

/// Logs and counts an export that workers have given up.
fn report_failure(key: &ExportKey, failure: &Failure) {
    let failure = &failure.detail;
    tracing::error!(export_id = %key.id, failure, "the export has failed");
    metrics::failed();
}

/// The update that deletes an export; none if it has no file and will get none.
fn deletion(export: &Export, failure: Option<&Failure>) -> Result<Option<Update>, Error> {
    let (state, failure) = match (export.state, failure) {
        (State::Queued | State::Running, None) => (State::Cancelled, None),
        (State::Queued | State::Running, failure) => (State::Failed, failure),
        (State::Ready, _) => (State::Expired, None),
        (State::Failed | State::Cancelled | State::Expired, _) => return Ok(None),
    };
    let update = match failure {
        None => ending("#state = :ended", export),
        Some(failure) => ending("#state = :ended, failure = :failure", export)
            .value(":failure", to_value(failure)?),
    };
    let update = update
        .when("#state = :before")
        .value(":ended", text(state.as_str()))
        .value(":before", text(export.state.as_str()));
    Ok(Some(update.returning_it()))
}

/// An update after which no worker resumes from the checkpoint.
///
/// The state of the hash holds bytes of the file, so it is emptied. The rest of the
/// checkpoint stays, because it names what must be cleared up.
fn ending(assignments: &'static str, export: &Export) -> Update {
    let update = Update::set(assignments).and_remove("lease_until");
    if export.checkpoint.is_none() {
        return update.when("attribute_not_exists(checkpoint)");
    }
    update
        .and_set("checkpoint.#hash = :no_bytes")
        .when("attribute_exists(checkpoint)")
        .name("#hash", "hash")
        .value(":no_bytes", AttributeValue::B(Blob::new([])))
}

fn item_key(key: &ExportKey) -> Item {
    table::key(&key.partner_id, key.id)
}

fn id_of(item: &Item) -> Result<ExportId, Error> {
    let id = item.get("sort_key").and_then(|value| value.as_s().ok());
    id.and_then(|id| ExportId::try_from(id.as_str()).ok())
        .ok_or_else(|| Error::internal("reading an export", "its sort_key is malformed"))
}
