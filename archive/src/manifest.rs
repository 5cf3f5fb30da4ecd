//! What must be known of a segment before it is read.

use sha2::{Digest, Sha256};

use crate::{block::Block, error::Error};

/// Where the parts of an object are, and the hash of what vouches for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The object's length.
    pub bytes: u64,
    /// Where the page indexes begin.
    pub index_at: u64,
    /// Where the block begins, which ends where the footer begins.
    pub block_at: u64,
    /// The SHA-256 of block and footer.
    pub tail_sha256: [u8; 32],
    /// The index of the first row.
    pub first_index: u64,
    /// How many rows there are.
    pub count: u64,
}

/// The bytes at the end of a Parquet file: the length of the footer, and `PAR1`.
pub(crate) const END_BYTES: u64 = 8;

/// No footer is longer; a segment's has about 20 kB.
const FOOTER_BYTES_MAX: u64 = 16 << 20;

impl Manifest {
    /// The hash of block and footer.
    pub(crate) fn hash(tail: &[u8]) -> [u8; 32] {
        Sha256::digest(tail).into()
    }

    /// Checks the tail of an object, and splits it into block and footer.
    pub(crate) fn check<'a>(
        &self,
        object: &str,
        tail: &'a [u8],
    ) -> Result<(Block, &'a [u8]), Error> {
        let place = format!("the block and the footer from byte {} on", self.block_at);
        let damaged = |reason: &str| Error::damaged(object, &place, reason);
        if Self::hash(tail) != self.tail_sha256 {
            return Err(damaged("do not have the hash that was stored of them"));
        }
        let (block, footer) =
            split(tail).ok_or_else(|| damaged("do not have the form of a segment"))?;
        let block = Block::decode(block);
        let block = block.ok_or_else(|| damaged("do not begin with a block"))?;
        Ok((block, footer))
    }
}

/// Splits what follows the indexes into the block and the footer.
pub(crate) fn split(tail: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, end) = tail.split_last_chunk::<8>()?;
    let ([a, b, c, d], magic) = end.split_first_chunk::<4>()?;
    let length = u64::from(u32::from_le_bytes([*a, *b, *c, *d]));
    if magic != b"PAR1" || length > FOOTER_BYTES_MAX {
        return None;
    }
    let footer = usize::try_from(length + END_BYTES).ok()?;
    tail.split_at_checked(tail.len().checked_sub(footer)?)
}
