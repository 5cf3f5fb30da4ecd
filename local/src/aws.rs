//! The SDK's configuration for the servers of this process.

use std::{collections::HashMap, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

/// The credentials that the local S3 accepts; they open nothing else.
pub const ACCESS_KEY: &str = "local";
/// See [`ACCESS_KEY`].
pub const SECRET_KEY: &str = "local-secret-key";
/// The region in every signature.
pub const REGION: &str = "us-east-1";

/// The servers are this process: an answer that is lost need not be waited for.
const RETRY_PAUSE: Duration = Duration::from_millis(10);

/// Where each service listens, as `AWS_ENDPOINT_URL_<SERVICE>` would say.
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

/// What `shared::aws::sdk::sdk_config` would load from the environment.
pub fn sdk_config(endpoints: Endpoints) -> SdkConfig {
    let credentials = Credentials::from_keys(ACCESS_KEY, SECRET_KEY, None);
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .timeout_config(shared::aws::sdk::timeouts())
        .retry_config(RetryConfig::standard().with_initial_backoff(RETRY_PAUSE))
        .service_config(endpoints)
        .build()
}
