//! The table and the bucket of the archive, as readers need them; no other code knows them.
//!
//! What can no longer change is sealed: it is packed into segments, which are objects in
//! the bucket. The table says which segments a partner's log has.

use std::ops::Range;

use aws_sdk_s3::operation::get_object::GetObjectError;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::{
    ActivityId, Error, Moment, PartnerId,
    aws::{
        sdk,
        table::{self, Item, Table, from_item, text, to_item},
    },
};

/// The table and the bucket of the archive.
#[derive(Debug, Clone)]
pub struct ArchiveStore {
    table: Table,
    files: aws_sdk_s3::Client,
    bucket: String,
}

/// How much of a partner's log is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// How many activities are sealed.
    pub size: u64,
    /// The last of them in list order.
    pub border: ActivityId,
    /// Whatever happened before this moment is sealed.
    pub sealed_to: Moment,
}

/// A segment, as its item describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentItem {
    /// The object's key.
    pub object: String,
    /// The index of its first activity in the log.
    pub first_index: u64,
    /// How many activities it has.
    pub count: u64,
    /// The first of them.
    pub first: ActivityId,
    /// The last of them.
    pub last: ActivityId,
    /// The object's length.
    pub bytes: u64,
    /// Where its page indexes begin.
    pub index_at: u64,
    /// Where its block begins.
    pub block_at: u64,
    /// The SHA-256 of block and footer.
    pub tail_sha256: ByteBuf,
}

/// What is sealed of a partner's log.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// How much.
    pub head: Head,
    /// The segments that begin before the moment that was asked for, in list order.
    pub segments: Vec<SegmentItem>,
}

impl Head {
    /// Its item.
    pub fn item(&self, partner: &PartnerId) -> Result<Item, Error> {
        let mut item = to_item(self)?;
        item.extend(table::key(partner, HEAD));
        Ok(item)
    }
}

impl SegmentItem {
    /// Its item; the sort key begins with the position of its first activity.
    pub fn item(&self, partner: &PartnerId) -> Result<Item, Error> {
        let mut item = to_item(self)?;
        item.extend(table::key(partner, segment_key(self.first)));
        Ok(item)
    }
}

impl Sealed {
    /// Whether the segments cover without a gap what the head says, as far as it
    /// happened before `to`.
    fn is_whole(&self, to: Moment) -> bool {
        let mut end = 0;
        for segment in &self.segments {
            if segment.first_index != end {
                return false;
            }
            end += segment.count;
        }
        end >= self.head.size || self.head.border.occurred_at() >= to
    }
}

/// The sort key of a head.
const HEAD: &str = "head";

/// How the sort keys of segments begin.
const SEGMENT: &str = "segment#";

/// The sort key of a segment that begins with an activity.
fn segment_key(first: ActivityId) -> String {
    format!("{SEGMENT}{}#{first}", first.occurred_at())
}

/// How often head and segments are read again when they do not fit together.
const READS_MAX: usize = 3;

impl ArchiveStore {
    /// The archive in this table and this bucket.
    pub fn new(
        dynamodb: aws_sdk_dynamodb::Client,
        table: String,
        files: aws_sdk_s3::Client,
        bucket: String,
    ) -> Self {
        let table = Table {
            client: dynamodb,
            name: table,
        };
        Self {
            table,
            files,
            bucket,
        }
    }

    /// What is sealed of a log, as far as it happened before `to`; none if nothing is.
    ///
    /// A Query is no snapshot: a seal may commit a segment while it runs. If the segments
    /// do not cover what the head says, they are read again.
    pub async fn sealed(&self, partner: &PartnerId, to: Moment) -> Result<Option<Sealed>, Error> {
        for _ in 0..READS_MAX {
            let Some(sealed) = self.read(partner, to).await? else {
                return Ok(None);
            };
            if sealed.is_whole(to) {
                return Ok(Some(sealed));
            }
        }
        Err(Error::Unavailable(
            "the archive's segments do not fit its head".into(),
        ))
    }

    async fn read(&self, partner: &PartnerId, to: Moment) -> Result<Option<Sealed>, Error> {
        let mut items = self
            .table
            .client
            .query()
            .table_name(&self.table.name)
            .key_condition_expression("partition_key = :partner AND sort_key BETWEEN :head AND :to")
            .expression_attribute_values(":partner", text(partner.as_str()))
            .expression_attribute_values(":head", text(HEAD))
            .expression_attribute_values(":to", text(format!("{SEGMENT}{to}")))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut head = None;
        let mut segments = Vec::new();
        while let Some(item) = items.next().await {
            let item = item.map_err(|error| sdk::failed("reading the archive", error))?;
            if item.get("sort_key") == Some(&text(HEAD)) {
                head = Some(from_item(item)?);
            } else {
                segments.push(from_item(item)?);
            }
        }
        Ok(head.map(|head| Sealed { head, segments }))
    }

    /// The segment in which an activity lies if it is sealed.
    ///
    /// The head is read first: what it counts is in the segments that are read after it.
    pub async fn segment_of(
        &self,
        partner: &PartnerId,
        id: ActivityId,
    ) -> Result<Option<SegmentItem>, Error> {
        let head: Option<Head> = self.table.get(table::key(partner, HEAD)).await?;
        if head.is_none_or(|head| id > head.border) {
            return Ok(None);
        }
        let last = self
            .table
            .client
            .query()
            .table_name(&self.table.name)
            .key_condition_expression("partition_key = :partner AND sort_key BETWEEN :from AND :to")
            .expression_attribute_values(":partner", text(partner.as_str()))
            .expression_attribute_values(":from", text(SEGMENT))
            .expression_attribute_values(":to", text(segment_key(id)))
            .scan_index_forward(false)
            .limit(1)
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| sdk::failed("reading the archive", error))?;
        let item = last.items.unwrap_or_default().pop();
        let segment: Option<SegmentItem> = item.map(from_item).transpose()?;
        Ok(segment.filter(|segment| id <= segment.last))
    }

    /// The bytes of a range of an object.
    ///
    /// `NotFound` if there is no such object: it was replaced.
    pub async fn range(&self, object: &str, range: Range<u64>) -> Result<Bytes, Error> {
        let get = self.files.get_object().bucket(&self.bucket).key(object);
        let bytes = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
        let output = get.range(bytes).send().await.map_err(|error| {
            if error
                .as_service_error()
                .is_some_and(GetObjectError::is_no_such_key)
            {
                return Error::NotFound;
            }
            sdk::failed("reading a segment", error)
        })?;
        let body = output.body.collect().await;
        let body = body.map_err(|error| Error::Unavailable(error.into()))?;
        Ok(body.into_bytes())
    }
}
