//! The pages of a row group, and the values in them.

use std::{ops::Range, sync::Arc};

use parquet::{
    column::{
        page::PageReader,
        reader::{ColumnReaderImpl, get_column_reader, get_typed_column_reader},
    },
    data_type::DataType,
    file::serialized_reader::SerializedPageReader,
};

use crate::{column::Column, error::Error, fetched::Fetched, segment::Segment, source::BoxError};

/// A row group of an opened segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group<'a> {
    pub(crate) segment: &'a Segment,
    /// Its place in the file.
    pub(crate) place: usize,
}

/// A page: its rows in the group, and its bytes in the object.
#[derive(Debug, Clone)]
pub(crate) struct PagePlace {
    pub(crate) rows: Range<usize>,
    pub(crate) bytes: Range<u64>,
}

impl<'a> Group<'a> {
    pub(crate) fn all(segment: &'a Segment) -> impl DoubleEndedIterator<Item = Self> {
        (0..segment.metadata.num_row_groups()).map(move |place| Self { segment, place })
    }

    /// How many rows the group has.
    pub(crate) fn rows(&self) -> usize {
        let rows = self.segment.metadata.row_group(self.place).num_rows();
        usize::try_from(rows).unwrap_or(0)
    }

    /// The pages of a column, in the order of the rows.
    pub(crate) fn pages(&self, column: Column) -> Vec<PagePlace> {
        let index = self.segment.metadata.page_index_for_row_group(self.place);
        let pages = index
            .page_locations(column.place())
            .cloned()
            .unwrap_or_default();
        let number = |number: i64| usize::try_from(number).unwrap_or(0);
        let ends = pages
            .iter()
            .skip(1)
            .map(|page| number(page.first_row_index));
        let ends = ends.chain([self.rows()]);
        let page = |(page, end): (
            &parquet::file::page_index::offset_index::PageLocation,
            usize,
        )| {
            let start = u64::try_from(page.offset).unwrap_or(0);
            let length = u64::try_from(page.compressed_page_size).unwrap_or(0);
            PagePlace {
                rows: number(page.first_row_index)..end,
                bytes: start..start.saturating_add(length),
            }
        };
        pages.iter().zip(ends).map(page).collect()
    }

    /// The bytes of the pages with these rows, and of the dictionary.
    ///
    /// The rows are sorted.
    pub(crate) fn page_bytes(&self, column: Column, rows: &[usize]) -> Vec<Range<u64>> {
        if rows.is_empty() {
            return Vec::new();
        }
        let pages = self.pages(column);
        let mut bytes = Vec::new();
        let (start, _) = self
            .segment
            .metadata
            .row_group(self.place)
            .column(column.place())
            .byte_range();
        if let Some(first) = pages.first().filter(|first| first.bytes.start > start) {
            bytes.push(start..first.bytes.start);
        }
        let has_rows = |page: &&PagePlace| {
            let next = rows.partition_point(|row| *row < page.rows.start);
            rows.get(next).is_some_and(|row| page.rows.contains(row))
        };
        bytes.extend(pages.iter().filter(has_rows).map(|page| page.bytes.clone()));
        bytes
    }

    /// Reads the pages of a column, of which those that are not fetched must be skipped.
    pub(crate) fn page_reader(
        &self,
        fetched: &Arc<Fetched>,
        column: Column,
    ) -> Result<impl PageReader + use<>, Error> {
        let metadata = &self.segment.metadata;
        let index = metadata.page_index_for_row_group(self.place);
        let pages = SerializedPageReader::new(
            Arc::clone(fetched),
            metadata.row_group(self.place).column(column.place()),
            self.rows(),
            index.page_locations(column.place()).cloned(),
        );
        pages.map_err(|error| self.damaged(column, error))
    }

    /// The values of these rows, which are sorted.
    pub(crate) fn values<T: DataType>(
        &self,
        fetched: &Arc<Fetched>,
        column: Column,
        rows: &[usize],
    ) -> Result<Vec<Option<T::T>>, Error> {
        let chunk = self
            .segment
            .metadata
            .row_group(self.place)
            .column(column.place());
        let is_optional = chunk.column_descr().max_def_level() > 0;
        let pages = Box::new(self.page_reader(fetched, column)?);
        let reader = get_column_reader(chunk.column_descr_ptr(), pages);
        let mut reader = get_typed_column_reader::<T>(reader);
        let mut values = Vec::with_capacity(rows.len());
        let mut at = 0;
        for run in runs(rows) {
            let skipped = run.start - at;
            let skip = reader.skip_records(skipped);
            if skip.map_err(|error| self.damaged(column, error))? != skipped {
                return Err(self.damaged(column, "ends too early"));
            }
            at = run.end;
            let read = read_run(&mut reader, run, is_optional, &mut values);
            read.map_err(|error| self.damaged(column, error))?;
        }
        if values.len() != rows.len() {
            return Err(self.damaged(column, "ends too early"));
        }
        Ok(values)
    }

    pub(crate) fn damaged(&self, column: Column, reason: impl Into<BoxError>) -> Error {
        let place = format!("column {column:?} of row group {}", self.place);
        self.segment.damaged(&place, reason)
    }
}

fn read_run<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    run: Range<usize>,
    is_optional: bool,
    values: &mut Vec<Option<T::T>>,
) -> Result<(), parquet::errors::ParquetError> {
    let (mut levels, mut present) = (Vec::new(), Vec::new());
    let levels_out = is_optional.then_some(&mut levels);
    reader.read_records(run.len(), levels_out, None, &mut present)?;
    if is_optional {
        let mut present = present.into_iter();
        let value = |level: i16| if level > 0 { present.next() } else { None };
        values.extend(levels.into_iter().map(value));
    } else {
        values.extend(present.into_iter().map(Some));
    }
    Ok(())
}

/// Consecutive rows.
fn runs(rows: &[usize]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for row in rows {
        match runs.last_mut() {
            Some(last) if last.end == *row => last.end += 1,
            _ => runs.push(*row..*row + 1),
        }
    }
    runs
}
