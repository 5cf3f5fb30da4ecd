//! Imports: windows in which a log accepts the past, and their entries in the log.
//!
//! A window is a part of the head of the partner's archive. It is opened under the lease
//! of the head, so no seal is at work when it begins, and seals leave the log alone until
//! its end is in the log. Each step may be interrupted and done again.

use aws_config::SdkConfig;

use crate::{
    ActivityStore, Actor, Config, Error, Moment, NewActivity, PartnerId,
    aws::{
        activities::Stamp,
        archive::{Head, Holder, Registry, SealStore},
        sdk,
    },
    model::{
        import::{Closed, Window},
        trail,
    },
};

/// The windows of all logs.
#[derive(Debug)]
pub struct Imports {
    store: SealStore,
    registry: Registry,
    activities: ActivityStore,
}

/// A window, and from when on activities are accepted.
#[derive(Debug)]
pub struct OpenImport {
    /// The window.
    pub window: Window,
    /// Nothing that happened before this moment is accepted.
    pub closed_to: Option<Moment>,
}

impl Imports {
    /// The windows of a configuration.
    pub fn new(sdk: &SdkConfig, config: &Config) -> Self {
        let dynamodb = sdk::dynamodb(sdk);
        Self {
            store: SealStore::new(sdk, config),
            registry: Registry::new(dynamodb.clone(), config.archive_table.clone()),
            activities: ActivityStore::new(dynamodb, config),
        }
    }

    /// The window of a log that is open now, if any.
    pub async fn find(
        &self,
        partner: &PartnerId,
        now: Moment,
    ) -> Result<Option<OpenImport>, Error> {
        let head = self.store.archive().head(partner).await?;
        Ok(head.and_then(|head| open_import(head, now)))
    }

    /// Opens a window, unless one is open: then that one is the answer.
    ///
    /// `LogBusy` while a seal or an erasure of the log is under way.
    pub async fn open(
        &self,
        partner: &PartnerId,
        actor: &Actor,
        stamp: &Stamp,
    ) -> Result<OpenImport, Error> {
        let now = stamp.recorded_at;
        let before = self.store.archive().head(partner).await?;
        let before = before.and_then(|head| Some((head.import_window.clone()?, head)));
        let open = match before {
            Some((window, head)) if window.is_open(now) => OpenImport {
                window,
                closed_to: head.closed_to,
            },
            Some((window, _)) => {
                self.end(partner, &window, stamp).await?;
                self.begin(partner, actor, now).await?
            }
            None => self.begin(partner, actor, now).await?,
        };
        // The entry registers the partner; the log is looked after when the window ends.
        let entry = trail::import_opened(partner, &open.window)?;
        self.record(entry, stamp).await?;
        let ends_at = open.window.ends_at;
        self.registry.set_due(partner, ends_at).await?;
        Ok(open)
    }

    async fn begin(
        &self,
        partner: &PartnerId,
        actor: &Actor,
        now: Moment,
    ) -> Result<OpenImport, Error> {
        let taken = self.store.take_lease(partner, Holder::Seal, now).await?;
        let (lease, head) = taken.ok_or(Error::LogBusy)?;
        let window = Window::new(actor.clone(), now);
        if !self.store.open_window(&lease, &head, &window).await? {
            return Err(Error::LogBusy);
        }
        let is_sealed = head.border.is_some();
        Ok(OpenImport {
            window,
            closed_to: head.closed_to.filter(|_| is_sealed),
        })
    }

    /// Closes the window of a log; returns it, or none if there is none.
    ///
    /// The log is due to be sealed from now on.
    pub async fn close(
        &self,
        partner: &PartnerId,
        actor: &Actor,
        stamp: &Stamp,
    ) -> Result<Option<Window>, Error> {
        let (head, now) = (self.store.archive().head(partner).await?, stamp.recorded_at);
        let Some(window) = head.and_then(|head| head.import_window) else {
            return Ok(None);
        };
        let window = if window.is_open(now) {
            let closed = Closed {
                // Machines' clocks differ.
                at: now.max(window.opened_at),
                by: actor.clone(),
            };
            self.store.close_window(partner, window.id, &closed).await?
        } else {
            Some(window)
        };
        if let Some(window) = &window {
            self.end(partner, window, stamp).await?;
            self.registry.set_due(partner, now).await?;
        }
        Ok(window)
    }

    /// Records the entries of a window that has ended, then forgets it.
    pub async fn end(
        &self,
        partner: &PartnerId,
        window: &Window,
        stamp: &Stamp,
    ) -> Result<(), Error> {
        let opened = trail::import_opened(partner, window)?;
        let closed = trail::import_closed(partner, window)?;
        self.record(opened, stamp).await?;
        self.record(closed, stamp).await?;
        self.store.forget_window(partner, window.id).await
    }

    /// Records an entry; keeps the one that an earlier call recorded.
    async fn record(&self, entry: NewActivity, stamp: &Stamp) -> Result<(), Error> {
        match self.activities.append(entry, stamp).await {
            Ok(_) | Err(Error::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn open_import(head: Head, now: Moment) -> Option<OpenImport> {
    let window = head.import_window.filter(|window| window.is_open(now))?;
    Some(OpenImport {
        window,
        closed_to: head.closed_to,
    })
}
