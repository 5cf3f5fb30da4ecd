//! What proves that an activity is in a log, and unchanged.
//!
//! Text and bytes in, hashes and texts out: the functions that seal and answer use
//! it, and so does a program that checks their answers without them.
//! It knows no SDK, no HTTP, no clock, no environment and no other crate of ours.
//! `docs/proofs.md` describes every byte, so that a stranger can write another one.

mod activity;
mod canonical;
mod checkpoint;
mod consistency;
mod error;
mod export;
mod hash;
mod inclusion;
mod json;
mod members;
mod note;
mod range;
mod statement;
mod verifier_key;

pub use self::{
    activity::{Activity, Commitment, Opening, Salt, millis},
    canonical::canonical,
    checkpoint::Checkpoint,
    consistency::{consistency_ranges, verify_consistency},
    error::Error,
    export::{
        ExportFrame, ExportLine, FrameVersion, HashText, Mark, RowFormat, RowOrder, RowProof, Side,
    },
    hash::Hash,
    inclusion::{inclusion_ranges, verify_inclusion},
    json::leaf_of_json,
    note::{Note, NoteSignature},
    range::{CompactRange, SIZE_MAX},
    statement::Statement,
    verifier_key::VerifierKey,
};
