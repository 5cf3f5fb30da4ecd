//! Counts what the functions' SDK clients send, at their HTTP seam.
//!
//! Each request to DynamoDB is made to ask for its units. What the embedded
//! DynamoDB answers is compared with the items' sizes, so that no figure rests
//! on it alone. Calls of a worker are kept for whoever carries them out.

#![expect(
    clippy::indexing_slicing,
    reason = "only JSON values are indexed here, and an absent one is null"
)]

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings,
            SharedHttpClient, SharedHttpConnector,
        },
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use serde_json::Value;

use super::usage::Usage;
use crate::{
    Error,
    units::{item_bytes, read_units, write_units},
};

/// What one operation was called, and how much it carried.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Traffic {
    pub(super) requests: usize,
    pub(super) sent_bytes: usize,
    pub(super) received_bytes: usize,
    pub(super) units: f64,
}

/// What was counted since it was taken last.
#[derive(Debug, Default)]
pub(super) struct Counted {
    /// By operation and table.
    pub(super) operations: BTreeMap<String, Traffic>,
    pub(super) usage: Usage,
}

#[derive(Debug, Default)]
struct Metered {
    counted: Counted,
    /// Of every item that was put, by its key.
    item_bytes: HashMap<String, usize>,
    worker_calls: Vec<Value>,
    disagreement: Option<String>,
}

/// Counts; clones count together.
#[derive(Debug, Clone, Default)]
pub(super) struct Meter(Arc<Mutex<Metered>>);

impl Meter {
    /// The client that the functions' SDK clients get.
    pub(super) fn client(&self) -> SharedHttpClient {
        SharedHttpClient::new(MeteredClient {
            inner: aws_smithy_http_client::Builder::new().build_http(),
            meter: self.clone(),
        })
    }

    /// What was counted; an error if DynamoDB's units and the sizes disagree.
    pub(super) fn take(&self) -> Result<Counted, Error> {
        let mut metered = self.metered();
        match metered.disagreement.take() {
            Some(disagreement) => Err(disagreement.into()),
            None => Ok(std::mem::take(&mut metered.counted)),
        }
    }

    /// The call of a worker that waits longest.
    pub(super) fn next_worker_call(&self) -> Option<Value> {
        let mut metered = self.metered();
        (!metered.worker_calls.is_empty()).then(|| metered.worker_calls.remove(0))
    }

    /// The average size of a partner's items.
    pub(super) fn item_bytes(&self, partner: &str) -> usize {
        let metered = self.metered();
        let prefix = format!("{partner} ");
        let theirs = metered.item_bytes.iter();
        let sizes = theirs.filter_map(|(key, size)| key.starts_with(&prefix).then_some(*size));
        let (count, sum) = sizes.fold((0, 0), |(count, sum), size| (count + 1, sum + size));
        sum / count.max(1)
    }

    fn metered(&self) -> MutexGuard<'_, Metered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct MeteredClient {
    inner: SharedHttpClient,
    meter: Meter,
}

impl HttpClient for MeteredClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(MeteredConnector {
            inner: self.inner.http_connector(settings, components),
            meter: self.meter.clone(),
        })
    }
}

#[derive(Debug)]
struct MeteredConnector {
    inner: SharedHttpConnector,
    meter: Meter,
}

impl HttpConnector for MeteredConnector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        if request.uri().ends_with("/invocations") {
            self.meter.metered().worker_calls.push(json(request.body()));
            return HttpConnectorFuture::ready(Ok(accepted()));
        }
        let sent = Sent::of(&request);
        if let Some(body) = &sent.asked {
            let body = body.to_string();
            let length = body.len().to_string();
            request.headers_mut().insert("content-length", length);
            *request.body_mut() = SdkBody::from(body);
        }
        let (inner, meter) = (self.inner.clone(), self.meter.clone());
        HttpConnectorFuture::new(async move {
            let mut response = inner.call(request).await?;
            let body = ByteStream::new(response.take_body()).collect().await;
            let body = body.map_err(|error| ConnectorError::io(error.into()))?;
            let body = body.into_bytes();
            meter.metered().note(&sent, response.status(), &body);
            *response.body_mut() = SdkBody::from(body);
            Ok(response)
        })
    }
}

fn accepted() -> HttpResponse {
    let accepted = StatusCode::try_from(202).expect("it is a status");
    HttpResponse::new(accepted, SdkBody::empty())
}

fn json(body: &SdkBody) -> Value {
    let body = body.bytes();
    body.and_then(|body| serde_json::from_slice(body).ok())
        .unwrap_or_default()
}

/// What is known of a request before it is answered.
struct Sent {
    operation: String,
    bytes: usize,
    /// To DynamoDB: the body, which now asks for its units.
    asked: Option<Value>,
}

impl Sent {
    fn of(request: &HttpRequest) -> Self {
        let length = request.headers().get("content-length");
        let bytes = length.and_then(|length| length.parse().ok()).unwrap_or(0);
        let Some(target) = request.headers().get("x-amz-target") else {
            return Self {
                operation: s3_operation(request).to_owned(),
                bytes,
                asked: None,
            };
        };
        let name = target.rsplit('.').next().unwrap_or_default();
        let mut body = json(request.body());
        let table = body["TableName"].as_str().unwrap_or_default();
        let operation = format!("{name} {table}");
        body["ReturnConsumedCapacity"] = "TOTAL".into();
        Self {
            operation,
            bytes,
            asked: Some(body),
        }
    }
}

fn s3_operation(request: &HttpRequest) -> &'static str {
    let (_, query) = request.uri().split_once('?').unwrap_or_default();
    match request.method() {
        "POST" if query.starts_with("uploads") => "CreateMultipartUpload",
        "POST" => "CompleteMultipartUpload",
        "PUT" if query.contains("partNumber=") => "UploadPart",
        "PUT" => "PutObject",
        "DELETE" => "Delete",
        _ => "GetObject",
    }
}

impl Metered {
    fn note(&mut self, sent: &Sent, status: StatusCode, body: &[u8]) {
        let units = match &sent.asked {
            Some(asked) => self.units(&sent.operation, asked, status, body),
            None => self.s3(&sent.operation),
        };
        let traffic = self.counted.operations.entry(sent.operation.clone());
        let traffic = traffic.or_default();
        traffic.requests += 1;
        traffic.sent_bytes += sent.bytes;
        traffic.received_bytes += body.len();
        traffic.units += units;
    }

    /// S3 bills by class of request; deletions are free.
    fn s3(&mut self, operation: &str) -> f64 {
        match operation {
            "Delete" => {}
            "GetObject" => self.counted.usage.s3_reads += 1.0,
            _ => self.counted.usage.s3_writes += 1.0,
        }
        0.0
    }

    fn units(&mut self, operation: &str, asked: &Value, status: StatusCode, body: &[u8]) -> f64 {
        let answer: Value = serde_json::from_slice(body).unwrap_or_default();
        let told = answer["ConsumedCapacity"]["CapacityUnits"].as_f64();
        let reckoned = self.reckoned(asked, &answer);
        if let (Some(told), Some(reckoned)) = (told, reckoned)
            && told.to_bits() != reckoned.to_bits()
        {
            let says = format!("{operation}: DynamoDB says {told} units, the sizes {reckoned}");
            self.disagreement.get_or_insert(says);
        }
        // A write whose condition fails is billed, and its answer does not say so.
        let refused = if status.is_success() { 0.0 } else { 1.0 };
        let units = told.or(reckoned).unwrap_or(refused);
        let is_read = operation.starts_with("Query") || operation.contains("Get");
        let usage = &mut self.counted.usage;
        *(if is_read {
            &mut usage.read_units
        } else {
            &mut usage.write_units
        }) += units;
        units
    }

    /// The units by the sizes of the items, where they are known.
    ///
    /// A Query is billed for whole items, whatever it projects; it has no filter
    /// here, so what it answers is what it read.
    fn reckoned(&mut self, asked: &Value, answer: &Value) -> Option<f64> {
        if let Some(item) = asked.get("Item") {
            let bytes = item_bytes(item)?;
            self.item_bytes.insert(key(item)?, bytes);
            return Some(write_units(bytes));
        }
        let items = answer["Items"].as_array()?;
        let sizes = items.iter().map(|item| self.item_bytes.get(&key(item)?));
        let bytes = sizes.sum::<Option<usize>>()?;
        Some(read_units(bytes, asked["ConsistentRead"] == true))
    }
}

/// Partition and sort key, which hold no space.
fn key(item: &Value) -> Option<String> {
    let [partition, sort] = ["partition_key", "sort_key"].map(|name| item[name]["S"].as_str());
    Some(format!("{} {}", partition?, sort?))
}
