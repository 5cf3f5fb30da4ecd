//! What is sealed of the log: objects of the bucket, and the items that name them.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::body::Bytes;
use serde_json::{Value, json};
use shared::aws::archive::{Head, SegmentItem};

use crate::Error;

/// How long S3 takes until an answer begins.
pub(super) const LATENCY: Duration = Duration::from_millis(30);

/// An archive; clones are the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Archive(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    objects: HashMap<String, Bytes>,
    /// The items of the table.
    head: Value,
    segments: Vec<Value>,
}

impl Archive {
    /// Names the segments, whose objects are there.
    pub(crate) fn commit(&self, head: &Head, segments: &[SegmentItem]) -> Result<(), Error> {
        let head = wire(head, "head")?;
        let mut items = Vec::new();
        for segment in segments {
            let (at, id) = (segment.first.occurred_at(), segment.first);
            items.push(wire(segment, &format!("segment#{at}#{id}"))?);
        }
        let mut state = self.state();
        (state.head, state.segments) = (head, items);
        Ok(())
    }

    /// DynamoDB's answer to whoever asks for the head.
    pub(super) fn head(&self) -> String {
        match &self.state().head {
            Value::Null => "{}".to_owned(),
            head => json!({ "Item": head }).to_string(),
        }
    }

    /// DynamoDB's answer to whoever asks what is sealed.
    pub(super) fn sealed(&self) -> String {
        let state = self.state();
        let head = Some(&state.head).filter(|head| !head.is_null());
        let items: Vec<&Value> = head.into_iter().chain(&state.segments).collect();
        json!({ "Items": items, "Count": items.len() }).to_string()
    }

    /// DynamoDB's answer to whoever asks for the last segment up to a sort key.
    pub(super) fn segment_up_to(&self, sort_key: &str) -> String {
        let state = self.state();
        let begins_before = |item: &&Value| {
            let key = item.pointer("/sort_key/S").and_then(Value::as_str);
            key.is_some_and(|key| key <= sort_key)
        };
        let last: Vec<&Value> = state
            .segments
            .iter()
            .rfind(begins_before)
            .into_iter()
            .collect();
        json!({ "Items": last, "Count": last.len() }).to_string()
    }

    pub(super) fn put(&self, object: String, bytes: Bytes) {
        self.state().objects.insert(object, bytes);
    }

    /// The bytes of a range of an object; none if there is no such range.
    pub(super) fn get(&self, object: &str, range: &Range<usize>) -> Option<Bytes> {
        let bytes = self.state().objects.get(object)?.clone();
        (range.start < range.end && range.end <= bytes.len()).then(|| bytes.slice(range.clone()))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An item in the form that DynamoDB puts on the wire.
fn wire(item: impl serde::Serialize, sort_key: &str) -> Result<Value, Error> {
    let item: serde_dynamo::Item = serde_dynamo::to_item(item)?;
    let mut item = serde_json::to_value(item)?;
    let attributes = item.as_object_mut().ok_or("an item is an object")?;
    attributes.insert("sort_key".into(), json!({ "S": sort_key }));
    Ok(item)
}
