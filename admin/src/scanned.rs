//! Reads the parts of a log, and computes its items and its tree again.

use activity_log::pack::scan;
use proof::CompactRange;
use shared::{
    ActivityId, Error as ServiceError, PartnerId,
    aws::archive::{SealStore, SegmentItem, SegmentObject},
};

use crate::{Error, chain::Link, published::AllPublished};

/// A log, as far as its parts were read.
#[derive(Debug)]
pub(crate) struct ScannedLog {
    pub(crate) segments: Vec<SegmentItem>,
    /// The tree of all leaves that were read.
    pub(crate) tree: CompactRange,
    /// The last activity that was read.
    pub(crate) border: Option<ActivityId>,
    /// How many checkpoints have the root that was computed.
    pub(crate) compared: usize,
}

impl ScannedLog {
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self {
            segments: Vec::new(),
            tree: CompactRange::empty(0).map_err(unfit)?,
            border: None,
            compared: 0,
        })
    }

    /// How many entries it has.
    pub(crate) fn size(&self) -> u64 {
        self.tree.leaves().end
    }

    /// Adds the next part, and compares the checkpoints of all sizes on the way.
    ///
    /// Those inside of a pruned segment can't be compared.
    pub(crate) async fn add(
        &mut self,
        store: &SealStore,
        partner: &PartnerId,
        link: &Link,
        published: &AllPublished,
    ) -> Result<(), Error> {
        let item = match link {
            Link::Pruned(item) => {
                self.tree.merge(&item.tree()?).map_err(unfit)?;
                self.compared += published.compare(&self.tree)?;
                item.clone()
            }
            Link::Object(object) => {
                let (item, leaves) = read(store, partner, object, self.border).await?;
                for leaf in leaves {
                    self.tree.append(leaf).map_err(unfit)?;
                    self.compared += published.compare(&self.tree)?;
                }
                item
            }
        };
        self.border = Some(item.last);
        self.segments.push(item);
        Ok(())
    }
}

/// The item and the leaves of an object, which must be what its key says and lie behind
/// what was read before.
async fn read(
    store: &SealStore,
    partner: &PartnerId,
    object: &SegmentObject,
    border: Option<ActivityId>,
) -> Result<(SegmentItem, Vec<proof::Hash>), Error> {
    eprintln!("reading {}", object.key);
    let bytes = store.archive().range(&object.key, 0..object.bytes).await;
    // A request that is refused is no damage.
    let bytes = bytes.map_err(|error| ServiceError::Unavailable(error.into()))?;
    let (item, leaves) = scan(partner, &object.key, bytes).await?;
    let is_named = (item.first_index, item.count) == (object.first_index, object.count);
    if !is_named || border.is_some_and(|border| border >= item.first) {
        let other = format!("{} has other entries than its place says", object.key);
        return Err(ServiceError::internal("reading a segment", other).into());
    }
    Ok((item, leaves))
}

fn unfit(error: proof::Error) -> ServiceError {
    ServiceError::internal("computing a tree", error)
}
