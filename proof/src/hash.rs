//! The hashes of a tree, as RFC 6962 makes them.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

use crate::error::Error;

/// A SHA-256 hash; as a text it is base64 with padding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The root of a tree without leaves.
    pub fn of_nothing() -> Self {
        Self(Sha256::digest([]).into())
    }

    /// The hash of a leaf: SHA-256 of 0x00 and the leaf's bytes.
    pub fn of_leaf(leaf: &[u8]) -> Self {
        let hasher = Sha256::new().chain_update([0]).chain_update(leaf);
        Self(hasher.finalize().into())
    }

    /// The hash of a node: SHA-256 of 0x01, the left and the right child's hash.
    pub fn of_node(left: &Self, right: &Self) -> Self {
        let hasher = Sha256::new().chain_update([1]).chain_update(left.0);
        Self(hasher.chain_update(right.0).finalize().into())
    }

    /// Reads base64 with padding, of exactly 32 bytes.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bytes = STANDARD.decode(text).ok();
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(Error::Malformed {
            what: "hash",
            reason: "must be 32 bytes as base64",
        })
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(hash: Hash) -> String {
        base16ct::lower::encode_string(&hash.0)
    }

    /// The values with which implementations of RFC 6962 check themselves.
    #[test]
    fn hashes_are_those_of_rfc_6962() {
        let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(hex(Hash::of_nothing()), nothing);
        let empty_leaf = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
        assert_eq!(hex(Hash::of_leaf(b"")), empty_leaf);
        let leaf = "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56";
        assert_eq!(hex(Hash::of_leaf(b"L123456")), leaf);
    }

    #[test]
    fn a_hash_is_read_as_it_is_written_and_nothing_else_is() {
        let hash = Hash::of_leaf(b"a");
        assert_eq!(Hash::parse(&hash.to_string()), Ok(hash));
        for text in ["", "AAAA", &"A".repeat(44), &hash.to_string()[..43]] {
            assert!(Hash::parse(text).is_err(), "{text}");
        }
    }
}
