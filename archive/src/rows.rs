//! Reads the rows that answer a question.

use std::{ops::Range, sync::Arc};

use parquet::data_type::{BoolType, ByteArray, ByteArrayType, FixedLenByteArrayType, Int64Type};

use crate::{
    column::Column,
    error::Error,
    fetched::Fetched,
    question::{Order, Question, Selection},
    row::Row,
    segment::Segment,
    source::Source,
};

/// The columns of every row.
const ALWAYS: [Column; 17] = [
    Column::Index,
    Column::OccurredAt,
    Column::RecordedAt,
    Column::Id,
    Column::Action,
    Column::Outcome,
    Column::ActorId,
    Column::ActorName,
    Column::ActorKind,
    Column::CustomerId,
    Column::CustomerName,
    Column::ResourceType,
    Column::ResourceId,
    Column::CorrelationId,
    Column::HasDetails,
    Column::KeptUntil,
    Column::ErasedAt,
];

/// How many pages of details are read at once, each of at most 1 MiB and one entry more
/// before it was compressed.
const DETAILS_PAGES_MAX: usize = 4;

/// Rows that answer a question.
#[derive(Debug)]
pub struct Rows {
    /// The rows, in the order that was asked for.
    pub rows: Vec<Row>,
    /// Whether further rows of the segment meet every condition.
    pub more: bool,
}

impl Segment {
    /// The first rows that meet every condition, in the order that was asked for.
    ///
    /// There are at most as many as the question's limit, and with details no more than
    /// are in four pages of these, so that the memory is bounded. After the rounds that
    /// find them, it takes one more for their other columns.
    pub async fn rows(&self, source: &impl Source, question: &Question<'_>) -> Result<Rows, Error> {
        let mut found = self.matches(source, question).await?;
        let all = found.len();
        limit(&mut found, question.order, question.limit);
        if question.selection.details {
            let count = rows_in_pages(self, &found, question.order);
            limit(&mut found, question.order, count);
        }
        let more = found.len() < all;
        let mut rows = self.fetch_rows(source, &found, question.selection).await?;
        if question.order == Order::Desc {
            rows.reverse();
        }
        Ok(Rows { rows, more })
    }

    /// The first of these rows with all that their leaves need: no more than are in four
    /// pages of details, so that the memory is bounded.
    pub(crate) async fn rows_at(
        &self,
        source: &impl Source,
        rows: Range<usize>,
    ) -> Result<Vec<Row>, Error> {
        let mut found: Vec<usize> = rows.collect();
        found.truncate(rows_in_pages(self, &found, Order::Asc));
        let selection = Selection {
            details: true,
            opening: true,
        };
        self.fetch_rows(source, &found, selection).await
    }

    async fn fetch_rows(
        &self,
        source: &impl Source,
        found: &[usize],
        selection: Selection,
    ) -> Result<Vec<Row>, Error> {
        let ranges = columns(selection).flat_map(|it| self.page_bytes(it, found));
        let pages = self.fetch(source, ranges.collect()).await?;
        read_rows(self, found, &pages, selection)
    }
}

/// How many of the first rows by this order are in [`DETAILS_PAGES_MAX`] pages of details.
fn rows_in_pages(segment: &Segment, found: &[usize], order: Order) -> usize {
    let pages = segment.pages(Column::Details).into_iter();
    let in_page = pages.map(|page| {
        let before = |end: usize| found.partition_point(|row| *row < end);
        before(page.rows.end) - before(page.rows.start)
    });
    let mut in_page: Vec<usize> = in_page.filter(|rows| *rows > 0).collect();
    if order == Order::Desc {
        in_page.reverse();
    }
    in_page.iter().take(DETAILS_PAGES_MAX).sum()
}

/// Leaves the first rows by this order.
fn limit(found: &mut Vec<usize>, order: Order, limit: usize) {
    match order {
        Order::Asc => found.truncate(limit),
        Order::Desc => drop(found.drain(..found.len().saturating_sub(limit))),
    }
}

fn columns(selection: Selection) -> impl Iterator<Item = Column> {
    let opening = [Column::Salt, Column::C]
        .into_iter()
        .filter(move |_| selection.opening);
    let details = [Column::Details]
        .into_iter()
        .filter(move |_| selection.details);
    ALWAYS.into_iter().chain(opening).chain(details)
}

fn read_rows(
    segment: &Segment,
    found: &[usize],
    pages: &Arc<Fetched>,
    selection: Selection,
) -> Result<Vec<Row>, Error> {
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let read = Columns {
        segment,
        found,
        pages,
    };
    let mut rows = vec![Row::default(); found.len()];
    read.numbers(&mut rows)?;
    read.required_texts(&mut rows)?;
    read.optional_texts(&mut rows)?;
    if selection.opening {
        read.openings(&mut rows)?;
    }
    if selection.details {
        let details = read.texts(Column::Details)?;
        fill(&mut rows, details, |row| &mut row.details);
    }
    Ok(rows)
}

/// The columns of the rows that were found.
struct Columns<'a> {
    segment: &'a Segment,
    found: &'a [usize],
    pages: &'a Arc<Fetched>,
}

impl Columns<'_> {
    fn numbers(&self, rows: &mut [Row]) -> Result<(), Error> {
        let index = self.required(Column::Index)?;
        let index = index
            .into_iter()
            .map(|it| u64::try_from(it).unwrap_or(u64::MAX));
        fill(rows, index, |row| &mut row.index);
        fill(rows, self.required(Column::OccurredAt)?, |row| {
            &mut row.occurred_at
        });
        fill(rows, self.required(Column::RecordedAt)?, |row| {
            &mut row.recorded_at
        });
        fill(rows, self.times(Column::KeptUntil)?, |row| {
            &mut row.kept_until
        });
        fill(rows, self.times(Column::ErasedAt)?, |row| {
            &mut row.erased_at
        });
        let has_details =
            self.segment
                .values::<BoolType>(self.pages, Column::HasDetails, self.found)?;
        let has_details = has_details.into_iter().map(|it| it == Some(true));
        fill(rows, has_details, |row| &mut row.has_details);
        Ok(())
    }

    fn required_texts(&self, rows: &mut [Row]) -> Result<(), Error> {
        let texts: [(Column, Place<String>); 6] = [
            (Column::Id, |row| &mut row.id),
            (Column::Action, |row| &mut row.action),
            (Column::Outcome, |row| &mut row.outcome),
            (Column::ActorId, |row| &mut row.actor_id),
            (Column::ActorName, |row| &mut row.actor_name),
            (Column::ActorKind, |row| &mut row.actor_kind),
        ];
        for (column, place) in texts {
            let texts = self
                .texts(column)?
                .into_iter()
                .map(Option::unwrap_or_default);
            fill(rows, texts, place);
        }
        Ok(())
    }

    fn optional_texts(&self, rows: &mut [Row]) -> Result<(), Error> {
        let texts: [(Column, Place<Option<String>>); 5] = [
            (Column::CustomerId, |row| &mut row.customer_id),
            (Column::CustomerName, |row| &mut row.customer_name),
            (Column::ResourceType, |row| &mut row.resource_type),
            (Column::ResourceId, |row| &mut row.resource_id),
            (Column::CorrelationId, |row| &mut row.correlation_id),
        ];
        for (column, place) in texts {
            fill(rows, self.texts(column)?, place);
        }
        Ok(())
    }

    fn openings(&self, rows: &mut [Row]) -> Result<(), Error> {
        fill(rows, self.fixed(Column::Salt)?, |row| &mut row.salt);
        fill(rows, self.fixed(Column::C)?, |row| &mut row.c);
        Ok(())
    }

    fn required(&self, column: Column) -> Result<Vec<i64>, Error> {
        let values = self.times(column)?.into_iter();
        Ok(values.map(Option::unwrap_or_default).collect())
    }

    fn times(&self, column: Column) -> Result<Vec<Option<i64>>, Error> {
        self.segment
            .values::<Int64Type>(self.pages, column, self.found)
    }

    fn texts(&self, column: Column) -> Result<Vec<Option<String>>, Error> {
        let values = self
            .segment
            .values::<ByteArrayType>(self.pages, column, self.found)?;
        let text = |value: Option<ByteArray>| {
            let text = value.as_ref().map(ByteArray::as_utf8).transpose();
            let text = text.map_err(|error| self.segment.damaged_column(column, error))?;
            Ok(text.map(str::to_owned))
        };
        values.into_iter().map(text).collect()
    }

    fn fixed<const N: usize>(&self, column: Column) -> Result<Vec<Option<[u8; N]>>, Error> {
        let values = self
            .segment
            .values::<FixedLenByteArrayType>(self.pages, column, self.found)?;
        let bytes = values.into_iter().map(|it| it?.data().try_into().ok());
        Ok(bytes.collect())
    }
}

/// The place in a row that a column fills.
type Place<T> = fn(&mut Row) -> &mut T;

fn fill<T>(rows: &mut [Row], values: impl IntoIterator<Item = T>, place: Place<T>) {
    for (row, value) in rows.iter_mut().zip(values) {
        *place(row) = value;
    }
}
