//! Where the pages, filters and indexes of a file begin and end.

use std::collections::BTreeSet;

use parquet::file::metadata::ParquetMetaData;

/// The offsets at which a file is cut: each part between two of them has a checksum.
///
/// They begin with 0 and end with `end`, where the part of the footer begins.
pub(crate) fn boundaries(metadata: &ParquetMetaData, end: u64) -> Vec<u64> {
    let mut cuts = BTreeSet::from([0, 4, end]);
    let mut add = |offset: Option<i64>, length: Option<i32>| {
        let start = offset.and_then(|offset| u64::try_from(offset).ok());
        let length = length.and_then(|length| u64::try_from(length).ok());
        cuts.extend(start);
        cuts.extend(
            start
                .zip(length)
                .map(|(start, length)| start.saturating_add(length)),
        );
    };
    let index = metadata.page_index_for_row_group(0);
    for (place, column) in metadata.row_group(0).columns().iter().enumerate() {
        add(column.dictionary_page_offset(), None);
        for page in index.page_locations(place).into_iter().flatten() {
            add(Some(page.offset), Some(page.compressed_page_size));
        }
        add(column.bloom_filter_offset(), column.bloom_filter_length());
        add(column.column_index_offset(), column.column_index_length());
        add(column.offset_index_offset(), column.offset_index_length());
    }
    cuts.retain(|cut| *cut <= end);
    cuts.into_iter().collect()
}

/// Where the page indexes begin, which lie behind everything else.
pub(crate) fn index_start(metadata: &ParquetMetaData, end: u64) -> u64 {
    let columns = metadata.row_group(0).columns().iter();
    let offsets = columns
        .flat_map(|column| [column.column_index_offset(), column.offset_index_offset()])
        .flatten()
        .filter_map(|offset| u64::try_from(offset).ok());
    offsets.min().unwrap_or(end).min(end)
}
