//! What was found, in words.

use verify::{Entry, Export, Finding, Growth, LeftOut, Log};

pub(crate) fn export(export: &Export) -> String {
    let Export {
        origin,
        range: (from, to),
        rows,
        erased,
        left_out,
        is_complete,
        size,
    } = export;
    let erased = match erased {
        0 => String::new(),
        erased => format!("; of {erased} that are erased, name and details have no proof"),
    };
    let what = if *is_complete && left_out.is_nothing() {
        format!("the file has every entry from {from} to {to}: {rows}")
    } else {
        format!("the file has {rows} entries from {from} to {to}")
    };
    format!("{what} of the {size} in the log {origin}, in order and unchanged{erased}")
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
        ..
    } = log;
    format!(
        "the log {origin} has {new} entries up to {sealed_to}; the first {old} are those of the \
         checkpoint, and each other one was read and is in its place"
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
