//! A proof as one text that can be kept in a file: C2SP's tlog-proof.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    checkpoint::{Checkpoint, decimal},
    error::Error,
    hash::Hash,
    inclusion::verify_inclusion,
    note::Note,
    verifier_key::VerifierKey,
};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// The most hashes of a proof: one for each level of the largest tree.
const PATH_MAX: usize = 62;

/// That a leaf has an index in the log of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Bytes that nothing vouches for.
    pub extra: Option<Vec<u8>>,
    /// The leaf's index.
    pub index: u64,
    /// The inclusion proof, from the leaf's sibling to the root's child.
    pub path: Vec<Hash>,
    /// The signed checkpoint.
    pub checkpoint: Note,
}

impl Statement {
    /// Reads a tlog-proof.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (head, checkpoint) = text
            .split_once("\n\n")
            .ok_or(malformed("must have an empty line before its checkpoint"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(FIRST_LINE) {
            return Err(malformed("must begin with c2sp.org/tlog-proof@v1"));
        }
        let extra = lines
            .next_if(|line| line.starts_with("extra "))
            .and_then(|line| line.strip_prefix("extra "))
            .map(|line| STANDARD.decode(line))
            .transpose()
            .map_err(|_| malformed("must have extra data as base64"))?;
        let index = lines.next().and_then(|line| line.strip_prefix("index "));
        let index = index.and_then(decimal).ok_or(malformed(
            "must have its index after the word index, without zeros before it",
        ))?;
        let path: Vec<Hash> = lines.map(Hash::parse).collect::<Result<_, _>>()?;
        if path.len() > PATH_MAX {
            return Err(malformed("must have at most 62 hashes"));
        }
        Ok(Self {
            extra,
            index,
            path,
            checkpoint: Note::parse(checkpoint)?,
        })
    }

    /// The checkpoint, if one of the keys signed it, it is of this origin and the leaf
    /// has the index in its tree.
    pub fn verify(
        &self,
        leaf: &Hash,
        origin: &str,
        keys: &[VerifierKey],
    ) -> Result<Checkpoint, Error> {
        let checkpoint = Checkpoint::parse(self.checkpoint.verify(keys)?)?;
        if checkpoint.origin != origin {
            return Err(Error::Malformed {
                what: "checkpoint",
                reason: "must be of the log that was asked for",
            });
        }
        let Checkpoint { size, root, .. } = &checkpoint;
        verify_inclusion(leaf, self.index, *size, &self.path, root)?;
        Ok(checkpoint)
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.path
            .iter()
            .try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

fn malformed(reason: &'static str) -> Error {
    let what = "proof";
    Error::Malformed { what, reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        inclusion::inclusion_ranges,
        note::tests::sign,
        range::{CompactRange, tests::leaves},
    };

    /// The proof of leaf 4 of 6, with the key that signed.
    fn statement() -> (Statement, VerifierKey) {
        let leaves = leaves(6);
        let root = |begin: u64, end: u64| {
            let at = |place| usize::try_from(place).unwrap();
            let part = leaves[at(begin)..at(end)].iter().copied();
            CompactRange::of_leaves(begin, part)
                .unwrap()
                .root()
                .unwrap()
        };
        let ranges = inclusion_ranges(4, 6).unwrap();
        let path = ranges
            .into_iter()
            .map(|it| root(it.start, it.end))
            .collect();
        let checkpoint = Checkpoint {
            origin: "log.example/contoso".to_owned(),
            size: 6,
            root: root(0, 6),
            extensions: Vec::new(),
        };
        let text = checkpoint.to_string();
        let (key, signature) = sign("log.example", 1, &text);
        let statement = Statement {
            extra: None,
            index: 4,
            path,
            checkpoint: Note::new(&text, &key, &signature).unwrap(),
        };
        (statement, key)
    }

    #[test]
    fn a_statement_is_read_as_it_is_written_and_proves_its_leaf_alone() {
        let (mut statement, key) = statement();
        let keys = [key];
        for extra in [None, Some(b"any bytes".to_vec())] {
            statement.extra = extra;
            let read = Statement::parse(&statement.to_string()).unwrap();
            assert_eq!(read, statement);
            let leaf = leaves(6)[4];
            let checkpoint = read.verify(&leaf, "log.example/contoso", &keys).unwrap();
            assert_eq!(checkpoint.size, 6);
            assert!(
                read.verify(&leaves(6)[3], "log.example/contoso", &keys)
                    .is_err()
            );
            assert!(read.verify(&leaf, "log.example/fabrikam", &keys).is_err());
            assert!(read.verify(&leaf, "log.example/contoso", &[]).is_err());
        }
    }

    /// The example in C2SP's tlog-proof, whose signatures and extra data are shortened there.
    #[test]
    fn the_form_is_that_of_the_description() {
        let hashes = "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n\
            B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=\n";
        let text = format!(
            "c2sp.org/tlog-proof@v1\nextra YWdlLXYxLjIuMQ==\nindex 73894\n{hashes}\n\
            example.com/fancylog\n109482\nsFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=\n\n\
            — example.com/fancylog hI2DJwAA\n— witness1.example mJirIlkj\n"
        );
        let read = Statement::parse(&text).unwrap();
        assert_eq!((read.index, read.path.len()), (73_894, 2));
        assert_eq!(read.extra.as_deref(), Some(&b"age-v1.2.1"[..]));
        assert_eq!(read.to_string(), text);
    }

    #[test]
    fn what_is_no_statement_is_refused() {
        let (statement, _) = statement();
        let text = statement.to_string();
        for (part, other) in [
            ("@v1", "@v2"),
            ("index 4", "index 04"),
            ("index 4", "index"),
            ("index 4", "extra *\nindex 4"),
            ("index 4", "index 4\nextra AAAA"),
            ("\n\n", "\n"),
        ] {
            let changed = text.replacen(part, other, 1);
            assert_ne!(changed, text);
            assert!(Statement::parse(&changed).is_err(), "{changed}");
        }
        let long = text.replacen(
            "index 4\n",
            &format!(
                "index 4\n{}",
                format!("{}\n", Hash::of_nothing()).repeat(61)
            ),
            1,
        );
        assert!(Statement::parse(&long).is_err());
    }

    #[test]
    fn any_bit_of_a_statement_changed_is_no_proof() {
        let (statement, key) = statement();
        let (leaf, keys, text) = (leaves(6)[4], [key], statement.to_string());
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1 << (at % 7);
            let changed = String::from_utf8(bytes).ok();
            let changed = changed.and_then(|text| Statement::parse(&text).ok());
            let verified = |it: Statement| it.verify(&leaf, "log.example/contoso", &keys).is_ok();
            assert!(!changed.is_some_and(verified), "{at}");
        }
    }
}
