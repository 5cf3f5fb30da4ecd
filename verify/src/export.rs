//! That an exported file has what was sealed, and all of it.

use std::io::{BufRead, Read};

use proof::VerifierKey;

use crate::{finding::Finding, frame, rows::Rows, walk::Walk};

/// What a file and its proof show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Which log it is.
    pub origin: String,
    /// The range, from the first moment to the one before which it ends.
    pub range: (String, String),
    /// How many entries the file has.
    pub rows: u64,
    /// How many of these are erased: name and details have no proof.
    pub erased: u64,
    /// How many entries of the range, or beside it, are said to be left out.
    pub left_out: LeftOut,
    /// Whether the file was asked for without a condition, so that it must have every entry.
    pub is_complete: bool,
    /// The index of its first entry in the log, or of the one that would be it.
    pub first_index: u64,
    /// How many entries the log has.
    pub size: u64,
    /// The checkpoint that covers it, as a signed note.
    pub checkpoint: String,
}

/// Entries that are not in the file, of which a proof has only hashes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Within the range.
    pub within: u64,
    /// Whether what lies beside the range is not shown, so that there may be more of it.
    pub beside: bool,
}

impl LeftOut {
    /// Whether nothing is left out.
    pub fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

/// Checks that each row of a file is an entry of the log, unchanged and in its place; and,
/// if the export had no condition, that the file has every entry of its range.
///
/// `file` is the file, unpacked if it was packed; `sha256` the hash of its bytes as they were
/// downloaded, in hexadecimal.
pub fn check_export(
    file: impl Read,
    sha256: &str,
    mut proof: impl BufRead,
    keys: &[VerifierKey],
) -> Result<Export, Finding> {
    let (frame, checkpoint) = frame::read(&mut proof, keys)?;
    let beside = frame.complete && frame::hides_neighbours(&frame, &checkpoint)?;
    let rows = Rows::open(file, frame.format)?;
    let walked = Walk::new(&frame, &checkpoint, rows, proof)?.run(sha256)?;
    let before = &frame.before;
    Ok(Export {
        rows: walked.rows,
        erased: walked.erased,
        left_out: LeftOut {
            within: walked.left_out,
            beside,
        },
        is_complete: frame.complete,
        first_index: before.count + u64::from(before.neighbour.is_some()),
        size: checkpoint.size,
        origin: checkpoint.origin,
        range: (frame.from, frame.to),
        checkpoint: frame.checkpoint,
    })
}
