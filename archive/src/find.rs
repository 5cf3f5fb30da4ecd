//! Which rows of a segment meet the conditions of a question.

use std::{
    ops::{Bound, Range},
    sync::Arc,
};

use parquet::{
    bloom_filter::Sbbf,
    data_type::{ByteArray, ByteArrayType, Int64Type},
    file::page_index::column_index::ColumnIndexMetaData,
};

use crate::{
    column::Column,
    error::Error,
    fetched::Fetched,
    question::{Accepts, Predicate, Question},
    row::Position,
    segment::Segment,
    source::Source,
};

impl Segment {
    /// The rows that meet every condition, in rising order and without the limit.
    ///
    /// It takes at most two rounds of requests: bloom filters, then the pages of all
    /// columns that the conditions are about.
    pub(crate) async fn matches(
        &self,
        source: &impl Source,
        question: &Question<'_>,
    ) -> Result<Vec<usize>, Error> {
        let search = Search::new(self, question);
        if search.rows.is_empty() {
            return Ok(Vec::new());
        }
        let filters = self.fetch(source, search.bloom_bytes(question)).await?;
        if !search.may_have(question, &filters)? {
            return Ok(Vec::new());
        }
        let pages = self.fetch(source, search.page_bytes(question)).await?;
        search.finish(question, &pages)
    }
}

/// What is known of a segment's rows from the page index alone.
struct Search<'a> {
    segment: &'a Segment,
    /// No row outside of these meets the conditions on the position.
    rows: Range<usize>,
    /// Rows whose position must be compared with the first or the last one.
    first: Cut,
    last: Cut,
    /// Whether the ends of retention must be read.
    reads_ends: bool,
}

impl<'a> Search<'a> {
    fn new(segment: &'a Segment, question: &Question<'_>) -> Self {
        let first = Cut::new(segment, &question.from);
        let last = Cut::new(segment, &question.to);
        let rows = match (&question.from, &question.to) {
            (Bound::Unbounded, Bound::Unbounded) => 0..segment.row_count(),
            (_, Bound::Unbounded) => first.unknown.start..segment.row_count(),
            (Bound::Unbounded, _) => 0..last.unknown.end,
            _ => first.unknown.start..last.unknown.end,
        };
        let reads_ends = question
            .kept_at
            .is_some_and(|now| !all_kept(segment, &rows, now));
        Self {
            segment,
            rows,
            first,
            last,
            reads_ends,
        }
    }

    fn bloom_bytes(&self, question: &Question<'_>) -> Vec<Range<u64>> {
        let bytes = |predicate: &Predicate<'_>| {
            if !predicate.column.is_distinct() || !matches!(predicate.accepts, Accepts::AnyOf(_)) {
                return None;
            }
            let chunk = self.segment.chunk(predicate.column.column());
            let start = u64::try_from(chunk.bloom_filter_offset()?).ok()?;
            let length = u64::try_from(chunk.bloom_filter_length()?).ok()?;
            Some(start..start.saturating_add(length))
        };
        question.predicates.iter().filter_map(bytes).collect()
    }

    /// Whether no bloom filter rules the segment out.
    fn may_have(&self, question: &Question<'_>, filters: &Fetched) -> Result<bool, Error> {
        for predicate in question
            .predicates
            .iter()
            .filter(|it| it.column.is_distinct())
        {
            let Accepts::AnyOf(texts) = &predicate.accepts else {
                continue;
            };
            let (segment, column) = (self.segment, predicate.column.column());
            let may_have = |filter: &Sbbf| {
                let mut texts = texts.iter();
                texts.any(|text| filter.check(&ByteArray::from(text.as_str())))
            };
            let may_have = segment.decoded(column, || {
                let filter = Sbbf::read_from_column_chunk(segment.chunk(column), filters);
                let filter = filter.map_err(|error| segment.damaged_column(column, error))?;
                Ok(filter.as_ref().is_none_or(may_have))
            });
            if !may_have? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The bytes of all pages that the conditions are about.
    fn page_bytes(&self, question: &Question<'_>) -> Vec<Range<u64>> {
        let mut bytes = Vec::new();
        for cut in [&self.first, &self.last] {
            let rows: Vec<usize> = cut.unknown.clone().collect();
            bytes.extend(self.segment.page_bytes(Column::OccurredAt, &rows));
            if cut.reads_ids {
                bytes.extend(self.segment.page_bytes(Column::Id, &rows));
            }
        }
        let rows: Vec<usize> = self.rows.clone().collect();
        for predicate in &question.predicates {
            bytes.extend(self.segment.page_bytes(predicate.column.column(), &rows));
        }
        if question.recorded.is_some() {
            bytes.extend(self.segment.page_bytes(Column::RecordedAt, &rows));
        }
        if self.reads_ends {
            bytes.extend(self.segment.page_bytes(Column::KeptUntil, &rows));
        }
        bytes
    }

    fn finish(&self, question: &Question<'_>, pages: &Arc<Fetched>) -> Result<Vec<usize>, Error> {
        let segment = self.segment;
        let start = match &question.from {
            Bound::Unbounded => self.rows.start,
            Bound::Included(first) => self.first.place(segment, pages, first, false)?,
            Bound::Excluded(first) => self.first.place(segment, pages, first, true)?,
        };
        let end = match &question.to {
            Bound::Unbounded => self.rows.end,
            Bound::Included(last) => self.last.place(segment, pages, last, true)?,
            Bound::Excluded(last) => self.last.place(segment, pages, last, false)?,
        };
        let mut rows: Vec<usize> = (start..end).collect();
        for predicate in &question.predicates {
            if rows.is_empty() {
                break;
            }
            rows = judge(segment, pages, predicate, &self.rows, rows)?;
        }
        if let Some(recorded) = &question.recorded {
            let times = segment.values::<Int64Type>(pages, Column::RecordedAt, &rows)?;
            let times = rows.into_iter().zip(times);
            let within = times.filter(|(_, time)| time.is_some_and(|it| recorded.contains(&it)));
            rows = within.map(|(row, _)| row).collect();
        }
        if let Some(now) = question.kept_at.filter(|_| self.reads_ends) {
            let ends = segment.values::<Int64Type>(pages, Column::KeptUntil, &rows)?;
            let ends = rows.into_iter().zip(ends);
            let kept = ends.filter(|(_, end)| end.is_none_or(|end| end > now));
            rows = kept.map(|(row, _)| row).collect();
        }
        Ok(rows)
    }
}

/// Leaves the rows whose value passes; `fetched` are the rows whose pages are there.
fn judge(
    segment: &Segment,
    pages: &Arc<Fetched>,
    predicate: &Predicate<'_>,
    fetched: &Range<usize>,
    rows: Vec<usize>,
) -> Result<Vec<usize>, Error> {
    let column = predicate.column.column();
    if predicate.column.is_distinct() {
        let values = segment.values::<ByteArrayType>(pages, column, &rows)?;
        let mut passing = Vec::new();
        for (row, value) in rows.into_iter().zip(values) {
            let Some(value) = value else { continue };
            let text = value
                .as_utf8()
                .map_err(|error| segment.damaged_column(column, error))?;
            if predicate.accepts.accepts(text) {
                passing.push(row);
            }
        }
        return Ok(passing);
    }
    let dictionary = segment.dictionary(pages, column, fetched.clone())?;
    let entries = dictionary.entries.iter();
    let passes: Vec<bool> = entries.map(|it| predicate.accepts.accepts(it)).collect();
    if !passes.contains(&true) {
        return Ok(Vec::new());
    }
    let has_passed = |row: &usize| {
        let code = row
            .checked_sub(fetched.start)
            .and_then(|place| dictionary.codes.get(place));
        let code = code.and_then(|code| usize::try_from(*code).ok());
        code.and_then(|code| passes.get(code)).is_some_and(|it| *it)
    };
    Ok(rows.into_iter().filter(has_passed).collect())
}

/// Where a bound lies between the rows of a segment, as far as the index says.
struct Cut {
    /// The bound lies in these rows, or at one of their ends.
    unknown: Range<usize>,
    /// Whether rows of the bound's moment must be compared by their ids.
    reads_ids: bool,
}

impl Cut {
    /// Without a bound, nothing is unknown.
    fn new(segment: &Segment, bound: &Bound<Position>) -> Self {
        let (Bound::Included(position) | Bound::Excluded(position)) = bound else {
            return Self {
                unknown: 0..0,
                reads_ids: false,
            };
        };
        let moment = position.occurred_at;
        let mut unknown = 0..0;
        let pages = segment.pages(Column::OccurredAt).into_iter();
        for (page, (min, max)) in pages.zip(moments(segment)) {
            if max < moment {
                unknown = page.rows.end..page.rows.end;
            } else if min <= moment {
                unknown.end = page.rows.end;
            }
        }
        Self {
            unknown,
            reads_ids: !position.id.is_empty(),
        }
    }

    /// The first row at or behind a position; with `is_behind`, behind it.
    fn place(
        &self,
        segment: &Segment,
        pages: &Arc<Fetched>,
        position: &Position,
        is_behind: bool,
    ) -> Result<usize, Error> {
        let rows: Vec<usize> = self.unknown.clone().collect();
        let times = segment.values::<Int64Type>(pages, Column::OccurredAt, &rows)?;
        let times = times.into_iter().map(|time| time.unwrap_or(i64::MIN));
        let moment = position.occurred_at;
        // The empty id comes before every other one.
        if !self.reads_ids {
            let before = times.take_while(|time| *time < moment);
            return Ok(self.unknown.start + before.count());
        }
        let ids = segment.values::<ByteArrayType>(pages, Column::Id, &rows)?;
        let is_before = |(time, id): &(i64, Option<ByteArray>)| {
            let id = id.as_ref().map_or(&b""[..], ByteArray::data);
            let (own, other) = ((*time, id), (moment, position.id.as_bytes()));
            if is_behind { own <= other } else { own < other }
        };
        let before = times.zip(ids).take_while(is_before);
        Ok(self.unknown.start + before.count())
    }
}

/// The first and the last moment of each page; everything, where the index lacks it.
fn moments(segment: &Segment) -> Vec<(i64, i64)> {
    match segment.column_index(Column::OccurredAt) {
        Some(ColumnIndexMetaData::INT64(index)) => {
            let min = index
                .min_values_iter()
                .map(|it| it.copied().unwrap_or(i64::MIN));
            let max = index
                .max_values_iter()
                .map(|it| it.copied().unwrap_or(i64::MAX));
            min.zip(max).collect()
        }
        _ => vec![(i64::MIN, i64::MAX); segment.pages(Column::OccurredAt).len()],
    }
}

/// Whether the index shows that all these rows are kept longer than `now`.
fn all_kept(segment: &Segment, rows: &Range<usize>, now: i64) -> bool {
    let Some(ColumnIndexMetaData::INT64(index)) = segment.column_index(Column::KeptUntil) else {
        return false;
    };
    let pages = segment.pages(Column::KeptUntil).into_iter();
    let mut pages = pages.zip(index.min_values_iter());
    // A page without a smallest value has only rows that are kept without an end.
    pages.all(|(page, min)| {
        let is_outside = page.rows.end <= rows.start || page.rows.start >= rows.end;
        is_outside || min.is_none_or(|min| *min > now)
    })
}
