//! What can be wrong with a request, and the refusal that names its fields.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use crate::model::{Error, error::FieldError};

/// The most characters of a caller's field name that an error shows.
pub(crate) const FIELD_MAX: usize = 128;

/// The most characters of a reason, which may contain what was sent.
const REASON_MAX: usize = 256;

/// The most faults that one refusal names.
const FAULTS_MAX: usize = 20;

/// The most bytes that the names in one refusal have together.
///
/// The names come from the caller; a batch has up to 100 refusals in one answer.
const NAMES_BYTES_MAX: usize = 4_096;

/// The refusal of a field or parameter that is not supported.
pub(crate) fn unsupported(name: &str) -> Error {
    let mut faults = Faults::default();
    faults.add_unsupported(&Path::default(), name);
    faults.into()
}

/// Shortens a text, so that no answer grows with what was sent.
pub(crate) fn short(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Where in a request a value is.
#[derive(Debug, Clone, Default)]
pub(super) struct Path {
    steps: Vec<Step>,
    is_of_query: bool,
}

/// From a value to one within it.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Field(String),
    Item(usize),
}

impl Path {
    /// The root of a query, whose lists are parameters that are repeated.
    pub(super) fn of_query() -> Self {
        Self {
            steps: Vec::new(),
            is_of_query: true,
        }
    }

    /// How many values lie around this one.
    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    pub(super) fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    pub(super) fn pop(&mut self) {
        self.steps.pop();
    }

    pub(super) fn with(&self, step: Step) -> Self {
        let mut path = self.clone();
        if !path.is_of_query || matches!(step, Step::Field(_)) {
            path.push(step);
        }
        path
    }

    pub(super) fn field(&self, name: &str) -> Self {
        self.with(Step::Field(name.to_owned()))
    }

    /// The text, such as `customer.id` or `action[1]`; `body` at the root.
    fn shown(&self) -> String {
        let Some((last, before)) = self.steps.split_last() else {
            return "body".to_owned();
        };
        let mut around = String::new();
        for step in before {
            // What is cut off below need not be put together.
            if around.len() <= 4 * FIELD_MAX {
                step.show_after(&mut around);
            }
        }
        let mut shown = short(&around, FIELD_MAX);
        last.show_after(&mut shown);
        match shown.as_str() {
            "" => "body".to_owned(),
            _ => shown,
        }
    }
}

impl Step {
    fn show_after(&self, shown: &mut String) {
        match self {
            Self::Item(place) => shown.extend(["[", &place.to_string(), "]"]),
            Self::Field(name) => {
                *shown += if shown.is_empty() { "" } else { "." };
                *shown += &short(name, FIELD_MAX);
            }
        }
    }
}

/// The faults of one request, of which only the first are kept.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<FieldError>);

impl Faults {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn has(&self, path: &Path) -> bool {
        let field = path.shown();
        self.0.iter().any(|fault| fault.field == field)
    }

    /// Adds a fault of the value at a path, unless that value has one already.
    pub(super) fn add(&mut self, path: &Path, reason: impl fmt::Display) {
        if self.0.len() < FAULTS_MAX {
            self.add_field(path.shown(), reason);
        }
    }

    pub(super) fn add_at_root(&mut self, reason: impl fmt::Display) {
        self.add(&Path::default(), reason);
    }

    /// Adds that an object has a field which is not supported.
    pub(super) fn add_unsupported(&mut self, path: &Path, name: &str) {
        match name {
            "" => self.add_at_root("must name each field"),
            _ => self.add(&path.field(name), "is not supported"),
        }
    }

    fn add_field(&mut self, field: String, reason: impl fmt::Display) {
        let names_bytes: usize = self.0.iter().map(|fault| fault.field.len()).sum();
        let has_room = self.is_empty() || names_bytes + field.len() <= NAMES_BYTES_MAX;
        if has_room && self.0.iter().all(|fault| fault.field != field) {
            let reason = short(&reason.to_string(), REASON_MAX);
            self.0.push(FieldError { field, reason });
        }
    }
}

impl From<Faults> for Error {
    fn from(Faults(faults): Faults) -> Self {
        Self::invalid_fields(faults)
    }
}

/// Why a text is refused, as the error of its deserializer.
///
/// What was found is left out: the caller has it, and it may be large.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Reason(pub(super) String);

impl de::Error for Reason {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self(reason.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self(format!("must be {expected}"))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self(format!("must be {expected}"))
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Self(format!("must be {}", one_of(known)))
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
