//! What can be wrong with a JSON value, and the refusal that names its field.

use std::fmt;

use serde::de::{self, Expected, Unexpected};
use serde_path_to_error::Path;

use crate::model::Error;

/// The refusal of a field or parameter that is not supported.
pub(crate) fn unsupported(name: &str) -> Error {
    match name {
        "" => Error::invalid("body", "must name each field"),
        _ => Error::invalid(short(name, FIELD_MAX), "is not supported"),
    }
}

/// The most characters of a caller's field name that an error shows.
pub(crate) const FIELD_MAX: usize = 128;

/// The most characters of a reason, which may contain what was sent.
const REASON_MAX: usize = 256;

/// Shortens a text, so that no answer grows with what was sent.
pub(crate) fn short(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// What is wrong with a value.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("is missing")]
    Missing(&'static str),
    #[error("is given twice")]
    GivenTwice(String),
    #[error("is not supported")]
    Unsupported(String),
    /// What was expected. What was found is left out: the caller has it, and it
    /// may be large.
    #[error("must be {0}")]
    MustBe(String),
    #[error("{0}")]
    Other(String),
}

impl Fault {
    pub(super) fn must_be(expected: impl fmt::Display) -> Self {
        Self::MustBe(expected.to_string())
    }

    pub(super) fn at_root(self) -> Error {
        self.within(String::new())
    }

    /// The refusal of the value at a path.
    pub(super) fn at(self, path: &Path) -> Error {
        // The path's text can't tell: it is `.` for the root and for a field named `.`.
        let is_root = path.iter().next().is_none();
        self.within(if is_root {
            String::new()
        } else {
            short(&path.to_string(), FIELD_MAX)
        })
    }

    /// `path` is empty at the root.
    fn within(self, path: String) -> Error {
        let reason = short(&self.to_string(), REASON_MAX);
        let below = |name: &str| match path.as_str() {
            "" => short(name, FIELD_MAX),
            path => format!("{path}.{}", short(name, FIELD_MAX)),
        };
        match self {
            Self::Missing(name) => Error::invalid(below(name), reason),
            Self::GivenTwice(name) => Error::invalid(below(&name), reason),
            Self::Unsupported(name) if name.is_empty() => unsupported(""),
            _ if path.is_empty() => Error::invalid("body", reason),
            // The path of an unsupported field already ends with its name.
            Self::Unsupported(_) | Self::MustBe(_) | Self::Other(_) => Error::invalid(path, reason),
        }
    }
}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self::Other(reason.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::must_be(expected)
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::must_be(expected)
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Self::MustBe(one_of(known))
    }

    fn unknown_field(name: &str, _: &'static [&'static str]) -> Self {
        Self::Unsupported(name.to_owned())
    }

    fn missing_field(name: &'static str) -> Self {
        Self::Missing(name)
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self::GivenTwice(name.to_owned())
    }
}

/// Lists the allowed words, for an error text.
pub fn one_of(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [one, other] => format!("{one} or {other}"),
        _ => format!("one of {}", quoted.join(", ")),
    }
}
