//! Keys that follow from the source, so that a row is recorded once.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

/// How many bytes of a hash a key has.
const HASH_BYTES: usize = 16;

/// What an idempotency key may have at most.
const KEY_MAX: usize = 128;

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

/// The key of a row with an id of the source's own; what a key can't have is hashed.
pub(crate) fn of_id(id: &str) -> String {
    let key = format!("import-{id}");
    let is_fit = |c: char| !c.is_control() && c != ',' && c != '\u{fffd}';
    if key.chars().all(is_fit) && key.chars().count() <= KEY_MAX {
        return key;
    }
    let hash = base16ct::lower::encode_string(&Sha256::digest(id));
    format!("import-{hash}")
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

    #[test]
    fn an_id_is_kept_if_a_key_can_have_it() {
        assert_eq!(of_id("4711"), "import-4711");
        assert_ne!(of_id("a,b"), of_id("a,c"));
        assert!(!of_id("a,b").contains(','));
        assert!(of_id(&"x".repeat(200)).chars().count() <= KEY_MAX);
    }
}
