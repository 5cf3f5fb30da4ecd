//! S3's answers to a put and to every step of a multipart upload.
//!
//! What is put is counted and thrown away, if asked to not faster than a link.

use std::{
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{RawQuery, State},
    http::{HeaderMap, Method, StatusCode, header::ETAG},
    response::{IntoResponse, Response},
};
use futures_util::StreamExt;
use tokio::time::{Instant, sleep_until};

use super::Counts;
use crate::{Error, names};

/// The server.
pub(super) struct S3 {
    pace: Option<Pace>,
    counts: Arc<Counts>,
}

/// A link that carries so many bytes a second, all connections together.
struct Pace {
    bytes_per_second: u64,
    free_at: Mutex<Instant>,
}

impl S3 {
    /// A bucket that takes everything.
    pub(super) fn new(bytes_per_second: Option<u64>, counts: Arc<Counts>) -> Self {
        let pace = bytes_per_second.map(|bytes_per_second| Pace {
            bytes_per_second,
            free_at: Mutex::new(Instant::now()),
        });
        Self { pace, counts }
    }

    /// Reads a body to its end; answers how many bytes it had.
    async fn drain(&self, body: Body) -> Result<u64, Error> {
        let (mut chunks, mut bytes) = (body.into_data_stream(), 0);
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?.len() as u64;
            bytes += chunk;
            if let Some(pace) = &self.pace {
                pace.carry(chunk).await;
            }
        }
        Ok(bytes)
    }

    /// Takes a part or an object.
    async fn put(&self, headers: &HeaderMap, body: Body) -> Result<Response, Error> {
        let sent = self.drain(body).await?;
        // A body in signed chunks is longer than what it carries.
        let bytes = headers
            .get("x-amz-decoded-content-length")
            .and_then(|length| length.to_str().ok()?.parse().ok())
            .unwrap_or(sent);
        self.counts.file_bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok([(ETAG, format!("\"{bytes:032x}\""))].into_response())
    }

    async fn answer(
        &self,
        method: &Method,
        query: &str,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Response, Error> {
        match (method.as_str(), query) {
            ("PUT", _) => self.put(headers, body).await,
            ("POST", query) if begins(query) => Ok(begun().into_response()),
            ("POST", _) => {
                self.drain(body).await?;
                Ok(completed().into_response())
            }
            ("HEAD", _) => Ok(StatusCode::NOT_FOUND.into_response()),
            ("DELETE", _) => Ok(StatusCode::NO_CONTENT.into_response()),
            (method, _) => Err(format!("{method} is not canned").into()),
        }
    }
}

impl Pace {
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

/// Whether the query begins an upload in parts: `uploads`, with an `=` or without.
fn begins(query: &str) -> bool {
    query
        .split('&')
        .any(|pair| pair.split('=').next() == Some("uploads"))
}

fn begun() -> String {
    let (bucket, key) = (names::BUCKET, names::OBJECT);
    format!(
        "<InitiateMultipartUploadResult><Bucket>{bucket}</Bucket><Key>{key}</Key>\
         <UploadId>canned</UploadId></InitiateMultipartUploadResult>"
    )
}

fn completed() -> String {
    let (bucket, key) = (names::BUCKET, names::OBJECT);
    format!(
        "<CompleteMultipartUploadResult><Bucket>{bucket}</Bucket><Key>{key}</Key>\
         <ETag>\"canned\"</ETag></CompleteMultipartUploadResult>"
    )
}

/// Every path is an object of the one bucket.
pub(super) fn router(server: S3) -> Router {
    Router::new().fallback(answer).with_state(Arc::new(server))
}

async fn answer(
    State(server): State<Arc<S3>>,
    method: Method,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let query = query.unwrap_or_default();
    let answered = server.answer(&method, &query, &headers, body).await;
    answered.unwrap_or_else(|error| (StatusCode::BAD_REQUEST, error.to_string()).into_response())
}
