//! The part of the walk that reads segments, and writes those anew that have the name.

use activity_log::pack::{SealedActivity, of_customer, segment_item, unpack};
use archive::SegmentWriter;
use shared::{
    Error,
    aws::archive::{Change, SegmentItem},
    model::activity::ERASED_NAME,
};

use crate::walk::{Parts, Stop, held};

impl Parts<'_> {
    /// Erases the customer in every segment behind the position.
    ///
    /// All are read, those too that were sealed after the walk began.
    pub(crate) async fn erase_sealed(&mut self) -> Result<(), Stop> {
        let store = &self.walk.app.archive;
        let segments = store.whole_segments(&self.archive.partner, &self.head);
        for segment in segments.await? {
            if self.at.position.is_some_and(|at| segment.last <= at) || segment.is_pruned() {
                continue;
            }
            self.erase_segment(&segment).await?;
            self.at.position = Some(segment.last);
            self.advance().await?;
        }
        Ok(())
    }

    async fn erase_segment(&mut self, segment: &SegmentItem) -> Result<(), Stop> {
        let archive = self.walk.app.archive.archive();
        let customer_id = &self.walk.erasure.customer_id;
        let found = of_customer(archive, segment, customer_id);
        let found = self.keeping(found).await?;
        if found.iter().any(|activity| activity.erased_at.is_none()) {
            self.write_anew(segment).await?;
        }
        self.count_sealed(segment, &found);
        Ok(())
    }

    /// Counts what this walk erased of a segment.
    ///
    /// What was sealed after the walk began was counted in the table. Of a segment that
    /// was extended, what was read before is not counted again.
    fn count_sealed(&mut self, segment: &SegmentItem, found: &[SealedActivity]) {
        let (scope, position) = (self.at.scope, self.at.position);
        let border = scope.border;
        let is_counted = |activity: &&SealedActivity| {
            let is_own = activity.erased_at.is_none_or(|at| at == scope.erased_at);
            is_own
                && border.is_some_and(|border| activity.id <= border)
                && position.is_none_or(|at| activity.id > at)
        };
        if position.is_none_or(|at| at < segment.first) {
            let end = segment.end_index().min(scope.size);
            self.at.progress.read += end.saturating_sub(segment.first_index);
        }
        self.at.progress.erased += found.iter().filter(is_counted).count() as u64;
    }

    /// Writes a segment without the customer's name and details, and commits it.
    ///
    /// Its leaves stay what they are, so the tree does not change.
    async fn write_anew(&self, old: &SegmentItem) -> Result<(), Stop> {
        let (app, lease) = (self.walk.app, &self.archive);
        let store = &app.archive;
        let object = self.keeping(store.segment_bytes(old)).await?;
        let mut writer = SegmentWriter::new(lease.partner.as_str(), old.first_index);
        let customer_id = Some(self.walk.erasure.customer_id.as_str());
        let at = self.at.scope.erased_at.as_millis();
        unpack(old, object, |mut row| {
            if row.customer_id.as_deref() == customer_id {
                row.erase(ERASED_NAME, at).map_err(failed)?;
            }
            writer.push_again(row).map_err(failed)
        })
        .await?;
        let written = writer.finish().map_err(failed)?;
        let mut written = written.ok_or_else(|| failed("a segment without rows"))?;
        let bytes = std::mem::take(&mut written.bytes);
        let mut segment = segment_item(String::new(), &written)?;
        if segment.tree != old.tree {
            let changed = format!(
                "{} does not have the activities that were sealed",
                old.object
            );
            return Err(failed(changed).into());
        }
        segment.object = lease.object(segment.first, segment.first_index, segment.count);
        self.replace(old, &segment, bytes).await
    }

    async fn replace(
        &self,
        old: &SegmentItem,
        segment: &SegmentItem,
        bytes: Vec<u8>,
    ) -> Result<(), Stop> {
        let store = &self.walk.app.archive;
        let extent = self.head.extent();
        let extent = extent.ok_or_else(|| failed("a segment of a log that is not sealed"))?;
        let change = Change {
            before: &self.head,
            after: (extent, &self.head.tree()?),
            replaced: Some(old),
            segment,
        };
        held(
            self.keeping(store.replace(&self.archive, &change, bytes))
                .await?,
        )
    }
}

fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::internal("erasing in a segment", error)
}
