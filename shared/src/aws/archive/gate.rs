//! What every new activity passes, so that none is lost to a seal.
//!
//! A partner is registered before the first answer, so that its log is sealed. Nothing
//! is accepted below the moment up to which a log is closed: it would never be shown.
//! What is older than a log otherwise accepts needs the open window of an import.

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

/// How old an activity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// As old as the log accepts at any time.
    Usual,
    /// Older: it belongs to an import.
    Past,
}

/// How many partners a process remembers to be registered.
const PARTNERS_MAX: usize = 10_000;

/// Something of each partner that is read once, however many ask at the same time.
#[derive(Debug)]
struct OfPartners<T>(Arc<Mutex<HashMap<PartnerId, Arc<OnceCell<T>>>>>);

impl<T> OfPartners<T> {
    fn of(&self, partner: &PartnerId) -> Arc<OnceCell<T>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = known.get(partner) {
            return Arc::clone(cell);
        }
        if known.len() >= PARTNERS_MAX {
            known.clear();
        }
        let cell = Arc::<OnceCell<T>>::default();
        known.insert(partner.clone(), Arc::clone(&cell));
        cell
    }
}

impl<T> Default for OfPartners<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Clone for OfPartners<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// The gate before the table of activities.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    registry: Registry,
    table: Table,
    first_seal_after: Duration,
    /// Who is registered, as far as this process knows.
    registered: OfPartners<()>,
    /// The heads that the request has read; absent if several requests share the gate.
    heads: Option<OfPartners<Option<Head>>>,
}

impl Gate {
    pub(crate) fn new(client: Client, config: &Config) -> Self {
        let name = config.archive_table.clone();
        Self {
            registry: Registry::new(client.clone(), name.clone()),
            table: Table { client, name },
            first_seal_after: config.first_seal_after,
            registered: OfPartners::default(),
            heads: None,
        }
    }

    /// The gate for one request, which must end within the margin of a seal: it reads each
    /// head only once.
    pub(crate) fn for_one_request(&self) -> Self {
        Self {
            heads: Some(OfPartners::default()),
            ..self.clone()
        }
    }

    /// Registers a partner, unless this process knows that it is registered.
    pub(crate) async fn register(&self, partner: &PartnerId, now: Moment) -> Result<(), Error> {
        self.registered
            .of(partner)
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

    /// Why the log does not accept an activity of this time; none if it does.
    ///
    /// What is younger than a day is always accepted, and costs no read.
    pub(crate) async fn refusal(
        &self,
        partner: &PartnerId,
        occurred_at: Moment,
        age: Age,
        now: Moment,
    ) -> Result<Option<Error>, Error> {
        if occurred_at >= now.minus(NEVER_SEALED) {
            return Ok(None);
        }
        let head = self.head(partner).await?;
        let window = head.as_ref().and_then(|head| head.import_window.as_ref());
        if age == Age::Past && !window.is_some_and(|window| window.is_open(now)) {
            let reason = "is older than the log accepts, and no import is open";
            return Ok(Some(Error::invalid("occurred_at", reason)));
        }
        let closed_to = head.and_then(|head| head.closed_to);
        let closed_to = closed_to.filter(|closed_to| occurred_at < *closed_to);
        Ok(closed_to.map(|closed_to| {
            let reason =
                format!("must be {closed_to} or later, because the log is closed up to then");
            Error::invalid("occurred_at", reason)
        }))
    }

    async fn head(&self, partner: &PartnerId) -> Result<Option<Head>, Error> {
        let read = || self.table.get(table::key(partner, HEAD));
        match &self.heads {
            None => read().await,
            Some(heads) => heads.of(partner).get_or_try_init(read).await.cloned(),
        }
    }
}
