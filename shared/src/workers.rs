//! How `export-worker` is called.

use crate::{Error, ExportKey, aws, export::WorkerEvent};
use aws_config::SdkConfig;
use aws_sdk_lambda::{Client, primitives::Blob, types::InvocationType};

/// The `export-worker` function.
#[derive(Debug, Clone)]
pub struct Workers {
    client: Client,
    function: String,
}

impl Workers {
    /// A client for the function of this name.
    pub fn new(sdk: &SdkConfig, function: String) -> Self {
        Self {
            client: Client::new(sdk),
            function,
        }
    }

    /// Queues a call; a call that comes twice is harmless, for the lease admits one.
    pub async fn call(&self, key: &ExportKey) -> Result<(), Error> {
        let event = serde_json::to_vec(&WorkerEvent::from(key))
            .map_err(|error| Error::internal("calling a worker", error))?;
        self.client
            .invoke()
            .function_name(&self.function)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(event))
            .send()
            .await
            .map_err(|error| aws::failed("calling a worker", error))?;
        Ok(())
    }
}
