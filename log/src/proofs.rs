//! Proofs of what is sealed, against the checkpoint that was signed last.

use std::{
    collections::BTreeMap,
    ops::{Bound, Range},
};

use archive::{Question, Row, Segment, Selection, Tree};
use proof::{
    Checkpoint, CompactRange, Hash, Note, Statement, consistency_ranges, inclusion_ranges,
};
use shared::{
    ActivityId, Error, Moment, PartnerId, TimeRange,
    aws::archive::{ArchiveStore, Sealed, SegmentItem},
};
use tokio::sync::Semaphore;

use crate::{
    rows::position,
    sealed::{Object, REPLACED_MAX, REQUESTS_AT_ONCE, failed, manifest, replaced_again},
};

/// A checkpoint as it was published.
#[derive(Debug, Clone)]
pub struct Signed {
    /// The signed note.
    pub note: Note,
    /// What it says.
    pub checkpoint: Checkpoint,
}

impl Signed {
    /// Reads a note of our own, whose signatures are not verified.
    pub fn parse(note: &str) -> Result<Self, Error> {
        let note = Note::parse(note).map_err(unusable)?;
        let checkpoint = Checkpoint::parse(note.unverified_text()).map_err(unusable)?;
        Ok(Self { note, checkpoint })
    }

    /// Up to when the log is sealed; none if the checkpoint does not say.
    pub fn sealed_to(&self) -> Option<Moment> {
        self.checkpoint.sealed_to()?.parse().ok()
    }
}

/// That a sealed activity has its place in the log.
#[derive(Debug)]
pub struct Inclusion {
    /// The leaf: the canonical JSON of the public part, with the commitment.
    pub leaf: String,
    /// What the commitment was made with; none if the activity was erased.
    pub salt: Option<[u8; 16]>,
    /// Index, path and checkpoint.
    pub statement: Statement,
}

/// That the log only grew since a checkpoint.
#[derive(Debug)]
pub struct Consistency {
    /// The hashes, as RFC 6962 orders them.
    pub path: Vec<Hash>,
    /// The checkpoint to which it leads.
    pub signed: Signed,
}

/// What can't be proven, and why.
#[derive(Debug)]
pub enum Unproven {
    /// There is no such activity, or its retention has ended.
    Absent,
    /// No checkpoint covers it yet; the last one, if there is one.
    NotSealed(Option<Signed>),
    /// The size lies in entries whose retention has ended; of these, the indexes.
    Ended(Range<u64>),
    /// It could not be made.
    Failed(Error),
}

impl From<Error> for Unproven {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The checkpoint of a partner's log that was published last; none if none was yet.
pub(crate) async fn checkpoint(
    archive: &ArchiveStore,
    partner: &PartnerId,
) -> Result<Option<Signed>, Error> {
    let head = archive.head(partner).await?.unwrap_or_default();
    head.checkpoint.as_deref().map(Signed::parse).transpose()
}

/// Proves that an activity has its place in the log.
pub(crate) async fn inclusion(
    archive: &ArchiveStore,
    partner: &PartnerId,
    id: ActivityId,
    now: Moment,
) -> Result<Inclusion, Unproven> {
    unless_replaced(|| async move {
        let log = SealedLog::read(archive, partner).await?;
        log.inclusion(id, now).await
    })
    .await
}

/// Proves that the log only grew since it had so many entries, at least one.
pub(crate) async fn consistency(
    archive: &ArchiveStore,
    partner: &PartnerId,
    from_size: u64,
) -> Result<Consistency, Unproven> {
    unless_replaced(|| async move {
        let log = SealedLog::read(archive, partner).await?;
        log.consistency(from_size).await
    })
    .await
}

/// Proves again if an object is gone, since another one took its place.
pub(crate) async fn unless_replaced<T, F>(prove: impl Fn() -> F) -> Result<T, Unproven>
where
    F: Future<Output = Result<T, Unproven>>,
{
    for _ in 0..REPLACED_MAX {
        match prove().await {
            Err(Unproven::Failed(Error::NotFound)) => {}
            proven => return proven,
        }
    }
    Err(replaced_again().into())
}

async fn sealed(archive: &ArchiveStore, partner: &PartnerId) -> Result<Sealed, Unproven> {
    let standing = archive.standing(partner, &TimeRange::ALL).await?;
    standing.sealed.ok_or(Unproven::NotSealed(None))
}

/// What is sealed of a log, with the hashes of its tree.
pub(crate) struct SealedLog<'a> {
    archive: &'a ArchiveStore,
    pub(crate) partner: &'a PartnerId,
    pub(crate) items: Vec<SegmentItem>,
    pub(crate) signed: Signed,
    /// The trees of the segments that were opened, by the index of their first activity.
    pub(crate) trees: BTreeMap<u64, Tree>,
    permits: Semaphore,
}

impl<'a> SealedLog<'a> {
    /// What the checkpoint that was published last covers.
    pub(crate) async fn read(
        archive: &'a ArchiveStore,
        partner: &'a PartnerId,
    ) -> Result<Self, Unproven> {
        let sealed = sealed(archive, partner).await?;
        let note = sealed.checkpoint.as_deref();
        let signed = Signed::parse(note.ok_or(Unproven::NotSealed(None))?)?;
        Ok(Self::new(archive, partner, sealed, signed))
    }

    /// What an older checkpoint covers.
    pub(crate) async fn of(
        archive: &'a ArchiveStore,
        partner: &'a PartnerId,
        signed: Signed,
    ) -> Result<Self, Unproven> {
        let sealed = sealed(archive, partner).await?;
        Ok(Self::new(archive, partner, sealed, signed))
    }

    fn new(
        archive: &'a ArchiveStore,
        partner: &'a PartnerId,
        sealed: Sealed,
        signed: Signed,
    ) -> Self {
        Self {
            archive,
            partner,
            items: sealed.segments,
            signed,
            trees: BTreeMap::new(),
            permits: Semaphore::new(REQUESTS_AT_ONCE),
        }
    }

    async fn inclusion(mut self, id: ActivityId, now: Moment) -> Result<Inclusion, Unproven> {
        let place = self.items.partition_point(|item| item.last < id);
        let item = self.items.get(place).filter(|item| item.first <= id);
        let item = item.filter(|item| !item.is_pruned()).cloned();
        let Some(item) = item else {
            return Err(self.unknown(id));
        };
        let row = self.row(&item, id, now).await?.ok_or(Unproven::Absent)?;
        let size = self.signed.checkpoint.size;
        if row.index >= size {
            return Err(Unproven::NotSealed(Some(self.signed)));
        }
        let ranges = inclusion_ranges(row.index, size).map_err(unusable)?;
        let path = self.roots(ranges).await?;
        let leaf = row.public_part(self.partner.as_str());
        let leaf = leaf.map_err(|reason| Error::internal("making a proof", reason))?;
        Ok(Inclusion {
            leaf,
            salt: row.salt,
            statement: Statement {
                extra: None,
                index: row.index,
                path,
                checkpoint: self.signed.note,
            },
        })
    }

    async fn consistency(mut self, from_size: u64) -> Result<Consistency, Unproven> {
        let size = self.signed.checkpoint.size;
        if from_size > size {
            return Err(Unproven::NotSealed(Some(self.signed)));
        }
        let ranges = consistency_ranges(from_size, size).map_err(unusable)?;
        Ok(Consistency {
            path: self.roots(ranges).await?,
            signed: self.signed,
        })
    }

    /// Why an activity that no segment has can't be proven.
    fn unknown(self, id: ActivityId) -> Unproven {
        let is_behind = self.items.last().is_none_or(|item| item.last < id);
        if is_behind {
            Unproven::NotSealed(Some(self.signed))
        } else {
            Unproven::Absent
        }
    }

    /// The row of an activity; none if it is absent or its retention has ended.
    async fn row(
        &mut self,
        item: &SegmentItem,
        id: ActivityId,
        now: Moment,
    ) -> Result<Option<Row>, Error> {
        let segment = self.open(item).await?;
        let only = Bound::Included(position(id));
        let question = Question {
            from: only.clone(),
            to: only,
            kept_at: Some(now.as_millis()),
            limit: 1,
            selection: Selection {
                details: true,
                opening: true,
            },
            ..Question::default()
        };
        let rows = segment.rows(&self.object(item), &question).await;
        let row = rows.map_err(failed)?.rows.pop();
        self.trees.insert(item.first_index, Tree::new(segment));
        Ok(row)
    }

    /// The roots of these subtrees.
    async fn roots(&mut self, ranges: Vec<Range<u64>>) -> Result<Vec<Hash>, Unproven> {
        let mut roots = Vec::with_capacity(ranges.len());
        for range in ranges {
            let range = self.range(range).await?;
            roots.push(range.root().map_err(unusable)?);
        }
        Ok(roots)
    }

    /// The compact range of these leaves.
    pub(crate) async fn range(&mut self, leaves: Range<u64>) -> Result<CompactRange, Unproven> {
        let mut range = CompactRange::empty(leaves.start).map_err(unusable)?;
        let begin = self
            .items
            .partition_point(|item| item.end_index() <= leaves.start);
        let mut place = begin;
        while let Some(item) = self.items.get(place).cloned()
            && item.first_index < leaves.end
        {
            let own = item.first_index.max(leaves.start)..item.end_index().min(leaves.end);
            let part = self.part(&item, own).await?;
            range.merge(&part).map_err(unusable)?;
            place += 1;
        }
        Ok(range)
    }

    /// The compact range of some leaves of a segment.
    async fn part(
        &mut self,
        item: &SegmentItem,
        leaves: Range<u64>,
    ) -> Result<CompactRange, Unproven> {
        // What a proof needs of other segments than its own are whole subtrees of theirs.
        if let Some(part) = item.tree()?.part(leaves.clone()) {
            return Ok(part);
        }
        if item.is_pruned() {
            return Err(Unproven::Ended(item.first_index..item.end_index()));
        }
        let mut tree = match self.trees.remove(&item.first_index) {
            Some(tree) => tree,
            None => Tree::new(self.open(item).await?),
        };
        let object = self.object(item);
        let part = tree.part(&object, self.partner.as_str(), leaves).await;
        let part = part.map_err(failed)?;
        self.trees.insert(item.first_index, tree);
        Ok(part)
    }

    pub(crate) async fn open(&self, item: &SegmentItem) -> Result<Segment, Error> {
        let opened = Segment::open(&self.object(item), &item.object, &manifest(item)?).await;
        opened.map_err(failed)
    }

    pub(crate) fn object<'b>(&'b self, item: &'b SegmentItem) -> Object<'b> {
        Object {
            archive: self.archive,
            item,
            permits: &self.permits,
        }
    }
}

fn unusable(error: proof::Error) -> Error {
    Error::internal("making a proof", error)
}
