//! How `export-worker` is called.

use aws_config::SdkConfig;
use aws_sdk_lambda::{Client, primitives::Blob, types::InvocationType};
use shared::{Error, ExportKey, aws, export::WorkerEvent};

/// The `export-worker` function.
#[derive(Debug)]
pub(crate) struct Workers {
    client: Client,
    function: String,
}

impl Workers {
    pub(crate) fn new(sdk: &SdkConfig, function: String) -> Self {
        Self {
            client: Client::new(sdk),
            function,
        }
    }

    /// Queues a call; a call that comes twice is harmless, for the lease admits one.
    pub(crate) async fn call(&self, key: &ExportKey) -> Result<(), Error> {
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
