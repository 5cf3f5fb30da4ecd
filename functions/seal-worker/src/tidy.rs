//! Deletes what is not needed any more: segments that have ended, and objects that no
//! item names.

use std::time::Duration;

use shared::aws::archive::{Change, Head, SegmentItem};

use crate::sealer::{Sealer, Stop, held};

/// How long after its last activity has ended a segment is deleted, so that exports that
/// began before can end.
const PRUNED_AFTER: Duration = Duration::from_hours(24);

/// Prunes what has ended, and deletes what is not named.
pub(crate) async fn tidy(sealer: &Sealer<'_>, head: &Head) -> Result<(), Stop> {
    let store = &sealer.app.store;
    let mut segments = store.whole_segments(&sealer.lease.partner, head).await?;
    for segment in &mut segments {
        let now = sealer.app.clock.now();
        let ended = segment.kept_until.map(|end| end.plus(PRUNED_AFTER));
        if !segment.is_pruned() && ended.is_some_and(|ended| ended <= now) {
            prune(sealer, head, segment).await?;
        }
    }
    store.delete_unnamed(&sealer.lease, &segments).await?;
    Ok(())
}

/// Commits that a segment is pruned, then deletes its object.
///
/// Its item stays: the tree needs the hashes of what it had.
async fn prune(sealer: &Sealer<'_>, head: &Head, segment: &mut SegmentItem) -> Result<(), Stop> {
    let (app, now) = (sealer.app, sealer.app.clock.now());
    let Some(extent) = head.extent() else {
        return Ok(());
    };
    let pruned = SegmentItem {
        pruned_at: Some(now),
        ..segment.clone()
    };
    let change = Change {
        before: head,
        after: (extent, &head.tree()?),
        replaced: Some(segment),
        segment: &pruned,
    };
    held(app.store.commit(&sealer.lease, &change).await?)?;
    app.store.delete(&pruned.object).await?;
    tracing::info!(
        object = pruned.object,
        "a segment has ended and was deleted"
    );
    *segment = pruned;
    Ok(())
}
