//! The pages of a segment, and the values in them.

use std::{
    ops::Range,
    panic::{self, AssertUnwindSafe},
    sync::Arc,
};

use parquet::{
    column::{
        page::PageReader,
        reader::{ColumnReaderImpl, get_column_reader, get_typed_column_reader},
    },
    data_type::DataType,
    file::{
        metadata::ColumnChunkMetaData,
        page_index::{column_index::ColumnIndexMetaData, offset_index::PageLocation},
        serialized_reader::SerializedPageReader,
    },
};

use crate::{column::Column, error::Error, fetched::Fetched, segment::Segment, source::BoxError};

/// A page: its rows in the segment, and its bytes in the object.
#[derive(Debug, Clone)]
pub(crate) struct PagePlace {
    pub(crate) rows: Range<usize>,
    pub(crate) bytes: Range<u64>,
}

impl Segment {
    /// Where and how the values of a column are stored.
    pub(crate) fn chunk(&self, column: Column) -> &ColumnChunkMetaData {
        self.group().column(column.place())
    }

    /// What the page index says of a column's pages.
    pub(crate) fn column_index(&self, column: Column) -> Option<ColumnIndexMetaData> {
        let index = self.metadata.page_index_for_row_group(0);
        index.column_index(column.place()).cloned()
    }

    fn locations(&self, column: Column) -> Option<Vec<PageLocation>> {
        let index = self.metadata.page_index_for_row_group(0);
        index.page_locations(column.place()).cloned()
    }

    /// The pages of a column, in the order of the rows.
    pub(crate) fn pages(&self, column: Column) -> Vec<PagePlace> {
        let pages = self.locations(column).unwrap_or_default();
        let number = |number: i64| usize::try_from(number).unwrap_or(0);
        let ends = pages
            .iter()
            .skip(1)
            .map(|page| number(page.first_row_index));
        let ends = ends.chain([self.row_count()]);
        let page = |(page, end): (&PageLocation, usize)| {
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
        let (start, _) = self.chunk(column).byte_range();
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
        let pages = SerializedPageReader::new(
            Arc::clone(fetched),
            self.chunk(column),
            self.row_count(),
            self.locations(column),
        );
        pages.map_err(|error| self.damaged_column(column, error))
    }

    /// The values of these rows, which are sorted.
    pub(crate) fn values<T: DataType>(
        &self,
        fetched: &Arc<Fetched>,
        column: Column,
        rows: &[usize],
    ) -> Result<Vec<Option<T::T>>, Error> {
        self.decoded(column, || self.read_values::<T>(fetched, column, rows))
    }

    fn read_values<T: DataType>(
        &self,
        fetched: &Arc<Fetched>,
        column: Column,
        rows: &[usize],
    ) -> Result<Vec<Option<T::T>>, Error> {
        let chunk = self.chunk(column);
        let is_optional = chunk.column_descr().max_def_level() > 0;
        let pages = Box::new(self.page_reader(fetched, column)?);
        let reader = get_column_reader(chunk.column_descr_ptr(), pages);
        let mut reader = get_typed_column_reader::<T>(reader);
        let mut values = Vec::with_capacity(rows.len());
        let mut at = 0;
        for run in runs(rows) {
            let skipped = run.start - at;
            let skip = reader.skip_records(skipped);
            if skip.map_err(|error| self.damaged_column(column, error))? != skipped {
                return Err(self.damaged_column(column, "ends too early"));
            }
            at = run.end;
            let read = read_run(&mut reader, run, is_optional, &mut values);
            read.map_err(|error| self.damaged_column(column, error))?;
        }
        if values.len() != rows.len() {
            return Err(self.damaged_column(column, "ends too early"));
        }
        Ok(values)
    }

    /// Decodes pages of a column; at some bytes that it would not write itself, the crate
    /// panics.
    pub(crate) fn decoded<T>(
        &self,
        column: Column,
        decode: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let decoded = panic::catch_unwind(AssertUnwindSafe(decode));
        decoded.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            let reason = format!("can't be decoded: {}", text.unwrap_or("a panic"));
            Err(self.damaged_column(column, reason))
        })
    }

    pub(crate) fn damaged_column(&self, column: Column, reason: impl Into<BoxError>) -> Error {
        self.damaged(&format!("column {column:?}"), reason)
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
