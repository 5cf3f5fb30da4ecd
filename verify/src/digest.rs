//! The SHA-256 of a file.

use std::io::{self, BufRead, BufReader, Read};

use sha2::{Digest, Sha256};

/// The hash of all bytes, in lower-case hexadecimal.
pub fn sha256(file: impl Read) -> io::Result<String> {
    let mut file = BufReader::with_capacity(1 << 16, file);
    let mut hash = Sha256::new();
    loop {
        let bytes = file.fill_buf()?;
        if bytes.is_empty() {
            return Ok(base16ct::lower::encode_string(&hash.finalize()));
        }
        hash.update(bytes);
        let read = bytes.len();
        file.consume(read);
    }
}
