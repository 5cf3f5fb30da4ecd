//! The proof of an export: what its first line and each other line say.
//!
//! The file beside an export has one line for each row, in the order of the rows, so both
//! can be written and checked as streams.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use crate::{
    activity::{Commitment, Opening},
    checkpoint::decimal,
    error::Error,
    hash::Hash,
};

/// The most hashes of a line: two for each level of the largest tree.
const HASHES_MAX: usize = 2 * 62;

/// The first line of a proof: what the export is of, and what lies around it in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportFrame {
    /// The form of the proof.
    pub version: FrameVersion,
    /// Whose log it is.
    pub partner_id: String,
    /// The form of the rows.
    pub format: RowFormat,
    /// The order of the rows.
    pub order: RowOrder,
    /// Where the range begins.
    pub from: String,
    /// The moment before which it ends.
    pub to: String,
    /// Whether the file must have every entry of the range.
    pub complete: bool,
    /// What lies before the range.
    pub before: Side,
    /// What lies behind it.
    pub behind: Side,
    /// The signed note.
    pub checkpoint: String,
}

/// The form of a proof that this version knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FrameVersion {
    /// The only one.
    #[serde(rename = "export-proof/v1")]
    V1,
}

/// The form of an export's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowFormat {
    /// CSV in style `raw`, with a header.
    Csv,
    /// One activity as JSON in each line.
    Jsonl,
}

/// The order of an export's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowOrder {
    /// The oldest first.
    Asc,
    /// The newest first.
    Desc,
}

/// What lies on one side of a range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// How many entries, without the neighbour.
    pub count: u64,
    /// Their compact range.
    pub hashes: Vec<HashText>,
    /// The leaf of the entry beside the range; absent if there is none, if its retention has
    /// ended, or if the export had a condition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neighbour: Option<String>,
}

/// A hash, as base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HashText(pub Hash);

impl From<HashText> for String {
    fn from(HashText(hash): HashText) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for HashText {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Hash::parse(&text).map(Self)
    }
}

/// A line of a proof behind the first one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportLine {
    /// The next row.
    Row(RowProof),
    /// So many entries that are not in the file, and their compact range.
    LeftOut {
        /// How many entries.
        count: u64,
        /// Their compact range.
        hashes: Vec<Hash>,
    },
    /// The last line: the SHA-256 of the file as it was written, hexadecimal.
    File {
        /// The hash.
        sha256: String,
    },
}

/// What proves a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowProof {
    /// What leads to its commitment.
    pub opening: Opening,
    /// The first bytes of its leaf's hash, which tell which row was changed.
    pub mark: Mark,
}

/// The first bytes of a leaf's hash.
pub type Mark = [u8; 8];

impl Hash {
    /// The first bytes of the hash.
    pub fn mark(&self) -> Mark {
        let mut mark = Mark::default();
        mark.iter_mut()
            .zip(self.0)
            .for_each(|(to, from)| *to = from);
        mark
    }
}

impl ExportLine {
    /// Reads a line, without its end.
    pub fn parse(line: &str) -> Result<Self, Error> {
        match line.split_once(' ') {
            Some(("s", bytes)) => row(bytes, Opening::Salt),
            Some(("c", bytes)) => row(bytes, |hash| Opening::Commitment(Commitment(hash))),
            Some(("g", gap)) => left_out(gap),
            Some(("f", sha256)) => file(sha256),
            _ => Err(malformed("must begin with s, c, g or f and a space")),
        }
    }
}

fn row<const N: usize>(
    bytes: &str,
    opening: impl FnOnce([u8; N]) -> Opening,
) -> Result<ExportLine, Error> {
    let bytes = STANDARD.decode(bytes).unwrap_or_default();
    let parts = bytes.split_first_chunk::<N>();
    let parts = parts.and_then(|(own, mark)| Some((*own, mark.try_into().ok()?)));
    let (own, mark) = parts.ok_or(malformed(
        "must have 16 or 32 bytes and 8 more behind s or c, as base64",
    ))?;
    let opening = opening(own);
    Ok(ExportLine::Row(RowProof { opening, mark }))
}

fn left_out(gap: &str) -> Result<ExportLine, Error> {
    let mut parts = gap.split(' ');
    let count = parts.next().and_then(decimal).filter(|count| *count > 0);
    let count = count.ok_or(malformed(
        "must have how many entries are left out behind g",
    ))?;
    let hashes: Vec<Hash> = parts.map(Hash::parse).collect::<Result<_, _>>()?;
    if hashes.len() > HASHES_MAX {
        return Err(malformed("must have at most 124 hashes"));
    }
    Ok(ExportLine::LeftOut { count, hashes })
}

fn file(sha256: &str) -> Result<ExportLine, Error> {
    let mut hash = [0; 32];
    let decoded = base16ct::lower::decode(sha256, &mut hash).map(<[u8]>::len);
    if decoded != Ok(32) {
        return Err(malformed("must have a SHA-256 behind f, as hexadecimal"));
    }
    let sha256 = sha256.to_owned();
    Ok(ExportLine::File { sha256 })
}

impl fmt::Display for ExportLine {
    /// Writes the line, without its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row(RowProof { opening, mark }) => {
                let (kind, own) = match opening {
                    Opening::Salt(salt) => ('s', &salt[..]),
                    Opening::Commitment(Commitment(hash)) => ('c', &hash[..]),
                };
                write!(f, "{kind} {}", STANDARD.encode([own, mark].concat()))
            }
            Self::LeftOut { count, hashes } => {
                write!(f, "g {count}")?;
                hashes.iter().try_for_each(|hash| write!(f, " {hash}"))
            }
            Self::File { sha256 } => write!(f, "f {sha256}"),
        }
    }
}

fn malformed(reason: &'static str) -> Error {
    let what = "proof's line";
    Error::Malformed { what, reason }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines() -> impl Strategy<Value = ExportLine> {
        let mark = any::<Mark>();
        let salt = any::<[u8; 16]>().prop_map(Opening::Salt);
        let commitment = any::<[u8; 32]>().prop_map(|it| Opening::Commitment(Commitment(it)));
        let opening = prop_oneof![salt, commitment];
        let row =
            (opening, mark).prop_map(|(opening, mark)| ExportLine::Row(RowProof { opening, mark }));
        let hashes = proptest::collection::vec(any::<[u8; 32]>().prop_map(Hash), 0..5);
        let gap =
            (1_u64.., hashes).prop_map(|(count, hashes)| ExportLine::LeftOut { count, hashes });
        let file = any::<[u8; 32]>().prop_map(|hash| ExportLine::File {
            sha256: base16ct::lower::encode_string(&hash),
        });
        prop_oneof![row, gap, file]
    }

    proptest! {
        #[test]
        fn a_line_is_read_as_it_is_written(line in lines()) {
            prop_assert_eq!(ExportLine::parse(&line.to_string()), Ok(line));
        }

        #[test]
        fn no_text_panics_and_what_is_read_is_written_as_it_was(
            line in r"[scgfx] ?[0-9A-Za-z+/= ]{0,60}|.{0,20}",
        ) {
            if let Ok(read) = ExportLine::parse(&line) {
                prop_assert_eq!(read.to_string(), line);
            }
        }
    }

    #[test]
    fn a_line_of_another_form_is_refused() {
        let hash = Hash::of_nothing();
        for line in [
            "",
            "s",
            "s ",
            "s AAAA",
            "c AAAA",
            "x AAAA",
            "g",
            "g 0",
            "g 01",
            "g -1",
            "g 1 ",
            "g 1 AAAA",
            "f",
            "f ab",
            &format!("f {}", "A".repeat(64)),
            &format!("g 1{}", format!(" {hash}").repeat(125)),
        ] {
            assert!(ExportLine::parse(line).is_err(), "{line:?}");
        }
    }
}
