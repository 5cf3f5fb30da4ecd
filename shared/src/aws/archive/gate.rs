//! What every new activity passes, so that none is lost to a seal.
//!
//! A partner is registered before the first answer, so that its log is sealed. Nothing
//! is accepted below the moment up to which a log is closed: it would never be shown.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_sdk_dynamodb::Client;
use tokio::sync::OnceCell;

use super::{
    items::{HEAD, Head},
    registry::Registry,
};
use crate::{
    Config, Error, Moment, PartnerId,
    aws::table::{self, Table},
    model::seal::NEVER_SEALED,
};

/// How many partners a process remembers to be registered.
const PARTNERS_MAX: usize = 10_000;

/// Whether a partner is registered; several requests at once ask only once.
type Registration = Arc<OnceCell<()>>;

/// The gate before the table of activities.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    registry: Registry,
    table: Table,
    first_seal_after: Duration,
    known: Arc<Mutex<HashMap<PartnerId, Registration>>>,
}

impl Gate {
    pub(crate) fn new(client: Client, config: &Config) -> Self {
        let name = config.archive_table.clone();
        Self {
            registry: Registry::new(client.clone(), name.clone()),
            table: Table { client, name },
            first_seal_after: config.first_seal_after,
            known: Arc::default(),
        }
    }

    /// Registers a partner, unless this process knows that it is registered.
    pub(crate) async fn register(&self, partner: &PartnerId, now: Moment) -> Result<(), Error> {
        self.registration(partner)
            .get_or_try_init(|| async {
                if self.registry.has(partner).await? {
                    return Ok(());
                }
                let due_at = now.plus(self.first_seal_after);
                self.registry.add(partner, now, due_at).await
            })
            .await
            .copied()
    }

    fn registration(&self, partner: &PartnerId) -> Registration {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(registration) = known.get(partner) {
            return Arc::clone(registration);
        }
        if known.len() >= PARTNERS_MAX {
            known.clear();
        }
        let registration = Registration::default();
        known.insert(partner.clone(), Arc::clone(&registration));
        registration
    }

    /// Up to which moment nothing is accepted any more, if that may concern an activity
    /// of this time.
    ///
    /// What is younger than a day is always accepted, and costs no read.
    pub(crate) async fn closed_to(
        &self,
        partner: &PartnerId,
        occurred_at: Moment,
        now: Moment,
    ) -> Result<Option<Moment>, Error> {
        if occurred_at >= now.minus(NEVER_SEALED) {
            return Ok(None);
        }
        let head: Option<Head> = self.table.get(table::key(partner, HEAD)).await?;
        let closed_to = head.and_then(|head| head.closed_to);
        Ok(closed_to.filter(|closed_to| occurred_at < *closed_to))
    }
}
