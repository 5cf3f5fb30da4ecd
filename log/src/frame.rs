//! What lies around a sealed range, so that its entries prove that they are all.

use std::ops::{Bound, Range};

use archive::{Question, Tree};
use proof::CompactRange;
use shared::{
    Error, Moment, PartnerId, TimeRange,
    aws::archive::{ArchiveStore, SegmentItem},
};

use crate::{
    proofs::{SealedLog, Signed, Unproven, unless_replaced},
    rows::{position, start_of},
    sealed::{failed, has_ended},
};

/// What lies before and behind a sealed range in the log of a checkpoint.
#[derive(Debug)]
pub struct Frame {
    /// What lies before it.
    pub before: Side,
    /// What lies behind it.
    pub behind: Side,
}

/// What lies on one side of a range.
#[derive(Debug)]
pub struct Side {
    /// The entries, without the neighbour.
    pub range: CompactRange,
    /// The leaf of the entry beside the range; none if there is no entry, if its retention
    /// had ended, or if it was not asked for.
    pub neighbour: Option<String>,
}

impl Frame {
    /// The indexes of the range's entries.
    pub fn indexes(&self) -> Range<u64> {
        let of = |side: &Side| u64::from(side.neighbour.is_some());
        let begin = self.before.range.leaves().end + of(&self.before);
        begin..self.behind.range.leaves().start - of(&self.behind)
    }
}

/// What lies around a range, which must be sealed, in the log of a checkpoint.
///
/// Entries whose retention had ended at `kept_at` are no neighbours, and no others unless the
/// frame `has_neighbours`. If ended ones fill a whole segment at an end of the range, the range
/// begins behind it or ends before it.
pub(crate) async fn frame(
    archive: &ArchiveStore,
    partner: &PartnerId,
    range: &TimeRange,
    signed: &Signed,
    (kept_at, has_neighbours): (Moment, bool),
) -> Result<Frame, Unproven> {
    unless_replaced(|| async move {
        let log = SealedLog::of(archive, partner, signed.clone()).await?;
        log.frame(range, kept_at, has_neighbours).await
    })
    .await
}

/// The compact range of some entries of what is sealed.
pub(crate) async fn entries(
    archive: &ArchiveStore,
    partner: &PartnerId,
    indexes: &Range<u64>,
) -> Result<CompactRange, Unproven> {
    unless_replaced(|| async move {
        let mut log = SealedLog::read(archive, partner).await?;
        log.range(indexes.clone()).await
    })
    .await
}

/// An end of a range.
#[derive(Clone, Copy)]
enum End {
    From,
    To,
}

impl SealedLog<'_> {
    async fn frame(
        mut self,
        range: &TimeRange,
        kept_at: Moment,
        has_neighbours: bool,
    ) -> Result<Frame, Unproven> {
        let size = self.signed.checkpoint.size;
        let begin = self.index_of(range.from(), End::From, kept_at).await?;
        let begin = begin.min(size);
        let end = self.index_of(range.to(), End::To, kept_at).await?;
        let end = end.min(size).max(begin);
        let before = match begin.checked_sub(1) {
            Some(index) if has_neighbours => self.leaf_at(index, kept_at).await?,
            _ => None,
        };
        let behind = if has_neighbours && end < size {
            self.leaf_at(end, kept_at).await?
        } else {
            None
        };
        let of = |neighbour: &Option<String>| u64::from(neighbour.is_some());
        Ok(Frame {
            before: Side {
                range: self.range(0..begin - of(&before)).await?,
                neighbour: before,
            },
            behind: Side {
                range: self.range(end + of(&behind)..size).await?,
                neighbour: behind,
            },
        })
    }

    /// The index of the first activity that did not happen before a moment.
    async fn index_of(&mut self, at: Moment, end: End, kept_at: Moment) -> Result<u64, Error> {
        let at = start_of(at);
        let place = self.items.partition_point(|item| position(item.last) < at);
        let Some(item) = self.items.get(place).cloned() else {
            return Ok(self.items.last().map_or(0, SegmentItem::end_index));
        };
        if position(item.first) >= at {
            return Ok(item.first_index);
        }
        if has_ended(&item, kept_at) {
            return Ok(match end {
                End::From => item.end_index(),
                End::To => item.first_index,
            });
        }
        let segment = self.open(&item).await?;
        let question = Question {
            from: Bound::Included(at),
            limit: 1,
            ..Question::default()
        };
        let rows = segment.rows(&self.object(&item), &question).await;
        let first = rows.map_err(failed)?.rows.pop();
        self.trees.insert(item.first_index, Tree::new(segment));
        Ok(first.map_or(item.end_index(), |row| row.index))
    }

    /// The leaf of an entry; none if its retention had ended.
    async fn leaf_at(&self, index: u64, kept_at: Moment) -> Result<Option<String>, Error> {
        let place = self.items.partition_point(|it| it.end_index() <= index);
        let item = self.items.get(place);
        let Some(item) = item.filter(|item| !has_ended(item, kept_at)) else {
            return Ok(None);
        };
        let segment = self.open(item).await?;
        let row = segment.row_at(&self.object(item), index).await;
        let row = row.map_err(failed)?;
        if row.kept_until.is_some_and(|end| end <= kept_at.as_millis()) {
            return Ok(None);
        }
        let leaf = row.public_part(self.partner.as_str());
        let leaf = leaf.map_err(|reason| Error::internal("making a proof", reason))?;
        Ok(Some(leaf))
    }
}
