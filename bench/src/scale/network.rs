//! The way from the functions to AWS: how long each answer takes, and what DynamoDB refuses.
//!
//! It sits at the HTTP seam of the functions' SDK clients. Behind it are the embedded
//! DynamoDB and S3, or for a log of any size answers that are always the same.

#![expect(
    clippy::indexing_slicing,
    reason = "only JSON values are indexed here, and an absent one is null"
)]

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
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
use tokio::time::sleep;

use super::partitions::{Kind, Partitions};
use crate::samples::float;

/// How long AWS takes to answer, on a usual day within one region.
///
/// Neither is promised by AWS: DynamoDB says single-digit milliseconds, S3 100 to 200 ms
/// at most for the first byte of small objects, and the bench's other parts take 30.
mod takes {
    use std::time::Duration;

    pub(super) const ITEM: Duration = Duration::from_millis(5);
    pub(super) const PAGE: Duration = Duration::from_millis(15);
    pub(super) const TRANSACTION: Duration = Duration::from_millis(20);
    pub(super) const GET_OBJECT: Duration = Duration::from_millis(30);
    pub(super) const OTHER_OF_S3: Duration = Duration::from_millis(60);
    /// Locally a checkpoint is signed in the process, on AWS by KMS.
    pub(super) const SIGNATURE: Duration = Duration::from_millis(20);
    /// How many bytes of an object pass in a second.
    pub(super) const OBJECT_BYTES_PER_SECOND: f64 = 50e6;
}

/// What answers behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behind {
    /// The embedded services.
    Services,
    /// A table that stores each item, and keeps none.
    Anything,
}

/// The way to AWS; clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Network(Arc<State>);

#[derive(Debug)]
struct State {
    behind: Behind,
    is_slow: AtomicBool,
    partitions: Mutex<Partitions>,
}

impl Network {
    /// At first everything is answered at once.
    pub(super) fn new(behind: Behind) -> Self {
        Self(Arc::new(State {
            behind,
            is_slow: AtomicBool::new(false),
            partitions: Mutex::default(),
        }))
    }

    /// From now on answers take their time, and partitions have limits.
    pub(super) fn slow_down(&self) {
        self.0.is_slow.store(true, Ordering::SeqCst);
    }

    /// The client that the functions' SDK clients get.
    pub(super) fn client(&self) -> SharedHttpClient {
        SharedHttpClient::new(SlowClient {
            inner: aws_smithy_http_client::Builder::new().build_http(),
            network: self.clone(),
        })
    }

    fn is_slow(&self) -> bool {
        self.0.is_slow.load(Ordering::SeqCst)
    }

    fn partitions(&self) -> MutexGuard<'_, Partitions> {
        let partitions = self.0.partitions.lock();
        partitions.unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct SlowClient {
    inner: SharedHttpClient,
    network: Network,
}

impl HttpClient for SlowClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(SlowConnector {
            inner: self.inner.http_connector(settings, components),
            network: self.network.clone(),
        })
    }
}

#[derive(Debug)]
struct SlowConnector {
    inner: SharedHttpConnector,
    network: Network,
}

impl HttpConnector for SlowConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (inner, network) = (self.inner.clone(), self.network.clone());
        if !network.is_slow() {
            return inner.call(request);
        }
        HttpConnectorFuture::new(async move {
            if let Some(operation) = Operation::of(&request) {
                return operation.call(request, &inner, &network).await;
            }
            sleep(time_of_s3(&request)).await;
            inner.call(request).await
        })
    }
}

/// How long S3 and Lambda take for a request.
fn time_of_s3(request: &HttpRequest) -> Duration {
    let sent = request.body().content_length().unwrap_or_default();
    let passes = Duration::from_secs_f64(float(sent) / takes::OBJECT_BYTES_PER_SECOND);
    let begins = match request.method() {
        "GET" if !request.uri().contains("list-type=2") => takes::GET_OBJECT,
        "PUT" if request.uri().contains("/checkpoints/") => takes::OTHER_OF_S3 + takes::SIGNATURE,
        _ => takes::OTHER_OF_S3,
    };
    begins + passes
}

/// A request to DynamoDB.
struct Operation {
    name: String,
    /// The table and the partition, which is the first one of several.
    partition: String,
    kind: Kind,
    body: Value,
}

impl Operation {
    fn of(request: &HttpRequest) -> Option<Self> {
        let name = request.headers().get("x-amz-target")?.rsplit('.').next()?;
        let body = request.body().bytes().unwrap_or_default();
        let body: Value = serde_json::from_slice(body).ok()?;
        let is_read = name == "Query" || name.contains("Get");
        Some(Self {
            name: name.to_owned(),
            partition: partition(&body).unwrap_or_default(),
            kind: if is_read { Kind::Read } else { Kind::Write },
            body,
        })
    }

    async fn call(
        mut self,
        mut request: HttpRequest,
        inner: &SharedHttpConnector,
        network: &Network,
    ) -> Result<HttpResponse, ConnectorError> {
        let has_left = network.partitions().has_left(&self.partition, self.kind);
        if !has_left {
            sleep(takes::ITEM).await;
            return Ok(answer(400, THROTTLED));
        }
        if network.0.behind == Behind::Anything {
            let units = self.put_units();
            network.partitions().take(&self.partition, self.kind, units);
            sleep(takes::ITEM).await;
            return Ok(answer(200, self.canned()));
        }
        self.body["ReturnConsumedCapacity"] = "TOTAL".into();
        let body = self.body.to_string();
        let length = body.len().to_string();
        request.headers_mut().insert("content-length", length);
        *request.body_mut() = SdkBody::from(body);
        sleep(self.takes()).await;
        let mut response = inner.call(request).await?;
        let body = ByteStream::new(response.take_body()).collect().await;
        let body = body.map_err(|error| ConnectorError::io(error.into()))?;
        let body = body.into_bytes();
        let units = units(&body);
        network.partitions().take(&self.partition, self.kind, units);
        *response.body_mut() = SdkBody::from(body);
        Ok(response)
    }

    fn takes(&self) -> Duration {
        match self.name.as_str() {
            "Query" => takes::PAGE,
            "TransactWriteItems" => takes::TRANSACTION,
            _ => takes::ITEM,
        }
    }

    /// The write units of an item that is put.
    fn put_units(&self) -> f64 {
        let item = serde_json::from_value::<dynoxide::Item>(self.body["Item"].clone());
        let bytes = item.map_or(0, |item| dynoxide::types::item_size(&item));
        float(bytes.div_ceil(1_024).max(1))
    }

    fn canned(&self) -> &'static str {
        match self.kind {
            Kind::Write => "{}",
            // Whoever is looked for is registered.
            Kind::Read => r#"{"Item":{"due_at":{"S":"2030-01-01T00:00:00.000Z"}}}"#,
        }
    }
}

const THROTTLED: &str = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"Throughput exceeds the current capacity of your table or index."}"#;

fn answer(status: u16, body: &'static str) -> HttpResponse {
    let status = StatusCode::try_from(status).expect("it is a status");
    HttpResponse::new(status, SdkBody::from(body))
}

/// The table and the partition that a request names; none for those that name several.
fn partition(body: &Value) -> Option<String> {
    if let Some(operations) = body["TransactItems"].as_array() {
        let first = operations.first()?.as_object()?.values().next()?;
        return partition(first);
    }
    let key = [&body["Key"], &body["Item"]].map(|key| &key["partition_key"]["S"]);
    let key = key.into_iter().find_map(Value::as_str);
    let key = key.or_else(|| queried_partition(body))?;
    Some(format!("{}/{key}", body["TableName"]))
}

/// The partition of a query, whose condition begins with `partition_key = :name`.
fn queried_partition(body: &Value) -> Option<&str> {
    let condition = body["KeyConditionExpression"].as_str()?;
    let name = condition.strip_prefix("partition_key = ")?;
    let name = name.split_whitespace().next()?;
    body["ExpressionAttributeValues"][name]["S"].as_str()
}

/// The units that an answer says were used.
fn units(answer: &[u8]) -> f64 {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let tables = match &answer["ConsumedCapacity"] {
        Value::Array(tables) => tables.as_slice(),
        table => std::slice::from_ref(table),
    };
    let units = tables.iter().map(|table| table["CapacityUnits"].as_f64());
    units.flatten().sum()
}
