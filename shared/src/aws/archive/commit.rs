//! Commits a change of a partner's archive: head and segment in one transaction.

use std::time::Duration;

use aws_sdk_dynamodb::{
    config::http::HttpResponse,
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{Put, TransactWriteItem},
};
use tokio::time::sleep;

use super::{
    head::{SealLease, SealStore, held, key, renewed},
    items::{Extent, Head, SegmentItem, segment_key, stored_hashes},
};
use crate::{
    Error, Moment,
    aws::{
        sdk,
        table::{self, Update, count, moment, text, to_value},
    },
};

/// A change of a partner's archive.
#[derive(Debug)]
pub struct Change<'a> {
    /// How much was sealed before.
    pub before: &'a Head,
    /// How much is sealed afterwards, and the tree of all of it.
    pub after: (Extent, &'a proof::CompactRange),
    /// The segment that is replaced, if any.
    pub replaced: Option<&'a SegmentItem>,
    /// The segment that is new or takes its place.
    pub segment: &'a SegmentItem,
}

/// The reasons of a refused transaction that do not stay.
///
/// The lease of the head is renewed while a segment is stored, perhaps at the same moment.
const PASSING: [&str; 4] = [
    "None",
    "TransactionConflict",
    "ThrottlingError",
    "ProvisionedThroughputExceeded",
];

/// How often a change is sent.
const COMMITS_MAX: u32 = 3;

/// How long to wait after the first refusal; after the second, twice as long.
const PAUSE: Duration = Duration::from_millis(100);

impl SealStore {
    /// Stores a segment's object, commits it, and deletes the object that it replaces;
    /// false if the lease is lost.
    pub async fn replace(
        &self,
        lease: &SealLease,
        change: &Change<'_>,
        bytes: Vec<u8>,
    ) -> Result<bool, Error> {
        let object = &change.segment.object;
        self.put_segment(lease, object, bytes).await?;
        if !self.commit(lease, change).await? {
            return Ok(false);
        }
        if let Some(old) = change.replaced.filter(|old| old.object != *object) {
            self.delete(&old.object).await?;
        }
        Ok(true)
    }

    /// Commits a change; false if the lease is lost, and nothing was changed then.
    ///
    /// After an error it may still be made, as long as the lease is not let go.
    pub async fn commit(&self, lease: &SealLease, change: &Change<'_>) -> Result<bool, Error> {
        for attempt in 1..COMMITS_MAX {
            match self.try_to_commit(lease, change).await {
                Err(Error::Unavailable(_)) => sleep(PAUSE * attempt).await,
                done => return done,
            }
        }
        self.try_to_commit(lease, change).await
    }

    /// Sends a change once; if there is no answer, head and segment are read, since the
    /// change may have been made.
    async fn try_to_commit(&self, lease: &SealLease, change: &Change<'_>) -> Result<bool, Error> {
        let table = &self.archive.table;
        let head = head_update(lease, change)?;
        let head = head.in_transaction(&table.name, key(&lease.partner))?;
        let segment = TransactWriteItem::builder().put(self.put(lease, change)?);
        let sent = table
            .client
            .transact_write_items()
            .transact_items(head)
            .transact_items(segment.build())
            .send()
            .await;
        let Err(error) = sent else {
            return Ok(true);
        };
        match self.look_up(lease, change).await? {
            Found::Committed => Ok(true),
            Found::LeaseLost => Ok(false),
            Found::Unchanged => Err(not_made(error)),
        }
    }

    /// The segment's item, on condition that what it replaces is as it was.
    fn put(&self, lease: &SealLease, change: &Change<'_>) -> Result<Put, Error> {
        let put = Put::builder()
            .table_name(&self.archive.table.name)
            .set_item(Some(change.segment.item(&lease.partner)?));
        let put = match change.replaced {
            None => put.condition_expression("attribute_not_exists(partition_key)"),
            Some(old) => put
                .condition_expression("#object = :object AND attribute_not_exists(pruned_at)")
                .expression_attribute_names("#object", "object")
                .expression_attribute_values(":object", text(&old.object)),
        };
        put.build()
            .map_err(|error| Error::internal("committing a segment", error))
    }

    /// What became of a change whose answer is not known.
    ///
    /// The head is read first: as long as it has this lease's epoch, nobody else has
    /// changed the segment.
    async fn look_up(&self, lease: &SealLease, change: &Change<'_>) -> Result<Found, Error> {
        let head = self.archive.head(&lease.partner).await?;
        let key = table::key(&lease.partner, segment_key(change.segment.first));
        let segment: Option<SegmentItem> = self.archive.table.get(key).await?;
        if segment.as_ref() == Some(change.segment) {
            return Ok(Found::Committed);
        }
        let is_own = head.is_some_and(|head| head.lease_epoch == lease.epoch);
        Ok(if is_own {
            Found::Unchanged
        } else {
            Found::LeaseLost
        })
    }

    /// Moves `sealed_to` although there was nothing to seal; false if the lease is lost.
    pub async fn move_to(
        &self,
        lease: &SealLease,
        sealed_to: Moment,
        now: Moment,
    ) -> Result<bool, Error> {
        let update = Update::set("lease_until = :until, sealed_to = :to")
            .when("attribute_exists(border)")
            .value(":to", moment(sealed_to))
            .returning_it();
        Ok(self.write(lease, renewed(update, now)).await?.is_some())
    }
}

/// What became of a change.
enum Found {
    /// It was made.
    Committed,
    /// It was not made, and the lease is still held.
    Unchanged,
    /// It was not made and never will be: somebody else has the lease.
    LeaseLost,
}

/// Why a change was not made; what its reasons mean is in
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>.
fn not_made(error: SdkError<TransactWriteItemsError, HttpResponse>) -> Error {
    let doing = "committing a segment";
    let Some(TransactWriteItemsError::TransactionCanceledException(refusal)) =
        error.as_service_error()
    else {
        return sdk::failed(doing, error);
    };
    let mut codes = refusal.cancellation_reasons().iter();
    if codes.all(|reason| reason.code().is_none_or(|code| PASSING.contains(&code))) {
        Error::Unavailable(error.into())
    } else {
        Error::internal(doing, error)
    }
}

/// The update of the head, on condition that it is as it was.
fn head_update(lease: &SealLease, change: &Change<'_>) -> Result<Update, Error> {
    let (extent, tree) = change.after;
    let update = Update::set("#size = :size, border = :border, sealed_to = :to, tree = :tree")
        .when("(#size = :before OR attribute_not_exists(#size))")
        .name("#size", "size")
        .value(":before", count(change.before.size))
        .value(":size", count(extent.size))
        .value(":border", text(extent.border.to_string()))
        .value(":to", moment(extent.sealed_to))
        .value(":tree", to_value(&stored_hashes(tree))?);
    Ok(held(update, lease))
}
