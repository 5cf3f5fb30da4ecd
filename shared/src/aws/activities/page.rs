//! A page that a Query returns: activities of a range, and where the rest begins.

use super::{
    attributes::Attributes,
    item::{self, ErasureView, Stored},
};
use crate::{ActivityId, Error, Moment};

/// One page of a range: at most 1 MB or the limit, from each shard.
#[derive(Debug, Default)]
pub struct QueryPage {
    pub(super) items: Vec<Attributes>,
    /// The activity after which the next page begins; absent at the end of the range.
    pub resume_after: Option<ActivityId>,
}

impl QueryPage {
    /// The ids of the page's activities, without those that cannot be read.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = ActivityId> {
        self.items
            .iter()
            .filter_map(|item| item::id_of_key(item).ok())
    }

    /// The ids of the activities that the table keeps beyond a moment.
    pub fn ids_kept_beyond(&self, moment: Moment) -> impl Iterator<Item = ActivityId> {
        let items = self.items.iter();
        let kept = items.filter(move |item| item::ends_after(item, moment));
        kept.filter_map(|item| item::id_of_key(item).ok())
    }

    /// The last activity of the page.
    pub fn last_id(&self) -> Option<ActivityId> {
        self.ids().next_back()
    }

    /// All activities of the page, including expired ones.
    ///
    /// Each activity is decoded when the iterator reaches it: a page of well
    /// compressed details may be hundreds of times larger in memory than on the wire.
    pub fn activities(self) -> impl Iterator<Item = Result<Stored, Error>> {
        self.items.into_iter().map(item::from_item)
    }

    /// The same activities, with only the attributes that an erasure needs.
    pub fn erasure_views(self) -> impl Iterator<Item = Result<ErasureView, Error>> {
        self.items.into_iter().map(item::erasure_view)
    }
}
