//! The items of a partner's archive: the head and the segments.

use std::ops::Range;

use proof::{CompactRange, Hash};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use serde_with::skip_serializing_none;

use crate::{
    ActivityId, Error, Moment, PartnerId,
    aws::table::{self, Item, to_item},
    model::import::Window,
};

/// The sort key of a head.
pub(super) const HEAD: &str = "head";

/// How the sort keys of segments begin.
pub(super) const SEGMENT: &str = "segment#";

/// How much of a partner's log is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// How many activities are sealed; at least one.
    pub size: u64,
    /// The last of them in list order.
    pub border: ActivityId,
    /// Whatever happened before this moment is sealed.
    pub sealed_to: Moment,
}

/// The state of a partner's archive.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// How many activities are sealed.
    #[serde(default)]
    pub size: u64,
    /// The last of them in list order; absent while there is none.
    pub border: Option<ActivityId>,
    /// Whatever happened before this moment is sealed; absent while nothing is.
    pub sealed_to: Option<Moment>,
    /// Nothing that happened before this moment is accepted any more.
    pub closed_to: Option<Moment>,
    /// When that was decided.
    pub closed_at: Option<Moment>,
    /// The hashes of the compact range of all sealed activities.
    #[serde(default)]
    tree: Vec<ByteBuf>,
    /// The table's copies of the activities up to this one were given the end that
    /// `HOT_DAYS` said then; absent while none were.
    pub copies_end_to: Option<ActivityId>,
    /// The signed checkpoint that was published last.
    pub checkpoint: Option<String>,
    /// Counts the leases; whoever has a lower epoch can't write any more.
    #[serde(default)]
    pub(super) lease_epoch: u64,
    /// When the lease ends; absent if it was let go.
    pub(super) lease_until: Option<Moment>,
    /// Identifies the call that took the lease.
    pub(super) lease_holder: Option<String>,
    /// When a lease was taken that its holder before had not let go.
    ///
    /// A request of that holder may still arrive.
    pub abandoned_at: Option<Moment>,
    /// When an erasure found the lease taken; seals wait for it.
    pub(super) awaited_at: Option<Moment>,
    /// The window in which the past is imported; it stays until its end is in the log.
    ///
    /// Nothing is closed or sealed meanwhile.
    pub import_window: Option<Window>,
}

/// A segment, as its item describes it.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentItem {
    /// The object's key.
    pub object: String,
    /// The index of its first activity in the log.
    pub first_index: u64,
    /// How many activities it has.
    pub count: u64,
    /// The first of them.
    pub first: ActivityId,
    /// The last of them.
    pub last: ActivityId,
    /// The object's length.
    pub bytes: u64,
    /// How many bytes its values have before they are encoded.
    pub raw_bytes: u64,
    /// Where its page indexes begin.
    pub index_at: u64,
    /// Where its block begins.
    pub block_at: u64,
    /// The SHA-256 of block and footer.
    pub tail_sha256: ByteBuf,
    /// The hashes of the compact range of its activities.
    pub tree: Vec<ByteBuf>,
    /// When the retention of its last activity ends; absent if one is kept for ever.
    pub kept_until: Option<Moment>,
    /// When it was pruned: all its activities had ended, and its object was deleted.
    pub pruned_at: Option<Moment>,
}

impl Head {
    /// A head whose lease nobody has.
    pub fn new(extent: Extent, tree: &CompactRange) -> Self {
        Self {
            size: extent.size,
            border: Some(extent.border),
            sealed_to: Some(extent.sealed_to),
            tree: stored_hashes(tree),
            ..Self::default()
        }
    }

    /// This head after a change was committed.
    #[must_use]
    pub fn extended(self, extent: Extent, tree: &CompactRange) -> Self {
        let Self {
            size,
            border,
            sealed_to,
            tree,
            ..
        } = Self::new(extent, tree);
        Self {
            size,
            border,
            sealed_to,
            tree,
            ..self
        }
    }

    /// How much is sealed; none if nothing is.
    pub fn extent(&self) -> Option<Extent> {
        Some(Extent {
            size: self.size,
            border: self.border?,
            sealed_to: self.sealed_to?,
        })
    }

    /// The compact range of all sealed activities.
    pub fn tree(&self) -> Result<CompactRange, Error> {
        range_of(0..self.size, &self.tree)
    }

    /// Its item.
    pub fn item(&self, partner: &PartnerId) -> Result<Item, Error> {
        let mut item = to_item(self)?;
        item.extend(table::key(partner, HEAD));
        Ok(item)
    }
}

impl SegmentItem {
    /// Its item; the sort key begins with the position of its first activity.
    pub fn item(&self, partner: &PartnerId) -> Result<Item, Error> {
        let mut item = to_item(self)?;
        item.extend(table::key(partner, segment_key(self.first)));
        Ok(item)
    }

    /// The compact range of its activities.
    pub fn tree(&self) -> Result<CompactRange, Error> {
        range_of(self.first_index..self.end_index(), &self.tree)
    }

    /// The index behind its last activity.
    pub fn end_index(&self) -> u64 {
        self.first_index + self.count
    }

    /// The SHA-256 of block and footer.
    pub fn tail_hash(&self) -> Result<[u8; 32], Error> {
        hash_of(&self.tail_sha256)
    }

    /// The error for who must read its object: one that is gone was lost, since nobody
    /// else may replace it.
    pub fn unread(&self, error: Error) -> Error {
        match error {
            Error::NotFound => {
                Error::internal("reading a segment", format!("{} is gone", self.object))
            }
            error => error,
        }
    }

    /// Whether it was pruned, so that it has no object any more.
    pub fn is_pruned(&self) -> bool {
        self.pruned_at.is_some()
    }
}

/// The hashes of a compact range, as they are stored.
pub fn stored_hashes(range: &CompactRange) -> Vec<ByteBuf> {
    let hashes = range.hashes();
    hashes.map(|hash| ByteBuf::from(hash.0)).collect()
}

fn range_of(leaves: Range<u64>, hashes: &[ByteBuf]) -> Result<CompactRange, Error> {
    let hashes = hashes.iter().map(|hash| hash_of(hash).map(Hash));
    let hashes = hashes.collect::<Result<Vec<_>, _>>()?;
    CompactRange::from_hashes(leaves, &hashes)
        .map_err(|error| Error::internal("reading the archive", error))
}

/// A stored hash.
fn hash_of(bytes: &ByteBuf) -> Result<[u8; 32], Error> {
    let hash = bytes.as_slice().try_into();
    hash.map_err(|_| Error::internal("reading the archive", "a hash has not 32 bytes"))
}

/// The sort key of a segment that begins with an activity.
pub(super) fn segment_key(first: ActivityId) -> String {
    format!("{SEGMENT}{}#{first}", first.occurred_at())
}
