//! Writes segments: rows in, bytes out; the same rows give the same bytes.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use chrono::{DateTime, Datelike};
use parquet::{
    data_type::{BoolType, ByteArray, ByteArrayType, DataType, FixedLenByteArrayType, Int64Type},
    errors::ParquetError,
    file::{
        metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader},
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
};
use proof::{CompactRange, Hash};

use crate::{
    block::{Block, TILE, crc},
    column::{properties, schema},
    error::Error,
    manifest::{END_BYTES, Manifest},
    row::{Position, Row},
    spans::{boundaries, index_start},
};

/// The most rows of a segment.
pub const ROWS_MAX: usize = 65_536;

/// The most bytes of a segment's rows before they are encoded.
const RAW_BYTES_MAX: usize = 64 << 20;

/// A written segment.
#[derive(Debug)]
pub struct Written {
    /// The object.
    pub bytes: Vec<u8>,
    /// What must be known to read it.
    pub manifest: Manifest,
    /// The compact range of its leaves.
    pub range: CompactRange,
    /// The positions of its first and its last row.
    pub positions: (Position, Position),
    /// How many bytes the rows had before they were encoded.
    pub raw_bytes: u64,
    /// When the retention of the last row ends, in milliseconds after 1970; none if one is
    /// kept for ever.
    pub kept_until: Option<i64>,
}

/// Collects the rows of one partner and one UTC month, in list order.
pub struct SegmentWriter {
    partner_id: String,
    first_index: u64,
    rows: Vec<Row>,
    bytes: usize,
    leaves: Vec<Hash>,
    positions: Option<(Position, Position)>,
    /// The latest end of a retention; none as soon as a row has no end.
    kept_until: Option<i64>,
}

impl SegmentWriter {
    /// Begins a segment whose first row has this index in the log.
    pub fn new(partner_id: &str, first_index: u64) -> Self {
        Self {
            partner_id: partner_id.to_owned(),
            first_index,
            rows: Vec::new(),
            bytes: 0,
            leaves: Vec::new(),
            positions: None,
            kept_until: Some(i64::MIN),
        }
    }

    /// Whether a row still belongs into this segment: there is room, and it is of the
    /// same month.
    ///
    /// The first row always fits, however large it is.
    pub fn fits(&self, row: &Row) -> bool {
        let Some((first, _)) = &self.positions else {
            return true;
        };
        has_room(self.leaves.len(), self.bytes, first.occurred_at, row)
    }

    /// Adds the next row, sets its index, and hashes its leaf.
    pub fn push(&mut self, row: Row) -> Result<(), Error> {
        if !self.fits(&row) {
            return Err(refused(&row, "belongs into another segment"));
        }
        self.push_again(row)
    }

    /// Adds a row of the segment that this one replaces.
    ///
    /// Such rows always fit, although an erased name may be longer than it was.
    pub fn push_again(&mut self, mut row: Row) -> Result<(), Error> {
        let position = row.position();
        if let Some((_, last)) = &self.positions
            && *last >= position
        {
            return Err(refused(&row, "must come after the row before it"));
        }
        let leaf = row.leaf(&self.partner_id);
        let leaf = leaf.map_err(|reason| refused(&row, &reason))?;
        row.index = self.first_index + count(self.leaves.len());
        row.has_details = row.details.is_some();
        self.bytes += row.raw_bytes();
        self.kept_until = self
            .kept_until
            .zip(row.kept_until)
            .map(|(one, other)| one.max(other));
        self.leaves.push(leaf);
        match &mut self.positions {
            Some((_, last)) => *last = position,
            none => *none = Some((position.clone(), position)),
        }
        self.rows.push(row);
        Ok(())
    }

    /// The compact range of the leaves from one row to another, by their indexes.
    pub fn range(&self, indexes: Range<u64>) -> Result<CompactRange, Error> {
        let place = |index: u64| usize::try_from(index.saturating_sub(self.first_index)).ok();
        let leaves = place(indexes.start)
            .zip(place(indexes.end))
            .and_then(|(start, end)| self.leaves.get(start..end));
        let leaves = leaves.unwrap_or_default().iter().copied();
        let range = CompactRange::of_leaves(indexes.start, leaves);
        range.map_err(|error| Error::Row {
            id: indexes.start.to_string(),
            reason: error.to_string(),
        })
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.leaves.len()
    }

    /// Ends the segment; none if it has no row.
    pub fn finish(mut self) -> Result<Option<Written>, Error> {
        let Some(positions) = self.positions.take() else {
            return Ok(None);
        };
        let tree = |error: proof::Error| Error::Row {
            id: positions.0.id.clone(),
            reason: error.to_string(),
        };
        let range = CompactRange::of_leaves(self.first_index, self.leaves.iter().copied());
        let range = range.map_err(tree)?;
        let tiles = tiles(self.first_index, &self.leaves).map_err(tree)?;
        let plain = encode(self.rows)?;
        let (bytes, index_at, block_at) = insert_block(plain, tiles)?;
        let tail = usize::try_from(block_at)
            .ok()
            .and_then(|at| bytes.get(at..));
        let manifest = Manifest {
            bytes: count(bytes.len()),
            index_at,
            block_at,
            tail_sha256: Manifest::hash(tail.unwrap_or_default()),
            first_index: self.first_index,
            count: count(self.leaves.len()),
        };
        Ok(Some(Written {
            bytes,
            manifest,
            range,
            positions,
            raw_bytes: count(self.bytes),
            kept_until: self.kept_until,
        }))
    }
}

fn refused(row: &Row, reason: &str) -> Error {
    Error::Row {
        id: row.id.clone(),
        reason: reason.to_owned(),
    }
}

/// A Parquet file of the rows, in one row group.
fn encode(mut rows: Vec<Row>) -> Result<Vec<u8>, ParquetError> {
    let properties = Arc::new(properties(ROWS_MAX)?);
    let mut file = SerializedFileWriter::new(Vec::new(), schema()?, properties)?;
    let mut group = file.next_row_group()?;
    write_groups(&mut group, &rows)?;
    write_distinct(&mut group, &rows)?;
    write_rest(&mut group, &rows)?;
    write_details(&mut group, &mut rows)?;
    group.close()?;
    file.into_inner()
}

type Group<'a> = SerializedRowGroupWriter<'a, Vec<u8>>;

/// The columns by which one counts, behind the index.
fn write_groups(group: &mut Group<'_>, rows: &[Row]) -> Result<(), ParquetError> {
    let index = |row: &Row| i64::try_from(row.index).unwrap_or(i64::MAX);
    required::<Int64Type>(group, rows, index)?;
    required::<Int64Type>(group, rows, |row| row.occurred_at)?;
    let texts: [fn(&Row) -> &str; 5] = [
        |row| &row.action,
        |row| &row.outcome,
        |row| &row.actor_id,
        |row| &row.actor_name,
        |row| &row.actor_kind,
    ];
    for text in texts {
        let values = joined(rows.iter().map(|row| text(row).as_bytes()));
        write::<ByteArrayType>(group, &values, None)?;
    }
    optional_bytes::<ByteArrayType>(group, rows, |row| as_bytes(row.customer_id.as_ref()))?;
    optional_bytes::<ByteArrayType>(group, rows, |row| as_bytes(row.customer_name.as_ref()))?;
    optional_bytes::<ByteArrayType>(group, rows, |row| as_bytes(row.resource_type.as_ref()))
}

/// The columns of which hardly two values are the same.
fn write_distinct(group: &mut Group<'_>, rows: &[Row]) -> Result<(), ParquetError> {
    required::<Int64Type>(group, rows, |row| row.recorded_at)?;
    let ids = joined(rows.iter().map(|row| row.id.as_bytes()));
    write::<ByteArrayType>(group, &ids, None)?;
    optional_bytes::<ByteArrayType>(group, rows, |row| as_bytes(row.resource_id.as_ref()))?;
    optional_bytes::<ByteArrayType>(group, rows, |row| as_bytes(row.correlation_id.as_ref()))
}

fn write_rest(group: &mut Group<'_>, rows: &[Row]) -> Result<(), ParquetError> {
    required::<BoolType>(group, rows, |row| row.has_details)?;
    optional::<Int64Type>(group, rows, |row| row.kept_until)?;
    optional::<Int64Type>(group, rows, |row| row.erased_at)?;
    optional_bytes::<FixedLenByteArrayType>(group, rows, |row| {
        row.salt.as_ref().map(|it| &it[..])
    })?;
    optional_bytes::<FixedLenByteArrayType>(group, rows, |row| row.c.as_ref().map(|it| &it[..]))
}

/// Takes the details out of the rows, since a copy of all would be large.
fn write_details(group: &mut Group<'_>, rows: &mut [Row]) -> Result<(), ParquetError> {
    let levels: Vec<i16> = rows
        .iter()
        .map(|row| i16::from(row.details.is_some()))
        .collect();
    let details = rows.iter_mut().filter_map(|row| row.details.take());
    let values: Vec<ByteArray> = details
        .map(|text| ByteArray::from(Bytes::from(text)))
        .collect();
    write::<ByteArrayType>(group, &values, Some(&levels))
}

fn as_bytes(text: Option<&String>) -> Option<&[u8]> {
    text.map(String::as_bytes)
}

/// Values in one piece of memory: an allocation for each takes longer than to encode it.
fn joined<'a>(values: impl Iterator<Item = &'a [u8]> + Clone) -> Vec<ByteArray> {
    let bytes = Bytes::from(values.clone().collect::<Vec<_>>().concat());
    let mut at = 0;
    let value = |value: &[u8]| {
        let start = at;
        at += value.len();
        ByteArray::from(bytes.slice(start..at))
    };
    values.map(value).collect()
}

fn optional_bytes<'a, T: DataType<T: From<ByteArray>>>(
    group: &mut Group<'_>,
    rows: &'a [Row],
    value: impl Fn(&'a Row) -> Option<&'a [u8]>,
) -> Result<(), ParquetError> {
    let levels: Vec<i16> = rows
        .iter()
        .map(|row| i16::from(value(row).is_some()))
        .collect();
    let values = joined(rows.iter().filter_map(&value)).into_iter();
    let values: Vec<T::T> = values.map(T::T::from).collect();
    write::<T>(group, &values, Some(&levels))
}

fn required<T: DataType>(
    group: &mut Group<'_>,
    rows: &[Row],
    value: impl Fn(&Row) -> T::T,
) -> Result<(), ParquetError> {
    let values: Vec<T::T> = rows.iter().map(value).collect();
    write::<T>(group, &values, None)
}

fn optional<T: DataType>(
    group: &mut Group<'_>,
    rows: &[Row],
    value: impl Fn(&Row) -> Option<T::T>,
) -> Result<(), ParquetError> {
    let levels: Vec<i16> = rows
        .iter()
        .map(|row| i16::from(value(row).is_some()))
        .collect();
    let values: Vec<T::T> = rows.iter().filter_map(value).collect();
    write::<T>(group, &values, Some(&levels))
}

fn write<T: DataType>(
    group: &mut Group<'_>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let column = group.next_column()?;
    let mut column =
        column.ok_or_else(|| ParquetError::General("there is no further column".to_owned()))?;
    column.typed::<T>().write_batch(values, levels, None)?;
    column.close()
}

/// The roots of the aligned tiles that lie in the segment as a whole.
fn tiles(first_index: u64, leaves: &[Hash]) -> Result<Vec<Hash>, proof::Error> {
    let start = first_index.next_multiple_of(TILE);
    let skipped = usize::try_from(start - first_index).unwrap_or(usize::MAX);
    let size = usize::try_from(TILE).unwrap_or(usize::MAX);
    let tiles = leaves.get(skipped..).unwrap_or_default().chunks_exact(size);
    let tiles = tiles.zip((start..).step_by(size));
    tiles
        .map(|(leaves, start)| CompactRange::of_leaves(start, leaves.iter().copied())?.root())
        .collect()
}

/// Inserts the block before the footer: nothing names the footer's own offset.
///
/// Also says where the indexes and the block begin.
fn insert_block(plain: Vec<u8>, tiles: Vec<Hash>) -> Result<(Vec<u8>, u64, u64), Error> {
    let plain = Bytes::from(plain);
    let metadata = ParquetMetaDataReader::new()
        .with_page_index_policy(PageIndexPolicy::Required)
        .parse_and_finish(&plain)?;
    let block_at = footer_start(&plain)?;
    let (data, footer) = plain.split_at(
        usize::try_from(block_at)
            .unwrap_or(usize::MAX)
            .min(plain.len()),
    );
    let block = Block {
        tiles,
        parts: parts(data, &metadata, block_at),
        footer_crc: crc(footer),
    };
    let bytes = [data, &block.encode(), footer].concat();
    Ok((bytes, index_start(&metadata, block_at), block_at))
}

fn footer_start(plain: &Bytes) -> Result<u64, Error> {
    let end = plain
        .last_chunk::<8>()
        .and_then(|end| end.first_chunk::<4>());
    let length = end.map(|length| u64::from(u32::from_le_bytes(*length)) + END_BYTES);
    let start = length.and_then(|length| count(plain.len()).checked_sub(length));
    let none = || ParquetError::General("there is no footer".to_owned());
    Ok(start.ok_or_else(none)?)
}

fn parts(data: &[u8], metadata: &ParquetMetaData, end: u64) -> Vec<(u32, u32)> {
    let cuts = boundaries(metadata, end);
    let part = |from: &u64, to: &u64| {
        let range = usize::try_from(*from).ok()?..usize::try_from(*to).ok()?;
        let part = data.get(range)?;
        Some((u32::try_from(part.len()).ok()?, crc(part)))
    };
    let pairs = cuts.iter().zip(cuts.iter().skip(1));
    pairs.filter_map(|(from, to)| part(from, to)).collect()
}

/// Whether a row may follow in a segment with so many rows and bytes of values, whose
/// first row happened at `first_at`.
pub fn has_room(rows: usize, raw_bytes: usize, first_at: i64, row: &Row) -> bool {
    rows < ROWS_MAX
        && raw_bytes.saturating_add(row.raw_bytes()) <= RAW_BYTES_MAX
        && month(row.occurred_at) == month(first_at)
}

/// The UTC month of a moment, as a number that only grows.
fn month(millis: i64) -> i64 {
    let time = DateTime::from_timestamp_millis(millis);
    time.map_or(i64::MIN, |time| {
        i64::from(time.year()) * 12 + i64::from(time.month0())
    })
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
