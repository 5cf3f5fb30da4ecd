//! S3's answers to a put, to every step of a multipart upload, and to whoever reads what
//! is sealed.
//!
//! What is put is counted, and thrown away unless it is sealed, no faster than a link
//! carries it if there is to be one. An answer to a reader begins after [`LATENCY`].

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Path, RawQuery, State},
    http::{
        HeaderMap, StatusCode,
        header::{ETAG, RANGE},
    },
    response::{IntoResponse, Response},
    routing::put,
};
use bytes::BytesMut;
use futures_util::StreamExt;
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    archive::{Archive, LATENCY},
    counts::Counter,
};
use crate::{
    Error,
    names::{BUCKET, SEALED},
};

/// The server.
pub(super) struct S3 {
    link: Option<Link>,
    archive: Archive,
    counter: Counter,
}

/// A link that carries so many bytes a second, all connections together.
struct Link {
    bytes_per_second: u64,
    free_at: Mutex<Instant>,
}

impl S3 {
    /// A server that takes every object.
    pub(super) fn new(bytes_per_second: Option<u64>, archive: Archive, counter: Counter) -> Self {
        let link = bytes_per_second.map(|bytes_per_second| Link {
            bytes_per_second,
            free_at: Mutex::new(Instant::now()),
        });
        Self {
            link,
            archive,
            counter,
        }
    }

    /// The routes, on which every path is an object.
    pub(super) fn router(self) -> Router {
        let object = put(put_bytes)
            .get(get_range)
            .post(change_upload)
            .head(async || StatusCode::NOT_FOUND)
            .delete(async || StatusCode::NO_CONTENT);
        Router::new()
            .route("/{bucket}/{*object}", object)
            .with_state(Arc::new(self))
    }

    /// Reads a body to its end; answers how many bytes it had.
    ///
    /// What is sealed is kept.
    async fn read(&self, object: &str, body: Body) -> Result<u64, Error> {
        let (mut chunks, mut bytes) = (body.into_data_stream(), 0);
        let mut kept = object.starts_with(SEALED).then(BytesMut::new);
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            if let Some(kept) = &mut kept {
                kept.extend_from_slice(&chunk);
            }
            let length = chunk.len() as u64;
            bytes += length;
            if let Some(link) = &self.link {
                link.carry(length).await;
            }
        }
        if let Some(kept) = kept {
            self.archive.put(object.to_owned(), kept.freeze());
        }
        Ok(bytes)
    }
}

impl Link {
    /// Waits until the link has carried so many more bytes.
    async fn carry(&self, bytes: u64) {
        let nanos = bytes.saturating_mul(1_000_000_000) / self.bytes_per_second.max(1);
        let carried = {
            let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
            *free_at = (*free_at).max(Instant::now()) + Duration::from_nanos(nanos);
            *free_at
        };
        sleep_until(carried).await;
    }
}

/// Answers a range of an object that is sealed.
async fn get_range(
    State(server): State<Arc<S3>>,
    Path((_, object)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    sleep(LATENCY).await;
    let range = headers
        .get(RANGE)
        .and_then(|range| range.to_str().ok()?.strip_prefix("bytes=")?.split_once('-'))
        .and_then(|(first, last)| Some(first.parse().ok()?..last.parse::<usize>().ok()? + 1));
    let bytes = range.and_then(|range| server.archive.get(&object, &range));
    let Some(bytes) = bytes else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut counts = server.counter.counts();
    counts.ranges_read += 1;
    counts.range_bytes += bytes.len() as u64;
    (StatusCode::PARTIAL_CONTENT, bytes).into_response()
}

/// Takes a part or an object.
async fn put_bytes(
    State(server): State<Arc<S3>>,
    Path((_, object)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let sent = match server.read(&object, body).await {
        Ok(sent) => sent,
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    };
    // A body in signed chunks is longer than what it carries.
    let bytes = headers
        .get("x-amz-decoded-content-length")
        .and_then(|length| length.to_str().ok()?.parse().ok())
        .unwrap_or(sent);
    server.counter.counts().file_bytes += bytes;
    [(ETAG, format!("\"{bytes:032x}\""))].into_response()
}

/// Begins an upload in parts, or completes it.
async fn change_upload(RawQuery(query): RawQuery) -> String {
    // Only the request that begins an upload has `uploads` and no id.
    if query.is_some_and(|query| query.contains("uploads")) {
        format!(
            "<InitiateMultipartUploadResult><Bucket>{BUCKET}</Bucket><Key>file</Key>\
             <UploadId>canned</UploadId></InitiateMultipartUploadResult>"
        )
    } else {
        format!(
            "<CompleteMultipartUploadResult><Bucket>{BUCKET}</Bucket><Key>file</Key>\
             <ETag>\"canned\"</ETag></CompleteMultipartUploadResult>"
        )
    }
}
