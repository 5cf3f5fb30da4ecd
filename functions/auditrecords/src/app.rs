//! What the function keeps between requests.

use activity_log::Log;
use aws_config::SdkConfig;
use shared::{
    ActivityStore, Clock, Config,
    aws::{archive::ArchiveStore, sdk},
};

/// What the function keeps between requests.
#[derive(Debug)]
pub struct App {
    /// The configuration.
    pub config: Config,
    /// The partners' logs.
    pub log: Log,
    /// The clock.
    pub clock: Clock,
}

impl App {
    /// Builds the clients, once.
    pub fn new(sdk: &SdkConfig, config: Config, clock: Clock) -> Self {
        let dynamodb = sdk::dynamodb(sdk);
        let archive = ArchiveStore::configured(sdk, dynamodb.clone(), &config);
        let activities = ActivityStore::new(dynamodb, &config);
        Self {
            config,
            log: Log::new(activities, Some(archive)),
            clock,
        }
    }
}
