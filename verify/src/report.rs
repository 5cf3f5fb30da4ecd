//! What was found, in words.

use crate::{
    entry::Entry,
    export::{Export, LeftOut},
    finding::Finding,
    growth::Growth,
    log::Log,
};

pub(crate) fn export(export: &Export) -> String {
    let Export {
        origin,
        range: (from, to),
        rows,
        erased,
        left_out,
        is_complete,
        size,
        ..
    } = export;
    let erased = match erased {
        0 => String::new(),
        erased => format!(", of which {erased} are marked as erased"),
    };
    let what = if *is_complete && left_out.is_nothing() {
        format!("the file has every entry from {from} to {to}: {rows}")
    } else {
        format!("the file has {rows} entries from {from} to {to}")
    };
    format!("{what} of the {size} in the log {origin}, in order and unchanged{erased}")
}

/// Why rows without a name keep a file from being called whole.
pub(crate) fn erased(text: &str, erased: u64) -> Finding {
    Finding::Unknown(format!(
        "{text}; whoever passed the file on can mark a row as erased and so hide its customer \
         name and details, of which {erased} rows have no proof; with --erased this is enough"
    ))
}

pub(crate) fn entry(entry: &Entry, is_compared: bool) -> String {
    let Entry {
        id,
        index,
        checkpoint,
        is_compared_whole,
    } = entry;
    let compared = match (is_compared, is_compared_whole) {
        (false, _) => "",
        (true, true) => "; the activity is this entry, name and details included",
        (true, false) => "; the activity is this entry, but name and details have no proof",
    };
    let sealed_to = checkpoint.sealed_to().unwrap_or("an unknown moment");
    format!(
        "entry {id} has place {index} of {} in the log {}, sealed up to {sealed_to}{compared}",
        checkpoint.size, checkpoint.origin
    )
}

pub(crate) fn growth(growth: &Growth) -> String {
    let Growth {
        origin,
        from_size,
        to_size,
    } = growth;
    format!(
        "the log {origin} had {from_size} entries and has {to_size} now; \
         the first {from_size} are the same"
    )
}

pub(crate) fn log(log: &Log) -> String {
    let Log {
        origin,
        sizes: (old, new),
        sealed_to,
        left_out,
        erased,
        ..
    } = log;
    let erased = match erased {
        0 => String::new(),
        erased => format!("; {erased} of these are erased"),
    };
    let read = match left_out.within {
        0 => "each other one was read and is in its place".to_owned(),
        hashes => format!("of {hashes} others there are hashes, and the rest was read"),
    };
    format!(
        "the log {origin} has {new} entries up to {sealed_to}; the first {old} are those of the \
         checkpoint, and {read}{erased}"
    )
}

/// Why entries of which only hashes were given keep something from being called whole.
pub(crate) fn left_out(text: &str, left_out: LeftOut) -> Finding {
    let LeftOut { within, beside } = left_out;
    let which = match (within, beside) {
        (0, _) => "entries right beside the range may be left out".to_owned(),
        (within, false) => format!("{within} are left out"),
        (within, true) => {
            format!("{within} are left out, and perhaps entries right beside the range")
        }
    };
    Finding::Unknown(format!(
        "{text}; {which}, since their retention is said to have ended; with --ended this is enough"
    ))
}
