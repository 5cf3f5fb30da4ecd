//! What the function keeps between calls: its configuration, its clients and its clock.

use activity_log::Log;
use aws_config::SdkConfig;
use shared::{
    ActivityStore, Clock, Config, ExportStore, Files, Workers,
    aws::{archive::ArchiveStore, sdk},
};

/// What the function keeps between calls.
#[derive(Debug)]
pub struct App {
    /// The configuration.
    pub config: Config,
    /// The exports.
    pub exports: ExportStore,
    /// The partners' logs, for the rows.
    pub log: Log,
    /// The activities: the worker adds an entry to the trail.
    pub activities: ActivityStore,
    pub(crate) files: Files,
    pub(crate) workers: Workers,
    /// The clock.
    pub clock: Clock,
}

impl App {
    /// Builds the clients, once.
    pub fn new(sdk: &SdkConfig, config: Config, clock: Clock) -> Self {
        let dynamodb = sdk::dynamodb(sdk);
        let archive = ArchiveStore::configured(sdk, dynamodb.clone(), &config);
        let activities = ActivityStore::new(dynamodb.clone(), &config);
        Self {
            exports: ExportStore::new(dynamodb, config.exports_table.clone()),
            log: Log::new(activities.clone(), Some(archive)),
            activities,
            files: Files::for_uploads(sdk, config.exports_bucket.clone()),
            workers: Workers::new(sdk, config.export_worker_function.clone()),
            config,
            clock,
        }
    }
}
