//! Which objects make a log: one behind the other from index 0 on, without a gap.

use shared::aws::archive::{SegmentItem, SegmentObject};

/// A part of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Link {
    /// A segment that is there.
    Object(SegmentObject),
    /// A segment whose activities have all ended; its item has the hashes of their leaves.
    Pruned(SegmentItem),
}

/// The parts of a log, and the objects that are none of them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    pub(crate) links: Vec<Link>,
    pub(crate) leftovers: Vec<SegmentObject>,
}

impl Chain {
    /// Follows the log from index 0 as far as it is without a gap.
    ///
    /// Of several objects that begin at the same index, that of the highest epoch is the
    /// segment: whoever writes it has all activities that were committed before. A longer
    /// one of a lower epoch was never committed, and may have a name that was erased since.
    pub(crate) fn new(objects: Vec<SegmentObject>, items: &[SegmentItem]) -> Self {
        let mut leftovers = objects;
        let mut links = Vec::new();
        let mut end = 0;
        loop {
            let pruned = items
                .iter()
                .find(|it| it.is_pruned() && it.first_index == end);
            let link = match pruned {
                Some(item) => Link::Pruned(item.clone()),
                None => match take_newest(&mut leftovers, end) {
                    Some(object) => Link::Object(object),
                    None => return Self { links, leftovers },
                },
            };
            end = link.end_index();
            links.push(link);
        }
    }
}

impl Chain {
    /// The objects that neither are a part nor were replaced by one.
    pub(crate) fn strangers(&self) -> impl Iterator<Item = &SegmentObject> {
        let begins = |it: &&SegmentObject| {
            let mut links = self.links.iter();
            links.any(|link| link.first_index() == it.first_index)
        };
        self.leftovers.iter().filter(move |it| !begins(it))
    }
}

impl Link {
    fn first_index(&self) -> u64 {
        match self {
            Self::Object(object) => object.first_index,
            Self::Pruned(item) => item.first_index,
        }
    }

    /// The index behind its last activity.
    pub(crate) fn end_index(&self) -> u64 {
        match self {
            Self::Object(object) => object.end_index(),
            Self::Pruned(item) => item.end_index(),
        }
    }
}

/// Takes out the newest object that begins at an index.
fn take_newest(objects: &mut Vec<SegmentObject>, first_index: u64) -> Option<SegmentObject> {
    let begins = objects.iter().enumerate();
    let begins = begins.filter(|(_, object)| object.first_index == first_index);
    let (place, _) = begins.max_by_key(|(_, object)| (object.epoch, object.count))?;
    Some(objects.swap_remove(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An object of its first index, its count and its epoch.
    fn object((first_index, count, epoch): (u64, u64, u64)) -> SegmentObject {
        SegmentObject {
            key: format!("{first_index:012}-{count}-{epoch}.parquet"),
            bytes: 1,
            first_index,
            count,
            epoch,
        }
    }

    /// The names of the parts of a log with these objects.
    fn links(objects: &[(u64, u64, u64)]) -> Vec<(u64, u64, u64)> {
        let chain = Chain::new(objects.iter().copied().map(object).collect(), &[]);
        assert_eq!(chain.links.len() + chain.leftovers.len(), objects.len());
        let links = chain.links.into_iter().map(|link| match link {
            Link::Object(object) => (object.first_index, object.count, object.epoch),
            Link::Pruned(_) => unreachable!("nothing was pruned"),
        });
        links.collect()
    }

    #[test]
    fn objects_follow_each_other_without_gap_or_overlap() {
        assert_eq!(links(&[]), []);
        assert_eq!(links(&[(1, 5, 1)]), []);
        let whole = [(0, 5, 1), (5, 5, 2), (10, 1, 2)];
        assert_eq!(links(&whole), whole);
        assert_eq!(links(&[whole[2], whole[0], whole[1]]), whole);
        assert_eq!(links(&[whole[0], whole[2]]), whole[..1]);
        // One that begins inside of another is a leftover.
        assert_eq!(links(&[whole[0], (3, 9, 3), whole[1]]), whole[..2]);
    }

    #[test]
    fn of_several_objects_the_one_of_the_last_lease_is_the_segment() {
        // The open segment grew, and what it replaced was not deleted.
        assert_eq!(links(&[(0, 5, 1), (0, 9, 2)]), [(0, 9, 2)]);
        // An erasure rewrote it.
        assert_eq!(
            links(&[(0, 9, 2), (0, 9, 3), (9, 1, 2)]),
            [(0, 9, 3), (9, 1, 2)]
        );
        // A seal was killed before it committed, then an erasure rewrote what was committed.
        assert_eq!(links(&[(0, 9, 2), (0, 5, 1), (0, 5, 3)]), [(0, 5, 3)]);
    }
}
