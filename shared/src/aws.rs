//! The AWS SDK: its configuration and what its errors mean to a caller.

use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, SdkConfig, timeout::TimeoutConfig};
use aws_sdk_dynamodb::{
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        http::HttpResponse,
        interceptors::{BeforeSerializationInterceptorContextRef, FinalizerInterceptorContextRef},
    },
    error::{BoxError, ProvideErrorMetadata, SdkError},
};
use aws_smithy_types::config_bag::{Storable, StoreReplace};

use crate::{Error, metrics};

/// The SDK's configuration from the environment, with time limits.
///
/// The SDK has none of its own: without them a store that hangs would hold a
/// request until the function is killed, and the caller would learn nothing.
pub async fn sdk_config() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts())
        .load()
        .await
}

/// Three attempts of 3 s within 8 s: below the functions' shortest time limit.
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(3))
        .operation_timeout(Duration::from_secs(8))
        .build()
}

/// A client for the tables, whose calls are timed.
pub fn dynamodb(sdk: &SdkConfig) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::config::Builder::from(sdk).interceptor(Stopwatch);
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

/// Times what a caller waits for: a call with all its attempts.
#[derive(Debug)]
struct Stopwatch;

#[derive(Debug)]
struct Begun(Instant);

impl Storable for Begun {
    type Storer = StoreReplace<Self>;
}

impl Intercept for Stopwatch {
    fn name(&self) -> &'static str {
        "Stopwatch"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        config.interceptor_state().store_put(Begun(Instant::now()));
        Ok(())
    }

    fn read_after_execution(
        &self,
        _: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(Begun(at)) = config.load::<Begun>() {
            metrics::store_latency(at.elapsed());
        }
        Ok(())
    }
}

/// What a failed call means: try again later, or this service is at fault.
pub fn failed<E>(doing: &'static str, error: SdkError<E, HttpResponse>) -> Error
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let passing = match &error {
        SdkError::ServiceError(context) => {
            context.raw().status().is_server_error() || context.err().code().is_some_and(is_passing)
        }
        SdkError::ConstructionFailure(_) => false,
        _ => true,
    };
    if passing {
        Error::Unavailable(error.into())
    } else {
        Error::internal(doing, error)
    }
}

/// Codes of the services' common errors that say "not now" with a 4xx status.
fn is_passing(code: &str) -> bool {
    matches!(
        code,
        "BandwidthLimitExceeded"
            | "LimitExceededException"
            | "OperationAborted"
            | "PriorRequestNotComplete"
            | "ProvisionedThroughputExceededException"
            | "RequestLimitExceeded"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "RequestTimeout"
            | "RequestTimeoutException"
            | "SlowDown"
            | "ThrottledException"
            | "Throttling"
            | "ThrottlingException"
            | "TooManyRequestsException"
            | "TransactionConflictException"
            | "TransactionInProgressException"
    )
}
