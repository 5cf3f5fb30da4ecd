//! The SDK's configuration for the servers of this process.

use std::{collections::HashMap, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

/// The access key that the local S3 accepts; it has no rights anywhere else.
pub const ACCESS_KEY: &str = "local";
/// The secret key to [`ACCESS_KEY`].
pub const SECRET_KEY: &str = "local-secret-key";
/// The region in every signature.
pub const REGION: &str = "us-east-1";

/// How long the SDK pauses before its first retry.
///
/// The servers are in this process, so a longer pause would not help.
const RETRY_PAUSE: Duration = Duration::from_millis(10);

/// The address of each service, as `AWS_ENDPOINT_URL_<SERVICE>` would give it.
#[derive(Debug, Clone)]
pub struct Endpoints(pub HashMap<&'static str, String>);

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        match key.env() {
            "AWS_ENDPOINT_URL" => self.0.get(key.service_id()).cloned(),
            _ => None,
        }
    }
}

/// A client without TLS, which these servers do not speak.
///
/// All clients of a stack share its connections. Otherwise each SDK client would have its
/// own, and parse the system's root certificates first.
fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().build_http()
}

/// The configuration that the functions on AWS load from the environment.
pub fn sdk_config(endpoints: Endpoints) -> SdkConfig {
    let credentials = Credentials::from_keys(ACCESS_KEY, SECRET_KEY, None);
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http_client())
        .timeout_config(shared::aws::sdk::timeouts())
        .retry_config(RetryConfig::standard().with_initial_backoff(RETRY_PAUSE))
        .service_config(endpoints)
        .build()
}
