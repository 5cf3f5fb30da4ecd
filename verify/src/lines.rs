//! The lines of a file, of which one at a time is in memory.

use std::io::{BufRead, Read};

use crate::finding::{Finding, unreadable};

/// The longest line that is read: 64 MiB, far more than an entry or a proof needs.
const BYTES_MAX: u64 = 64 << 20;

/// The next line without its end; none at the end of the file. `what` names it for people.
pub(crate) fn next(file: &mut impl BufRead, what: &str) -> Result<Option<String>, Finding> {
    let mut line = Vec::new();
    let read = file.take(BYTES_MAX).read_until(b'\n', &mut line);
    read.map_err(|error| unreadable(what, error))?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.len() as u64 == BYTES_MAX {
        return Err(unreadable(what, "a line has more than 64 MiB"));
    }
    if line.pop_if(|end| *end == b'\n').is_none() {
        return Err(Finding::NotWhole(format!("the {what} ends within a line")));
    }
    String::from_utf8(line)
        .map(Some)
        .map_err(|error| Finding::NotWhole(format!("a line of the {what} is not UTF-8: {error}")))
}
