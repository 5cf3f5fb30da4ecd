//! How a function calls its worker, without waiting for the work.

use aws_config::SdkConfig;
use aws_sdk_lambda::{Client, config, primitives::Blob, types::InvocationType};
use serde::Serialize;

use crate::{Error, aws::sdk};

/// A worker function, which is called asynchronously.
#[derive(Debug, Clone)]
pub struct Workers {
    client: Client,
    function: String,
}

impl Workers {
    /// A client for the function of this name.
    pub fn new(sdk: &SdkConfig, function: String) -> Self {
        let config = config::Builder::from(sdk).retry_partition(sdk::own_retries());
        Self {
            client: Client::from_conf(config.build()),
            function,
        }
    }

    /// Queues a call; Lambda may deliver it twice, which every worker must tolerate.
    pub async fn call(&self, event: &impl Serialize) -> Result<(), Error> {
        let event = serde_json::to_vec(event)
            .map_err(|error| Error::internal("calling a worker", error))?;
        self.client
            .invoke()
            .function_name(&self.function)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(event))
            .send()
            .await
            .map_err(|error| sdk::failed("calling a worker", error))?;
        Ok(())
    }
}
