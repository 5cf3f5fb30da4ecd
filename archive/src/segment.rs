//! Opens a segment, and fetches parts of it that are verified.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use parquet::file::{
    metadata::{ParquetMetaData, RowGroupMetaData},
    statistics::Statistics,
};
use proof::Hash;

use crate::{
    block::{Block, TILE, crc},
    column::Column,
    error::Error,
    fetched::Fetched,
    footer::read_metadata,
    manifest::{Manifest, split},
    source::{BoxError, Source, join},
    spans::index_start,
};

/// The parts of a segment that say where everything is.
#[derive(Debug)]
pub struct Segment {
    object: String,
    manifest: Manifest,
    pub(crate) metadata: ParquetMetaData,
    tiles: Vec<Hash>,
    /// Where each part begins, and its checksum; the last one only ends the one before.
    parts: Vec<(u64, u32)>,
}

impl Segment {
    /// Reads indexes, block and footer with one request, and verifies them.
    pub async fn open(
        source: &impl Source,
        object: &str,
        manifest: &Manifest,
    ) -> Result<Self, Error> {
        let end = manifest.index_at..manifest.bytes;
        let bytes = read(source, object, vec![end]).await?.pop();
        Self::of_end(object, manifest, bytes.unwrap_or_default())
    }

    /// The manifest of an object that is there as a whole, for when it was lost.
    ///
    /// Every checksum of the object is verified. Nothing shows that the object is the
    /// one that was written, but its leaves do: see [`Segment::range`].
    pub fn scan(object: &str, bytes: &[u8]) -> Result<Manifest, Error> {
        let damaged = |reason: &str| Error::damaged(object, "its end", reason);
        let none = || damaged("does not have the form of a segment");
        let (before, _) = split(bytes).ok_or_else(none)?;
        let block = Block::length(before).ok_or_else(none)?;
        let block_at = length(before.len()).checked_sub(block).ok_or_else(none)?;
        let tail = usize::try_from(block_at)
            .ok()
            .and_then(|at| bytes.get(at..));
        let mut manifest = Manifest {
            bytes: length(bytes.len()),
            index_at: 0,
            block_at,
            tail_sha256: Manifest::hash(tail.unwrap_or_default()),
            first_index: 0,
            count: 0,
        };
        let (block, footer) = manifest.check(object, tail.unwrap_or_default())?;
        if crc(footer) != block.footer_crc {
            return Err(damaged("has a footer with another checksum"));
        }
        let all = Bytes::copy_from_slice(bytes);
        let opened = Self::of_parts(object, &manifest, block, all)?;
        manifest.index_at = index_start(&opened.metadata, block_at);
        manifest.count = length(opened.row_count());
        let Some(Statistics::Int64(index)) = opened.chunk(Column::Index).statistics() else {
            return Err(damaged("does not say the index of the first row"));
        };
        let first = index.min_opt().and_then(|index| u64::try_from(*index).ok());
        manifest.first_index = first.ok_or_else(none)?;
        Ok(manifest)
    }

    /// Opens a segment whose bytes from the indexes on are these.
    fn of_end(object: &str, manifest: &Manifest, end: Bytes) -> Result<Self, Error> {
        let skipped = manifest.block_at.checked_sub(manifest.index_at);
        let tail = skipped.and_then(|skipped| end.get(usize::try_from(skipped).ok()?..));
        let (block, _) = manifest.check(object, tail.unwrap_or_default())?;
        let opened = Self::of_parts(object, manifest, block, end)?;
        if length(opened.row_count()) != manifest.count {
            return Err(Error::damaged(
                object,
                "the footer",
                "has another number of rows",
            ));
        }
        Ok(opened)
    }

    /// `end` are the bytes from `manifest.index_at` on.
    fn of_parts(
        object: &str,
        manifest: &Manifest,
        block: Block,
        end: Bytes,
    ) -> Result<Self, Error> {
        let mut parts = Vec::with_capacity(block.parts.len() + 1);
        let mut at = 0_u64;
        for (length, crc) in block.parts {
            parts.push((at, crc));
            at += u64::from(length);
        }
        parts.push((at, 0));
        if at != manifest.block_at {
            return Err(Error::damaged(
                object,
                "the block",
                "covers another number of bytes",
            ));
        }
        let index = manifest.index_at..manifest.block_at;
        let length = usize::try_from(index.end - index.start).unwrap_or(usize::MAX);
        verify(object, &parts, index, end.get(..length).unwrap_or_default())?;
        let end = Fetched::new(manifest.bytes, vec![(manifest.index_at, end)]);
        Ok(Self {
            object: object.to_owned(),
            manifest: manifest.clone(),
            metadata: read_metadata(object, &end)?,
            tiles: block.tiles,
            parts,
        })
    }

    /// The object's name.
    pub fn object(&self) -> &str {
        &self.object
    }

    /// What was known before it was read.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The root of the 256 leaves that begin at this index; none if they do not lie in
    /// the segment as a whole, or the index is no multiple of 256.
    pub fn tile(&self, index: u64) -> Option<Hash> {
        let first = self.manifest.first_index.next_multiple_of(TILE);
        let place = index
            .checked_sub(first)
            .filter(|it| it.is_multiple_of(TILE))?
            / TILE;
        self.tiles.get(usize::try_from(place).ok()?).copied()
    }

    /// The one row group.
    pub(crate) fn group(&self) -> &RowGroupMetaData {
        self.metadata.row_group(0)
    }

    /// How many rows there are.
    pub(crate) fn row_count(&self) -> usize {
        usize::try_from(self.group().num_rows()).unwrap_or(0)
    }

    /// Fetches ranges of pages, filters or indexes, and verifies their checksums.
    pub(crate) async fn fetch(
        &self,
        source: &impl Source,
        ranges: Vec<Range<u64>>,
    ) -> Result<Arc<Fetched>, Error> {
        let joined = join(ranges.clone());
        let mut parts = Vec::with_capacity(joined.len());
        if !joined.is_empty() {
            let read = read(source, &self.object, joined.clone()).await?;
            parts.extend(joined.iter().map(|range| range.start).zip(read));
        }
        let fetched = Fetched::new(self.manifest.bytes, parts);
        for range in ranges {
            let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
            let bytes = fetched.get(range.start, length).unwrap_or_default();
            verify(&self.object, &self.parts, range, &bytes)?;
        }
        Ok(Arc::new(fetched))
    }

    pub(crate) fn damaged(&self, place: &str, reason: impl Into<BoxError>) -> Error {
        Error::damaged(&self.object, place, &reason.into().to_string())
    }
}

/// Reads ranges, and checks that all of their bytes came.
async fn read(
    source: &impl Source,
    object: &str,
    ranges: Vec<Range<u64>>,
) -> Result<Vec<Bytes>, Error> {
    let wanted: Vec<u64> = ranges
        .iter()
        .map(|range| range.end.saturating_sub(range.start))
        .collect();
    let starts: Vec<u64> = ranges.iter().map(|range| range.start).collect();
    let read = source.read(ranges).await.map_err(|source| Error::Source {
        object: object.to_owned(),
        source,
    })?;
    let lengths: Vec<u64> = read.iter().map(|bytes| length(bytes.len())).collect();
    if lengths != wanted {
        let place = format!("what begins at byte {starts:?}");
        let reason = format!("has {lengths:?} bytes instead of {wanted:?}");
        return Err(Error::damaged(object, &place, &reason));
    }
    Ok(read)
}

/// Checks the checksum of each part of a range, which begins and ends with a part.
fn verify(
    object: &str,
    parts: &[(u64, u32)],
    range: Range<u64>,
    bytes: &[u8],
) -> Result<(), Error> {
    let place = |from: u64, to: u64| format!("bytes {from} to {to}");
    let first = parts.partition_point(|(start, _)| *start < range.start);
    let mut at = range.start;
    let mut rest = bytes;
    let pairs = parts.iter().zip(parts.iter().skip(1)).skip(first);
    for ((start, expected), (end, _)) in pairs {
        if at == range.end || *start != at || *end > range.end {
            break;
        }
        let length = usize::try_from(end - start).unwrap_or(usize::MAX);
        let own = rest.split_at_checked(length);
        let Some((_, after)) = own.filter(|(own, _)| crc(own) == *expected) else {
            return Err(Error::damaged(
                object,
                &place(*start, *end),
                "have another checksum",
            ));
        };
        (at, rest) = (*end, after);
    }
    if at != range.end || !rest.is_empty() {
        let place = place(range.start, range.end);
        return Err(Error::damaged(
            object,
            &place,
            "are no parts of the segment",
        ));
    }
    Ok(())
}

fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
