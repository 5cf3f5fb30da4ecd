//! Seals what was closed: segment after segment, each with one transaction.

use activity_log::pack::{segment_item, unpack};
use archive::{Row, SegmentWriter};
use shared::{
    Error, Moment,
    aws::archive::{Change, Extent, Head, SegmentItem},
    metrics,
};

use crate::{
    rows::Rows,
    sealer::{Sealer, Stop, held},
};

/// Seals everything that happened before `to`; returns the head as it is then.
pub(crate) async fn seal(sealer: &Sealer<'_>, head: Head, to: Moment) -> Result<Head, Stop> {
    let mut head = head;
    let mut rows = Rows::new(sealer, head.border, to);
    let mut next = rows.next().await?;
    while let Some(first) = next {
        if sealer.app.clock.now() >= sealer.limits.stop_at {
            tracing::info!("the time is nearly up; the next sweep continues");
            return Err(Stop::Yield);
        }
        let mut segment = NewSegment::begin(sealer, &head, &first).await?;
        next = segment.fill(&mut rows, first).await?;
        // Activities of the last one's moment may still follow.
        let sealed_to = if next.is_some() { None } else { Some(to) };
        head = segment.commit(sealer, head, sealed_to).await?;
        if next.is_some() {
            sealer.renew().await?;
        }
    }
    let is_behind = head.extent().is_some_and(|extent| extent.sealed_to < to);
    if is_behind {
        let now = sealer.app.clock.now();
        held(sealer.app.store.move_to(&sealer.lease, to, now).await?)?;
        head.sealed_to = Some(to);
    }
    Ok(head)
}

/// A segment that is being written.
struct NewSegment {
    writer: SegmentWriter,
    first_index: u64,
    /// The segment whose place it takes.
    replaced: Option<SegmentItem>,
}

impl NewSegment {
    /// Begins the segment for a row: a new one, or a longer one in the place of the last.
    async fn begin(sealer: &Sealer<'_>, head: &Head, row: &Row) -> Result<Self, Stop> {
        let partner = &sealer.lease.partner;
        let last = match head.border {
            Some(border) => {
                sealer
                    .app
                    .store
                    .archive()
                    .segment_of(partner, border)
                    .await?
            }
            None => None,
        };
        let open = last.filter(|last| has_room(last, row));
        let first_index = open.as_ref().map_or(head.size, |open| open.first_index);
        let mut segment = Self {
            writer: SegmentWriter::new(partner.as_str(), first_index),
            first_index,
            replaced: None,
        };
        if let Some(open) = open {
            segment.take_over(sealer, &open).await?;
            segment.replaced = Some(open);
        }
        Ok(segment)
    }

    /// Takes the rows of the last segment, and checks that they are what was sealed.
    async fn take_over(&mut self, sealer: &Sealer<'_>, old: &SegmentItem) -> Result<(), Stop> {
        let object = sealer.keeping(sealer.app.store.segment_bytes(old)).await?;
        unpack(old, object, |row| self.push_again(row)).await?;
        let indexes = old.first_index..old.end_index();
        let leaves = self.writer.range(indexes).map_err(unwritable)?;
        if leaves != old.tree()? {
            let object = old.object.clone();
            let changed = format!("{object} does not have the activities that were sealed");
            return Err(Error::internal("sealing", changed).into());
        }
        Ok(())
    }

    fn push_again(&mut self, row: Row) -> Result<(), Error> {
        self.writer.push_again(row).map_err(unwritable)
    }

    /// Adds rows from `first` on as long as they fit; returns the one that does not.
    async fn fill(&mut self, rows: &mut Rows<'_>, first: Row) -> Result<Option<Row>, Stop> {
        let mut next = Some(first);
        while let Some(row) = next {
            if !self.writer.fits(&row) {
                return Ok(Some(row));
            }
            self.writer.push(row).map_err(unwritable)?;
            next = rows.next().await?;
        }
        Ok(None)
    }

    /// Stores the object and commits it; returns the head as it is then.
    async fn commit(
        self,
        sealer: &Sealer<'_>,
        head: Head,
        sealed_to: Option<Moment>,
    ) -> Result<Head, Stop> {
        let (app, lease) = (sealer.app, &sealer.lease);
        let size = self.first_index + self.writer.rows() as u64;
        let mut tree = head.tree()?;
        let added = self.writer.range(head.size..size).map_err(unwritable)?;
        tree.merge(&added).map_err(unwritable)?;
        let written = self.writer.finish().map_err(unwritable)?;
        let mut written = written.ok_or_else(|| unwritable("a segment without rows"))?;
        let bytes = std::mem::take(&mut written.bytes);
        let mut segment = segment_item(String::new(), &written)?;
        segment.object = lease.object(segment.first, segment.first_index, segment.count);
        let border = segment.last;
        let at_least = head.sealed_to.unwrap_or(border.occurred_at());
        let extent = Extent {
            size,
            border,
            sealed_to: sealed_to.unwrap_or_else(|| border.occurred_at().max(at_least)),
        };
        let change = Change {
            before: &head,
            after: (extent, &tree),
            replaced: self.replaced.as_ref(),
            segment: &segment,
        };
        let replaced = app.store.replace(lease, &change, bytes);
        held(sealer.keeping(replaced).await?)?;
        metrics::sealed(size - head.size);
        Ok(head.extended(extent, &tree))
    }
}

/// Whether a row may be added to a segment that is committed.
fn has_room(last: &SegmentItem, row: &Row) -> bool {
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let first_at = last.first.occurred_at().as_millis();
    archive::has_room(number(last.count), number(last.raw_bytes), first_at, row)
}

pub(crate) fn unwritable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::internal("writing a segment", error)
}
