//! What an entry keeps of a record that it was made of, and does not say itself.

use std::collections::BTreeSet;

use serde_json::{Value, value::RawValue};

use crate::record::{KNOWN, Members, Record, has_form, known};

/// The name in an entry's details under which that is kept of a record which the rest of the
/// entry does not say.
pub(crate) const REST: &str = "partner_center";

/// What must be changed of the record that the entry gives back, so that it is the source.
///
/// A member that is null there counts as absent: Partner Center leaves such members out.
pub(crate) fn rest(source: &Record, mut given: Record) -> Members {
    // These are not of the entry, so a record that has them keeps its own.
    given.0.remove("id");
    given.0.remove("partnerId");
    let value = |record: &Record, name: &str| {
        let value = known(&record.0, name)?;
        serde_json::from_str::<Value>(value.get()).ok()
    };
    let names = source.0.keys().chain(given.0.keys());
    let differs = names.filter(|name| value(source, name) != value(&given, name));
    let change = |name: &String| {
        let value = known(&source.0, name).unwrap_or(RawValue::NULL);
        (name.clone(), value.to_owned())
    };
    differs.map(change).collect()
}

/// Puts what is kept in the place of what the entry says; null stands for a member that there
/// was not.
///
/// A name that differs from another one in case alone is left out: .NET's SDK takes both for
/// the same member, and the last one wins.
pub(crate) fn change(record: &mut Record, kept: Members) {
    let known = KNOWN.map(|(name, _)| name);
    let mut taken: BTreeSet<_> = known.map(without_case).into();
    for (name, value) in kept {
        let is_own = known.contains(&&*name) || taken.insert(without_case(&name));
        if value.get() == "null" {
            record.0.remove(&name);
        } else if is_own && has_form(&name, &value) {
            record.0.insert(name, value);
        }
    }
}

fn without_case(name: &str) -> String {
    name.to_uppercase().to_lowercase()
}
