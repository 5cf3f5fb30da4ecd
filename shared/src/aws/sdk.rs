//! The AWS SDK: its configuration and what its errors mean to a caller.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use aws_config::{
    BehaviorVersion, SdkConfig,
    environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider},
    retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_runtime::{
    env_config::file::{EnvConfigFileKind, EnvConfigFiles},
    retries::classifiers::{THROTTLING_ERRORS, TRANSIENT_ERRORS},
};
use aws_sdk_dynamodb::{
    Client,
    config::{
        ConfigBag, Intercept, RuntimeComponents, SharedHttpClient,
        http::HttpResponse,
        interceptors::{BeforeSerializationInterceptorContextRef, FinalizerInterceptorContextRef},
        retry::RetryPartition,
    },
    error::{BoxError, ProvideErrorMetadata, SdkError},
    types::AttributeValue,
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use tokio::time::timeout;

use crate::{Config, Error, metrics, model::error::Throttled};

/// The root certificates of AWS, from <https://www.amazontrust.com/repository/>.
///
/// They are Amazon's four, and Starfield's, which once signed them.
pub const AMAZON_ROOTS: &[u8] = include_bytes!("amazon_roots.pem");

/// The SDK's configuration from Lambda's variables, with time limits.
///
/// The SDK has no time limits by default: a store that hangs would hold a request
/// until Lambda kills the function, and the caller would get no explanation.
/// No files are read: Lambda gives region and credentials in variables.
pub async fn config(config: &Config) -> Result<SdkConfig, Error> {
    let nothing = EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, "");
    Ok(aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client(config.ca_bundle.as_deref())?)
        .region(EnvironmentVariableRegionProvider::new())
        .credentials_provider(EnvironmentVariableCredentialsProvider::new())
        .profile_files(nothing.build())
        .timeout_config(timeouts())
        .load()
        .await)
}

/// The same for functions that somebody waits for, who soon learns that a store is throttled.
pub async fn config_of_requests(config: &Config) -> Result<SdkConfig, Error> {
    let sdk = self::config(config).await?.into_builder();
    Ok(sdk.retry_config(retries_of_requests()).build())
}

/// Pauses of up to 100 and then 200 ms.
///
/// The SDK's own are ten times as long. A request that waits holds an execution, so while
/// one partner's log is throttled, none might be left for the others.
pub fn retries_of_requests() -> RetryConfig {
    RetryConfig::standard().with_initial_backoff(Duration::from_millis(100))
}

/// An HTTP client that trusts only Amazon's roots, or only those of a PEM file.
///
/// Parsing the system's roots, about 140, would take most of a start.
pub fn http_client(ca_bundle: Option<&Path>) -> Result<SharedHttpClient, Error> {
    let roots = ca_bundle.map_or_else(|| Ok(AMAZON_ROOTS.to_vec()), read_bundle)?;
    let trusted = TrustStore::empty().with_pem_certificate(roots);
    let tls = TlsContext::builder().with_trust_store(trusted).build();
    Ok(Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(tls.map_err(|error| Error::internal("setting up TLS", error))?)
        .build_https())
}

/// Reads a file of certificates; the SDK would panic at an invalid one.
fn read_bundle(file: &Path) -> Result<Vec<u8>, Error> {
    let bundle = fs::read(file).map_err(|error| Error::internal("reading AWS_CA_BUNDLE", error))?;
    let mut certificates = CertificateDer::pem_slice_iter(&bundle).peekable();
    if certificates.peek().is_none() || certificates.any(|certificate| certificate.is_err()) {
        return Err(Error::internal("reading AWS_CA_BUNDLE", "no certificates"));
    }
    Ok(bundle)
}

/// How long a start waits for a connection; Lambda allows 10 s for all of it.
const OPEN_TIME_MAX: Duration = Duration::from_secs(3);

/// Opens the connection to a table, by reading an item that never exists.
///
/// Lambda gives a start more processor time than a call. The first call then finds
/// the TLS connection, the signing key and the code in memory.
pub async fn open(client: &Client, table: &str) {
    let nothing = AttributeValue::S("#".into());
    let asked = client
        .get_item()
        .table_name(table)
        .key("partition_key", nothing.clone())
        .key("sort_key", nothing)
        .send();
    let error = match timeout(OPEN_TIME_MAX, asked).await {
        Ok(Ok(_)) => return,
        Ok(Err(error)) => failed("opening a connection", error),
        Err(error) => Error::Unavailable(error.into()),
    };
    // The first request tries again.
    tracing::warn!(
        table,
        error = error.chain(),
        "the connection could not be opened at the start"
    );
}

/// The time limits of a call: three attempts of 3 s each, 8 s in all.
///
/// This is below the functions' shortest time limit.
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(3))
        .operation_timeout(Duration::from_secs(8))
        .build()
}

/// A client for the tables, whose calls are timed.
pub fn dynamodb(sdk: &SdkConfig) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::config::Builder::from(sdk)
        .retry_partition(own_retries())
        .interceptor(Stopwatch);
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

/// What a client may repeat, counted for this client alone.
///
/// The SDK allows a process so many failures for each AWS service, and then repeats nothing.
/// Where all functions share a process, one function's failures would fail the others' calls.
pub fn own_retries() -> RetryPartition {
    RetryPartition::custom("client").build()
}

/// Measures how long a call takes, with all its attempts.
#[derive(Debug)]
struct Stopwatch;

#[derive(Debug)]
struct StartedAt(Instant);

impl Storable for StartedAt {
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
        config
            .interceptor_state()
            .store_put(StartedAt(Instant::now()));
        Ok(())
    }

    fn read_after_execution(
        &self,
        _: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(StartedAt(at)) = config.load::<StartedAt>() {
            metrics::store_latency(at.elapsed());
        }
        Ok(())
    }
}

/// The error of a failed call: `Unavailable` if a later one may succeed.
///
/// Otherwise it is `Internal`, named after what was being done.
pub fn failed<E>(doing: &'static str, error: SdkError<E, HttpResponse>) -> Error
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let code = error.code().unwrap_or_default();
    if THROTTLING_ERRORS.contains(&code) {
        return Error::Unavailable(Throttled(error.into()).into());
    }
    let passing = match &error {
        SdkError::ServiceError(context) => {
            context.raw().status().is_server_error() || is_temporary(code)
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

/// Codes of temporary failures that the SDK itself does not retry.
const NOT_NOW: [&str; 3] = [
    "ConditionalRequestConflict",
    "OperationAborted",
    "TransactionConflictException",
];

/// Whether a code is one of a temporary failure, even if its status is a 4xx.
fn is_temporary(code: &str) -> bool {
    TRANSIENT_ERRORS.contains(&code) || NOT_NOW.contains(&code)
}
