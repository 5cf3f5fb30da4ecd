//! A checkpoint whose signature holds.

use proof::{Checkpoint, Error, Note, VerifierKey};

use crate::finding::{Finding, unreadable};

/// Reads a note, which one of the keys must have signed; `what` names it for people.
pub(crate) fn checkpoint(
    what: &str,
    note: &str,
    keys: &[VerifierKey],
) -> Result<Checkpoint, Finding> {
    let note = Note::parse(note).map_err(|error| unreadable(what, error))?;
    let text = note.verify(keys).map_err(|error| match error {
        Error::Unsigned => Finding::NotWhole(format!(
            "none of the given keys signed the {what}; it names {}",
            signers(&note)
        )),
        error => Finding::NotWhole(format!("the {what} was changed: {error}")),
    })?;
    let checkpoint = Checkpoint::parse(text).map_err(|error| unreadable(what, error))?;
    // One key signs the logs of all partners of its service, and of no other.
    let is_own = |key: &VerifierKey| {
        let rest = checkpoint.origin.strip_prefix(key.name());
        rest.is_some_and(|rest| rest.starts_with('/'))
    };
    if !keys.iter().any(is_own) {
        return Err(Finding::NotWhole(format!(
            "the {what} is of the log {}, which is none of the key's service",
            checkpoint.origin
        )));
    }
    Ok(checkpoint)
}

/// The names and ids of the keys that a note says signed it.
fn signers(note: &Note) -> String {
    let names = note.signatures().iter().map(|signature| {
        let id = base16ct::lower::encode_string(&signature.id);
        format!("{}+{id}", signature.name)
    });
    names.collect::<Vec<_>>().join(", ")
}
