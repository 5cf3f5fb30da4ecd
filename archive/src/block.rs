//! The block between the indexes and the footer: hashes of leaves, checksums of pages.
//!
//! Other readers of Parquet never look at it, since nothing in the footer names it.

use crc_fast::{CrcAlgorithm, checksum};
use proof::Hash;

const MAGIC: &[u8; 8] = b"PALSEG01";

/// How many leaves a tile has.
pub(crate) const TILE: u64 = 256;

/// The CRC-32C of some bytes.
pub(crate) fn crc(bytes: &[u8]) -> u32 {
    // A CRC of 32 bits fits into 32 bits.
    u32::try_from(checksum(CrcAlgorithm::Crc32Iscsi, bytes)).unwrap_or_default()
}

/// What the block says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// The root of each aligned 256 leaves that lie in the segment as a whole.
    pub(crate) tiles: Vec<Hash>,
    /// The length and the checksum of each part of the file before the block.
    pub(crate) parts: Vec<(u32, u32)>,
    /// The checksum of the footer, up to the end of the file.
    pub(crate) footer_crc: u32,
}

impl Block {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        put_count(&mut out, self.tiles.len());
        for tile in &self.tiles {
            out.extend_from_slice(&tile.0);
        }
        put_count(&mut out, self.parts.len());
        for (length, crc) in &self.parts {
            out.extend_from_slice(&length.to_le_bytes());
            out.extend_from_slice(&crc.to_le_bytes());
        }
        out.extend_from_slice(&self.footer_crc.to_le_bytes());
        let length = out.len() + 8;
        put_count(&mut out, length);
        let own = crc(&out);
        out.extend_from_slice(&own.to_le_bytes());
        out
    }

    /// The block of these bytes; none if they are no block, or changed.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (body, own) = bytes.split_last_chunk()?;
        if crc(body) != u32::from_le_bytes(*own) {
            return None;
        }
        let mut rest = body.strip_prefix(MAGIC)?;
        let count = take_u32(&mut rest)?;
        let mut tiles = Vec::new();
        for _ in 0..count {
            tiles.push(Hash(*take(&mut rest)?));
        }
        let count = take_u32(&mut rest)?;
        let mut parts = Vec::new();
        for _ in 0..count {
            parts.push((take_u32(&mut rest)?, take_u32(&mut rest)?));
        }
        let footer_crc = take_u32(&mut rest)?;
        let length = usize::try_from(take_u32(&mut rest)?).ok()?;
        (rest.is_empty() && length == bytes.len()).then_some(Self {
            tiles,
            parts,
            footer_crc,
        })
    }

    /// The length that the last 8 bytes of a block give.
    pub(crate) fn length(end: &[u8]) -> Option<u64> {
        let (rest, _) = end.split_last_chunk::<4>()?;
        let (_, length) = rest.split_last_chunk()?;
        Some(u32::from_le_bytes(*length).into())
    }
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    let count = u32::try_from(count).expect("a segment has fewer than 2^32 of anything");
    out.extend_from_slice(&count.to_le_bytes());
}

fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(first)
}

fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    take(bytes).copied().map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_checksum_is_crc_32c() {
        assert_eq!(crc(b"123456789"), 0xE306_9283);
    }

    proptest! {
        #[test]
        fn a_block_is_read_as_it_is_written_and_no_changed_one_is(
            tiles: Vec<[u8; 32]>,
            parts: Vec<(u32, u32)>,
            footer_crc: u32,
            place: prop::sample::Index,
            bit in 0..8_u8,
            any in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            let tiles = tiles.into_iter().map(Hash).collect();
            let block = Block { tiles, parts, footer_crc };
            let mut bytes = block.encode();
            let length = u64::try_from(bytes.len()).unwrap();
            prop_assert_eq!(Block::length(&bytes), Some(length));
            prop_assert_eq!(Block::decode(&bytes), Some(block));
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
            prop_assert_eq!(Block::decode(&bytes), None);
            prop_assert_eq!(Block::decode(&any), None);
        }
    }
}
