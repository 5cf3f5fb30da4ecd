//! What the function keeps between requests.

use activity_log::Log;
use aws_config::SdkConfig;
use shared::{
    ActivityStore, Clock, Config,
    aws::{
        archive::{ArchiveStore, PublicKeys},
        sdk,
    },
};

/// What the function keeps between requests.
#[derive(Debug)]
pub struct App {
    /// The configuration.
    pub config: Config,
    /// The partners' logs.
    pub log: Log,
    /// The keys that sign checkpoints.
    pub keys: PublicKeys,
    /// The clock.
    pub clock: Clock,
}

impl App {
    /// Builds the clients, once.
    pub fn new(sdk: &SdkConfig, config: Config, clock: Clock) -> Self {
        let dynamodb = sdk::dynamodb(sdk);
        let archive = ArchiveStore::configured(sdk, dynamodb.clone(), &config);
        let keys = PublicKeys::new(dynamodb.clone(), config.archive_table.clone());
        let activities = ActivityStore::new(dynamodb, &config);
        Self {
            config,
            keys,
            log: Log::new(activities, Some(archive)),
            clock,
        }
    }
}
