//! The bucket of exported files; no other code knows it.

use std::time::{Duration, SystemTime};

use aws_config::{SdkConfig, timeout::TimeoutConfig};
use aws_sdk_s3::{
    Client,
    config::{RequestChecksumCalculation, http::HttpResponse},
    error::{ProvideErrorMetadata, SdkError},
    operation::abort_multipart_upload::AbortMultipartUploadError,
    presigning::PresigningConfig,
    primitives::ByteStream,
    types::{CompletedMultipartUpload, CompletedPart},
};
use bytes::Bytes;
use serde::Serialize;

use crate::{Error, Export, ExportKey, Moment, aws::sdk, model::export::File};

/// How long a link lives: 5 minutes.
const LINK_LIFETIME: Duration = Duration::from_mins(5);

/// The bucket of exported files.
#[derive(Debug, Clone)]
pub struct Files {
    client: Client,
    bucket: String,
}

/// Identifies a part: the 16 bytes of its `ETag`.
///
/// In a bucket with SSE-S3 encryption this is the part's MD5.
pub type PartTag = [u8; 16];

/// A link to a file; anyone who has it can download the file.
#[serde_with::skip_serializing_none]
#[derive(Serialize)]
pub struct Link {
    url: String,
    /// A link to the file's proof.
    proof_url: Option<String>,
    expires_at: Moment,
}

impl std::fmt::Debug for Link {
    /// Leaves the URL out, so that no log can hold it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

impl Files {
    /// The bucket, with the time limits of calls to a table.
    pub fn new(sdk: &SdkConfig, bucket: String) -> Self {
        let config = aws_sdk_s3::config::Builder::from(sdk).retry_partition(sdk::own_retries());
        Self {
            client: Client::from_conf(config.build()),
            bucket,
        }
    }

    /// The bucket, for uploads: a part has three attempts of a minute each.
    ///
    /// The SDK's own checksums are off: S3 requires those of all parts when an upload
    /// is completed, but the next worker only knows the parts' `ETag`s.
    /// Bodies are not signed either, because TLS protects them; see
    /// docs/decisions/0018-a-part-is-hashed-once.md.
    pub fn for_uploads(sdk: &SdkConfig, bucket: String) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(2))
            .operation_attempt_timeout(Duration::from_mins(1))
            .operation_timeout(Duration::from_secs(200))
            .build();
        let config = aws_sdk_s3::config::Builder::from(sdk)
            .retry_partition(sdk::own_retries())
            .timeout_config(timeouts)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .build();
        Self {
            client: Client::from_conf(config),
            bucket,
        }
    }

    /// Presigned links that save an export's file and its proof under their names; signing
    /// needs no call.
    pub async fn link(&self, key: &ExportKey, file: &File, now: Moment) -> Result<Link, Error> {
        let proof_url = match &file.proof {
            Some(proof) => Some(self.url(&key.proof_object(), &proof.name, now).await?),
            None => None,
        };
        Ok(Link {
            url: self.url(&key.object(), &file.name, now).await?,
            proof_url,
            expires_at: now.plus(LINK_LIFETIME),
        })
    }

    async fn url(&self, object: &str, name: &str, now: Moment) -> Result<String, Error> {
        let start = Duration::from_millis(u64::try_from(now.as_millis()).unwrap_or_default());
        let lifetime = PresigningConfig::builder()
            .start_time(SystemTime::UNIX_EPOCH + start)
            .expires_in(LINK_LIFETIME)
            .build()
            .map_err(|error| Error::internal("signing a link", error))?;
        let request = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(object)
            .response_content_disposition(format!("attachment; filename=\"{name}\""))
            .presigned(lifetime)
            .await
            .map_err(|error| sdk::failed("signing a link", error))?;
        Ok(request.uri().to_owned())
    }

    /// Stores an object in one call.
    pub async fn put(&self, object: &str, content_type: &str, bytes: Vec<u8>) -> Result<(), Error> {
        let put = self.client.put_object().bucket(&self.bucket).key(object);
        put.content_type(content_type)
            .body(ByteStream::from(bytes))
            .customize()
            .disable_payload_signing()
            .send()
            .await
            .map_err(|error| sdk::failed("storing a file", error))?;
        Ok(())
    }

    /// Reads the bytes of an object; none if it does not exist.
    pub async fn get(&self, object: &str) -> Result<Option<Vec<u8>>, Error> {
        let get = self.client.get_object().bucket(&self.bucket).key(object);
        match get.send().await {
            Ok(output) => {
                let bytes = output.body.collect().await;
                let bytes = bytes.map_err(|error| Error::Unavailable(error.into()))?;
                Ok(Some(bytes.to_vec()))
            }
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(sdk::failed("reading a file", error)),
        }
    }

    /// Begins an upload in parts.
    pub async fn begin(&self, object: &str, content_type: &str) -> Result<String, Error> {
        let create = self
            .client
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(object);
        let created = create
            .content_type(content_type)
            .send()
            .await
            .map_err(|error| sdk::failed("beginning an upload", error))?;
        created
            .upload_id
            .ok_or_else(|| Error::internal("beginning an upload", "the answer has no upload id"))
    }

    /// Uploads a part, which replaces an earlier one with the same number.
    ///
    /// `NotFound` if the upload does not exist any more.
    pub async fn part(
        &self,
        object: &str,
        upload_id: &str,
        number: i32,
        bytes: Bytes,
    ) -> Result<PartTag, Error> {
        let upload = self.client.upload_part().bucket(&self.bucket).key(object);
        let uploaded = upload
            .upload_id(upload_id)
            .part_number(number)
            .body(ByteStream::from(bytes))
            .customize()
            .disable_payload_signing()
            .send()
            .await
            .map_err(|error| gone_or_failed("uploading a part", error))?;
        part_tag(uploaded.e_tag()).ok_or_else(|| {
            Error::internal("uploading a part", "the answer has no ETag of 16 bytes")
        })
    }

    /// Joins the parts into one object.
    ///
    /// `NotFound` if the upload does not exist any more, perhaps because it is complete.
    pub async fn complete(
        &self,
        object: &str,
        upload_id: &str,
        parts: &[PartTag],
    ) -> Result<(), Error> {
        // S3 may take minutes to join thousands of parts.
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(Duration::from_mins(5))
            .operation_timeout(Duration::from_mins(10))
            .build();
        let completing = aws_sdk_s3::config::Builder::new().timeout_config(timeouts);
        let complete = self
            .client
            .complete_multipart_upload()
            .bucket(&self.bucket)
            .key(object);
        complete
            .upload_id(upload_id)
            .multipart_upload(completed_upload(parts))
            .customize()
            .config_override(completing)
            .send()
            .await
            .map_err(|error| gone_or_failed("completing an upload", error))?;
        Ok(())
    }

    /// The size of an object; none if it does not exist.
    pub async fn size(&self, object: &str) -> Result<Option<u64>, Error> {
        let head = self.client.head_object().bucket(&self.bucket).key(object);
        match head.send().await {
            Ok(head) => Ok(head
                .content_length()
                .and_then(|bytes| u64::try_from(bytes).ok())),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(sdk::failed("looking for a file", error)),
        }
    }

    /// The bytes of an object from offset `from`, which must be within it.
    pub async fn tail(&self, object: &str, from: u64) -> Result<Bytes, Error> {
        let get = self.client.get_object().bucket(&self.bucket).key(object);
        let output = get
            .range(format!("bytes={from}-"))
            .send()
            .await
            .map_err(|error| sdk::failed("reading a file's end", error))?;
        let bytes = output.body.collect().await;
        Ok(bytes
            .map_err(|error| Error::Unavailable(error.into()))?
            .into_bytes())
    }

    /// Removes the uploads and the partial parts that a worker left, but not the files.
    pub async fn clear(&self, key: &ExportKey, export: &Export) -> Result<(), Error> {
        if let Some(upload_id) = &export.upload_id {
            self.abort(&key.object(), upload_id).await?;
        }
        if let Some(upload_id) = &export.proof_upload_id {
            self.abort(&key.proof_object(), upload_id).await?;
        }
        if let Some(partial_part) = export.partial_part() {
            self.delete(&key.partial_part_object(partial_part.epoch))
                .await?;
        }
        if let Some(partial_proof) = export.partial_proof() {
            self.delete(&key.partial_proof_object(partial_proof.epoch))
                .await?;
        }
        Ok(())
    }

    /// Removes an export's file and its proof, with the lines of it that any worker may have
    /// left: the item names only those of the last checkpoint.
    pub async fn delete_files(&self, key: &ExportKey, export: &Export) -> Result<(), Error> {
        if export.request.proof {
            for epoch in 1..=export.lease.epoch {
                self.delete(&key.partial_proof_object(epoch)).await?;
            }
            self.delete(&key.proof_object()).await?;
        }
        self.delete(&key.object()).await
    }

    /// Aborts an upload and removes its parts; succeeds if it does not exist.
    pub async fn abort(&self, object: &str, upload_id: &str) -> Result<(), Error> {
        let abort = self
            .client
            .abort_multipart_upload()
            .bucket(&self.bucket)
            .key(object);
        match abort.upload_id(upload_id).send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(AbortMultipartUploadError::NoSuchUpload(_)) => Ok(()),
                _ => Err(sdk::failed("ending an upload", error)),
            },
        }
    }

    /// Removes an object; succeeds if it does not exist.
    pub async fn delete(&self, object: &str) -> Result<(), Error> {
        let delete = self.client.delete_object().bucket(&self.bucket).key(object);
        delete
            .send()
            .await
            .map_err(|error| sdk::failed("deleting a file", error))?;
        Ok(())
    }
}

/// Without the right to list, S3 answers 403 for an object that does not exist.
fn is_absent<E>(error: &SdkError<E, HttpResponse>) -> bool {
    let status = error.raw_response().map(|raw| raw.status().as_u16());
    matches!(status, Some(403 | 404))
}

fn gone_or_failed<E>(doing: &'static str, error: SdkError<E, HttpResponse>) -> Error
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    match error.code() {
        Some("NoSuchUpload") => Error::NotFound,
        _ => sdk::failed(doing, error),
    }
}

fn part_tag(e_tag: Option<&str>) -> Option<PartTag> {
    let mut tag = [0; 16];
    let hex = e_tag?.trim_matches('"');
    let decoded = base16ct::mixed::decode(hex, &mut tag).ok()?;
    (decoded.len() == 16).then_some(tag)
}

fn completed_upload(parts: &[PartTag]) -> CompletedMultipartUpload {
    let part = |(number, tag): (i32, &PartTag)| {
        let e_tag = format!("\"{}\"", base16ct::lower::encode_string(tag));
        CompletedPart::builder()
            .part_number(number)
            .e_tag(e_tag)
            .build()
    };
    let parts = (1..).zip(parts).map(part).collect();
    CompletedMultipartUpload::builder()
        .set_parts(Some(parts))
        .build()
}
