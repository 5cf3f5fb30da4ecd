//! The lease of a partner's head, and what its holder writes to the head.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use aws_config::{SdkConfig, timeout::TimeoutConfig};
use aws_sdk_s3::config::RequestChecksumCalculation;
use uuid::Uuid;

use super::{
    items::{HEAD, Head},
    read::ArchiveStore,
};
use crate::{
    ActivityId, Config, Error, Moment, PartnerId,
    aws::{
        sdk,
        table::{self, Item, Update, Updated, count, from_item, moment, text},
    },
    model::lease::LEASE_TIME,
};

/// The archive, for those who write it.
#[derive(Debug, Clone)]
pub struct SealStore {
    pub(super) archive: ArchiveStore,
    pub(super) checkpoints_bucket: String,
}

/// The right of one worker to write a partner's archive.
#[derive(Debug)]
pub struct SealLease {
    /// The partner.
    pub partner: PartnerId,
    /// Which of the head's leases it is.
    pub epoch: u64,
    /// Whether an object that was stored under it may still arrive.
    pub(super) has_late_put: AtomicBool,
}

/// Who takes a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A seal, which waits for erasures.
    Seal,
    /// An erasure, which comes first.
    Erasure,
}

/// How long after its lease ended an object of a holder may still arrive.
///
/// S3 refuses a request a quarter of an hour after it was signed; clocks may differ by
/// minutes. <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html>
const LATE_PUT_MAX: Duration = Duration::from_mins(20);

/// How long seals wait for an erasure that found the lease taken.
///
/// The sweeper calls its worker again within five minutes.
const AWAITED_MAX: Duration = Duration::from_mins(10);

impl SealStore {
    /// The archive of a configuration; an object has three attempts of a minute each.
    ///
    /// Bodies have no checksums of the SDK's: a segment has its own, and TLS protects the
    /// way.
    pub fn new(sdk: &SdkConfig, config: &Config) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(2))
            .operation_attempt_timeout(Duration::from_mins(1))
            .operation_timeout(Duration::from_secs(200))
            .build();
        let files = aws_sdk_s3::config::Builder::from(sdk)
            .retry_partition(sdk::own_retries())
            .timeout_config(timeouts)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .build();
        let archive = ArchiveStore::new(
            sdk::dynamodb(sdk),
            config.archive_table.clone(),
            aws_sdk_s3::Client::from_conf(files),
            config.archive_bucket.clone(),
        );
        Self {
            archive,
            checkpoints_bucket: config.checkpoints_bucket.clone(),
        }
    }

    /// The same archive, for reading.
    pub fn archive(&self) -> &ArchiveStore {
        &self.archive
    }

    /// Takes the lease of a partner's head, which is made if there is none; none if
    /// somebody else has it.
    ///
    /// An erasure that finds it taken is noted, so that the seal lets go soon.
    pub async fn take_lease(
        &self,
        partner: &PartnerId,
        who: Holder,
        now: Moment,
    ) -> Result<Option<(SealLease, Head)>, Error> {
        let before = self.archive.head(partner).await?;
        if before.is_none() {
            self.refuse_objects(partner).await?;
        }
        let head = before.clone().unwrap_or_default();
        if head.lease_until.is_some_and(|until| until >= now) {
            if who == Holder::Erasure {
                self.note_waiting(partner, now).await?;
            }
            return Ok(None);
        }
        if who == Holder::Seal && head.is_awaited(now) {
            return Ok(None);
        }
        let holder = Uuid::now_v7().to_string();
        let update = taking(before.as_ref(), who, &holder, now);
        let item = match self.archive.table.update(key(partner), update).await? {
            Updated::Done(item) | Updated::Refused(item) => item,
            Updated::Absent => return Ok(None),
        };
        let head: Head = from_item(item)?;
        let lease = SealLease {
            partner: partner.clone(),
            epoch: head.lease_epoch,
            has_late_put: AtomicBool::new(false),
        };
        // If the answer is lost, the SDK repeats the update and finds its own lease.
        let is_own = head.lease_holder.as_ref() == Some(&holder);
        Ok(is_own.then_some((lease, head)))
    }

    /// Notes that an erasure waits for the lease.
    async fn note_waiting(&self, partner: &PartnerId, now: Moment) -> Result<(), Error> {
        let update = Update::set("awaited_at = :now").value(":now", moment(now));
        self.archive.table.update(key(partner), update).await?;
        Ok(())
    }

    /// Renews the lease for its full time; none if it is lost.
    pub async fn renew(&self, lease: &SealLease, now: Moment) -> Result<Option<Head>, Error> {
        let update = renewed(Update::set("lease_until = :until"), now);
        self.write(lease, update.returning_it()).await
    }

    /// Closes the log up to `to`: nothing that happened before is accepted any more.
    ///
    /// A log that is closed further than that stays so. False if the lease is lost.
    /// [`SealStore::confirm_close`] must follow.
    pub async fn close(&self, lease: &SealLease, to: Moment) -> Result<bool, Error> {
        let update = Update::set("closed_to = :to")
            .and_remove("closed_at")
            .when("(attribute_not_exists(closed_to) OR closed_to < :to)")
            .value(":to", moment(to));
        let table = &self.archive.table;
        match table
            .update(key(&lease.partner), held(update, lease))
            .await?
        {
            Updated::Done(_) => Ok(true),
            Updated::Refused(item) => {
                let head: Head = from_item(item)?;
                Ok(head.lease_epoch == lease.epoch && head.lease_until.is_some())
            }
            Updated::Absent => Ok(false),
        }
    }

    /// Stores when the log was closed at the latest; false if the lease is lost.
    ///
    /// `now` must be read after the answer of [`SealStore::close`]: that may have taken long.
    pub async fn confirm_close(&self, lease: &SealLease, now: Moment) -> Result<bool, Error> {
        let update = Update::set("closed_at = :now")
            .value(":now", moment(now))
            .returning_it();
        Ok(self.write(lease, update).await?.is_some())
    }

    /// Keeps the checkpoint that was published; false if the lease is lost.
    pub async fn keep_checkpoint(
        &self,
        lease: &SealLease,
        note: &str,
        now: Moment,
    ) -> Result<bool, Error> {
        let update = Update::set("lease_until = :until, checkpoint = :note")
            .value(":note", text(note))
            .returning_it();
        Ok(self.write(lease, renewed(update, now)).await?.is_some())
    }

    /// Stores up to which activity the table's copies end early; none if the lease is lost.
    pub async fn keep_copies_end(
        &self,
        lease: &SealLease,
        id: ActivityId,
        now: Moment,
    ) -> Result<Option<Head>, Error> {
        let update = Update::set("lease_until = :until, copies_end_to = :id")
            .value(":id", text(id.to_string()))
            .returning_it();
        self.write(lease, renewed(update, now)).await
    }

    /// Lets the lease go, so that another worker can take it at once.
    ///
    /// `is_clean` says that what an earlier holder may have left was deleted.
    pub async fn release(
        &self,
        lease: &SealLease,
        is_clean: bool,
        now: Moment,
    ) -> Result<(), Error> {
        let mut update = Update::remove("lease_until").and_remove("lease_holder");
        if lease.has_late_put.load(Ordering::Relaxed) {
            update = update
                .and_set("abandoned_at = :now")
                .value(":now", moment(now));
        } else if is_clean {
            update = update.and_remove("abandoned_at");
        }
        self.write(lease, update).await?;
        Ok(())
    }

    /// Writes to the head as the holder of the lease; returns the head if the update asks
    /// for it, and none if the lease is lost.
    pub(super) async fn write(
        &self,
        lease: &SealLease,
        update: Update,
    ) -> Result<Option<Head>, Error> {
        let update = held(update, lease);
        match self
            .archive
            .table
            .update(key(&lease.partner), update)
            .await?
        {
            Updated::Done(item) => from_item(item).map(Some),
            Updated::Refused(_) | Updated::Absent => Ok(None),
        }
    }
}

impl Head {
    /// Whether an erasure waits for the lease.
    pub fn is_awaited(&self, now: Moment) -> bool {
        self.awaited_at
            .is_some_and(|at| at >= now.minus(AWAITED_MAX))
    }

    /// Whether the log was closed, and it is not stored when.
    pub fn has_open_close(&self) -> bool {
        self.closed_to.is_some() && self.closed_at.is_none()
    }

    /// Whether an object of an earlier holder may still arrive.
    pub fn may_get_late_put(&self, now: Moment) -> bool {
        self.abandoned_at
            .is_some_and(|at| at.plus(LATE_PUT_MAX) > now)
    }
}

pub(super) fn key(partner: &PartnerId) -> Item {
    table::key(partner, HEAD)
}

/// The update that takes a free lease.
fn taking(before: Option<&Head>, who: Holder, holder: &str, now: Moment) -> Update {
    let update = Update::set("lease_epoch = :next, lease_until = :until, lease_holder = :holder")
        .returning_it()
        .value(":until", moment(now.plus(LEASE_TIME)))
        .value(":holder", text(holder));
    let Some(before) = before else {
        return update.making_it().value(":next", count(1));
    };
    let mut update = update
        .when("lease_epoch = :epoch")
        .value(":epoch", count(before.lease_epoch))
        .value(":next", count(before.lease_epoch + 1));
    update = match before.lease_until {
        None => update.when("attribute_not_exists(lease_until)"),
        Some(until) => update
            .when("lease_until = :before")
            .and_set("abandoned_at = :now")
            .value(":before", moment(until))
            .value(":now", moment(now)),
    };
    match who {
        Holder::Seal => update,
        Holder::Erasure => update.and_remove("awaited_at"),
    }
}

/// Limits an update to the holder of the lease, as long as it has not let go.
///
/// The SDK retries an attempt that timed out; the first one may arrive after that.
pub(super) fn held(update: Update, lease: &SealLease) -> Update {
    update
        .when("lease_epoch = :epoch")
        .when("attribute_exists(lease_until)")
        .value(":epoch", count(lease.epoch))
}

/// An update that sets `lease_until` to the full time of the lease.
pub(super) fn renewed(update: Update, now: Moment) -> Update {
    update.value(":until", moment(now.plus(LEASE_TIME)))
}
