//! The public key with which notes are verified.

use std::fmt;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

use crate::error::Error;

/// The byte that says Ed25519 in keys and key ids.
const ED25519_TYPE: u8 = 1;

/// An Ed25519 public key with its name; the key's text is the `vkey` of C2SP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    public: [u8; 32],
}

impl VerifierKey {
    /// Names a public key; the name has neither spaces nor `+`.
    pub fn new(name: &str, public: [u8; 32]) -> Result<Self, Error> {
        check_name(name)?;
        let digest = Sha256::new()
            .chain_update(name)
            .chain_update([b'\n', ED25519_TYPE])
            .chain_update(public)
            .finalize();
        let [a, b, c, d, ..] = <[u8; 32]>::from(digest);
        Ok(Self {
            name: name.to_owned(),
            id: [a, b, c, d],
            public,
        })
    }

    /// Reads `<name>+<id>+<key>`; the id must be that of the name and the key.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let malformed = |reason| Error::Malformed {
            what: "verifier key",
            reason,
        };
        let [name, id, key]: [&str; 3] = text
            .splitn(3, '+')
            .collect::<Vec<_>>()
            .try_into()
            .map_err(|_| malformed("must be a name, an id and a key, joined by +"))?;
        let bytes = STANDARD.decode(key).ok();
        let bytes: Option<[u8; 33]> = bytes.and_then(|bytes| bytes.try_into().ok());
        let Some([ED25519_TYPE, public @ ..]) = bytes else {
            return Err(malformed("must have a key of the type Ed25519, as base64"));
        };
        let own = Self::new(name, public)?;
        if base16ct::lower::encode_string(&own.id) != id {
            return Err(malformed("must have the id of its name and key"));
        }
        Ok(own)
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first bytes of a hash over name and key, which each signature names.
    pub fn id(&self) -> [u8; 4] {
        self.id
    }

    /// Whether the key made this signature of the text.
    pub(crate) fn has_signed(&self, text: &str, signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, self.public);
        key.verify(text.as_bytes(), signature).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = base16ct::lower::encode_string(&self.id);
        let key = STANDARD.encode([&[ED25519_TYPE][..], &self.public].concat());
        write!(f, "{}+{id}+{key}", self.name)
    }
}

/// A key's name is not empty and has neither spaces nor `+`.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let is_bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if name.is_empty() || name.contains(is_bad) {
        return Err(Error::Malformed {
            what: "key's name",
            reason: "must not be empty and must have neither spaces nor +",
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example in C2SP's signed-note.
    pub(crate) const EXAMPLE: &str =
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

    #[test]
    fn a_key_is_read_as_it_is_written() {
        let key = VerifierKey::parse(EXAMPLE).unwrap();
        assert_eq!(
            (key.name(), key.to_string().as_str()),
            ("example.com/foo", EXAMPLE)
        );
    }

    #[test]
    fn a_key_with_another_name_id_type_or_length_is_refused() {
        for (part, other) in [
            ("foo", "bar"),
            ("530d", "530e"),
            ("530d", "530D"),
            ("+AeK", "+AeL"),
            ("+Ae", "+Be"),
            ("U2k", "U2"),
            ("U2k", "U2kAAAA"),
            ("example.com/foo", ""),
            ("example.com/foo", "example.com/ foo"),
            ("+530d903a", ""),
        ] {
            let text = EXAMPLE.replacen(part, other, 1);
            assert!(
                text == EXAMPLE || VerifierKey::parse(&text).is_err(),
                "{text}"
            );
        }
    }
}
