//! Reads the footer and the page indexes, and checks what later code relies on.

use parquet::file::{
    metadata::{ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader},
    page_index::offset_index::PageLocation,
};

use crate::{
    column::{Column, schema},
    error::Error,
    fetched::Fetched,
};

/// The footer of these bytes, with all page indexes.
pub(crate) fn read_metadata(object: &str, end: &Fetched) -> Result<ParquetMetaData, Error> {
    let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Required);
    let metadata = reader.parse_and_finish(end);
    let metadata =
        metadata.map_err(|error| Error::damaged(object, "the footer", &error.to_string()))?;
    if *metadata.file_metadata().schema() != *schema()? {
        return Err(Error::damaged(object, "the footer", "has other columns"));
    }
    let [group] = metadata.row_groups() else {
        return Err(Error::damaged(
            object,
            "the footer",
            "does not have exactly one row group",
        ));
    };
    let index = metadata.page_index_for_row_group(0);
    let is_sound = |(place, chunk): (usize, &ColumnChunkMetaData)| {
        let pages = index.page_locations(place);
        pages.is_some_and(|pages| are_sound(chunk, pages, group.num_rows()))
    };
    let mut columns = group.columns().iter().enumerate();
    if group.num_columns() != Column::COUNT || !columns.all(is_sound) {
        return Err(Error::damaged(
            object,
            "the page index",
            "has columns without pages",
        ));
    }
    Ok(metadata)
}

/// Whether the pages of a column follow each other in its bytes and have its rows.
fn are_sound(chunk: &ColumnChunkMetaData, pages: &[PageLocation], rows: i64) -> bool {
    let start = chunk.dictionary_page_offset();
    let start = start.unwrap_or_else(|| chunk.data_page_offset());
    let end = start.checked_add(chunk.compressed_size());
    let (mut at, mut row) = (start, -1);
    let mut follows = |page: &PageLocation| {
        let is_next = page.offset >= at && page.compressed_page_size > 0;
        let has_rows = page.first_row_index > row && page.first_row_index < rows;
        (at, row) = (page.offset, page.first_row_index);
        let after = at.checked_add(page.compressed_page_size.into());
        at = after.unwrap_or(i64::MAX);
        is_next && has_rows
    };
    let is_first = pages.first().is_some_and(|page| page.first_row_index == 0);
    let has_dictionary = chunk.dictionary_page_offset().is_some();
    let is_behind = pages
        .first()
        .is_some_and(|page| (page.offset > start) == has_dictionary);
    start >= 0 && is_first && is_behind && pages.iter().all(&mut follows) && Some(at) == end
}
