//! What the function keeps between calls.

use aws_config::SdkConfig;
use shared::{
    ActivityStore, Clock, Config, ErasureStore, Workers,
    aws::{archive::SealStore, sdk},
};

/// What the function keeps between calls.
#[derive(Debug)]
pub struct App {
    pub(crate) erasures: ErasureStore,
    pub(crate) activities: ActivityStore,
    pub(crate) archive: SealStore,
    pub(crate) workers: Workers,
    /// Whether entries are streamed as they are recorded.
    pub(crate) is_streamed: bool,
    /// The clock.
    pub clock: Clock,
}

impl App {
    /// Builds the clients, once.
    pub fn new(sdk: &SdkConfig, config: Config, clock: Clock) -> Self {
        let dynamodb = sdk::dynamodb(sdk);
        Self {
            erasures: ErasureStore::new(dynamodb.clone(), config.erasures_table.clone()),
            activities: ActivityStore::new(dynamodb, &config),
            archive: SealStore::new(sdk, &config),
            is_streamed: config.stream.is_some(),
            workers: Workers::new(sdk, config.erasure_worker_function),
            clock,
        }
    }
}
