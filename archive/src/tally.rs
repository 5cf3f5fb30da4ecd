//! Counts rows by day and by texts, without reading the rest of them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Range,
    sync::Arc,
};

use parquet::data_type::Int64Type;

use crate::{
    codes::{Dictionary, NONE},
    column::{Column, TextColumn},
    error::Error,
    fetched::Fetched,
    find::Matches,
    question::Question,
    segment::Segment,
    source::Source,
};

/// How many rows have the same day and texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// What `day` made of the rows' moments.
    pub day: i64,
    /// The texts, in the order of the columns that were asked for.
    pub texts: Vec<Option<String>>,
    /// How many rows.
    pub count: u64,
    /// The position in the segment of the newest of them, which only grows.
    pub newest: u64,
}

/// A text for each column, or none.
type Texts = Vec<Option<String>>;

/// The code of each text column; absent ones are [`NONE`].
type Codes = [u32; COLUMNS_MAX];

/// No more text columns can be counted by at once, since the distinct ones can't.
const COLUMNS_MAX: usize = 8;

impl Segment {
    /// Counts the rows that meet every condition, without order and limit.
    ///
    /// `columns` are those with a dictionary, so all but the resource's id and the
    /// correlation id; a distinct one counts as absent. `day` says to which day a
    /// moment belongs.
    pub async fn tally(
        &self,
        source: &impl Source,
        question: &Question<'_>,
        columns: &BTreeSet<TextColumn>,
        day: impl Fn(i64) -> i64,
    ) -> Result<Vec<Tally>, Error> {
        let matches = self.matches(source, question).await?;
        let ranges = matches.iter().flat_map(|it| page_bytes(it, columns));
        let pages = self.fetch(source, ranges.collect()).await?;
        let mut total: BTreeMap<(i64, Texts), (u64, u64)> = BTreeMap::new();
        for found in &matches {
            for tally in count(found, &pages, columns, &day)? {
                let entry = total.entry((tally.day, tally.texts)).or_default();
                entry.0 += tally.count;
                entry.1 = entry.1.max(tally.newest);
            }
        }
        let tally = |((day, texts), (count, newest))| Tally {
            day,
            texts,
            count,
            newest,
        };
        Ok(total.into_iter().map(tally).collect())
    }
}

fn page_bytes(found: &Matches<'_>, columns: &BTreeSet<TextColumn>) -> Vec<Range<u64>> {
    let texts = columns.iter().filter(|it| !it.is_distinct());
    let columns = texts.map(|it| it.column()).chain([Column::OccurredAt]);
    let span: Vec<usize> = span(&found.rows).collect();
    columns
        .flat_map(|it| found.group.page_bytes(it, &span))
        .collect()
}

/// From the first to the last row.
fn span(rows: &[usize]) -> Range<usize> {
    match (rows.first(), rows.last()) {
        (Some(first), Some(last)) => *first..*last + 1,
        _ => 0..0,
    }
}

fn count(
    found: &Matches<'_>,
    pages: &Arc<Fetched>,
    columns: &BTreeSet<TextColumn>,
    day: impl Fn(i64) -> i64,
) -> Result<Vec<Tally>, Error> {
    let group = found.group;
    let span = span(&found.rows);
    let times = group.values::<Int64Type>(pages, Column::OccurredAt, &found.rows)?;
    let mut dictionary = Vec::new();
    for column in columns {
        dictionary.push(if column.is_distinct() {
            None
        } else {
            Some(group.dictionary(pages, column.column(), span.clone())?)
        });
    }
    let before: usize = (0..group.place)
        .map(|place| group.segment.metadata.row_group(place).num_rows())
        .filter_map(|rows| usize::try_from(rows).ok())
        .sum();
    let mut counts: HashMap<(i64, Codes), (u64, usize)> = HashMap::new();
    for (row, time) in found.rows.iter().zip(times) {
        let key = (
            day(time.unwrap_or_default()),
            codes(&dictionary, row - span.start),
        );
        let entry = counts.entry(key).or_default();
        *entry = (entry.0 + 1, *row);
    }
    let tally = |((day, codes), (count, row)): ((i64, Codes), (u64, usize))| Tally {
        day,
        texts: texts(&dictionary, &codes),
        count,
        newest: u64::try_from(before + row).unwrap_or(u64::MAX),
    };
    Ok(counts.into_iter().map(tally).collect())
}

fn codes(dictionary: &[Option<Dictionary>], place: usize) -> Codes {
    let mut codes = [NONE; COLUMNS_MAX];
    for (code, column) in codes.iter_mut().zip(dictionary) {
        let own = column.as_ref().and_then(|it| it.codes.get(place));
        *code = own.copied().unwrap_or(NONE);
    }
    codes
}

fn texts(dictionary: &[Option<Dictionary>], codes: &Codes) -> Texts {
    let text = |(column, code): (&Option<Dictionary>, &u32)| {
        let place = usize::try_from(*code).ok()?;
        column.as_ref()?.entries.get(place).cloned()
    };
    // A ninth and a tenth column are distinct ones, which come last and count as absent.
    let absent = dictionary.iter().skip(COLUMNS_MAX).map(|_| None);
    dictionary
        .iter()
        .zip(codes)
        .map(text)
        .chain(absent)
        .collect()
}
