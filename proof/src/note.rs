//! Signed notes: a text with signatures of Ed25519 keys, as C2SP describes them.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    error::Error,
    verifier_key::{VerifierKey, check_name},
};

/// The longest note that is read.
const BYTES_MAX: usize = 1 << 20;

/// The most signatures of a note that is read.
const SIGNATURES_MAX: usize = 64;

/// A text and its signatures, which are unverified until [`Note::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// A signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// The key's name.
    pub name: String,
    /// The key's id.
    pub id: [u8; 4],
    /// The signature, whose form follows from the key's type.
    pub signature: Vec<u8>,
}

impl Note {
    /// A note with its first signature, which is verified.
    ///
    /// Who holds the key signs the bytes of `text`, which ends with a line break.
    pub fn new(text: &str, key: &VerifierKey, signature: &[u8; 64]) -> Result<Self, Error> {
        check_text(text)?;
        let mut note = Self {
            text: text.to_owned(),
            signatures: Vec::new(),
        };
        note.add(key, signature)?;
        Ok(note)
    }

    /// Adds a signature of another key, which is verified.
    pub fn add(&mut self, key: &VerifierKey, signature: &[u8; 64]) -> Result<(), Error> {
        if !key.has_signed(&self.text, signature) {
            return Err(wrong_signature(key));
        }
        self.signatures.push(NoteSignature {
            name: key.name().to_owned(),
            id: key.id(),
            signature: signature.to_vec(),
        });
        Ok(())
    }

    /// Reads a note; at most 1 MiB with at most 64 signatures.
    pub fn parse(note: &str) -> Result<Self, Error> {
        if note.len() > BYTES_MAX {
            return Err(malformed("must have at most 1 MiB"));
        }
        // The text has the line break before the empty line.
        let end = note
            .rfind("\n\n")
            .ok_or(malformed("must have an empty line before its signatures"))?;
        let (text, lines) = note.split_at(end + 1);
        check_text(text)?;
        let lines = lines.strip_prefix('\n').unwrap_or(lines);
        let lines = lines
            .strip_suffix('\n')
            .ok_or(malformed("must end with a signature line"))?;
        let signatures: Vec<_> = lines
            .split('\n')
            .map(read_signature)
            .collect::<Result<_, _>>()?;
        if signatures.len() > SIGNATURES_MAX {
            return Err(malformed("must have at most 64 signatures"));
        }
        let text = text.to_owned();
        Ok(Self { text, signatures })
    }

    /// The text, if one of the keys signed it and no signature of them is wrong.
    ///
    /// Signatures of other keys are ignored.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<&str, Error> {
        let mut is_signed = false;
        for line in &self.signatures {
            let is_of = |key: &&VerifierKey| key.name() == line.name && key.id() == line.id;
            for key in keys.iter().filter(is_of) {
                if !key.has_signed(&self.text, &line.signature) {
                    return Err(wrong_signature(key));
                }
                is_signed = true;
            }
        }
        is_signed
            .then_some(self.text.as_str())
            .ok_or(Error::Unsigned)
    }

    /// The text, whoever signed it; nothing in it may be trusted.
    pub fn unverified_text(&self) -> &str {
        &self.text
    }

    /// The signatures, in the order of their lines.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for line in &self.signatures {
            let bytes = STANDARD.encode([&line.id, &line.signature[..]].concat());
            writeln!(f, "— {} {bytes}", line.name)?;
        }
        Ok(())
    }
}

fn read_signature(line: &str) -> Result<NoteSignature, Error> {
    let line = line.strip_prefix("— ");
    let (name, bytes) = line
        .and_then(|line| line.split_once(' '))
        .ok_or(malformed("must have signature lines: — name signature"))?;
    check_name(name)?;
    let bytes = STANDARD.decode(bytes).unwrap_or_default();
    let (id, signature) = bytes
        .split_first_chunk()
        .filter(|(_, signature)| !signature.is_empty())
        .ok_or(malformed(
            "must have signatures of more than 4 bytes, as base64",
        ))?;
    Ok(NoteSignature {
        name: name.to_owned(),
        id: *id,
        signature: signature.to_vec(),
    })
}

fn check_text(text: &str) -> Result<(), Error> {
    if !text.ends_with('\n') {
        return Err(malformed("must have a text that ends with a line break"));
    }
    if text.chars().any(|c| c < ' ' && c != '\n') {
        return Err(malformed(
            "must have no control character but the line break",
        ));
    }
    Ok(())
}

fn malformed(reason: &'static str) -> Error {
    let what = "note";
    Error::Malformed { what, reason }
}

fn wrong_signature(key: &VerifierKey) -> Error {
    let key = key.name().to_owned();
    Error::WrongSignature { key }
}

#[cfg(test)]
pub(crate) mod tests {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    use proptest::prelude::*;

    use super::*;

    /// The example in C2SP's signed-note.
    const EXAMPLE: &str = "This is an example message.\n\n\
        — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
    const EXAMPLE_KEY: &str =
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

    /// Signs as a key that is made of this seed.
    pub(crate) fn sign(name: &str, seed: u8, text: &str) -> (VerifierKey, [u8; 64]) {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let public = pair.public_key().as_ref().try_into().unwrap();
        let signature = pair.sign(text.as_bytes());
        let signature = signature.as_ref().try_into().unwrap();
        (VerifierKey::new(name, public).unwrap(), signature)
    }

    #[test]
    fn the_example_of_the_description_verifies() {
        let note = Note::parse(EXAMPLE).unwrap();
        let key = VerifierKey::parse(EXAMPLE_KEY).unwrap();
        assert_eq!(note.verify(&[key]), Ok("This is an example message.\n"));
        assert_eq!(note.to_string(), EXAMPLE);
        let other = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n\
            — quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";
        let note = Note::parse(other).unwrap();
        assert!(note.unverified_text().ends_with(":\n\ned è subito sera.\n"));
        assert_eq!(note.to_string(), other);
        assert_eq!(note.verify(&[]), Err(Error::Unsigned));
    }

    #[test]
    fn any_byte_of_the_example_changed_is_no_note_or_not_verified() {
        let keys = [VerifierKey::parse(EXAMPLE_KEY).unwrap()];
        for at in 0..EXAMPLE.len() {
            for bit in 0..8 {
                let mut bytes = EXAMPLE.as_bytes().to_vec();
                bytes[at] ^= 1 << bit;
                let note = String::from_utf8(bytes).ok();
                let note = note.and_then(|note| Note::parse(&note).ok());
                assert!(
                    note.is_none_or(|note| note.verify(&keys).is_err()),
                    "{at} {bit}"
                );
            }
        }
    }

    #[test]
    fn several_keys_sign_and_unknown_ones_are_ignored() {
        let text = "text\n";
        let (old, first) = sign("log.example", 1, text);
        let (new, second) = sign("log.example", 2, text);
        let (other, third) = sign("witness.example", 1, text);
        let mut note = Note::new(text, &old, &first).unwrap();
        note.add(&new, &second).unwrap();
        note.add(&other, &third).unwrap();
        let note = Note::parse(&note.to_string()).unwrap();
        for keys in [
            vec![old.clone()],
            vec![new.clone()],
            vec![other, old.clone()],
        ] {
            assert_eq!(note.verify(&keys), Ok(text));
        }
        let (unknown, _) = sign("log.example", 3, text);
        assert_eq!(note.verify(&[unknown]), Err(Error::Unsigned));
        let wrong = note.clone().add(&new, &first).unwrap_err();
        assert_eq!(
            wrong.to_string(),
            "the note's signature by log.example does not verify"
        );
        // One right signature does not make up for a wrong one of a known key.
        let mut forged = note.clone();
        forged.signatures[1].signature = first.to_vec();
        assert!(forged.verify(&[old.clone(), new]).is_err());
        assert_eq!(forged.verify(&[old]), Ok(text));
    }

    #[test]
    fn what_is_no_note_is_refused() {
        let (key, signature) = sign("log.example", 1, "a");
        assert!(Note::new("a", &key, &signature).is_err());
        for note in [
            "",
            "\n\n",
            "a\n",
            "a\n\n",
            "a\n\n— b AAAAAAA=",
            "a\n\n- b AAAAAAA=\n",
            "a\n\n— b AAAAAA==\n",
            "a\n\n— b AAAAAAA\n",
            "a\n\n— b+c AAAAAAA=\n",
            "a\n\n—  AAAAAAA=\n",
            "a\tb\n\n— b AAAAAAA=\n",
            "a\r\n\n— b AAAAAAA=\n",
            "a\n\n— b AAAAAAA=\n\n",
            "a\n\n— b AAAAAAA= c\n",
        ] {
            assert!(Note::parse(note).is_err(), "{note:?}");
        }
        let line = "— b AAAAAAA=\n";
        assert!(Note::parse(&format!("a\n\n{}", line.repeat(64))).is_ok());
        assert!(Note::parse(&format!("a\n\n{}", line.repeat(65))).is_err());
        assert!(Note::parse(&format!("{}\n\n{line}", "a".repeat(BYTES_MAX))).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_read_is_written_as_it_was(
            note in r"([a-c\n]{0,5}(\n\n)?(— [a-c]{0,2} [A-Za-z0-9+/=]{0,8}\n){0,3}|.{0,40})",
        ) {
            if let Ok(read) = Note::parse(&note) {
                prop_assert_eq!(read.to_string(), note);
            }
        }
    }
}
