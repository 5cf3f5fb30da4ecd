//! Reads what is sealed of a log: head, segments and ranges of their bytes.

use std::ops::Range;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::{operation::query::builders::QueryFluentBuilder, types::AttributeValue};
use aws_sdk_s3::operation::get_object::GetObjectError;
use bytes::Bytes;

use super::items::{Extent, HEAD, Head, SEGMENT, SegmentItem, segment_key};
use crate::{
    ActivityId, Config, Error, Moment, PartnerId,
    aws::{
        sdk,
        table::{self, Table, from_item, text},
    },
    model::seal::NEVER_SEALED,
};

/// The table and the bucket of the archive, for readers.
#[derive(Debug, Clone)]
pub struct ArchiveStore {
    pub(super) table: Table,
    pub(super) files: aws_sdk_s3::Client,
    pub(super) bucket: String,
}

/// What is sealed of a partner's log.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// How much.
    pub extent: Extent,
    /// The segments that begin before the moment that was asked for, in list order.
    pub segments: Vec<SegmentItem>,
}

/// What a reader of a log must know of it.
#[derive(Debug, Clone)]
pub struct Standing {
    /// What is sealed; none if nothing is.
    pub sealed: Option<Sealed>,
    /// Whether an import may add to what is older than a log otherwise accepts.
    pub is_importing: bool,
}

/// How often head and segments are read again when they do not fit together.
pub(super) const READS_MAX: usize = 3;

impl ArchiveStore {
    /// The archive of a configuration.
    pub fn configured(
        sdk: &SdkConfig,
        dynamodb: aws_sdk_dynamodb::Client,
        config: &Config,
    ) -> Self {
        Self::new(
            dynamodb,
            config.archive_table.clone(),
            aws_sdk_s3::Client::new(sdk),
            config.archive_bucket.clone(),
        )
    }

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

    /// The state of a partner's archive; none if nobody worked on it yet.
    pub async fn head(&self, partner: &PartnerId) -> Result<Option<Head>, Error> {
        self.table.get(table::key(partner, HEAD)).await
    }

    /// Whether everything that happened before `to` is sealed; what is younger than a day
    /// never is.
    pub async fn is_sealed(
        &self,
        partner: &PartnerId,
        to: Moment,
        now: Moment,
    ) -> Result<bool, Error> {
        if to > now.minus(NEVER_SEALED) {
            return Ok(false);
        }
        let extent = self.head(partner).await?.and_then(|head| head.extent());
        Ok(extent.is_some_and(|extent| to <= extent.sealed_to))
    }

    /// What is sealed of a log, as far as it happened before `to`.
    ///
    /// A Query is no snapshot: a seal may commit a segment while it runs. If the segments
    /// do not cover what the head says, they are read again.
    pub async fn standing(&self, partner: &PartnerId, to: Moment) -> Result<Standing, Error> {
        for _ in 0..READS_MAX {
            let (head, segments) = self.read(partner, to).await?;
            let head = head.unwrap_or_default();
            let is_importing = head.import_window.is_some();
            let sealed = head.extent().map(|extent| Sealed { extent, segments });
            let is_complete = match &sealed {
                Some(sealed) => self.is_complete(partner, sealed, to).await?,
                None => true,
            };
            if is_complete {
                return Ok(Standing {
                    sealed,
                    is_importing,
                });
            }
        }
        Err(unfit())
    }

    /// The head, and the segments that begin before `to`.
    pub(super) async fn read(
        &self,
        partner: &PartnerId,
        to: Moment,
    ) -> Result<(Option<Head>, Vec<SegmentItem>), Error> {
        let mut items = self
            .between(partner, HEAD, format!("{SEGMENT}{to}"))
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
        Ok((head, segments))
    }

    /// Whether the segments cover without a gap what the head says, as far as it
    /// happened before `to`.
    async fn is_complete(
        &self,
        partner: &PartnerId,
        sealed: &Sealed,
        to: Moment,
    ) -> Result<bool, Error> {
        let mut end = 0;
        for segment in &sealed.segments {
            if segment.first_index != end {
                return Ok(false);
            }
            end = segment.end_index();
        }
        let last = sealed.segments.last();
        if last.is_some_and(|last| last.last.occurred_at() >= to) {
            return Ok(true);
        }
        self.is_last_before(partner, format!("{SEGMENT}{to}"), end, &sealed.extent)
            .await
    }

    /// Whether the segment that ends at this index is the last one that begins before a
    /// sort key, as the head says.
    ///
    /// Its item may have been read before it was extended. Then the next segment begins
    /// behind what was added, or there is none.
    async fn is_last_before(
        &self,
        partner: &PartnerId,
        key: String,
        end: u64,
        extent: &Extent,
    ) -> Result<bool, Error> {
        if end >= extent.size {
            return Ok(true);
        }
        let next = self.between(partner, key, format!("{SEGMENT}~"));
        let next = first_of(next.limit(1)).await?;
        Ok(next.is_some_and(|next| next.first_index == end))
    }

    /// The segment in which an activity lies if it is sealed; none if it was pruned.
    ///
    /// The head is read first: what it counts is in the segments that are read after it.
    pub async fn segment_of(
        &self,
        partner: &PartnerId,
        id: ActivityId,
    ) -> Result<Option<SegmentItem>, Error> {
        for _ in 0..READS_MAX {
            let head = self.head(partner).await?;
            let extent = head.and_then(|head| head.extent());
            let Some(extent) = extent.filter(|extent| id <= extent.border) else {
                return Ok(None);
            };
            let key = segment_key(id);
            let before = self.between(partner, SEGMENT, key.clone());
            let segment = first_of(before.scan_index_forward(false).limit(1)).await?;
            let end = segment.as_ref().map_or(0, SegmentItem::end_index);
            let segment = segment.filter(|segment| id <= segment.last);
            if segment.is_some() || self.is_last_before(partner, key, end, &extent).await? {
                return Ok(segment.filter(|segment| !segment.is_pruned()));
            }
        }
        Err(unfit())
    }

    /// A consistent Query of a partner's items between two sort keys.
    fn between(
        &self,
        partner: &PartnerId,
        from: impl Into<String>,
        to: String,
    ) -> QueryFluentBuilder {
        let values: [(&str, AttributeValue); 3] = [
            (":partner", text(partner.as_str())),
            (":from", text(from)),
            (":to", text(to)),
        ];
        let query = self.table.client.query().table_name(&self.table.name);
        let query = query
            .key_condition_expression("partition_key = :partner AND sort_key BETWEEN :from AND :to")
            .consistent_read(true);
        values.into_iter().fold(query, |query, (alias, value)| {
            query.expression_attribute_values(alias, value)
        })
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
                tracing::warn!(object, "a segment's object is gone");
                return Error::NotFound;
            }
            sdk::failed("reading a segment", error)
        })?;
        let body = output.body.collect().await;
        let body = body.map_err(|error| Error::Unavailable(error.into()))?;
        Ok(body.into_bytes())
    }
}

/// The segment that a Query finds, if any.
async fn first_of(query: QueryFluentBuilder) -> Result<Option<SegmentItem>, Error> {
    let found = query.send().await;
    let found = found.map_err(|error| sdk::failed("reading the archive", error))?;
    let item = found.items.unwrap_or_default().pop();
    item.map(from_item).transpose()
}

/// What was read of the archive is not of one moment, again and again.
fn unfit() -> Error {
    Error::Unavailable("the archive's segments do not fit its head".into())
}
