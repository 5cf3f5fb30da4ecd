//! Packs rows into one gzip member (RFC 1952), which another worker can continue.
//!
//! Many readers take only the first member of a file, so the file has only one.
//! Each call of [`GzipMember::pack`] begins with an empty compressor and ends at a
//! full flush. So no state but [`Unpacked`] passes from one part to the next or
//! from one worker to the next, and the bytes depend only on the rows.

use std::mem;

use flate2::{Compress, CompressError, Compression, FlushCompress};
use shared::model::export::Unpacked;

/// Gzip, deflate, no flags, no time of change, no level, an unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The last block of the deflate stream; it is empty.
const LAST_BLOCK: [u8; 2] = [3, 0];

/// How much the compressor may return at once.
///
/// Its output may depend on this size, so it is the same for every worker.
const OUTPUT_BYTES: usize = 16 * 1024;

/// The gzip member of one file.
#[derive(Debug)]
pub(crate) struct GzipMember {
    compressor: Compress,
    /// The packed bytes that were not taken yet.
    bytes: Vec<u8>,
    unpacked: Unpacked,
}

impl GzipMember {
    /// A member at the start of a file.
    pub(crate) fn start() -> Self {
        Self::resume(HEADER.into(), Unpacked::default())
    }

    /// A member that continues after `bytes`; `unpacked` describes all rows before.
    pub(crate) fn resume(bytes: Vec<u8>, unpacked: Unpacked) -> Self {
        Self {
            compressor: Compress::new(Compression::default(), false),
            bytes,
            unpacked,
        }
    }

    /// The packed bytes that were not taken yet.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What a reader gets from all that was packed so far.
    pub(crate) fn unpacked(&self) -> Unpacked {
        self.unpacked
    }

    /// Packs rows.
    pub(crate) fn pack(&mut self, rows: &[u8]) -> Result<(), CompressError> {
        let mut crc = crc32fast::Hasher::new_with_initial(self.unpacked.crc32);
        crc.update(rows);
        self.unpacked.crc32 = crc.finalize();
        self.unpacked.bytes += rows.len() as u64;
        self.compressor.reset();
        let mut rest = rows;
        let mut output = [0; OUTPUT_BYTES];
        loop {
            let (read, written) = self.compress(rest, &mut output)?;
            rest = rest.get(read..).unwrap_or_default();
            let written = output.get(..written).unwrap_or(&output);
            self.bytes.extend_from_slice(written);
            // With room left in the output, the compressor has flushed everything.
            if written.len() < OUTPUT_BYTES {
                return Ok(());
            }
        }
    }

    /// Returns how many bytes were read and written.
    fn compress(
        &mut self,
        rows: &[u8],
        output: &mut [u8],
    ) -> Result<(usize, usize), CompressError> {
        let before = (self.compressor.total_in(), self.compressor.total_out());
        self.compressor
            .compress(rows, output, FlushCompress::Full)?;
        let count = |now: u64, before| usize::try_from(now - before).unwrap_or(usize::MAX);
        Ok((
            count(self.compressor.total_in(), before.0),
            count(self.compressor.total_out(), before.1),
        ))
    }

    /// Ends the member; nothing can be packed after that.
    pub(crate) fn finish(&mut self) {
        self.bytes.extend(LAST_BLOCK);
        self.bytes.extend(self.unpacked.crc32.to_le_bytes());
        // The length is stored modulo 2^32.
        self.bytes
            .extend(self.unpacked.bytes.to_le_bytes().iter().take(4));
    }

    /// Takes the bytes so far.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        mem::take(&mut self.bytes)
    }

    /// Continues in another buffer, into which it copies the bytes that were not taken.
    pub(crate) fn continue_in(&mut self, mut buffer: Vec<u8>) {
        buffer.extend_from_slice(&self.bytes);
        self.bytes = buffer;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;
    use proptest::prelude::*;

    use super::*;

    /// What a reader that takes one member finds, and what is left of the file then.
    fn unpack(file: &[u8]) -> (Vec<u8>, usize) {
        let mut reader = GzDecoder::new(file);
        let mut rows = Vec::new();
        reader.read_to_end(&mut rows).unwrap();
        (rows, reader.into_inner().len())
    }

    /// Rows that pack well, or not at all.
    fn rows() -> impl Strategy<Value = Vec<u8>> {
        let noise = proptest::collection::vec(any::<u8>(), 0..70_000);
        prop_oneof![
            noise,
            (any::<u8>(), 0..70_000_usize).prop_map(|(byte, n)| vec![byte; n])
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_member_that_is_continued_is_the_one_that_was_not_interrupted(
            chunks in proptest::collection::vec(rows(), 0..6),
            interrupted in any::<u8>(),
        ) {
            let mut whole = GzipMember::start();
            let mut parts = Vec::new();
            let mut part = GzipMember::start();
            for (place, chunk) in chunks.iter().enumerate() {
                whole.pack(chunk).unwrap();
                part.pack(chunk).unwrap();
                if interrupted & (1 << place) != 0 {
                    parts.extend(part.take());
                    part = GzipMember::resume(Vec::new(), part.unpacked());
                }
            }
            whole.finish();
            part.finish();
            parts.extend(part.take());
            prop_assert!(parts == whole.take());
            prop_assert_eq!(unpack(&parts), (chunks.concat(), 0));
        }
    }

    #[test]
    fn a_length_beyond_32_bits_is_stored_as_its_last_32() {
        let unpacked = Unpacked {
            crc32: 0,
            bytes: (7 << 32) + 4,
        };
        let mut member = GzipMember::resume(Vec::new(), unpacked);
        member.pack(b"a").unwrap();
        member.finish();
        assert!(member.bytes().ends_with(&[5, 0, 0, 0]));
    }
}
