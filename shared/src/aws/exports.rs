//! The table of exports; no other code knows it.
//!
//! A worker holds a lease on the export it works on. Each lease has a higher
//! epoch than the one before, and every write of a worker carries its epoch as
//! a condition: a worker that was thought dead cannot move the state.

mod places;

use aws_sdk_dynamodb::{Client, primitives::Blob, types::AttributeValue};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Error, Export, ExportId, ExportKey, Identifier, Limit, Moment, Page, PartnerId,
    aws::{
        sdk,
        table::{
            self, Item, Table, Update, from_item, item_in_the_way, moment, number, text, to_item,
            to_value,
        },
    },
    model::export::{
        AGE_MAX, ATTEMPTS_MAX, Checkpoint, Failure, File, Progress, State, WorkerEvent,
        dispatch_again_before, item_expiry,
    },
};

/// How long a lease lasts unless it is renewed.
pub const LEASE: SignedDuration = SignedDuration::from_secs(45);

/// How long an export's idempotency key is remembered.
const KEY_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// The exports of all partners, in DynamoDB.
#[derive(Debug, Clone)]
pub struct ExportStore {
    table: Table,
}

/// A worker's hold on an export.
#[derive(Debug, Clone)]
pub struct Lease {
    /// Which export.
    pub key: ExportKey,
    /// Which of its leases.
    pub epoch: u64,
}

/// What came of asking for a lease.
#[derive(Debug)]
pub enum Taken {
    /// The export is this worker's.
    Lease(Lease, Box<Export>),
    /// Another worker has it, it has ended, or it never was.
    NotNow,
    /// Too many workers tried, or too long; it has failed.
    ///
    /// With the export as the last one left it.
    GivenUp(ExportKey, Box<Export>),
}

/// Whether a worker's write was still allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseStatus {
    /// The lease held and the write is done.
    Held,
    /// Another worker has the export, or has ended it; nothing was written.
    TakenOver,
    /// Nobody else has the export, but the lease has run out; nothing was written.
    RanOut,
    /// The export was deleted; nothing was written and no file may stay.
    Cancelled,
}

impl LeaseStatus {
    /// What took the export from its worker, by the state it is in now.
    fn lost_to(state: Option<State>) -> Self {
        match state {
            None | Some(State::Cancelled | State::Expired) => Self::Cancelled,
            Some(_) => Self::TakenOver,
        }
    }
}

/// What tells whose an export is.
#[derive(Debug, Deserialize)]
struct Look {
    state: State,
    lease_epoch: u64,
}

/// The item that remembers an idempotency key.
#[derive(Debug, Serialize, Deserialize)]
struct KeyItem {
    partition_key: String,
    sort_key: String,
    export_id: ExportId,
    request_hash: String,
    expires_at: i64,
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

    /// The export that `key` stands for: `id`, or the one of an earlier request.
    ///
    /// `Conflict` when the key stands for another request.
    pub async fn claim_key(
        &self,
        partner: &PartnerId,
        key: &Identifier,
        request_hash: String,
        id: ExportId,
        now: Moment,
    ) -> Result<ExportId, Error> {
        let claim = KeyItem {
            partition_key: format!("{partner}#keys"),
            sort_key: base16ct::lower::encode_string(&Sha256::digest(key.as_str())),
            export_id: id,
            request_hash,
            expires_at: now.plus(KEY_LIFETIME).as_seconds(),
        };
        let put = self
            .table
            .client
            .put_item()
            .table_name(&self.table.name)
            .set_item(Some(to_item(&claim)?))
            .condition_expression("attribute_not_exists(partition_key) OR expires_at < :now")
            .expression_attribute_values(":now", number(now.as_seconds()))
            .return_values_on_condition_check_failure(table::ALL_OLD)
            .send()
            .await;
        match put {
            Ok(_) => Ok(id),
            Err(error) => {
                let old: KeyItem = from_item(item_in_the_way(error)?)?;
                if old.request_hash == claim.request_hash {
                    Ok(old.export_id)
                } else {
                    Err(Error::Conflict)
                }
            }
        }
    }

    /// Stores a new export; the stored one when there is one already.
    pub async fn create(&self, key: &ExportKey, export: Export) -> Result<Export, Error> {
        let mut item = to_item(&export)?;
        item.extend(item_key(key));
        match self.table.put_new(item).await? {
            Ok(()) => Ok(export),
            Err(old) => from_item(old),
        }
    }

    /// One export; none when absent or forgotten.
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
        loop {
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
            if resume_after.is_none() || items.len() > limit.get() {
                let more = items.len() > limit.get();
                items.truncate(limit.get());
                return Ok(Page { items, more });
            }
        }
    }

    /// Claims the right to call a worker, at most once a minute.
    pub async fn claim_dispatch(&self, key: &ExportKey, now: Moment) -> Result<bool, Error> {
        let update = Update::new("dispatched_at = :now")
            .when("#state IN (:queued, :running)")
            .when("(attribute_not_exists(lease_until) OR lease_until < :now)")
            .when("dispatched_at < :again_before")
            .value(":now", moment(now))
            .value(":again_before", moment(dispatch_again_before(now)))
            .state(":queued", State::Queued.as_str())
            .state(":running", State::Running.as_str());
        Ok(self.table.update(item_key(key), update).await?.is_ok())
    }

    /// Takes the lease of the export that an event names.
    ///
    /// The event's partner is only looked up: without such an item nothing is done.
    pub async fn take_lease(&self, event: &WorkerEvent, now: Moment) -> Result<Taken, Error> {
        let partner_id = PartnerId::parse(&event.partner_id)
            .ok_or_else(|| Error::invalid("partner_id", "is no partner's id"))?;
        let key = ExportKey {
            partner_id,
            id: event.export_id,
        };
        // The SDK repeats an update whose answer was lost, and meets its own lease.
        let holder = ExportId::random(now).to_string();
        let update = lease_update(&holder, now);
        match self.table.update(item_key(&key), update).await? {
            Ok(item) => {
                let export: Export = from_item(item)?;
                Ok(Taken::Lease(
                    Lease {
                        key,
                        epoch: export.lease_epoch,
                    },
                    Box::new(export),
                ))
            }
            Err(None) => Ok(Taken::NotNow),
            Err(Some(old)) => {
                let old: Export = from_item(old)?;
                if old.lease_holder.as_ref() == Some(&holder) {
                    return Ok(Taken::Lease(
                        Lease {
                            key,
                            epoch: old.lease_epoch,
                        },
                        Box::new(old),
                    ));
                }
                self.give_up(key, old, now).await
            }
        }
    }

    /// Writes down that no worker will finish an export, if that is so.
    async fn give_up(&self, key: ExportKey, old: Export, now: Moment) -> Result<Taken, Error> {
        let Some(failure) = old.lost_cause(now) else {
            return Ok(Taken::NotNow);
        };
        let update = ending("#state = :failed, failure = :failure", &old)
            .when("#state IN (:queued, :running)")
            .when("lease_epoch = :epoch")
            .when("(attribute_not_exists(lease_until) OR lease_until < :now)")
            .value(":now", moment(now))
            .state(":failed", State::Failed.as_str())
            .state(":queued", State::Queued.as_str())
            .state(":running", State::Running.as_str())
            .value(":failure", to_value(&failure)?)
            .value(":epoch", table::count(old.lease_epoch));
        let done = self.table.update(item_key(&key), update).await?;
        Ok(if done.is_ok() {
            Taken::GivenUp(key, Box::new(old))
        } else {
            Taken::NotNow
        })
    }

    /// Keeps the lease for another 45 s and says how far the file is.
    pub async fn renew(
        &self,
        lease: &Lease,
        progress: Progress,
        now: Moment,
    ) -> Result<LeaseStatus, Error> {
        let update = Update::new("lease_until = :until, progress = :progress")
            .value(":until", moment(now.plus(LEASE)))
            .value(":progress", to_value(&progress)?);
        self.update_leased(lease, update, now).await
    }

    /// Keeps the lease and says which upload has begun.
    ///
    /// A checkpoint of an earlier upload tells nothing of this one; that of a
    /// part which wasn't full when there was no upload yet is still good.
    pub async fn begin(
        &self,
        lease: &Lease,
        upload_id: &str,
        keep_checkpoint: bool,
        now: Moment,
    ) -> Result<LeaseStatus, Error> {
        let update = Update::new(if keep_checkpoint {
            "lease_until = :until, upload_id = :upload_id"
        } else {
            "lease_until = :until, upload_id = :upload_id REMOVE checkpoint"
        });
        let update = update
            .value(":until", moment(now.plus(LEASE)))
            .value(":upload_id", text(upload_id));
        self.update_leased(lease, update, now).await
    }

    /// Keeps the lease and says what is in the upload; a worker that got
    /// somewhere leaves the next one all its attempts.
    pub async fn checkpoint(
        &self,
        lease: &Lease,
        checkpoint: &Checkpoint,
        progress: Progress,
        now: Moment,
    ) -> Result<LeaseStatus, Error> {
        let update = Update::new(
            "lease_until = :until, progress = :progress, checkpoint = :checkpoint, attempts = :one",
        )
        .value(":until", moment(now.plus(LEASE)))
        .value(":progress", to_value(&progress)?)
        .value(":checkpoint", to_value(checkpoint)?)
        .value(":one", number(1));
        self.update_leased(lease, update, now).await
    }

    /// Whether the export is still this worker's, without a write.
    ///
    /// A lease that ran out is found by the next write.
    pub async fn look(&self, lease: &Lease) -> Result<LeaseStatus, Error> {
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
        Ok(match output.item.map(from_item::<Look>).transpose()? {
            Some(found) if found.state.is_active() && found.lease_epoch == lease.epoch => {
                LeaseStatus::Held
            }
            found => LeaseStatus::lost_to(found.map(|found| found.state)),
        })
    }

    /// Gives the lease back, so that another worker can take it at once.
    pub async fn release(&self, lease: &Lease, now: Moment) -> Result<LeaseStatus, Error> {
        let update = Update::new("lease_epoch = :epoch REMOVE lease_until");
        self.update_last(lease, update, now, Export::is_given_back)
            .await
    }

    /// Gives the lease back before the next worker is called.
    pub async fn hand_on(&self, lease: &Lease, now: Moment) -> Result<LeaseStatus, Error> {
        let update =
            Update::new("dispatched_at = :now REMOVE lease_until").value(":now", moment(now));
        self.update_last(lease, update, now, Export::is_given_back)
            .await
    }

    /// The file is ready.
    pub async fn finish(
        &self,
        lease: &Lease,
        file: &File,
        progress: Progress,
        now: Moment,
    ) -> Result<LeaseStatus, Error> {
        let update = Update::new(
            "#state = :ready, #file = :file, progress = :progress, finished_at = :now, \
             expires_at = :expires_at REMOVE lease_until, upload_id, checkpoint",
        )
        .name("#file", "file")
        .state(":ready", State::Ready.as_str())
        .value(":file", to_value(file)?)
        .value(":progress", to_value(&progress)?)
        .value(":now", moment(now))
        .value(":expires_at", number(item_expiry(now)));
        let is_finished = |export: &Export| export.state == State::Ready;
        self.update_last(lease, update, now, is_finished).await
    }

    /// There will be no file.
    pub async fn fail(
        &self,
        lease: &Lease,
        failure: Failure,
        now: Moment,
    ) -> Result<LeaseStatus, Error> {
        let update = Update::new(
            "#state = :failed, failure = :failure REMOVE lease_until, upload_id, checkpoint",
        )
        .state(":failed", State::Failed.as_str())
        .value(":failure", to_value(&failure)?);
        let has_failed = |export: &Export| export.state == State::Failed;
        self.update_last(lease, update, now, has_failed).await
    }

    /// Cancels an export that is not finished, or lets its file go.
    ///
    /// Answers the export as it is then; none when absent.
    pub async fn delete(&self, key: &ExportKey, now: Moment) -> Result<Option<Export>, Error> {
        let mut found = self.get(key, now).await?;
        while let Some(export) = found {
            let update = ending("#state = :ended", &export);
            let update = match (export.state, export.lost_cause(now)) {
                (State::Queued | State::Running, None) => {
                    update.state(":ended", State::Cancelled.as_str())
                }
                (State::Ready, _) => update.state(":ended", State::Expired.as_str()),
                (State::Queued | State::Running, Some(failure)) => {
                    ending("#state = :ended, failure = :failure", &export)
                        .state(":ended", State::Failed.as_str())
                        .value(":failure", to_value(&failure)?)
                }
                (State::Failed | State::Cancelled | State::Expired, _) => return Ok(Some(export)),
            };
            // A worker may be faster and move the state first; then it is looked at again.
            let update = update
                .when("#state = :before")
                .state(":before", export.state.as_str())
                .returning_it();
            match self.table.update(item_key(key), update).await? {
                Ok(item) => return from_item(item).map(Some),
                Err(old) => found = old.map(from_item).transpose()?,
            }
        }
        Ok(None)
    }

    /// Writes as the holder of a lease that has not run out.
    async fn update_leased(
        &self,
        lease: &Lease,
        update: Update,
        now: Moment,
    ) -> Result<LeaseStatus, Error> {
        self.update_last(lease, update, now, |_| false).await
    }

    /// The same for a write after which the lease is over.
    ///
    /// The SDK repeats an update whose answer was lost, and meets its own:
    /// `is_done` knows it by the export, if no other worker had it since.
    async fn update_last(
        &self,
        lease: &Lease,
        update: Update,
        now: Moment,
        is_done: impl Fn(&Export) -> bool,
    ) -> Result<LeaseStatus, Error> {
        let update = update
            .when("lease_until >= :lease_now")
            .value(":lease_now", moment(now))
            .when("#state = :held")
            .when("lease_epoch = :epoch")
            .state(":held", State::Running.as_str())
            .value(":epoch", table::count(lease.epoch));
        let Err(old) = self.table.update(item_key(&lease.key), update).await? else {
            return Ok(LeaseStatus::Held);
        };
        let old: Option<Export> = old.map(from_item).transpose()?;
        let own = old.as_ref().filter(|old| old.lease_epoch == lease.epoch);
        Ok(match own {
            Some(own) if is_done(own) => LeaseStatus::Held,
            Some(own) if own.state == State::Running => LeaseStatus::RanOut,
            _ => LeaseStatus::lost_to(old.map(|old| old.state)),
        })
    }
}

/// An update after which nobody goes on from the checkpoint: the bytes of the
/// file that its hash holds go, what is left to be cleared up stays in it.
fn ending(assignments: &str, export: &Export) -> Update {
    if export.checkpoint.is_none() {
        return Update::new(&format!("{assignments} REMOVE lease_until"))
            .when("attribute_not_exists(checkpoint)");
    }
    Update::new(&format!(
        "{assignments}, checkpoint.#hash = :no_bytes REMOVE lease_until"
    ))
    .when("attribute_exists(checkpoint)")
    .name("#hash", "hash")
    .value(":no_bytes", AttributeValue::B(Blob::new([])))
}

fn lease_update(holder: &str, now: Moment) -> Update {
    Update::new(
        "#state = :running, lease_epoch = lease_epoch + :one, lease_until = :until, \
         lease_holder = :holder, attempts = attempts + :one",
    )
    .returning_it()
    .when("#state IN (:queued, :running)")
    .when("(attribute_not_exists(lease_until) OR lease_until < :now)")
    .when("attempts < :attempts_max")
    .when("created_at > :too_old")
    .value(":holder", text(holder))
    .value(":one", number(1))
    .value(":now", moment(now))
    .value(":until", moment(now.plus(LEASE)))
    .value(":attempts_max", number(ATTEMPTS_MAX.into()))
    .value(":too_old", moment(now.minus(AGE_MAX)))
    .state(":queued", State::Queued.as_str())
    .state(":running", State::Running.as_str())
}

fn item_key(key: &ExportKey) -> Item {
    table::key(&key.partner_id, key.id)
}

fn id_of(item: &Item) -> Result<ExportId, Error> {
    let id = item.get("sort_key").and_then(|value| value.as_s().ok());
    id.and_then(|id| ExportId::try_from(id.as_str()).ok())
        .ok_or_else(|| Error::internal("reading an export", "its sort_key is malformed"))
}
