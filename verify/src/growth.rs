//! That a log only grew between two checkpoints.

use proof::{Hash, VerifierKey, verify_consistency};
use serde::Deserialize;

use crate::{
    finding::{Finding, unreadable},
    signed,
};

/// Two checkpoints of one log, of which the later one holds the earlier one whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Growth {
    /// Which log it is.
    pub origin: String,
    /// How many entries the earlier checkpoint has.
    pub from_size: u64,
    /// How many the later one has.
    pub to_size: u64,
}

/// The answer of `GET /v1/checkpoint/consistency`.
#[derive(Deserialize)]
struct Proof {
    from_size: u64,
    path: Vec<String>,
    checkpoint: String,
}

/// Checks that everything of the old checkpoint is in the new one, unchanged and in its place.
///
/// Both are signed notes; the proof is the answer of `GET /v1/checkpoint/consistency`.
pub fn check_growth(
    old: &str,
    new: &str,
    proof: &str,
    keys: &[VerifierKey],
) -> Result<Growth, Finding> {
    let old = signed::checkpoint("old checkpoint", old, keys)?.checkpoint;
    let new = signed::checkpoint("new checkpoint", new, keys)?.checkpoint;
    if old.origin != new.origin {
        return Err(Finding::NotWhole(format!(
            "the old checkpoint is of the log {}, the new one of {}",
            old.origin, new.origin
        )));
    }
    if new.size < old.size {
        return Err(Finding::NotWhole(format!(
            "the log had {} entries and has {} now: {} are missing",
            old.size,
            new.size,
            old.size - new.size
        )));
    }
    let proof: Proof = serde_json::from_str(proof).map_err(|error| unreadable("proof", error))?;
    let led_to = signed::checkpoint("proof's checkpoint", &proof.checkpoint, keys)?.checkpoint;
    if (proof.from_size, led_to.size) != (old.size, new.size) {
        return Err(Finding::Unknown(format!(
            "the proof leads from {} entries to {}, and the checkpoints have {} and {}",
            proof.from_size, led_to.size, old.size, new.size
        )));
    }
    if old.size == new.size && old.root != new.root {
        return Err(Finding::NotWhole(format!(
            "there are two logs of {} entries with different roots: one of both was forged",
            old.size
        )));
    }
    let path = proof.path.iter().map(|hash| Hash::parse(hash));
    let path: Vec<Hash> = path
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable("proof", error))?;
    let consistent = verify_consistency(old.size, new.size, &path, &old.root, &new.root);
    consistent.map_err(|_| {
        Finding::NotWhole(format!(
            "the first {} entries are not those of the old checkpoint any more, \
             or the proof was changed",
            old.size
        ))
    })?;
    Ok(Growth {
        origin: old.origin,
        from_size: old.size,
        to_size: new.size,
    })
}
