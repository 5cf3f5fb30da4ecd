//! Counts rows by day and by texts, without reading the rest of them.

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    fmt,
    ops::Range,
    sync::Arc,
};

use parquet::data_type::{ByteArrayType, Int64Type};

use crate::{
    codes::{Dictionary, NONE},
    column::{Column, TextColumn},
    error::Error,
    fetched::Fetched,
    question::{Order, Question},
    row::Position,
    segment::Segment,
    source::Source,
};

/// By what rows are counted, and how much of it.
pub struct CountedBy<'a> {
    /// The texts: of the columns with a dictionary, so all but the resource's id and the
    /// correlation id, which count as absent.
    pub columns: BTreeSet<TextColumn>,
    /// To which day a moment belongs.
    pub day: &'a (dyn Fn(i64) -> i64 + Sync),
    /// How large the groups may be together, in the unit of `size`.
    pub room: usize,
    /// How large the group of these texts is.
    pub size: &'a (dyn Fn(&[Option<String>]) -> usize + Sync),
}

impl fmt::Debug for CountedBy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("CountedBy");
        let debug = debug.field("columns", &self.columns);
        debug.field("room", &self.room).finish_non_exhaustive()
    }
}

/// How many rows have the same day and texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// What `day` made of the rows' moments.
    pub day: i64,
    /// The texts, in the order of the columns that were asked for.
    pub texts: Vec<Option<String>>,
    /// How many rows.
    pub count: u64,
}

/// The first rows that answer a question, counted.
#[derive(Debug, PartialEq, Eq)]
pub struct Tallies {
    /// The groups, by their first rows in the order that was asked for.
    pub groups: Vec<Tally>,
    /// The last row that was counted, if there are more for which there was no room.
    pub last: Option<Position>,
}

/// A row that was counted.
struct Counted {
    row: usize,
    occurred_at: i64,
}

/// The code of each text column; absent ones are [`NONE`].
type Codes = [u32; TextColumn::COUNT];

impl Segment {
    /// Counts the rows that meet every condition, in order, as long as their groups have
    /// room; the question's limit and selection do not matter.
    ///
    /// After the rounds that find the rows, it takes one more, and another one to name
    /// the last row if there was no room for all.
    pub async fn tally(
        &self,
        source: &impl Source,
        question: &Question<'_>,
        by: &CountedBy<'_>,
    ) -> Result<Tallies, Error> {
        let found = self.matches(source, question).await?;
        let ranges = self.counted_bytes(&found, &by.columns);
        let pages = self.fetch(source, ranges).await?;
        let (groups, last) = self.count(&pages, found, question.order, by)?;
        // Other segments may be counted meanwhile, and a dictionary may be large.
        drop(pages);
        let last = match last {
            Some(last) => Some(self.position(source, last).await?),
            None => None,
        };
        Ok(Tallies { groups, last })
    }

    /// The groups, and the last row that was counted if there was no room for all.
    fn count(
        &self,
        pages: &Arc<Fetched>,
        mut found: Vec<usize>,
        order: Order,
        by: &CountedBy<'_>,
    ) -> Result<(Vec<Tally>, Option<Counted>), Error> {
        let dictionaries = self.dictionaries(pages, &found, &by.columns)?;
        let times = self.values::<Int64Type>(pages, Column::OccurredAt, &found)?;
        let mut times: Vec<i64> = times.into_iter().map(Option::unwrap_or_default).collect();
        if order == Order::Desc {
            found.reverse();
            times.reverse();
        }
        let first = span(&found).start;
        let keys = found.iter().zip(&times).map(|(row, time)| {
            let codes = codes(&dictionaries, row - first);
            ((by.day)(*time), codes)
        });
        let (groups, count) = counted(keys, &dictionaries, by);
        let last = count.checked_sub(1).filter(|_| count < found.len());
        let last = last.and_then(|last| {
            let (row, occurred_at) = (*found.get(last)?, *times.get(last)?);
            Some(Counted { row, occurred_at })
        });
        Ok((groups, last))
    }

    /// The bytes of the pages by which rows are counted.
    fn counted_bytes(&self, found: &[usize], columns: &BTreeSet<TextColumn>) -> Vec<Range<u64>> {
        let texts = columns.iter().filter(|it| !it.is_distinct());
        let columns = texts.map(|it| it.column()).chain([Column::OccurredAt]);
        let span: Vec<usize> = span(found).collect();
        columns.flat_map(|it| self.page_bytes(it, &span)).collect()
    }

    /// The dictionary of each column, with the codes from the first to the last row.
    fn dictionaries(
        &self,
        pages: &Arc<Fetched>,
        found: &[usize],
        columns: &BTreeSet<TextColumn>,
    ) -> Result<Vec<Option<Dictionary>>, Error> {
        let dictionary = |column: &TextColumn| {
            let has_one = !column.is_distinct() && !found.is_empty();
            has_one
                .then(|| self.dictionary(pages, column.column(), span(found)))
                .transpose()
        };
        columns.iter().map(dictionary).collect()
    }

    async fn position(&self, source: &impl Source, last: Counted) -> Result<Position, Error> {
        let row = [last.row];
        let ranges = self.page_bytes(Column::Id, &row);
        let pages = self.fetch(source, ranges).await?;
        let id = self.values::<ByteArrayType>(&pages, Column::Id, &row)?;
        let id = id.into_iter().flatten().next().unwrap_or_default();
        let id = id.as_utf8();
        let id = id.map_err(|error| self.damaged_column(Column::Id, error))?;
        Ok(Position {
            occurred_at: last.occurred_at,
            id: id.to_owned(),
        })
    }
}

/// From the first to the last row, in whichever order they are.
fn span(rows: &[usize]) -> Range<usize> {
    match (rows.iter().min(), rows.iter().max()) {
        (Some(first), Some(last)) => *first..*last + 1,
        _ => 0..0,
    }
}

/// Counts rows with these days and codes until there is no room for the next one's group;
/// returns how many were counted, at least one.
fn counted(
    keys: impl Iterator<Item = (i64, Codes)>,
    dictionaries: &[Option<Dictionary>],
    by: &CountedBy<'_>,
) -> (Vec<Tally>, usize) {
    let mut places: HashMap<(i64, Codes), usize> = HashMap::new();
    let mut groups: Vec<Tally> = Vec::new();
    let (mut count, mut room) = (0, by.room);
    for (day, codes) in keys {
        let place = match places.entry((day, codes)) {
            Entry::Occupied(place) => *place.get(),
            Entry::Vacant(place) => {
                let texts = texts(dictionaries, &codes);
                let left = room.checked_sub((by.size)(&texts));
                if left.is_none() && count > 0 {
                    break;
                }
                room = left.unwrap_or_default();
                groups.push(Tally {
                    day,
                    texts,
                    count: 0,
                });
                *place.insert(groups.len() - 1)
            }
        };
        if let Some(group) = groups.get_mut(place) {
            group.count += 1;
        }
        count += 1;
    }
    (groups, count)
}

fn codes(dictionaries: &[Option<Dictionary>], place: usize) -> Codes {
    let mut codes = [NONE; TextColumn::COUNT];
    for (code, dictionary) in codes.iter_mut().zip(dictionaries) {
        let own = dictionary.as_ref().and_then(|it| it.codes.get(place));
        *code = own.copied().unwrap_or(NONE);
    }
    codes
}

fn texts(dictionaries: &[Option<Dictionary>], codes: &Codes) -> Vec<Option<String>> {
    let text = |(dictionary, code): (&Option<Dictionary>, &u32)| {
        let place = usize::try_from(*code).ok()?;
        dictionary.as_ref()?.entries.get(place).cloned()
    };
    dictionaries.iter().zip(codes).map(text).collect()
}
