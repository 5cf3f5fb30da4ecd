//! `admin rebuild`: makes the items of a partner's archive again from its objects.

use std::{ops::ControlFlow, time::Duration};

use aws_config::SdkConfig;
use shared::{
    ActivityId, ActivityStore, Clock, Config, Error as ServiceError, Moment, Order, PartnerId,
    TimeRange,
    aws::{
        activities::RangeQuery,
        archive::{
            Extent, Head, Holder, Restoration, SealLease, SealStore, SegmentItem, partner_id,
        },
        sdk,
    },
    model::lease,
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
    /// The objects whose items belong to no segment, and are deleted.
    pub stale: Vec<String>,
    /// Whether the head did not say the same of the log.
    pub head_differs: bool,
    /// The keys of objects that belong to no segment; the next run deletes them.
    pub leftovers: Vec<String>,
    /// How many checkpoints have the root that was computed.
    pub compared: usize,
}

/// What is stored of a partner's archive.
#[derive(Debug)]
struct Archive<'a> {
    partner: &'a PartnerId,
    store: &'a SealStore,
    head: Option<Head>,
    items: Vec<SegmentItem>,
    published: AllPublished,
    chain: Chain,
    /// The highest epoch of all objects.
    epoch: u64,
}

/// What a command works with.
#[derive(Debug, Clone, Copy)]
struct With<'a> {
    activities: &'a ActivityStore,
    /// Whether the table forgets what is sealed.
    forgets: bool,
    lease: Option<&'a SealLease>,
    clock: &'a Clock,
}

impl Rebuild {
    /// Computes the items and compares them with the checkpoints; then stores them, if
    /// that is asked for.
    ///
    /// To store them it has the lease of the head from the beginning. Without a head no
    /// worker gets a lease.
    pub async fn run(
        &self,
        sdk_config: &SdkConfig,
        config: &Config,
        clock: &Clock,
    ) -> Result<Rebuilt, Error> {
        let (partner, store) = (
            partner_id(&self.partner)?,
            SealStore::new(sdk_config, config),
        );
        let activities = ActivityStore::new(sdk::dynamodb(sdk_config), config);
        let with = With {
            activities: &activities,
            forgets: config.hot_time.is_some(),
            lease: None,
            clock,
        };
        let head = store.archive().head(&partner).await?;
        let rebuilt = if self.write && head.is_some() {
            let taken = store.take_lease(&partner, Holder::Seal, clock.now());
            let (lease, head) = taken.await?.ok_or(Error::Held)?;
            let with = With {
                lease: Some(&lease),
                ..with
            };
            let done = tokio::select! {
                done = self.rebuild(&store, &partner, Some(head), with) => done,
                error = until_lost(&store, &lease, clock) => Err(error),
            };
            if done.is_err() {
                // If this fails too, the lease runs out.
                store.release(&lease, false, clock.now()).await.ok();
            }
            done?
        } else {
            self.rebuild(&store, &partner, head, with).await?
        };
        rebuilt.print(self.write);
        Ok(rebuilt)
    }

    async fn rebuild(
        &self,
        store: &SealStore,
        partner: &PartnerId,
        head: Option<Head>,
        with: With<'_>,
    ) -> Result<Rebuilt, Error> {
        let now = with.clock.now();
        let archive = Archive::read(store, partner, head, now).await?;
        let log = self.scan(&archive).await?;
        let (size, border) = (log.size(), log.border.ok_or(Error::Nothing)?);
        if self.shrink && (with.forgets || archive.copies_may_be_gone()) {
            archive
                .refuse_if_gone(&log, border, with.activities, now)
                .await?;
        }
        let extent = Extent {
            size,
            border,
            sealed_to: archive.sealed_to(size, border.occurred_at()),
        };
        let rebuilt = archive.compare(&log, extent);
        if self.write
            && !archive
                .restore(&log, extent, with.lease, with.clock.now())
                .await?
        {
            return Err(Error::Held);
        }
        Ok(rebuilt)
    }

    /// Reads the log as far as it goes; it must go as far as anything says that it did.
    async fn scan(&self, archive: &Archive<'_>) -> Result<ScannedLog, Error> {
        let mut log = ScannedLog::new()?;
        for link in &archive.chain.links {
            let added = log.add(archive.store, archive.partner, link, &archive.published);
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

/// What is left out must stay in the table for this long, so that it is sealed before it
/// is deleted.
const SEALED_WITHIN: Duration = Duration::from_hours(3 * 24);

/// How many activities behind one and before a moment the table keeps until another.
async fn count(
    activities: &ActivityStore,
    partner: &PartnerId,
    (after, to): (ActivityId, Moment),
    until: Moment,
) -> Result<u64, Error> {
    let query = RangeQuery {
        range: TimeRange::new(after.occurred_at(), to).unwrap_or(TimeRange::EMPTY),
        order: Order::Asc,
        with_details: false,
        eventual: false,
    };
    let (mut found, mut resume_after) = (0, Some(after));
    while resume_after.is_some() {
        let page = activities
            .query(partner, &query, resume_after, ActivityStore::QUERY_PAGE_MAX)
            .await?;
        found += page.ids_kept_beyond(until).count() as u64;
        resume_after = page.resume_after;
    }
    Ok(found)
}

/// Renews the lease; returns when it is lost.
async fn until_lost(store: &SealStore, lease: &SealLease, clock: &Clock) -> Error {
    lease::keep::<(), _>(|| async {
        let held = store.renew(lease, clock.now()).await?;
        Ok(held.map_or(ControlFlow::Break(()), |_| ControlFlow::Continue(())))
    })
    .await;
    Error::Held
}

impl<'a> Archive<'a> {
    async fn read(
        store: &'a SealStore,
        partner: &'a PartnerId,
        head: Option<Head>,
        now: Moment,
    ) -> Result<Self, Error> {
        let items = store.segments(partner).await?;
        let mut objects = store.segment_objects(partner).await?;
        let epoch = objects.iter().map(|it| it.epoch).max().unwrap_or_default();
        // With a head, what ends behind it was stored and never committed.
        let committed = head.as_ref().map(|head| head.size).filter(|size| *size > 0);
        if let Some(size) = committed {
            objects.retain(|object| object.end_index() <= size);
        }
        Ok(Self {
            published: AllPublished::read(store, partner, now).await?,
            chain: Chain::new(objects, &items),
            partner,
            store,
            head,
            items,
            epoch,
        })
    }

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
        let published = self.published.newest();
        let published = published.map(|(size, it)| (size, it.key.clone()));
        let links = self.chain.links.last();
        let links = links.map(|link| (link.end_index(), "an object".to_owned()));
        let all = objects.chain(links).chain(published);
        let all = all.chain(items).chain(head);
        all.max_by_key(|(size, _)| *size)
    }

    /// Whether the table may have deleted copies of what is sealed.
    fn copies_may_be_gone(&self) -> bool {
        let head = self.head.as_ref();
        head.is_none_or(|head| head.copies_end_to.is_some())
    }

    /// Refuses to leave out what the table does not have: it would be nowhere any more.
    async fn refuse_if_gone(
        &self,
        log: &ScannedLog,
        border: ActivityId,
        activities: &ActivityStore,
        now: Moment,
    ) -> Result<(), Error> {
        let size = self.furthest().map_or(0, |(size, _)| size);
        let has_ended = |item: &&SegmentItem| {
            let ended = item.kept_until.is_some_and(|end| end <= now);
            item.first_index >= log.size() && (ended || item.is_pruned())
        };
        let ended = self.items.iter().filter(has_ended).map(|item| item.count);
        let left_out = size.saturating_sub(log.size());
        let left_out = left_out.saturating_sub(ended.sum());
        let (to, until) = (self.reached().unwrap_or(now), now.plus(SEALED_WITHIN));
        let in_table = count(activities, self.partner, (border, to), until).await?;
        if in_table < left_out {
            return Err(Error::OnlyCopy {
                index: log.size(),
                left_out,
                in_table,
            });
        }
        Ok(())
    }

    /// The moment before which everything happened that anything says is sealed.
    fn reached(&self) -> Option<Moment> {
        let head = self.head.as_ref();
        let behind = |id: ActivityId| id.occurred_at().plus(Duration::from_millis(1));
        let items = self.items.iter().map(|item| behind(item.last));
        let border = head.and_then(|head| head.border).map(behind);
        let published = self.published.newest().map(|(_, it)| it.sealed_to);
        let all = [head.and_then(|head| head.sealed_to), border, published];
        items.chain(all.into_iter().flatten()).max()
    }

    /// Up to when so much of the log is sealed; the next seal may move it on.
    fn sealed_to(&self, size: u64, last: Moment) -> Moment {
        let head = self.head.as_ref().filter(|head| head.size <= size);
        head.and_then(|head| head.sealed_to)
            .map_or(last, |to| to.max(last))
    }

    /// The items that belong to none of the log's segments.
    fn stale(&self, log: &ScannedLog) -> Vec<&SegmentItem> {
        let is_kept = |item: &SegmentItem| log.segments.iter().any(|it| it.first == item.first);
        self.items.iter().filter(|item| !is_kept(item)).collect()
    }

    /// What the items are to be, beside what they are.
    fn compare(&self, log: &ScannedLog, extent: Extent) -> Rebuilt {
        let is_new = |segment: &&SegmentItem| !self.items.contains(segment);
        let leftovers = self.chain.leftovers.iter();
        let stale = self.stale(log).into_iter();
        let says_it = |head: &Head| {
            head.extent() == Some(extent) && head.tree().is_ok_and(|tree| tree == log.tree)
        };
        Rebuilt {
            extent,
            changed: log.segments.iter().filter(is_new).count(),
            stale: stale.map(|item| item.object.clone()).collect(),
            head_differs: !self.head.as_ref().is_some_and(says_it),
            leftovers: leftovers.map(|object| object.key.clone()).collect(),
            compared: log.compared,
            segments: log.segments.clone(),
        }
    }

    async fn restore(
        &self,
        log: &ScannedLog,
        extent: Extent,
        lease: Option<&SealLease>,
        now: Moment,
    ) -> Result<bool, Error> {
        let newest: Option<&Published> = self.published.newest().map(|(_, it)| it);
        let head = self.head.as_ref();
        let restoration = Restoration {
            before: head,
            segments: &log.segments,
            stale: &self.stale(log),
            sealed: (extent, &log.tree),
            closed_to: self.closed_to(extent),
            checkpoint: newest
                .map(|it| it.note.clone())
                .or_else(|| head?.checkpoint.clone()),
            epoch: self.epoch + 1,
        };
        let restored = self.store.restore(self.partner, &restoration, lease, now);
        Ok(restored.await?)
    }

    /// Up to when nothing is accepted any more: at least behind the last sealed activity.
    fn closed_to(&self, extent: Extent) -> Moment {
        let behind = extent.border.occurred_at().plus(Duration::from_millis(1));
        let head = self.head.as_ref();
        let published = self.published.newest().map(|(_, it)| it.sealed_to);
        let all = [head.and_then(|head| head.closed_to), published];
        let all = all.into_iter().flatten();
        all.fold(extent.sealed_to.max(behind), Moment::max)
    }
}

impl Rebuilt {
    fn print(&self, is_stored: bool) {
        for leftover in &self.leftovers {
            eprintln!("belongs to no segment: {leftover}");
        }
        for stale in &self.stale {
            eprintln!("its item is not of the log any more: {stale}");
        }
        let Extent {
            size, sealed_to, ..
        } = self.extent;
        let (segments, changed, compared) = (self.segments.len(), self.changed, self.compared);
        println!("{size} entries in {segments} segments, sealed to {sealed_to}");
        println!("{compared} checkpoints have the same roots");
        let head = if self.head_differs {
            "another"
        } else {
            "the same"
        };
        println!("{changed} segments differ from the table's items, which have {head} head");
        println!(
            "{}",
            if is_stored {
                "all of it was stored"
            } else {
                "nothing was stored: that is done with --write"
            }
        );
    }
}
