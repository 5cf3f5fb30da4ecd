//! Counts what the functions' SDK clients send, at their HTTP seam.
//!
//! Each request to DynamoDB is made to ask for its units. Calls of a worker are kept
//! for whoever carries them out.

#![expect(
    clippy::indexing_slicing,
    reason = "only JSON values are indexed here, and an absent one is null"
)]

use std::{
    collections::{HashMap, VecDeque},
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

/// Counts; clones count together.
#[derive(Debug, Clone, Default)]
pub(super) struct Meter(Arc<Mutex<Metered>>);

#[derive(Debug, Default)]
struct Metered {
    /// What was used since it was taken last.
    usage: Usage,
    /// The items that were put, by partition.
    items: HashMap<String, Items>,
    worker_calls: VecDeque<Value>,
}

#[derive(Debug, Default)]
struct Items {
    count: usize,
    bytes: usize,
}

impl Meter {
    /// The client that the functions' SDK clients get.
    pub(super) fn client(&self) -> SharedHttpClient {
        SharedHttpClient::new(MeteredClient {
            inner: aws_smithy_http_client::Builder::new().build_http(),
            meter: self.clone(),
        })
    }

    /// What was used since this was asked last.
    pub(super) fn take(&self) -> Usage {
        std::mem::take(&mut self.metered().usage)
    }

    /// The oldest call of a worker that nobody has carried out yet.
    pub(super) fn next_worker_call(&self) -> Option<Value> {
        self.metered().worker_calls.pop_front()
    }

    /// The average size of the items in a partition.
    pub(super) fn item_bytes(&self, partition: &str) -> usize {
        let metered = self.metered();
        let items = metered.items.get(partition);
        items.map_or(0, |items| items.bytes / items.count.max(1))
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
            let call = json(request.body());
            self.meter.metered().worker_calls.push_back(call);
            return HttpConnectorFuture::ready(Ok(accepted()));
        }
        let operation = Operation::of(&request);
        if let Operation::DynamoDb { body, .. } = &operation {
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
            meter.metered().note(&operation, response.status(), &body);
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

/// What a request asks for.
enum Operation {
    /// A body that asks for its units too, and which operation it is for.
    DynamoDb {
        name: String,
        body: Value,
    },
    S3Write {
        /// Whether a checkpoint is stored, which was signed before.
        is_checkpoint: bool,
    },
    S3Read,
    /// S3 bills no deletion.
    S3Delete,
}

impl Operation {
    fn of(request: &HttpRequest) -> Self {
        let Some(target) = request.headers().get("x-amz-target") else {
            return match request.method() {
                "PUT" | "POST" => Self::S3Write {
                    is_checkpoint: request.uri().contains("/checkpoints/"),
                },
                "DELETE" => Self::S3Delete,
                // A list is billed as a write.
                "GET" if request.uri().contains("list-type=2") => Self::S3Write {
                    is_checkpoint: false,
                },
                _ => Self::S3Read,
            };
        };
        let mut body = json(request.body());
        body["ReturnConsumedCapacity"] = "TOTAL".into();
        let name = target.rsplit('.').next().unwrap_or_default();
        Self::DynamoDb {
            name: name.to_owned(),
            body,
        }
    }
}

impl Metered {
    fn note(&mut self, operation: &Operation, status: StatusCode, answer: &[u8]) {
        match operation {
            Operation::DynamoDb { name, body } => {
                let units = units(status, answer);
                if name == "Query" || name.contains("Get") {
                    self.usage.read_units += units;
                } else {
                    self.usage.write_units += units;
                }
                self.note_item(&body["Item"]);
            }
            Operation::S3Write { is_checkpoint } => {
                self.usage.s3_writes += 1.0;
                self.usage.signatures += f64::from(u8::from(*is_checkpoint));
            }
            Operation::S3Read => self.usage.s3_reads += 1.0,
            Operation::S3Delete => {}
        }
    }

    /// Notes the size of an item that is put, if there is one.
    fn note_item(&mut self, item: &Value) {
        let sized = serde_json::from_value::<dynoxide::Item>(item.clone());
        if let (Some(partition), Ok(sized)) = (item["partition_key"]["S"].as_str(), sized) {
            let items = self.items.entry(partition.to_owned()).or_default();
            items.count += 1;
            items.bytes += dynoxide::types::item_size(&sized);
        }
    }
}

/// The units that DynamoDB says an operation used.
fn units(status: StatusCode, answer: &[u8]) -> f64 {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    // A transaction or a batch answers with the units of each table.
    let tables = match &answer["ConsumedCapacity"] {
        Value::Array(tables) => tables.as_slice(),
        table => std::slice::from_ref(table),
    };
    let units = tables.iter().map(|table| table["CapacityUnits"].as_f64());
    let units: Option<f64> = units.sum();
    // A write whose condition fails is billed, and its answer does not say so.
    let if_unsaid = if status.is_success() { 0.0 } else { 1.0 };
    units.unwrap_or(if_unsaid)
}
