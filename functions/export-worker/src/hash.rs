//! The SHA-256 of a file; another process can continue it from its saved state.

use sha2::{
    Digest, Sha256,
    digest::common::hazmat::{SerializableState, SerializedState},
};

/// The layout of a saved state and of the checkpoint around it; one with another
/// layout is not loaded.
const VERSION: u8 = 3;

/// How many bytes of its own SHA-256 a saved state ends with, to detect damage.
const CHECK_BYTES: usize = 4;

/// The hash of the bytes that were written so far.
#[derive(Clone)]
pub(crate) struct FileHash(Sha256);

impl FileHash {
    pub(crate) fn new() -> Self {
        Self(Sha256::new())
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The finished hash, in lower-case hexadecimal.
    pub(crate) fn finish(self) -> String {
        base16ct::lower::encode_string(&self.0.finalize())
    }

    /// Saves the state, with its version before it and a checksum after it.
    pub(crate) fn save(&self) -> Vec<u8> {
        let mut saved = vec![VERSION];
        saved.extend_from_slice(&self.0.serialize());
        let check = Sha256::digest(&saved);
        saved.extend(check.iter().take(CHECK_BYTES));
        saved
    }

    /// Loads a saved state; none if it is damaged or has another version.
    pub(crate) fn load(saved: &[u8]) -> Option<Self> {
        let (state, check) = saved.split_at_checked(saved.len().checked_sub(CHECK_BYTES)?)?;
        if !Sha256::digest(state).starts_with(check) {
            return None;
        }
        let state = state.strip_prefix(&[VERSION])?;
        let state = SerializedState::<Sha256>::try_from(state).ok()?;
        Sha256::deserialize(&state).ok().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_hash_continues_where_it_was() {
        for cut in [0, 1, 63, 64, 65, 1_000] {
            let bytes: Vec<u8> = (0..=255).cycle().take(1_000).collect();
            let mut first = FileHash::new();
            first.update(&bytes[..cut]);
            let mut second = FileHash::load(&first.save()).unwrap();
            second.update(&bytes[cut..]);
            let whole = base16ct::lower::encode_string(&Sha256::digest(&bytes));
            assert_eq!(second.finish(), whole, "cut at {cut}");
        }
    }

    #[test]
    fn a_damaged_or_foreign_state_is_not_loaded() {
        let saved = FileHash::new().save();
        for at in 0..saved.len() {
            let mut damaged = saved.clone();
            damaged[at] ^= 1;
            assert!(FileHash::load(&damaged).is_none(), "damaged at {at}");
            assert!(FileHash::load(&saved[..at]).is_none(), "cut at {at}");
        }
    }
}
