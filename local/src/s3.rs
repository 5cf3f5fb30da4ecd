//! An S3 that stores its objects in a folder: `s3s-fs`, with one answer corrected.
//!
//! It keeps the machine's clock.
//!
//! For an upload that does not exist, `s3s-fs` answers `AccessDenied`, but S3 answers
//! `NoSuchUpload`.

use std::{path::Path, sync::Arc, time::Duration};

use crate::{aws, error::Error};
use axum::{Router, error_handling::HandleError, http::StatusCode};
use s3s::{
    HttpError, S3, S3ErrorCode, S3Request, S3Response, S3Result,
    auth::SimpleAuth,
    config::{S3Config, StaticConfigProvider},
    dto,
    service::S3ServiceBuilder,
};
use s3s_fs::FileSystem;

/// The service that answers S3's protocol from `folder`.
///
/// A link may begin so much `ahead` of the machine's clock, beside the usual 15 minutes.
pub(crate) fn router(folder: &Path, ahead: Duration) -> Result<Router, Error> {
    let files = FileSystem::new(folder).map_err(|error| Error::S3(format!("{error:?}")))?;
    let mut builder = S3ServiceBuilder::new(Bucket(files));
    let mut config = S3Config::default();
    let ahead = u32::try_from(ahead.as_secs()).unwrap_or(u32::MAX);
    let skew = &mut config.presigned_url_max_skew_time_secs;
    *skew = skew.saturating_add(ahead);
    builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
    builder.set_auth(SimpleAuth::from_single(aws::ACCESS_KEY, aws::SECRET_KEY));
    let failed = |_: HttpError| std::future::ready(StatusCode::INTERNAL_SERVER_ERROR);
    Ok(Router::new().fallback_service(HandleError::new(builder.build(), failed)))
}

#[derive(Debug)]
struct Bucket(FileSystem);

/// Passes operations on to `s3s-fs`, each with its input and output type.
///
/// Those of `uploads` get the corrected answer for an upload that does not exist.
macro_rules! pass_on {
    (
        objects { $($operation:ident: $input:ident => $output:ident,)* }
        uploads { $($upload:ident: $upload_input:ident => $upload_output:ident,)* }
    ) => {
        #[async_trait::async_trait]
        impl S3 for Bucket {
            $(async fn $operation(
                &self,
                request: S3Request<dto::$input>,
            ) -> S3Result<S3Response<dto::$output>> {
                self.0.$operation(request).await
            })*

            $(async fn $upload(
                &self,
                request: S3Request<dto::$upload_input>,
            ) -> S3Result<S3Response<dto::$upload_output>> {
                self.0.$upload(request).await.map_err(|error| match error.code() {
                    S3ErrorCode::AccessDenied => S3ErrorCode::NoSuchUpload.into(),
                    _ => error,
                })
            })*
        }
    };
}

pass_on! {
    objects {
        create_bucket: CreateBucketInput => CreateBucketOutput,
        create_multipart_upload: CreateMultipartUploadInput => CreateMultipartUploadOutput,
        delete_object: DeleteObjectInput => DeleteObjectOutput,
        get_bucket_location: GetBucketLocationInput => GetBucketLocationOutput,
        get_object: GetObjectInput => GetObjectOutput,
        head_bucket: HeadBucketInput => HeadBucketOutput,
        head_object: HeadObjectInput => HeadObjectOutput,
        list_buckets: ListBucketsInput => ListBucketsOutput,
        list_objects: ListObjectsInput => ListObjectsOutput,
        list_objects_v2: ListObjectsV2Input => ListObjectsV2Output,
        list_parts: ListPartsInput => ListPartsOutput,
        put_object: PutObjectInput => PutObjectOutput,
    }
    uploads {
        abort_multipart_upload: AbortMultipartUploadInput => AbortMultipartUploadOutput,
        complete_multipart_upload: CompleteMultipartUploadInput => CompleteMultipartUploadOutput,
        upload_part: UploadPartInput => UploadPartOutput,
    }
}
