//! The AWS SDK: its configuration and what its errors mean to a caller.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use aws_config::{
    BehaviorVersion, SdkConfig,
    environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider},
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

use crate::{Config, Error, metrics};

/// The roots that AWS's certificates end in, as <https://www.amazontrust.com/repository/>
/// lists them: Amazon's four, and Starfield's that signed them once.
pub const AMAZON_ROOTS: &[u8] = include_bytes!("amazon_roots.pem");

/// The SDK's configuration from Lambda's variables, with time limits.
///
/// The SDK has none of its own: without them a store that hangs would hold a
/// request until the function is killed, and the caller would learn nothing.
/// Files are not looked for: Lambda gives region and credentials in variables.
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

/// A client that trusts Amazon's roots alone, or those of a PEM file instead.
///
/// To parse the system's some 140 roots is most of what a start would do.
pub fn http_client(ca_bundle: Option<&Path>) -> Result<SharedHttpClient, Error> {
    let roots = ca_bundle.map_or_else(|| Ok(AMAZON_ROOTS.to_vec()), read_bundle)?;
    let trusted = TrustStore::empty().with_pem_certificate(roots);
    let tls = TlsContext::builder().with_trust_store(trusted).build();
    Ok(Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(tls.map_err(|error| Error::internal("setting up TLS", error))?)
        .build_https())
}

/// A file of certificates; the SDK would panic at another one.
fn read_bundle(file: &Path) -> Result<Vec<u8>, Error> {
    let bundle = fs::read(file).map_err(|error| Error::internal("reading AWS_CA_BUNDLE", error))?;
    let mut certificates = CertificateDer::pem_slice_iter(&bundle).peekable();
    if certificates.peek().is_none() || certificates.any(|certificate| certificate.is_err()) {
        return Err(Error::internal("reading AWS_CA_BUNDLE", "no certificates"));
    }
    Ok(bundle)
}

/// How long a start waits for a connection; Lambda gives it 10 s in all.
const OPEN_TIME_MAX: Duration = Duration::from_secs(3);

/// Opens the connection to a table before a request needs it: asks for what is never there.
///
/// Lambda gives a start more of a processor than a call, and the first call then
/// finds everything made: TLS, the signing key, the code in memory.
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
    tracing::warn!(table, error = error.chain(), "a start was not answered");
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

/// Codes that say "not now" and that the SDK itself does not repeat.
const NOT_NOW: [&str; 2] = ["OperationAborted", "TransactionConflictException"];

/// Whether a code says "not now", though its status says that the caller is at fault.
fn is_passing(code: &str) -> bool {
    let lists = [THROTTLING_ERRORS, TRANSIENT_ERRORS, &NOT_NOW];
    lists.iter().any(|list| list.contains(&code))
}
