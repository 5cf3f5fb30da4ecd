//! The parts of an object that were fetched and verified.

use bytes::{Buf, Bytes, buf::Reader};
use parquet::{
    errors::{ParquetError, Result},
    file::reader::{ChunkReader, Length},
};

/// Parts of an object by their offsets; anything else can't be read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fetched {
    length: u64,
    /// Sorted by their offsets.
    parts: Vec<(u64, Bytes)>,
}

impl Fetched {
    pub(crate) fn new(length: u64, mut parts: Vec<(u64, Bytes)>) -> Self {
        parts.sort_by_key(|(start, _)| *start);
        Self { length, parts }
    }

    /// The bytes from `start` to the end of their part.
    fn from(&self, start: u64) -> Option<Bytes> {
        let after = self.parts.partition_point(|(offset, _)| *offset <= start);
        let (offset, bytes) = self.parts.get(after.checked_sub(1)?)?;
        let skipped = usize::try_from(start - offset).ok()?;
        (skipped <= bytes.len()).then(|| bytes.slice(skipped..))
    }

    /// The bytes of a range; none if they were not fetched.
    pub(crate) fn get(&self, start: u64, length: usize) -> Option<Bytes> {
        let bytes = self.from(start)?;
        (length <= bytes.len()).then(|| bytes.slice(..length))
    }
}

fn not_fetched(start: u64) -> ParquetError {
    ParquetError::General(format!("byte {start} was not fetched"))
}

impl Length for Fetched {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Fetched {
    type T = Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        let bytes = self.from(start).ok_or_else(|| not_fetched(start))?;
        Ok(bytes.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        self.get(start, length).ok_or_else(|| not_fetched(start))
    }
}
