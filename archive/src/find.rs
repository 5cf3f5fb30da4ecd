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
    decode::Group,
    error::Error,
    fetched::Fetched,
    question::{Accepts, Predicate, Question},
    row::Position,
    segment::Segment,
    source::Source,
};

/// Rows of a row group, sorted.
#[derive(Debug)]
pub(crate) struct Matches<'a> {
    pub(crate) group: Group<'a>,
    pub(crate) rows: Vec<usize>,
}

impl Segment {
    /// The rows that meet every condition, in rising order and without the limit.
    ///
    /// It takes at most two rounds of requests: bloom filters, then the pages of all
    /// columns that the conditions are about.
    pub(crate) async fn matches(
        &self,
        source: &impl Source,
        question: &Question<'_>,
    ) -> Result<Vec<Matches<'_>>, Error> {
        let mut searches: Vec<Search<'_>> = Group::all(self)
            .map(|group| Search::new(group, question))
            .filter(|search| !search.rows.is_empty())
            .collect();
        let ranges = searches.iter().flat_map(|it| it.bloom_bytes(question));
        let filters = self.fetch(source, ranges.collect()).await?;
        let mut kept = Vec::new();
        for search in searches.drain(..) {
            if search.may_have(question, &filters)? {
                kept.push(search);
            }
        }
        let ranges = kept.iter().flat_map(|it| it.page_bytes(question));
        let pages = self.fetch(source, ranges.collect()).await?;
        let matches = kept.into_iter().map(|it| it.finish(question, &pages));
        matches
            .filter(|it| it.as_ref().is_ok_and(|it| !it.rows.is_empty()) || it.is_err())
            .collect()
    }
}

/// What is known of a row group from the page index alone.
struct Search<'a> {
    group: Group<'a>,
    /// No row outside of these meets the conditions on the position.
    rows: Range<usize>,
    /// Rows whose position must be compared with the first or the last one.
    first: Cut,
    last: Cut,
    /// Whether the ends of retention must be read.
    reads_ends: bool,
}

impl<'a> Search<'a> {
    fn new(group: Group<'a>, question: &Question<'_>) -> Self {
        let first = Cut::new(group, &question.from);
        let last = Cut::new(group, &question.to);
        let rows = match (&question.from, &question.to) {
            (Bound::Unbounded, Bound::Unbounded) => 0..group.rows(),
            (_, Bound::Unbounded) => first.unknown.start..group.rows(),
            (Bound::Unbounded, _) => 0..last.unknown.end,
            _ => first.unknown.start..last.unknown.end,
        };
        let reads_ends = question
            .kept_at
            .is_some_and(|now| !all_kept(group, &rows, now));
        Self {
            group,
            rows,
            first,
            last,
            reads_ends,
        }
    }

    fn bloom_bytes(&self, question: &Question<'_>) -> Vec<Range<u64>> {
        let metadata = self.group.segment.metadata.row_group(self.group.place);
        let bytes = |predicate: &Predicate<'_>| {
            if !predicate.column.is_distinct() || !matches!(predicate.accepts, Accepts::AnyOf(_)) {
                return None;
            }
            let chunk = metadata.column(predicate.column.column().place());
            let start = u64::try_from(chunk.bloom_filter_offset()?).ok()?;
            let length = u64::try_from(chunk.bloom_filter_length()?).ok()?;
            Some(start..start.saturating_add(length))
        };
        question.predicates.iter().filter_map(bytes).collect()
    }

    /// Whether no bloom filter rules the group out.
    fn may_have(&self, question: &Question<'_>, filters: &Fetched) -> Result<bool, Error> {
        let metadata = self.group.segment.metadata.row_group(self.group.place);
        for predicate in question
            .predicates
            .iter()
            .filter(|it| it.column.is_distinct())
        {
            let Accepts::AnyOf(texts) = &predicate.accepts else {
                continue;
            };
            let column = predicate.column.column();
            let filter = Sbbf::read_from_column_chunk(metadata.column(column.place()), filters);
            let filter = filter.map_err(|error| self.group.damaged(column, error))?;
            let may_have = |filter: &Sbbf| {
                let mut texts = texts.iter();
                texts.any(|text| filter.check(&ByteArray::from(text.as_str())))
            };
            if !filter.as_ref().is_none_or(may_have) {
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
            bytes.extend(self.group.page_bytes(Column::OccurredAt, &rows));
            if cut.reads_ids {
                bytes.extend(self.group.page_bytes(Column::Id, &rows));
            }
        }
        let rows: Vec<usize> = self.rows.clone().collect();
        for predicate in &question.predicates {
            bytes.extend(self.group.page_bytes(predicate.column.column(), &rows));
        }
        if self.reads_ends {
            bytes.extend(self.group.page_bytes(Column::KeptUntil, &rows));
        }
        bytes
    }

    fn finish(self, question: &Question<'_>, pages: &Arc<Fetched>) -> Result<Matches<'a>, Error> {
        let group = self.group;
        let start = match &question.from {
            Bound::Unbounded => self.rows.start,
            Bound::Included(first) => self.first.place(group, pages, first, false)?,
            Bound::Excluded(first) => self.first.place(group, pages, first, true)?,
        };
        let end = match &question.to {
            Bound::Unbounded => self.rows.end,
            Bound::Included(last) => self.last.place(group, pages, last, true)?,
            Bound::Excluded(last) => self.last.place(group, pages, last, false)?,
        };
        let mut rows: Vec<usize> = (start..end).collect();
        for predicate in &question.predicates {
            if rows.is_empty() {
                break;
            }
            rows = judge(group, pages, predicate, &self.rows, rows)?;
        }
        if let Some(now) = question.kept_at.filter(|_| self.reads_ends) {
            let ends = group.values::<Int64Type>(pages, Column::KeptUntil, &rows)?;
            let ends = rows.into_iter().zip(ends);
            let kept = ends.filter(|(_, end)| end.is_none_or(|end| end > now));
            rows = kept.map(|(row, _)| row).collect();
        }
        Ok(Matches { group, rows })
    }
}

/// Leaves the rows whose value passes; `fetched` are the rows whose pages are there.
fn judge(
    group: Group<'_>,
    pages: &Arc<Fetched>,
    predicate: &Predicate<'_>,
    fetched: &Range<usize>,
    rows: Vec<usize>,
) -> Result<Vec<usize>, Error> {
    let column = predicate.column.column();
    if predicate.column.is_distinct() {
        let values = group.values::<ByteArrayType>(pages, column, &rows)?;
        let mut passing = Vec::new();
        for (row, value) in rows.into_iter().zip(values) {
            let Some(value) = value else { continue };
            let text = value
                .as_utf8()
                .map_err(|error| group.damaged(column, error))?;
            if predicate.accepts.accepts(text) {
                passing.push(row);
            }
        }
        return Ok(passing);
    }
    let dictionary = group.dictionary(pages, column, fetched.clone())?;
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

/// Where a bound lies between the rows of a group, as far as the index says.
struct Cut {
    /// The bound lies in these rows, or at one of their ends.
    unknown: Range<usize>,
    /// Whether rows of the bound's moment must be compared by their ids.
    reads_ids: bool,
}

impl Cut {
    /// Without a bound, nothing is unknown.
    fn new(group: Group<'_>, bound: &Bound<Position>) -> Self {
        let (Bound::Included(position) | Bound::Excluded(position)) = bound else {
            return Self {
                unknown: 0..0,
                reads_ids: false,
            };
        };
        let moment = position.occurred_at;
        let mut unknown = 0..0;
        let pages = group.pages(Column::OccurredAt).into_iter();
        for (page, (min, max)) in pages.zip(moments(group)) {
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
        group: Group<'_>,
        pages: &Arc<Fetched>,
        position: &Position,
        is_behind: bool,
    ) -> Result<usize, Error> {
        let rows: Vec<usize> = self.unknown.clone().collect();
        let times = group.values::<Int64Type>(pages, Column::OccurredAt, &rows)?;
        let times = times.into_iter().map(|time| time.unwrap_or(i64::MIN));
        let moment = position.occurred_at;
        // The empty id comes before every other one.
        if !self.reads_ids {
            let before = times.take_while(|time| *time < moment);
            return Ok(self.unknown.start + before.count());
        }
        let ids = group.values::<ByteArrayType>(pages, Column::Id, &rows)?;
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
fn moments(group: Group<'_>) -> Vec<(i64, i64)> {
    match column_index(group, Column::OccurredAt) {
        Some(ColumnIndexMetaData::INT64(index)) => {
            let min = index
                .min_values_iter()
                .map(|it| it.copied().unwrap_or(i64::MIN));
            let max = index
                .max_values_iter()
                .map(|it| it.copied().unwrap_or(i64::MAX));
            min.zip(max).collect()
        }
        _ => vec![(i64::MIN, i64::MAX); group.pages(Column::OccurredAt).len()],
    }
}

/// Whether the index shows that all these rows are kept longer than `now`.
fn all_kept(group: Group<'_>, rows: &Range<usize>, now: i64) -> bool {
    let Some(ColumnIndexMetaData::INT64(index)) = column_index(group, Column::KeptUntil) else {
        return false;
    };
    let pages = group.pages(Column::KeptUntil).into_iter();
    let mut pages = pages.zip(index.min_values_iter());
    // A page without a smallest value has only rows that are kept without an end.
    pages.all(|(page, min)| {
        let is_outside = page.rows.end <= rows.start || page.rows.start >= rows.end;
        is_outside || min.is_none_or(|min| *min > now)
    })
}

fn column_index(group: Group<'_>, column: Column) -> Option<ColumnIndexMetaData> {
    let metadata = &group.segment.metadata;
    let index = metadata.page_index_for_row_group(group.place);
    index.column_index(column.place()).cloned()
}
