//! Activities as rows of a segment, for those who write the archive.

use std::ops::{Bound, Range};

use archive::{
    Accepts, BoxError, Predicate, Question, Row, Rows, Segment, Selection, Source, TextColumn,
    Written,
};
use bytes::Bytes;
use proof::{Commitment, Hash, Opening};
use serde_bytes::ByteBuf;
use shared::{
    ActivityId, Error, Identifier, Moment, PartnerId,
    aws::{
        activities::Stored,
        archive::{ArchiveStore, SegmentItem, stored_hashes},
    },
};
use tokio::sync::Semaphore;

use crate::{
    rows::{activity_id, position},
    sealed::{Object, REQUESTS_AT_ONCE, failed, manifest},
};

/// An activity as a row.
///
/// If an older version stored it, it gets a salt now, or, if it was erased, a commitment
/// that nobody can open.
pub fn pack(stored: Stored) -> Result<Row, Error> {
    let opening = match (stored.opening, stored.activity.erased_at) {
        (Some(opening), _) => opening,
        (None, None) => Opening::Salt(random()?),
        (None, Some(_)) => Opening::Commitment(Commitment(random()?)),
    };
    let (salt, c) = match opening {
        Opening::Salt(salt) => (Some(salt), None),
        Opening::Commitment(Commitment(hash)) => (None, Some(hash)),
    };
    let kept_until = stored
        .kept_until
        .map(|seconds| seconds.saturating_mul(1_000));
    let activity = stored.into_whole()?;
    let content = activity.content;
    let (customer_id, customer_name) = content.customer.map(|it| (it.id, it.name)).unzip();
    let (resource_type, resource_id) = content.resource.map(|it| (it.r#type, it.id)).unzip();
    Ok(Row {
        index: 0,
        occurred_at: content.occurred_at.as_millis(),
        recorded_at: activity.recorded_at.as_millis(),
        id: activity.id.to_string(),
        action: content.action.as_str().to_owned(),
        outcome: content.outcome.as_str().to_owned(),
        actor_id: content.actor.id.as_str().to_owned(),
        actor_name: content.actor.name.as_str().to_owned(),
        actor_kind: content.actor.kind.as_str().to_owned(),
        customer_id: customer_id.map(|it| it.as_str().to_owned()),
        customer_name: customer_name.map(|it| it.as_str().to_owned()),
        resource_type: resource_type.map(|it| it.as_str().to_owned()),
        resource_id: resource_id.map(|it| it.as_str().to_owned()),
        correlation_id: content.correlation_id.map(|it| it.as_str().to_owned()),
        has_details: content.details.is_some(),
        kept_until,
        erased_at: activity.erased_at.map(Moment::as_millis),
        salt,
        c,
        details: content.details.map(|details| details.as_str().to_owned()),
    })
}

fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Error::internal("making a salt", error))?;
    Ok(bytes)
}

/// How many rows of a segment are unpacked at once.
const ROWS_AT_ONCE: usize = 4_096;

/// Gives every row of a segment, in order; `object` is the whole of it.
pub async fn unpack(
    item: &SegmentItem,
    object: Bytes,
    mut each: impl FnMut(Row) -> Result<(), Error>,
) -> Result<(), Error> {
    let source = Memory(object);
    let segment = Segment::open(&source, &item.object, &manifest(item)?).await;
    each_row(&segment.map_err(failed)?, &source, &mut each).await
}

/// The item of a segment whose object is there as a whole, for when it was lost; and the
/// hashes of its leaves.
///
/// It is the item that was stored when the object was written.
pub async fn scan(
    partner: &PartnerId,
    object: &str,
    bytes: Bytes,
) -> Result<(SegmentItem, Vec<Hash>), Error> {
    let manifest = Segment::scan(object, &bytes).map_err(failed)?;
    let source = Memory(bytes);
    let segment = Segment::open(&source, object, &manifest).await;
    let segment = segment.map_err(failed)?;
    // It also compares the indexes, and the tiles of the block.
    let range = segment.range(&source, partner.as_str()).await;
    let range = range.map_err(failed)?;
    let mut leaves = Vec::new();
    let mut positions = None;
    let (mut raw_bytes, mut kept_until) = (0, Some(i64::MIN));
    each_row(&segment, &source, |row| {
        let leaf = row.leaf(partner.as_str());
        leaves.push(leaf.map_err(|reason| Error::internal("reading a segment", reason))?);
        raw_bytes += row.raw_bytes() as u64;
        kept_until = kept_until.zip(row.kept_until).map(|(a, b)| a.max(b));
        let first = positions.take().map(|(first, _)| first);
        let position = row.position();
        positions = Some((first.unwrap_or_else(|| position.clone()), position));
        Ok(())
    })
    .await?;
    let none = || Error::internal("reading a segment", format!("{object} has no rows"));
    let written = Written {
        bytes: Vec::new(),
        manifest,
        range,
        positions: positions.ok_or_else(none)?,
        raw_bytes,
        kept_until,
    };
    Ok((segment_item(object.to_owned(), &written)?, leaves))
}

/// Gives every row of an open segment, in order.
async fn each_row(
    segment: &Segment,
    source: &Memory,
    mut each: impl FnMut(Row) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut question = Question {
        limit: ROWS_AT_ONCE,
        selection: Selection {
            details: true,
            opening: true,
        },
        ..Question::default()
    };
    let mut given = 0;
    loop {
        let Rows { rows, more } = segment.rows(source, &question).await.map_err(failed)?;
        if let Some(last) = rows.last() {
            question.from = Bound::Excluded(last.position());
        }
        given += rows.len() as u64;
        rows.into_iter().try_for_each(&mut each)?;
        if !more {
            break;
        }
    }
    let (object, count) = (segment.object(), segment.manifest().count);
    if given == count {
        return Ok(());
    }
    let counts = format!("{object}: {given} rows instead of {count}");
    Err(Error::internal("reading a segment", counts))
}

/// An object that was read already.
struct Memory(Bytes);

impl Source for Memory {
    async fn read(&self, ranges: Vec<Range<u64>>) -> Result<Vec<Bytes>, BoxError> {
        let part = |range: Range<u64>| {
            let (start, end) = (usize::try_from(range.start)?, usize::try_from(range.end)?);
            let is_within = start <= end && end <= self.0.len();
            if !is_within {
                return Err("the object is shorter than its item says".into());
            }
            Ok(self.0.slice(start..end))
        };
        ranges.into_iter().map(part).collect()
    }
}

/// A sealed activity, as who looks for it in a segment needs it.
#[derive(Debug, Clone, Copy)]
pub struct SealedActivity {
    /// Its id.
    pub id: ActivityId,
    /// When its customer was erased.
    pub erased_at: Option<Moment>,
}

/// The activities of a customer in a segment, in order.
pub async fn of_customer(
    archive: &ArchiveStore,
    item: &SegmentItem,
    customer_id: &Identifier,
) -> Result<Vec<SealedActivity>, Error> {
    let ids = [customer_id.as_str().to_owned()].into();
    let question = Question {
        predicates: vec![Predicate {
            column: TextColumn::CustomerId,
            accepts: Accepts::AnyOf(ids),
        }],
        ..Question::default()
    };
    find(archive, item, &question).await
}

/// The activities of a segment behind a position, in order, without those whose retention
/// ends at a moment or before.
pub async fn kept_after(
    archive: &ArchiveStore,
    item: &SegmentItem,
    after: Option<ActivityId>,
    moment: Moment,
) -> Result<Vec<SealedActivity>, Error> {
    let question = Question {
        from: after.map_or(Bound::Unbounded, |id| Bound::Excluded(position(id))),
        kept_at: Some(moment.as_millis()),
        ..Question::default()
    };
    find(archive, item, &question).await
}

/// Asks a segment; of what is found, all columns are read but details and hashes.
async fn find(
    archive: &ArchiveStore,
    item: &SegmentItem,
    question: &Question<'_>,
) -> Result<Vec<SealedActivity>, Error> {
    let permits = Semaphore::new(REQUESTS_AT_ONCE);
    let object = Object {
        archive,
        item,
        permits: &permits,
    };
    let failed = |error| item.unread(failed(error));
    let segment = Segment::open(&object, &item.object, &manifest(item)?).await;
    let found = segment.map_err(failed)?.rows(&object, question).await;
    let rows = found.map_err(failed)?.rows.into_iter();
    rows.map(|row| {
        Ok(SealedActivity {
            id: activity_id(&row.position())?,
            erased_at: row.erased_at.and_then(Moment::from_millis),
        })
    })
    .collect()
}

/// The item of a segment that was written into an object.
pub fn segment_item(object: String, written: &Written) -> Result<SegmentItem, Error> {
    let (first, last) = &written.positions;
    let manifest = &written.manifest;
    Ok(SegmentItem {
        object,
        first_index: manifest.first_index,
        count: manifest.count,
        first: activity_id(first)?,
        last: activity_id(last)?,
        bytes: manifest.bytes,
        raw_bytes: written.raw_bytes,
        index_at: manifest.index_at,
        block_at: manifest.block_at,
        tail_sha256: ByteBuf::from(manifest.tail_sha256),
        tree: stored_hashes(&written.range),
        kept_until: written.kept_until.and_then(Moment::from_millis),
        pruned_at: None,
    })
}
