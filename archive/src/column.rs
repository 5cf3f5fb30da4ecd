//! The columns of a segment, and how each is encoded.

use std::sync::Arc;

use parquet::{
    basic::{Compression, Encoding, ZstdLevel},
    errors::Result,
    file::properties::{
        BloomFilterPosition, EnabledStatistics, WriterProperties, WriterPropertiesBuilder,
    },
    schema::{
        parser::parse_message_type,
        types::{ColumnPath, TypePtr},
    },
};

/// The columns, in the order of the file: those by which one counts lie side by side.
const SCHEMA: &str = "message activity {
    required int64 index;
    required int64 occurred_at (TIMESTAMP(MILLIS,true));
    required byte_array action (STRING);
    required byte_array outcome (STRING);
    required byte_array actor_id (STRING);
    required byte_array actor_name (STRING);
    required byte_array actor_kind (STRING);
    optional byte_array customer_id (STRING);
    optional byte_array customer_name (STRING);
    optional byte_array resource_type (STRING);
    required int64 recorded_at (TIMESTAMP(MILLIS,true));
    required byte_array id (STRING);
    optional byte_array resource_id (STRING);
    optional byte_array correlation_id (STRING);
    required boolean has_details;
    optional int64 kept_until (TIMESTAMP(MILLIS,true));
    optional int64 erased_at (TIMESTAMP(MILLIS,true));
    optional fixed_len_byte_array(16) salt;
    optional fixed_len_byte_array(32) c;
    optional byte_array details (STRING);
}";

/// A column; the order is that of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Column {
    Index,
    OccurredAt,
    Action,
    Outcome,
    ActorId,
    ActorName,
    ActorKind,
    CustomerId,
    CustomerName,
    ResourceType,
    RecordedAt,
    Id,
    ResourceId,
    CorrelationId,
    HasDetails,
    KeptUntil,
    ErasedAt,
    Salt,
    C,
    Details,
}

impl Column {
    /// How many columns a segment has.
    pub(crate) const COUNT: usize = 20;

    /// The column's place in the file.
    pub(crate) fn place(self) -> usize {
        self as usize
    }
}

/// A column of texts by which one can filter or count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are those of the columns")]
pub enum TextColumn {
    Action,
    Outcome,
    ActorId,
    ActorName,
    ActorKind,
    CustomerId,
    CustomerName,
    ResourceType,
    ResourceId,
    CorrelationId,
}

impl TextColumn {
    /// How many there are.
    pub(crate) const COUNT: usize = Self::CorrelationId as usize + 1;

    pub(crate) fn column(self) -> Column {
        match self {
            Self::Action => Column::Action,
            Self::Outcome => Column::Outcome,
            Self::ActorId => Column::ActorId,
            Self::ActorName => Column::ActorName,
            Self::ActorKind => Column::ActorKind,
            Self::CustomerId => Column::CustomerId,
            Self::CustomerName => Column::CustomerName,
            Self::ResourceType => Column::ResourceType,
            Self::ResourceId => Column::ResourceId,
            Self::CorrelationId => Column::CorrelationId,
        }
    }

    /// Whether nearly each row has a value of its own, so that there is a bloom filter
    /// instead of a dictionary.
    pub(crate) fn is_distinct(self) -> bool {
        matches!(self, Self::ResourceId | Self::CorrelationId)
    }
}

/// How many rows a page has at most.
pub(crate) const PAGE_ROWS: usize = 2_048;

/// How many bytes a page has about at most, before it is compressed.
const PAGE_BYTES: usize = 1 << 20;

/// A dictionary never grows to this size, since a segment has fewer bytes.
const DICTIONARY_BYTES: usize = 128 << 20;

pub(crate) fn schema() -> Result<TypePtr> {
    Ok(Arc::new(parse_message_type(SCHEMA)?))
}

/// How a segment of this many rows is encoded.
pub(crate) fn properties(rows_max: usize) -> Result<WriterProperties> {
    let path = |name: &str| ColumnPath::from(name);
    let mut properties = WriterProperties::builder()
        .set_created_by("partner-activity-log version 1.0.0".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        .set_data_page_size_limit(PAGE_BYTES)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_max_row_group_row_count(None)
        .set_bloom_filter_position(BloomFilterPosition::End)
        .set_statistics_enabled(EnabledStatistics::Chunk);
    for name in [
        "index",
        "occurred_at",
        "recorded_at",
        "kept_until",
        "erased_at",
    ] {
        properties =
            plain(properties, name).set_column_encoding(path(name), Encoding::DELTA_BINARY_PACKED);
    }
    properties =
        plain(properties, "id").set_column_encoding(path("id"), Encoding::DELTA_BYTE_ARRAY);
    for name in ["resource_id", "correlation_id", "salt", "c", "details"] {
        properties = plain(properties, name)
            .set_column_statistics_enabled(path(name), EnabledStatistics::None);
    }
    // Random bytes do not get smaller.
    for name in ["salt", "c"] {
        properties = properties.set_column_compression(path(name), Compression::UNCOMPRESSED);
    }
    for name in ["occurred_at", "kept_until"] {
        properties = properties.set_column_statistics_enabled(path(name), EnabledStatistics::Page);
    }
    for name in ["resource_id", "correlation_id"] {
        properties = properties
            .set_column_bloom_filter_enabled(path(name), true)
            .set_column_bloom_filter_fpp(path(name), 0.01)
            .set_column_bloom_filter_max_ndv(path(name), u64::try_from(rows_max).unwrap_or(1));
    }
    Ok(properties.build())
}

fn plain(properties: WriterPropertiesBuilder, name: &str) -> WriterPropertiesBuilder {
    properties.set_column_dictionary_enabled(ColumnPath::from(name), false)
}
