//! What a Query answers: some activities of a range, and where the rest begins.

use super::{
    attributes::Attributes,
    item::{self, ErasureView, Stored},
};
use crate::{ActivityId, Error};

/// One page of a range: at most 1 MB or the limit, or such a page of each shard, merged.
#[derive(Debug, Default)]
pub struct QueryPage {
    pub(super) items: Vec<Attributes>,
    /// Where to go on; absent at the end of the range.
    pub resume_after: Option<ActivityId>,
}

impl QueryPage {
    /// What was read, unfiltered, expired ones included.
    ///
    /// Each activity is decoded when it is asked for: a page of well compressed
    /// details may be hundreds of times larger in memory than on the wire.
    pub fn activities(self) -> impl Iterator<Item = Result<Stored, Error>> {
        self.items.into_iter().map(item::from_item)
    }

    /// The same activities, reduced to what an erasure needs to know.
    pub fn erasure_views(self) -> impl Iterator<Item = Result<ErasureView, Error>> {
        self.items.into_iter().map(item::erasure_view)
    }
}
