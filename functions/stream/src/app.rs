//! What the function keeps between calls.

use aws_config::SdkConfig;
use events::{Bus, EventMaker};
use shared::{ActivityStore, Clock, Config, aws::sdk};

/// What the function keeps between calls.
#[derive(Debug)]
pub struct App {
    pub(crate) activities: ActivityStore,
    pub(crate) bus: Bus,
    pub(crate) events: EventMaker,
    /// The clock.
    pub clock: Clock,
}

impl App {
    /// Builds the clients, once; none if the configuration names no bus.
    pub fn new(sdk: &SdkConfig, config: &Config, clock: Clock) -> Option<Self> {
        let stream = config.stream.as_ref()?;
        Some(Self {
            activities: ActivityStore::new(sdk::dynamodb(sdk), config),
            bus: Bus::new(sdk, stream.bus.clone()),
            events: EventMaker::new(config, stream.format),
            clock,
        })
    }
}
