//! The bucket of exported files; no other code knows it.

use std::time::{Duration, SystemTime};

use aws_config::{SdkConfig, timeout::TimeoutConfig};
use aws_sdk_s3::{
    Client,
    config::RequestChecksumCalculation,
    operation::abort_multipart_upload::AbortMultipartUploadError,
    presigning::PresigningConfig,
    primitives::ByteStream,
    types::{CompletedMultipartUpload, CompletedPart},
};
use jiff::SignedDuration;
use serde::Serialize;

use crate::{Error, Moment, aws};

/// How long a link lives: 5 minutes.
const LINK_LIFETIME: SignedDuration = SignedDuration::from_mins(5);

const CONTENT_TYPE: &str = "text/csv; charset=utf-8";

/// The bucket of exported files.
#[derive(Debug, Clone)]
pub struct Files {
    client: Client,
    bucket: String,
}

/// A part that lies in the bucket.
#[derive(Debug)]
pub struct UploadedPart(CompletedPart);

/// A link to a file, for whoever holds it.
#[derive(Serialize)]
pub struct Link {
    url: String,
    expires_at: Moment,
}

impl std::fmt::Debug for Link {
    /// Leaves the link out, so that no log can hold it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

impl Files {
    /// The bucket, for calls that take no longer than those to a table.
    pub fn new(sdk: &SdkConfig, bucket: String) -> Self {
        Self {
            client: Client::new(sdk),
            bucket,
        }
    }

    /// The bucket, for uploads: a part may take a minute, three times.
    ///
    /// Without the SDK's own checksums: S3 wants those of all parts again when
    /// an upload is completed, and a successor knows the parts by their `ETag`s.
    pub fn for_uploads(sdk: &SdkConfig, bucket: String) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(2))
            .operation_attempt_timeout(Duration::from_mins(1))
            .operation_timeout(Duration::from_secs(200))
            .build();
        let config = aws_sdk_s3::config::Builder::from(sdk)
            .timeout_config(timeouts)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .build();
        Self {
            client: Client::from_conf(config),
            bucket,
        }
    }

    /// A presigned link that saves the object under `name`; signing calls nobody.
    pub async fn link(&self, object: &str, name: &str, now: Moment) -> Result<Link, Error> {
        let start = Duration::from_millis(u64::try_from(now.as_millis()).unwrap_or_default());
        let lifetime = PresigningConfig::builder()
            .start_time(SystemTime::UNIX_EPOCH + start)
            .expires_in(LINK_LIFETIME.unsigned_abs())
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
            .map_err(|error| aws::failed("signing a link", error))?;
        Ok(Link {
            url: request.uri().to_owned(),
            expires_at: now.plus(LINK_LIFETIME),
        })
    }

    /// Stores an object in one call.
    pub async fn put(&self, object: &str, bytes: Vec<u8>) -> Result<(), Error> {
        let put = self.client.put_object().bucket(&self.bucket).key(object);
        put.content_type(CONTENT_TYPE)
            .body(ByteStream::from(bytes))
            .send()
            .await
            .map_err(|error| aws::failed("storing a file", error))?;
        Ok(())
    }

    /// Begins an upload in parts.
    pub async fn begin(&self, object: &str) -> Result<String, Error> {
        let create = self
            .client
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(object);
        let created = create
            .content_type(CONTENT_TYPE)
            .send()
            .await
            .map_err(|error| aws::failed("beginning an upload", error))?;
        created
            .upload_id
            .ok_or_else(|| Error::internal("beginning an upload", "the answer has no upload id"))
    }

    /// Uploads a part; one with the same number is replaced.
    pub async fn part(
        &self,
        object: &str,
        upload_id: &str,
        number: i32,
        bytes: Vec<u8>,
    ) -> Result<UploadedPart, Error> {
        let upload = self.client.upload_part().bucket(&self.bucket).key(object);
        let uploaded = upload
            .upload_id(upload_id)
            .part_number(number)
            .body(ByteStream::from(bytes))
            .send()
            .await
            .map_err(|error| aws::failed("uploading a part", error))?;
        let part = CompletedPart::builder()
            .part_number(number)
            .set_e_tag(uploaded.e_tag)
            .build();
        Ok(UploadedPart(part))
    }

    /// Makes the parts one object.
    pub async fn complete(
        &self,
        object: &str,
        upload_id: &str,
        parts: Vec<UploadedPart>,
    ) -> Result<(), Error> {
        let parts = parts.into_iter().map(|part| part.0).collect();
        // S3 may take minutes to put thousands of parts together.
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(Duration::from_mins(5))
            .operation_timeout(Duration::from_mins(10))
            .build();
        let completing = aws_sdk_s3::config::Builder::new().timeout_config(timeouts);
        let parts = CompletedMultipartUpload::builder()
            .set_parts(Some(parts))
            .build();
        let complete = self
            .client
            .complete_multipart_upload()
            .bucket(&self.bucket)
            .key(object);
        complete
            .upload_id(upload_id)
            .multipart_upload(parts)
            .customize()
            .config_override(completing)
            .send()
            .await
            .map_err(|error| aws::failed("completing an upload", error))?;
        Ok(())
    }

    /// Ends an upload and removes its parts; one that is not there has ended.
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
                _ => Err(aws::failed("ending an upload", error)),
            },
        }
    }

    /// Removes an object; one that is not there is removed.
    pub async fn delete(&self, object: &str) -> Result<(), Error> {
        let delete = self.client.delete_object().bucket(&self.bucket).key(object);
        delete
            .send()
            .await
            .map_err(|error| aws::failed("deleting a file", error))?;
        Ok(())
    }
}
