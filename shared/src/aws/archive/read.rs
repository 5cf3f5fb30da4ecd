//! Reads what is sealed of a log: head, segments and ranges of their bytes.

use std::ops::Range;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::{operation::query::builders::QueryFluentBuilder, types::AttributeValue};
use aws_sdk_s3::operation::get_object::GetObjectError;
use bytes::Bytes;
use proof::{Checkpoint, Note};

use super::items::{Extent, HEAD, Head, SEGMENT, SegmentItem, segment_key};
use crate::{
    ActivityId, Config, Error, Moment, PartnerId, TimeRange,
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
    /// The segments of the range that was asked for, in list order; others may come before.
    pub segments: Vec<SegmentItem>,
    /// The signed checkpoint that was published last; it may be of less.
    pub checkpoint: Option<String>,
}

/// What a reader of a log must know of it.
#[derive(Debug, Clone)]
pub struct Standing {
    /// What is sealed; none if nothing is.
    pub sealed: Option<Sealed>,
    /// Whether an import may add to what is older than a log otherwise accepts.
    pub is_importing: bool,
}

/// Head and segments as they were read.
#[derive(Debug, Default)]
pub(super) struct Read {
    head: Option<Head>,
    pub(super) segments: Vec<SegmentItem>,
    /// The sort key before which segments were skipped, if any were.
    skipped_to: Option<String>,
}

impl Read {
    fn standing(self) -> Standing {
        let mut head = self.head.unwrap_or_default();
        Standing {
            is_importing: head.import_window.is_some(),
            sealed: head.extent().map(|extent| Sealed {
                extent,
                segments: self.segments,
                checkpoint: head.checkpoint.take(),
            }),
        }
    }
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
        let files = aws_sdk_s3::config::Builder::from(sdk).retry_partition(sdk::own_retries());
        Self::new(
            dynamodb,
            config.archive_table.clone(),
            aws_sdk_s3::Client::from_conf(files.build()),
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

    /// The published checkpoint that covers whatever happened before a moment, as a signed
    /// note; `NotSealed` if none does yet.
    pub async fn checkpoint_of(&self, partner: &PartnerId, to: Moment) -> Result<String, Error> {
        let note = self.head(partner).await?.and_then(|head| head.checkpoint);
        let sealed_to = note.as_deref().and_then(sealed_to);
        note.filter(|_| sealed_to.is_some_and(|sealed_to| to <= sealed_to))
            .ok_or(Error::NotSealed {
                sealed_to,
                expected_by: None,
            })
    }

    /// What is sealed of a log, as far as it happened within a range.
    ///
    /// A Query is no snapshot: a seal may commit a segment while it runs. If the segments
    /// do not cover what the head says, they are read again.
    pub async fn standing(
        &self,
        partner: &PartnerId,
        range: &TimeRange,
    ) -> Result<Standing, Error> {
        for _ in 0..READS_MAX {
            let read = self.read(partner, range).await?;
            let is_complete = match read.head.as_ref().and_then(Head::extent) {
                Some(extent) => self.is_complete(partner, &read, &extent, range).await?,
                // A head that says nothing was lost if there are segments.
                None => read.segments.is_empty(),
            };
            if is_complete {
                return Ok(read.standing());
            }
        }
        Err(unfit())
    }

    /// The head, and the segments that begin before the end of a range.
    ///
    /// Of a log with very many, those are skipped that end before the range: a segment has
    /// one month, so that what happened from a moment on is in those that begin in its month
    /// or later.
    pub(super) async fn read(&self, partner: &PartnerId, range: &TimeRange) -> Result<Read, Error> {
        let wanted_from = format!("{SEGMENT}{}", range.from().start_of_month());
        let to = format!("{SEGMENT}{}", range.to());
        let (mut read, mut start_key) = (Read::default(), None);
        loop {
            let query = self.between(partner, HEAD, to.clone());
            let page = query.set_exclusive_start_key(start_key).send().await;
            let page = page.map_err(|error| sdk::failed("reading the archive", error))?;
            for item in page.items.unwrap_or_default() {
                if item.get("sort_key") == Some(&text(HEAD)) {
                    read.head = Some(from_item(item)?);
                } else {
                    read.segments.push(from_item(item)?);
                }
            }
            let Some(last_key) = page.last_evaluated_key else {
                return Ok(read);
            };
            let last = last_key.get("sort_key").and_then(|key| key.as_s().ok());
            start_key = Some(last_key.clone());
            if last.is_some_and(|last| *last < wanted_from) {
                read.segments.clear();
                read.skipped_to = Some(wanted_from.clone());
                start_key = Some(table::key(partner, &wanted_from));
            }
        }
    }

    /// Whether the segments cover without a gap what the head says, as far as it
    /// happened within the range.
    async fn is_complete(
        &self,
        partner: &PartnerId,
        read: &Read,
        extent: &Extent,
        range: &TimeRange,
    ) -> Result<bool, Error> {
        let mut end = match &read.skipped_to {
            Some(key) => self.end_before(partner, key).await?,
            None => 0,
        };
        for segment in &read.segments {
            if segment.first_index != end {
                return Ok(false);
            }
            end = segment.end_index();
        }
        let last = read.segments.last();
        if last.is_some_and(|last| last.last.occurred_at() >= range.to()) {
            return Ok(true);
        }
        self.is_last_before(partner, format!("{SEGMENT}{}", range.to()), end, extent)
            .await
    }

    /// The index behind the last segment before a sort key.
    async fn end_before(&self, partner: &PartnerId, key: &str) -> Result<u64, Error> {
        let before = self.between(partner, SEGMENT, key.to_owned());
        let before = first_of(before.scan_index_forward(false).limit(1)).await?;
        Ok(before.map_or(0, |before| before.end_index()))
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
            let key = segment_key(id);
            let head = self.head(partner).await?;
            let Some(extent) = head.and_then(|head| head.extent()) else {
                let first = self.between(partner, SEGMENT, format!("{SEGMENT}~"));
                if first_of(first.limit(1)).await?.is_none() {
                    return Ok(None);
                }
                continue;
            };
            if id > extent.border {
                return Ok(None);
            }
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

/// Up to when a log is sealed, as a note of ours says.
fn sealed_to(note: &str) -> Option<Moment> {
    let note = Note::parse(note).ok()?;
    let checkpoint = Checkpoint::parse(note.unverified_text()).ok()?;
    checkpoint.sealed_to()?.parse().ok()
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
