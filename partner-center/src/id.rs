//! The ids of records, and the keys under which records are stored.

use sha2::{Digest, Sha256};

/// What an idempotency key may have at most.
const KEY_MAX: usize = 128;

/// The ticks of .NET, of 100 ns each since the year 1, that there were in 1970.
const TICKS_OF_1970: i64 = 621_355_968_000_000_000;

const TICKS_A_MILLISECOND: i64 = 10_000;

/// The id of a record that Partner Center made: `{…}_{ticks}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordId<'a> {
    /// The whole id.
    pub text: &'a str,
    /// When it happened, in milliseconds after 1970.
    pub millis: i64,
}

impl<'a> RecordId<'a> {
    /// Reads an id; none if it does not say when it happened.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (_, ticks) = text.rsplit_once('_')?;
        let is_number = ticks.bytes().all(|byte| byte.is_ascii_digit());
        let ticks: i64 = is_number.then(|| ticks.parse().ok())??;
        let millis = ticks
            .checked_sub(TICKS_OF_1970)?
            .div_euclid(TICKS_A_MILLISECOND);
        Some(Self { text, millis })
    }

    /// The idempotency key under which an import stores the record.
    pub fn key(&self) -> String {
        key(self.text)
    }
}

/// The idempotency key of a source's own id; what a key can't have is hashed.
pub fn key(id: &str) -> String {
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
    fn an_id_says_when_it_happened() {
        let id = "p_c_createorder_637346859797753934";
        // 2020-09-02T23:26:19.775Z
        let expected = RecordId {
            text: id,
            millis: 1_599_089_179_775,
        };
        assert_eq!(RecordId::parse(id), Some(expected));
        for other in [
            "",
            "_",
            "637346859797753934",
            "a_b",
            "a_-1",
            "a_99999999999999999999",
        ] {
            assert_eq!(RecordId::parse(other), None, "{other}");
        }
    }

    #[test]
    fn an_id_is_kept_if_a_key_can_have_it() {
        assert_eq!(key("4711"), "import-4711");
        assert_ne!(key("a,b"), key("a,c"));
        assert!(!key("a,b").contains(','));
        assert!(key(&"x".repeat(200)).chars().count() <= KEY_MAX);
    }
}
