//! `admin rebuild`: makes the items of a partner's archive again from its objects.
//!
//! Seals and erasures must be stopped meanwhile.

use aws_config::SdkConfig;
use shared::{
    Clock, Config, Error as ServiceError, Moment, PartnerId,
    aws::archive::{Extent, Head, Restoration, SealStore, SegmentItem, partner_id},
};

use crate::{
    Error,
    chain::Chain,
    published::{AllPublished, Published},
    scanned::ScannedLog,
};

/// Makes head and segments of a partner's archive again from what is in the buckets.
#[derive(Debug, Default, clap::Args)]
pub struct Rebuild {
    /// Whose archive
    #[arg(long)]
    pub partner: String,
    /// Store what was computed; otherwise it is only reported
    #[arg(long)]
    pub write: bool,
    /// Leave out what can't be made again, so that the next seal takes it from the table
    /// of activities
    #[arg(long)]
    pub shrink: bool,
}

/// What was computed.
#[derive(Debug)]
pub struct Rebuilt {
    /// How much is sealed.
    pub extent: Extent,
    /// The segments.
    pub segments: Vec<SegmentItem>,
    /// How many of them the table did not have like this.
    pub changed: usize,
    /// The keys of objects that belong to no segment; the next run deletes them.
    pub leftovers: Vec<String>,
    /// How many checkpoints have the root that was computed.
    pub compared: usize,
}

/// What is stored of a partner's archive.
#[derive(Debug)]
struct Archive {
    partner: PartnerId,
    store: SealStore,
    head: Option<Head>,
    items: Vec<SegmentItem>,
    published: AllPublished,
    chain: Chain,
    /// The highest epoch of all objects.
    epoch: u64,
}

impl Rebuild {
    /// Computes the items and compares them with the checkpoints; then stores them, if
    /// that is asked for.
    pub async fn run(
        &self,
        sdk: &SdkConfig,
        config: &Config,
        clock: &Clock,
    ) -> Result<Rebuilt, Error> {
        let archive = self.read(sdk, config, clock).await?;
        let log = self.scan(&archive).await?;
        let (size, border) = (log.size(), log.border.ok_or(Error::Nothing)?);
        let extent = Extent {
            size,
            border,
            sealed_to: archive.sealed_to(size, border.occurred_at()),
        };
        if self.write && !archive.store(&log, extent, clock.now()).await? {
            return Err(Error::Held);
        }
        let is_new = |segment: &&SegmentItem| !archive.items.contains(segment);
        let rebuilt = Rebuilt {
            extent,
            changed: log.segments.iter().filter(is_new).count(),
            leftovers: archive
                .chain
                .leftovers
                .into_iter()
                .map(|it| it.key)
                .collect(),
            compared: log.compared,
            segments: log.segments,
        };
        rebuilt.print(self.write);
        Ok(rebuilt)
    }

    async fn read(
        &self,
        sdk: &SdkConfig,
        config: &Config,
        clock: &Clock,
    ) -> Result<Archive, Error> {
        let partner = partner_id(&self.partner)?;
        let store = SealStore::new(sdk, config);
        let head = store.archive().head(&partner).await?;
        let items = store.segments(&partner).await?;
        let mut objects = store.segment_objects(&partner).await?;
        // With a head, what ends behind it was stored and never committed.
        let committed = head.as_ref().map(|head| head.size).filter(|size| *size > 0);
        if let Some(size) = committed {
            objects.retain(|object| object.end_index() <= size);
        }
        Ok(Archive {
            head,
            published: AllPublished::read(&store, &partner, clock.now()).await?,
            epoch: objects.iter().map(|it| it.epoch).max().unwrap_or_default(),
            chain: Chain::new(objects, &items),
            items,
            partner,
            store,
        })
    }

    /// Reads the log as far as it goes; it must go as far as anything says that it did.
    async fn scan(&self, archive: &Archive) -> Result<ScannedLog, Error> {
        let mut log = ScannedLog::new()?;
        for link in &archive.chain.links {
            let added = log.add(&archive.store, &archive.partner, link, &archive.published);
            match added.await {
                Err(Error::Service(error @ ServiceError::Internal { .. })) if self.shrink => {
                    eprintln!("left out: {}", error.chain());
                    break;
                }
                added => added?,
            }
        }
        match archive.furthest() {
            Some((size, claim)) if size > log.size() => {
                let missing = Error::Missing {
                    index: log.size(),
                    size,
                    claim,
                };
                if !self.shrink {
                    return Err(missing);
                }
                eprintln!("left out: {missing}");
            }
            _ => {}
        }
        Ok(log)
    }
}

impl Archive {
    /// The most entries that anything says the log has, and what says it.
    fn furthest(&self) -> Option<(u64, String)> {
        let head = self
            .head
            .as_ref()
            .map(|head| (head.size, "the head".to_owned()));
        let items = self.items.iter();
        let items = items.map(|it| (it.end_index(), format!("the item of {}", it.object)));
        let objects = self.chain.strangers();
        let objects = objects.map(|it| (it.end_index(), it.key.clone()));
        let published = self.published.newest(u64::MAX);
        let published = published.map(|(size, it)| (size, it.key.clone()));
        let all = objects.chain(published).chain(items).chain(head);
        all.max_by_key(|(size, _)| *size)
    }

    /// The heads and checkpoints that say up to when so much of the log was sealed.
    fn sealed_to(&self, size: u64, last: Moment) -> Moment {
        let head = self.head.as_ref().filter(|head| head.size <= size);
        let head = head.and_then(|head| head.sealed_to);
        let published = self.published.newest(size).map(|(_, it)| it.sealed_to);
        [head, published]
            .into_iter()
            .flatten()
            .fold(last, Moment::max)
    }

    async fn store(&self, log: &ScannedLog, extent: Extent, now: Moment) -> Result<bool, Error> {
        let newest: Option<&Published> = self.published.newest(u64::MAX).map(|(_, it)| it);
        let head = self.head.as_ref();
        let closed = head.and_then(|head| head.closed_to.max(head.sealed_to));
        let closed = closed.max(newest.map(|it| it.sealed_to));
        let is_kept = |item: &SegmentItem| log.segments.iter().any(|it| it.first == item.first);
        let stale: Vec<_> = self.items.iter().filter(|item| !is_kept(item)).collect();
        let restoration = Restoration {
            before: head,
            segments: &log.segments,
            stale: &stale,
            sealed: (extent, &log.tree),
            closed_to: closed.map_or(extent.sealed_to, |to| to.max(extent.sealed_to)),
            checkpoint: newest
                .map(|it| it.note.clone())
                .or_else(|| head?.checkpoint.clone()),
            epoch: self.epoch + 1,
        };
        Ok(self.store.restore(&self.partner, &restoration, now).await?)
    }
}

impl Rebuilt {
    fn print(&self, is_stored: bool) {
        for leftover in &self.leftovers {
            eprintln!("belongs to no segment: {leftover}");
        }
        let Extent {
            size, sealed_to, ..
        } = self.extent;
        let (segments, changed, compared) = (self.segments.len(), self.changed, self.compared);
        println!("{size} entries in {segments} segments, sealed to {sealed_to}");
        println!("{compared} checkpoints have the same roots");
        let end = if is_stored {
            "and were stored"
        } else {
            "and nothing was stored: that is done with --write"
        };
        println!("{changed} segments differ from the table's items, {end}");
    }
}
