//! What only operators' commands do with the archive.
//!
//! Compiled only with the feature `operate`, which no function enables.

use aws_sdk_dynamodb::operation::put_item::{PutItemError, builders::PutItemFluentBuilder};
use proof::CompactRange;

use super::{
    head::{SealLease, SealStore},
    items::{Extent, Head, SegmentItem, segment_key},
    objects::{PARTNERS, checkpoints_prefix, prefix},
};
use crate::{
    Error, Moment, PartnerId,
    aws::{
        sdk,
        table::{self, Item, count},
    },
};

/// The partner whom an operator names, or a key of the table of activities.
///
/// `Invalid` if it is no partner's id.
pub fn partner_id(text: &str) -> Result<PartnerId, Error> {
    PartnerId::parse(text)
        .ok_or_else(|| Error::invalid("partner", format!("must be a partner's id, not {text:?}")))
}

/// An object of the bucket of segments, and what its key says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentObject {
    /// Its key.
    pub key: String,
    /// Its length.
    pub bytes: u64,
    /// The index of its first activity in the log.
    pub first_index: u64,
    /// How many activities it has.
    pub count: u64,
    /// The epoch of the lease under which it was written.
    pub epoch: u64,
}

impl SegmentObject {
    fn new(key: String, bytes: u64) -> Result<Self, Error> {
        let (_, name) = key.rsplit_once('/').unwrap_or_default();
        let numbers = name.strip_suffix(".parquet").unwrap_or_default().split('-');
        let numbers: Result<Vec<u64>, _> = numbers.map(str::parse).collect();
        let Ok([first_index, count @ 1..=u64::MAX, epoch]) = numbers.as_deref() else {
            let unknown = format!("{key} is not named as a segment");
            return Err(Error::internal("listing segments", unknown));
        };
        Ok(Self {
            bytes,
            first_index: *first_index,
            count: *count,
            epoch: *epoch,
            key,
        })
    }

    /// The index behind its last activity.
    pub fn end_index(&self) -> u64 {
        self.first_index.saturating_add(self.count)
    }
}

/// What a partner's archive is to have.
#[derive(Debug)]
pub struct Restoration<'a> {
    /// The head as it was read; the rest was made from what is stored beside it.
    pub before: Option<&'a Head>,
    /// The segments.
    pub segments: &'a [SegmentItem],
    /// Segments whose items are deleted.
    pub stale: &'a [&'a SegmentItem],
    /// How much is sealed, and the tree of all of it.
    pub sealed: (Extent, &'a CompactRange),
    /// Nothing that happened before this moment is accepted any more.
    pub closed_to: Moment,
    /// The signed checkpoint that was published last.
    pub checkpoint: Option<String>,
    /// A lease's epoch that is above that of every object.
    pub epoch: u64,
}

impl SealStore {
    /// The partners who have segments.
    pub async fn partners(&self) -> Result<Vec<PartnerId>, Error> {
        let list = self.archive.files.list_objects_v2();
        let list = list.bucket(&self.archive.bucket).prefix(PARTNERS);
        let mut pages = list.delimiter("/").into_paginator().send();
        let mut partners = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| sdk::failed("listing segments", error))?;
            for folder in page.common_prefixes.unwrap_or_default() {
                let folder = folder.prefix.unwrap_or_default();
                let partner = folder.strip_prefix(PARTNERS).unwrap_or(&folder);
                partners.push(partner_id(partner.trim_end_matches('/'))?);
            }
        }
        Ok(partners)
    }

    /// All of the partner's objects in the bucket of segments.
    pub async fn segment_objects(&self, partner: &PartnerId) -> Result<Vec<SegmentObject>, Error> {
        let objects = self.list(&self.archive.bucket, prefix(partner));
        let objects = objects.await?.into_iter();
        objects
            .map(|(key, bytes)| SegmentObject::new(key, bytes))
            .collect()
    }

    /// The keys and the texts of all checkpoints that were published of a log.
    pub async fn checkpoints(&self, partner: &PartnerId) -> Result<Vec<(String, String)>, Error> {
        let bucket = &self.checkpoints_bucket;
        let prefix = checkpoints_prefix(partner);
        let mut checkpoints = Vec::new();
        for (key, _) in self.list(bucket, prefix).await? {
            let text = self.checkpoint(&key).await?;
            checkpoints.push((key, text));
        }
        Ok(checkpoints)
    }

    /// Stores the segments, then the head, whose lease is let go by that; false if the lease
    /// is lost, or if somebody else made a head.
    ///
    /// There is a lease unless there was no head: then the new one comes last, and until
    /// then no worker gets a lease. It may be interrupted anywhere and done again.
    pub async fn restore(
        &self,
        partner: &PartnerId,
        restoration: &Restoration<'_>,
        lease: Option<&SealLease>,
        now: Moment,
    ) -> Result<bool, Error> {
        for segment in restoration.segments {
            let put = self.put_item(segment.item(partner)?).send().await;
            put.map_err(|error| sdk::failed("storing a segment's item", error))?;
        }
        for segment in restoration.stale {
            self.delete_item(partner, segment).await?;
        }
        self.restore_head(partner, restoration, lease, now).await
    }

    async fn restore_head(
        &self,
        partner: &PartnerId,
        restoration: &Restoration<'_>,
        lease: Option<&SealLease>,
        now: Moment,
    ) -> Result<bool, Error> {
        let epoch = lease.map(|lease| lease.epoch);
        let head = restoration.head(epoch.unwrap_or_default(), now);
        let put = self.put_item(head.item(partner)?);
        let put = match epoch {
            None => put.condition_expression("attribute_not_exists(partition_key)"),
            Some(epoch) => put
                .condition_expression("lease_epoch = :epoch AND attribute_exists(lease_until)")
                .expression_attribute_values(":epoch", count(epoch)),
        };
        let Err(error) = put.send().await else {
            return Ok(true);
        };
        match error.as_service_error() {
            // The SDK repeats a put whose answer is lost, and then finds its own head.
            Some(PutItemError::ConditionalCheckFailedException(_)) => {
                Ok(self.archive.head(partner).await? == Some(head))
            }
            _ => Err(sdk::failed("storing a head", error)),
        }
    }

    fn put_item(&self, item: Item) -> PutItemFluentBuilder {
        let table = &self.archive.table;
        let put = table.client.put_item().table_name(&table.name);
        put.set_item(Some(item))
    }

    async fn delete_item(&self, partner: &PartnerId, segment: &SegmentItem) -> Result<(), Error> {
        let table = &self.archive.table;
        let delete = table.client.delete_item().table_name(&table.name);
        let item = table::key(partner, segment_key(segment.first));
        let deleted = delete.set_key(Some(item)).send().await;
        deleted.map_err(|error| sdk::failed("deleting a segment's item", error))?;
        Ok(())
    }
}

impl Restoration<'_> {
    /// The head, whose lease nobody has.
    ///
    /// A put of whoever had it last may still arrive. If the log is closed further than
    /// before, the next run notes when, and seals a margin later.
    fn head(&self, epoch: u64, now: Moment) -> Head {
        let (extent, tree) = self.sealed;
        let closed = self
            .before
            .filter(|it| it.closed_to == Some(self.closed_to));
        let mut head = Head::new(extent, tree);
        head.closed_to = Some(self.closed_to);
        head.closed_at = closed.and_then(|head| head.closed_at);
        head.checkpoint.clone_from(&self.checkpoint);
        // Nobody knows what the table has forgotten if there was no head.
        head.copies_end_to = match self.before {
            Some(before) => before.copies_end_to,
            None => head.border,
        };
        head.import_window = self.before.and_then(|head| head.import_window.clone());
        head.lease_epoch = self.epoch.max(epoch);
        head.abandoned_at = Some(now);
        head
    }
}
