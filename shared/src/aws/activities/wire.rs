//! Reads the answer of a Query from its bytes.
//!
//! The SDK makes a map of each item, which is more than half of the SDK's cost in an
//! export. So an interceptor keeps the body of a successful answer and gives the
//! SDK an empty one. The SDK still signs, sends, limits the time, retries, and reads
//! every other answer.

use std::{
    mem,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use aws_sdk_dynamodb::{
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        interceptors::BeforeDeserializationInterceptorContextMut,
    },
    error::BoxError,
};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body::{Body, Frame};
use serde::Deserialize;

use super::{attributes::Attributes, item, page::QueryPage};
use crate::{
    Error,
    model::{error::Source, json::Object},
};

/// DynamoDB's answer to a Query.
///
/// Without `Items` it is refused: taken for an empty page, it would end a range
/// too early.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct QueryAnswer {
    items: Vec<Attributes>,
    #[serde(default, with = "serde_with::rust::unwrap_or_skip")]
    last_evaluated_key: Option<Attributes>,
}

/// The body that the SDK reads instead.
const EMPTY_OBJECT: Bytes = Bytes::from_static(b"{}");

/// Keeps the body of one Query's answer.
#[derive(Debug, Clone, Default)]
pub(super) struct CapturedBody(Arc<Mutex<Vec<u8>>>);

impl CapturedBody {
    fn with<T>(&self, act: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The page in the body that was kept.
    pub(super) fn page(&self) -> Result<QueryPage, Error> {
        let body = self.with(mem::take);
        // UTF-8 is checked once for the whole body: for each text it would cost more.
        let body = str::from_utf8(&body).map_err(unreadable)?;
        let Object(page): Object<QueryAnswer> = serde_json::from_str(body).map_err(unreadable)?;
        let resume_after = page.last_evaluated_key.as_ref().map(item::id_of_key);
        Ok(QueryPage {
            items: page.items,
            resume_after: resume_after.transpose()?,
        })
    }
}

fn unreadable(error: impl Into<Source>) -> Error {
    Error::internal("reading a page of activities", error)
}

impl Intercept for CapturedBody {
    fn name(&self) -> &'static str {
        "CapturedBody"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response_mut();
        if response.status().is_success() {
            let body = mem::replace(response.body_mut(), SdkBody::taken());
            let bytes = usize::try_from(body.size_hint().lower()).unwrap_or_default();
            // An earlier attempt may have left bytes of another answer.
            self.with(|before| *before = Vec::with_capacity(bytes));
            *response.body_mut() = SdkBody::from_body_1_x(CapturingBody {
                body,
                captured: self.clone(),
                is_over: false,
            });
        }
        Ok(())
    }
}

/// A body whose bytes are kept; its reader gets [`EMPTY_OBJECT`] instead.
struct CapturingBody {
    body: SdkBody,
    captured: CapturedBody,
    is_over: bool,
}

impl Body for CapturingBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        while let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(context)) {
            if let Ok(data) = frame?.into_data() {
                self.captured.with(|body| body.extend_from_slice(&data));
            }
        }
        self.is_over = true;
        Poll::Ready(Some(Ok(Frame::data(EMPTY_OBJECT))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &[u8]) -> Result<QueryPage, Error> {
        let captured = CapturedBody::default();
        captured.with(|bytes| bytes.extend_from_slice(body));
        captured.page()
    }

    #[test]
    fn what_is_no_page_is_an_error_and_not_an_empty_page() {
        let empty = read(br#"{"Items":[],"Count":0,"ScannedCount":0}"#).unwrap();
        assert!(empty.items.is_empty() && empty.resume_after.is_none());
        for body in [
            "",
            "{}",
            "null",
            r#"{"Items":null}"#,
            r#"{"Count":1,"ScannedCount":1}"#,
            r#"{"Items":[],"LastEvaluatedKey":{}}"#,
            r#"{"Items":[],"LastEvaluatedKey":null}"#,
            r#"{"Items":[]"#,
            "[[],null]",
        ] {
            assert!(read(body.as_bytes()).is_err(), "{body}");
        }
        assert!(read(b"{\"Items\":[],\"\xff\":1}").is_err());
    }
}
