//! Keys that follow from the source, so that a row is recorded once.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

/// How many bytes of a hash a key has.
const HASH_BYTES: usize = 16;

/// Makes the keys of one file.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    /// How often a content was met; the same content twice is two activities.
    met: HashMap<[u8; HASH_BYTES], u32>,
}

impl Keys {
    /// The key of a row without an id, by its content and by how many equal rows precede it.
    pub(crate) fn of_content(&mut self, content: &str) -> String {
        let digest = Sha256::digest(content);
        let mut hash = [0; HASH_BYTES];
        hash.iter_mut()
            .zip(digest)
            .for_each(|(to, from)| *to = from);
        let met = self.met.entry(hash).or_default();
        *met += 1;
        let hash = base16ct::lower::encode_string(&hash);
        match met {
            1 => format!("import-{hash}"),
            again => format!("import-{hash}-{again}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_rows_of_a_file_have_different_keys_and_the_same_ones_the_next_time() {
        let keys = || {
            let mut keys = Keys::default();
            ["a", "b", "a", "a"].map(|content| keys.of_content(content))
        };
        let first = keys();
        assert_eq!(first, keys());
        let different: std::collections::BTreeSet<_> = first.iter().collect();
        assert_eq!(different.len(), 4);
    }
}
