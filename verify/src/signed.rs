//! A checkpoint whose signature holds.

use proof::{Checkpoint, Error, Note, VerifierKey};

use crate::finding::{Finding, unreadable};

/// A checkpoint that a key of its service signed.
#[derive(Debug)]
pub(crate) struct Signed {
    pub(crate) checkpoint: Checkpoint,
    /// Whose log it is.
    pub(crate) partner_id: String,
}

/// Reads a note, which one of the keys must have signed; `what` names it for people.
///
/// A key signs the logs of all partners of its service, and of no other.
pub(crate) fn checkpoint(what: &str, note: &str, keys: &[VerifierKey]) -> Result<Signed, Finding> {
    let note = Note::parse(note).map_err(|error| unreadable(what, error))?;
    let claimed = Checkpoint::parse(note.unverified_text());
    let claimed = claimed.map_err(|error| unreadable(what, error))?;
    let mut own = Vec::new();
    let mut partner_id = None;
    for key in keys {
        if let Some(partner) = claimed.partner_of(key.name()) {
            partner_id = Some(partner.to_owned());
            own.push(key.clone());
        }
    }
    let partner_id = partner_id.ok_or_else(|| {
        Finding::NotWhole(format!(
            "the {what} is of the log {}, which is none of the key's service",
            claimed.origin
        ))
    })?;
    note.verify(&own).map_err(|error| match error {
        Error::Unsigned => Finding::NotWhole(format!(
            "none of the given keys signed the {what}; it names {}",
            signers(&note)
        )),
        error => Finding::NotWhole(format!("the {what} was changed: {error}")),
    })?;
    Ok(Signed {
        checkpoint: claimed,
        partner_id,
    })
}

/// The names and ids of the keys that a note says signed it.
fn signers(note: &Note) -> String {
    let names = note.signatures().iter().map(|signature| {
        let id = base16ct::lower::encode_string(&signature.id);
        format!("{}+{id}", signature.name)
    });
    names.collect::<Vec<_>>().join(", ")
}
