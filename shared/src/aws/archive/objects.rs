//! The objects of the archive's buckets: segments and checkpoints.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use aws_sdk_s3::{
    config::{
        ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeTransmitInterceptorContextRef,
    },
    error::BoxError,
    operation::put_object::PutObjectError,
    primitives::ByteStream,
    types::ChecksumAlgorithm,
};
use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::{
    head::{SealLease, SealStore},
    items::{Head, SegmentItem},
    read::READS_MAX,
};
use crate::{ActivityId, Error, Moment, PartnerId, TimeRange, aws::sdk};

/// The media type of segments.
const PARQUET: &str = "application/vnd.apache.parquet";

impl SealLease {
    /// The key of the object with so many activities from `first` on.
    pub fn object(&self, first: ActivityId, first_index: u64, count: u64) -> String {
        let month = DateTime::<Utc>::from(first.occurred_at()).format("%Y-%m");
        let prefix = prefix(&self.partner);
        let epoch = self.epoch;
        format!("{prefix}month={month}/{first_index:012}-{count}-{epoch}.parquet")
    }
}

/// How the keys of all segments begin.
pub(super) const PARTNERS: &str = "archive/v1/partner=";

pub(super) fn prefix(partner: &PartnerId) -> String {
    format!("{PARTNERS}{partner}/")
}

pub(super) fn checkpoints_prefix(partner: &PartnerId) -> String {
    format!("checkpoints/v1/partner={partner}/")
}

/// Counts how often a request is sent.
#[derive(Debug, Clone, Default)]
struct Attempts(Arc<AtomicU32>);

impl Intercept for Attempts {
    fn name(&self) -> &'static str {
        "Attempts"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// The epoch of the lease under which an object was written.
fn epoch_of(object: &str) -> Option<u64> {
    let (_, end) = object.rsplit_once('-')?;
    end.strip_suffix(".parquet")?.parse().ok()
}

impl SealStore {
    /// Stores a segment's object.
    ///
    /// If that fails, is given up, or takes more than one attempt, an earlier attempt may
    /// still arrive when the lease was let go.
    pub(super) async fn put_segment(
        &self,
        lease: &SealLease,
        object: &str,
        bytes: Vec<u8>,
    ) -> Result<(), Error> {
        let archive = &self.archive;
        let was_late = lease.has_late_put.swap(true, Ordering::Relaxed);
        let attempts = Attempts::default();
        let put = archive.files.put_object().bucket(&archive.bucket);
        put.key(object)
            .content_type(PARQUET)
            .body(ByteStream::from(bytes))
            .customize()
            .disable_payload_signing()
            .interceptor(attempts.clone())
            .send()
            .await
            .map_err(|error| sdk::failed("storing a segment", error))?;
        let is_late = was_late || attempts.0.load(Ordering::Relaxed) > 1;
        lease.has_late_put.store(is_late, Ordering::Relaxed);
        Ok(())
    }

    /// The bytes of a segment's object.
    pub async fn segment_bytes(&self, segment: &SegmentItem) -> Result<Bytes, Error> {
        let bytes = self.archive.range(&segment.object, 0..segment.bytes).await;
        bytes.map_err(|error| segment.unread(error))
    }

    /// Deletes an object; one that is gone already is no error.
    pub async fn delete(&self, object: &str) -> Result<(), Error> {
        let archive = &self.archive;
        let delete = archive.files.delete_object().bucket(&archive.bucket);
        delete
            .key(object)
            .send()
            .await
            .map_err(|error| sdk::failed("deleting a segment", error))?;
        Ok(())
    }

    /// All of the partner's segments, in list order.
    pub async fn segments(&self, partner: &PartnerId) -> Result<Vec<SegmentItem>, Error> {
        let read = self.archive.read(partner, &TimeRange::ALL).await?;
        Ok(read.segments)
    }

    /// All of the partner's segments, which must cover what the head says.
    ///
    /// Otherwise objects of lost items would be taken for left over ones.
    pub async fn whole_segments(
        &self,
        partner: &PartnerId,
        head: &Head,
    ) -> Result<Vec<SegmentItem>, Error> {
        for _ in 0..READS_MAX {
            let segments = self.segments(partner).await?;
            let mut end = 0;
            let is_gapless = segments.iter().all(|segment| {
                let follows = segment.first_index == end;
                end = segment.end_index();
                follows
            });
            if is_gapless && end == head.size {
                return Ok(segments);
            }
        }
        let unfit = "the segments' items do not cover what the head says: see `admin rebuild`";
        Err(Error::internal("reading the archive", unfit))
    }

    /// Deletes the partner's objects that none of its segments names.
    ///
    /// The segments must have been read under this lease, so that nobody else can name
    /// more. An object that was written under this lease stays: it may be committed
    /// without an answer. Whoever had an older lease can't commit any more.
    pub async fn delete_unnamed(
        &self,
        lease: &SealLease,
        segments: &[SegmentItem],
    ) -> Result<(), Error> {
        let is_named = |object: &str| {
            let of = |segment: &SegmentItem| !segment.is_pruned() && segment.object == object;
            segments.iter().any(of)
        };
        let bucket = &self.archive.bucket;
        let mut unnamed = self.list(bucket, prefix(&lease.partner)).await?;
        unnamed.retain(|(object, _)| !is_named(object));
        // Nobody but an operator can have put it there, and it may hold a name.
        let is_unknown = |object: &str| epoch_of(object).is_none_or(|it| it > lease.epoch);
        if let Some((object, _)) = unnamed.iter().find(|(object, _)| is_unknown(object)) {
            let unknown = format!("{object} belongs to no segment of the log");
            return Err(Error::internal("tidying the archive", unknown));
        }
        for (object, _) in unnamed {
            if epoch_of(&object) < Some(lease.epoch) {
                self.delete(&object).await?;
            }
        }
        Ok(())
    }

    /// Refuses a partner who has objects; their head was lost.
    ///
    /// If another one was made, everything would be sealed again, into another tree.
    pub(super) async fn refuse_objects(&self, partner: &PartnerId) -> Result<(), Error> {
        let objects = self.list(&self.archive.bucket, prefix(partner)).await?;
        match objects.first() {
            None => Ok(()),
            Some((object, _)) => {
                let lost = format!("there is {object}, but no head: see `admin rebuild`");
                Err(Error::internal("taking the archive's lease", lost))
            }
        }
    }

    /// The keys and the lengths of all objects of a bucket with a prefix.
    pub(super) async fn list(
        &self,
        bucket: &str,
        prefix: String,
    ) -> Result<Vec<(String, u64)>, Error> {
        let list = self.archive.files.list_objects_v2();
        let mut pages = list.bucket(bucket).prefix(prefix).into_paginator().send();
        let mut objects = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| sdk::failed("listing segments", error))?;
            for object in page.contents.unwrap_or_default() {
                let bytes = object.size.and_then(|size| u64::try_from(size).ok());
                let bytes = bytes.unwrap_or_default();
                objects.extend(object.key.map(|key| (key, bytes)));
            }
        }
        Ok(objects)
    }

    /// Stores a checkpoint once: one that exists is left as it is, and must say the same.
    pub async fn put_checkpoint(
        &self,
        partner: &PartnerId,
        size: u64,
        sealed_to: Moment,
        note: &str,
    ) -> Result<(), Error> {
        let at = sealed_to.as_millis();
        let object = format!("{}{size:012}-{at:014}.txt", checkpoints_prefix(partner));
        let put = self.archive.files.put_object();
        let put = put
            .bucket(&self.checkpoints_bucket)
            .key(&object)
            .content_type("text/plain; charset=utf-8")
            .if_none_match("*")
            // S3 requires a checksum where objects are locked.
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .body(ByteStream::from(note.as_bytes().to_vec()));
        match put.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error().map(PutObjectError::meta) {
                Some(meta) if meta.code() == Some("PreconditionFailed") => {
                    let published = self.checkpoint(&object).await?;
                    same_text(&object, &published, note)
                }
                _ => Err(sdk::failed("storing a checkpoint", error)),
            },
        }
    }

    /// The text of a published checkpoint, with its signatures.
    pub(super) async fn checkpoint(&self, object: &str) -> Result<String, Error> {
        let get = self.archive.files.get_object();
        let get = get.bucket(&self.checkpoints_bucket).key(object);
        let got = get.send().await;
        let got = got.map_err(|error| sdk::failed("reading a checkpoint", error))?;
        let body = got.body.collect().await;
        let body = body.map_err(|error| Error::Unavailable(error.into()))?;
        Ok(String::from_utf8_lossy(&body.to_vec()).into_owned())
    }
}

/// Compares what two notes say; their signatures may differ.
fn same_text(object: &str, published: &str, note: &str) -> Result<(), Error> {
    let said = |note: &str| note.split_once("\n\n").map(|(text, _)| text.to_owned());
    if said(published) == said(note) {
        return Ok(());
    }
    let other = format!("{object} was published before and says something else");
    Err(Error::internal("storing a checkpoint", other))
}
