//! Reads what is sealed of a log, several segments at once.

use std::{
    collections::VecDeque,
    ops::{Bound, Range},
};

use archive::{BoxError, Manifest, Position, Row, Rows, Segment, Source};
use bytes::Bytes;
use futures_util::future::try_join_all;
use shared::{
    ActivityId, Error, Filter, Moment, Order, PartnerId, TimeRange,
    aws::{
        activities::{RangeQuery, Stored},
        archive::{ArchiveStore, Sealed, SegmentItem},
    },
    model::seal::NEVER_SEALED,
};
use tokio::sync::Semaphore;

use crate::{
    entry::Entry,
    question::Question,
    rows::{activity_id, ask, entry, position, start_of, stored},
    tally::{CountedBy, Tally},
};

/// How many requests for parts of segments are under way at once.
pub(crate) const REQUESTS_AT_ONCE: usize = 16;

/// What happens from this moment on is not sealed at `now`.
pub(crate) fn young_from(now: Moment) -> Moment {
    now.minus(NEVER_SEALED)
}

/// How often the segments are asked for anew because an object was replaced.
pub(crate) const REPLACED_MAX: usize = 3;

/// The sealed activities of a question that were not read yet.
#[derive(Debug)]
pub(crate) struct SealedPart<'a> {
    archive: &'a ArchiveStore,
    question: Question<'a>,
    /// What was asked for of the archive.
    range: TimeRange,
    sealed: Sealed,
    /// The last activity that was read, or before which nothing is wanted.
    resume_after: Option<ActivityId>,
    /// Activities that were read and not given yet, a page for each segment.
    waiting: VecDeque<SealedPage>,
    is_over: bool,
}

/// What a question asks for of one segment, in order.
#[derive(Debug)]
pub(crate) enum SealedRead {
    Activities(Vec<Stored>),
    Entries(Vec<Entry>),
    Tallies(Vec<Tally>),
}

/// What was read of one segment.
#[derive(Debug)]
pub(crate) struct SealedPage {
    pub(crate) read: SealedRead,
    /// The activity after which the rest begins; absent at the end of what is sealed.
    pub(crate) resume_after: Option<ActivityId>,
}

impl<'a> SealedPart<'a> {
    pub(crate) fn new(
        archive: &'a ArchiveStore,
        question: Question<'a>,
        (range, sealed): (TimeRange, Sealed),
        resume_after: Option<ActivityId>,
    ) -> Self {
        let mut part = Self {
            archive,
            question,
            range,
            sealed,
            resume_after,
            waiting: VecDeque::new(),
            is_over: false,
        };
        part.is_over = part.unread().is_empty();
        part
    }

    /// Whether nothing is left to read or to give.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over && self.waiting.is_empty()
    }

    /// Whether a page can be given without a request.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The next page: of at most `limit` activities, or of as many counts as there is room
    /// for; none at the end.
    ///
    /// If something must be read first, up to `at_once` segments are.
    pub(crate) async fn next(
        &mut self,
        at_once: usize,
        limit: usize,
    ) -> Result<Option<SealedPage>, Error> {
        let mut replaced = 0;
        while self.waiting.is_empty() && !self.is_over {
            match self.read(at_once, limit).await {
                Err(Error::NotFound) if replaced < REPLACED_MAX => {
                    replaced += 1;
                    self.reload().await?;
                }
                Err(Error::NotFound) => return Err(replaced_again()),
                read => read?,
            }
        }
        Ok(self.waiting.pop_front())
    }

    /// Reads the next segments; a page that is full ends what is read.
    async fn read(&mut self, at_once: usize, limit: usize) -> Result<(), Error> {
        let (unread, bounds) = (self.unread(), self.bounds());
        let is_last = unread.len() <= at_once;
        let unread: Vec<SegmentItem> = unread.into_iter().take(at_once).cloned().collect();
        let permits = Semaphore::new(REQUESTS_AT_ONCE);
        let (archive, question) = (self.archive, self.question);
        let rows = unread.iter().map(|item| {
            let object = Object {
                archive,
                item,
                permits: &permits,
            };
            object.read(&question, bounds.clone(), limit)
        });
        let pages = try_join_all(rows).await?;
        let count = pages.len();
        for (place, ((read, last), item)) in pages.into_iter().zip(&unread).enumerate() {
            let end = last.unwrap_or(match self.question.query.order {
                Order::Asc => item.last.min(self.sealed.extent.border),
                Order::Desc => item.first,
            });
            let is_end = is_last && last.is_none() && place + 1 == count;
            self.resume_after = Some(end);
            self.is_over = is_end;
            let resume_after = Some(end).filter(|_| !is_end);
            self.waiting.push_back(SealedPage { read, resume_after });
            if last.is_some() {
                break;
            }
        }
        Ok(())
    }

    async fn reload(&mut self) -> Result<(), Error> {
        let partner = self.question.partner;
        let standing = self.archive.standing(partner, &self.range).await?;
        let sealed = standing.sealed;
        let sealed =
            sealed.ok_or_else(|| Error::Unavailable("nothing is sealed any more".into()))?;
        let objects = |sealed: &Sealed| -> Vec<(String, bool)> {
            let segments = sealed.segments.iter();
            segments
                .map(|segment| (segment.object.clone(), segment.is_pruned()))
                .collect()
        };
        if objects(&sealed) == objects(&self.sealed) {
            return Err(Error::internal("reading a segment", "its object is gone"));
        }
        if sealed.extent.size < self.sealed.extent.size {
            let less = "less is sealed than before: an operator is making the archive again";
            return Err(Error::Unavailable(less.into()));
        }
        // What was sealed once stays sealed, and this walk ends where it began to.
        let border = self.sealed.extent.border;
        self.sealed = sealed;
        self.sealed.extent.border = border;
        self.is_over = self.unread().is_empty();
        Ok(())
    }

    /// The segments with positions inside of the bounds, in the question's order.
    ///
    /// The last one may have been extended after the head was read.
    fn unread(&self) -> Vec<&SegmentItem> {
        let (from, to) = self.bounds();
        let is_within = |item: &&SegmentItem| {
            let last = item.last.min(self.sealed.extent.border);
            let (first, last) = (position(item.first), position(last));
            let ends_before = match &from {
                Bound::Included(from) => last < *from,
                Bound::Excluded(from) => last <= *from,
                Bound::Unbounded => false,
            };
            let begins_behind = match &to {
                Bound::Included(to) => first > *to,
                Bound::Excluded(to) => first >= *to,
                Bound::Unbounded => false,
            };
            !ends_before && !begins_behind && !has_ended(item, self.question.kept_at)
        };
        let items = self.sealed.segments.iter().filter(is_within);
        match self.question.query.order {
            Order::Asc => items.collect(),
            Order::Desc => items.rev().collect(),
        }
    }

    /// From the first to the last position that is wanted and was not read yet.
    fn bounds(&self) -> (Bound<Position>, Bound<Position>) {
        let range = self.question.query.range;
        let mut from = Bound::Included(start_of(range.from()));
        let mut to = Bound::Excluded(start_of(range.to()));
        let border = position(self.sealed.extent.border);
        if start_of(range.to()) > border {
            to = Bound::Included(border);
        }
        match (self.question.query.order, self.resume_after.map(position)) {
            (Order::Asc, Some(after)) if after >= start_of(range.from()) => {
                from = Bound::Excluded(after);
            }
            (Order::Desc, Some(after)) if after <= position(self.sealed.extent.border) => {
                to = Bound::Excluded(after);
            }
            _ => {}
        }
        (from, to)
    }
}

/// Whether the retention of all of a segment's activities had ended at a moment: its object
/// may be deleted soon, or was.
pub(crate) fn has_ended(item: &SegmentItem, at: Moment) -> bool {
    item.is_pruned() || item.kept_until.is_some_and(|end| end <= at)
}

/// One sealed activity with its details; none if it is absent or its retention has ended.
pub(crate) async fn one(
    archive: &ArchiveStore,
    partner: &PartnerId,
    id: ActivityId,
    now: Moment,
) -> Result<Option<Stored>, Error> {
    if id.occurred_at() >= young_from(now) {
        return Ok(None);
    }
    let filter = Filter::default();
    let question = Question::new(
        partner,
        RangeQuery {
            range: TimeRange::ALL,
            order: Order::Asc,
            with_details: true,
            eventual: true,
        },
        &filter,
        now,
    );
    let permits = Semaphore::new(REQUESTS_AT_ONCE);
    let mut gone = None;
    for _ in 0..=REPLACED_MAX {
        let Some(item) = archive.segment_of(partner, id).await? else {
            return Ok(None);
        };
        if gone.as_ref() == Some(&item.object) {
            return Err(item.unread(Error::NotFound));
        }
        let object = Object {
            archive,
            item: &item,
            permits: &permits,
        };
        let only = Bound::Included(position(id));
        match object.read(&question, (only.clone(), only), 1).await {
            Err(Error::NotFound) => gone = Some(item.object),
            Ok((SealedRead::Activities(mut activities), _)) => return Ok(activities.pop()),
            Ok(_) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Err(replaced_again())
}

/// An object is gone each time that its name was asked for anew.
pub(crate) fn replaced_again() -> Error {
    Error::Unavailable("a segment is replaced again and again".into())
}

/// One segment's object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Object<'a> {
    pub(crate) archive: &'a ArchiveStore,
    pub(crate) item: &'a SegmentItem,
    pub(crate) permits: &'a Semaphore,
}

impl Object<'_> {
    /// What the question asks for of the segment, and the last activity of it if there is
    /// more behind it.
    async fn read(
        self,
        question: &Question<'_>,
        bounds: (Bound<Position>, Bound<Position>),
        limit: usize,
    ) -> Result<(SealedRead, Option<ActivityId>), Error> {
        let manifest = manifest(self.item)?;
        let segment = Segment::open(&self, &self.item.object, &manifest).await;
        let segment = segment.map_err(failed)?;
        let asked = ask(question, bounds, limit);
        if let Some(by) = question.counted_by {
            return self.count(&segment, &asked, by).await;
        }
        let Rows { rows, more } = segment.rows(&self, &asked).await.map_err(failed)?;
        if question.is_proving {
            return entries(rows, more, question);
        }
        let stored = rows.into_iter().map(|row| stored(row, question.partner));
        let stored: Vec<Stored> = stored.collect::<Result<_, _>>()?;
        let last = stored.last().filter(|_| more);
        let last = last.map(|stored| stored.activity.id);
        Ok((SealedRead::Activities(stored), last))
    }

    async fn count(
        self,
        segment: &Segment,
        asked: &archive::Question<'_>,
        by: &CountedBy,
    ) -> Result<(SealedRead, Option<ActivityId>), Error> {
        let counted_by = archive::CountedBy {
            columns: by.columns(),
            day: &|millis| by.day_number(millis),
            room: by.room,
            size: &by.size,
        };
        let counted = segment.tally(&self, asked, &counted_by).await;
        let counted = counted.map_err(failed)?;
        let groups = counted.groups.into_iter().map(|tally| by.many(tally));
        let last = counted.last.as_ref().map(activity_id).transpose()?;
        Ok((SealedRead::Tallies(groups.collect::<Result<_, _>>()?), last))
    }
}

fn entries(
    rows: Vec<Row>,
    more: bool,
    question: &Question<'_>,
) -> Result<(SealedRead, Option<ActivityId>), Error> {
    let entries = rows.into_iter().map(|row| entry(row, question));
    let entries: Vec<Entry> = entries.collect::<Result<_, _>>()?;
    let last = entries.last().filter(|_| more);
    let last = last.map(|entry| entry.stored.activity.id);
    Ok((SealedRead::Entries(entries), last))
}

impl Source for Object<'_> {
    async fn read(&self, ranges: Vec<Range<u64>>) -> Result<Vec<Bytes>, BoxError> {
        let parts = ranges.into_iter().map(|range| async {
            let _permit = self.permits.acquire().await?;
            let bytes = self.archive.range(&self.item.object, range).await?;
            Ok::<_, BoxError>(bytes)
        });
        try_join_all(parts).await
    }
}

pub(crate) fn manifest(item: &SegmentItem) -> Result<Manifest, Error> {
    Ok(Manifest {
        bytes: item.bytes,
        index_at: item.index_at,
        block_at: item.block_at,
        tail_sha256: item.tail_hash()?,
        first_index: item.first_index,
        count: item.count,
    })
}

/// The error of a segment that could not be read; that of a request stays what it is.
pub(crate) fn failed(error: archive::Error) -> Error {
    match error {
        archive::Error::Source { object, source } => match source.downcast::<Error>() {
            Ok(error) => *error,
            Err(source) => Error::internal("reading a segment", format!("{object}: {source}")),
        },
        error => Error::internal("reading a segment", error),
    }
}
