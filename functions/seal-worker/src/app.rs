//! What the function keeps between calls.

use aws_config::SdkConfig;
use shared::{
    ActivityStore, Clock, Config,
    aws::{
        archive::{PublicKeys, Registry, SealStore},
        imports::Imports,
        sdk,
        signer::Signer,
    },
};
use tokio::sync::OnceCell;

/// What the function keeps between calls.
#[derive(Debug)]
pub struct App {
    /// The configuration.
    pub config: Config,
    pub(crate) activities: ActivityStore,
    pub(crate) registry: Registry,
    pub(crate) store: SealStore,
    pub(crate) imports: Imports,
    pub(crate) signer: Signer,
    pub(crate) public_keys: PublicKeys,
    /// Whether it was noted in this process which keys sign.
    pub(crate) keys_noted: OnceCell<()>,
    /// The clock.
    pub clock: Clock,
}

impl App {
    /// Builds the clients, once.
    pub fn new(sdk: &SdkConfig, config: Config, clock: Clock) -> Self {
        let dynamodb = sdk::dynamodb(sdk);
        Self {
            activities: ActivityStore::new(dynamodb.clone(), &config),
            registry: Registry::new(dynamodb.clone(), config.archive_table.clone()),
            store: SealStore::new(sdk, &config),
            imports: Imports::new(sdk, &config),
            signer: Signer::new(sdk, &config),
            public_keys: PublicKeys::new(dynamodb, config.archive_table.clone()),
            keys_noted: OnceCell::new(),
            config,
            clock,
        }
    }
}
