//! Encodes activities as lines of JSON; knows neither S3 nor DynamoDB.
//!
//! No character in a line ends it for a reader who goes by Unicode: those that
//! JSON allows in a text are written as escapes.

use std::{
    io::{self, Write},
    mem,
};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use shared::Activity;

/// The characters that JSON allows in a text and that end a line in Unicode.
///
/// The others, such as CR or the vertical tab, are control characters, which JSON
/// itself escapes.
const LINE_ENDS: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];

/// The lines of one file that were not taken yet.
#[derive(Debug)]
pub(crate) struct JsonLines(Vec<u8>);

impl JsonLines {
    /// An encoder that appends lines to `start`.
    pub(crate) fn new(start: Vec<u8>) -> Self {
        Self(start)
    }

    /// Adds a line.
    pub(crate) fn push(&mut self, activity: &Activity) -> Result<(), serde_json::Error> {
        activity.serialize(&mut Serializer::with_formatter(&mut self.0, OneLine))?;
        self.0.push(b'\n');
        Ok(())
    }

    /// The lines that were not taken yet.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Takes the lines; later lines are appended to `next`.
    pub(crate) fn take(&mut self, next: Vec<u8>) -> Vec<u8> {
        mem::replace(&mut self.0, next)
    }
}

/// Writes compact JSON without a character that ends a line.
struct OneLine;

impl Formatter for OneLine {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        write_in_one_line(writer, fragment)
    }

    // Details are written as the JSON text that they are stored as. Outside its
    // texts, JSON has none of these characters.
    fn write_raw_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        write_in_one_line(writer, fragment)
    }
}

fn write_in_one_line<W: ?Sized + Write>(writer: &mut W, fragment: &str) -> io::Result<()> {
    if fragment.is_ascii() {
        return writer.write_all(fragment.as_bytes());
    }
    for piece in fragment.split_inclusive(LINE_ENDS) {
        let text = piece.strip_suffix(LINE_ENDS);
        writer.write_all(text.unwrap_or(piece).as_bytes())?;
        if let (Some(_), Some(end)) = (text, piece.chars().next_back()) {
            write!(writer, "\\u{:04x}", u32::from(end))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, value::RawValue};

    use super::*;

    fn line(value: &impl Serialize) -> String {
        let mut bytes = Vec::new();
        let mut serializer = Serializer::with_formatter(&mut bytes, OneLine);
        value.serialize(&mut serializer).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    proptest! {
        #[test]
        fn a_text_stays_the_same_and_ends_no_line(text in "(.|[\n\r\u{b}\u{c}\u{1c}-\u{1e}\u{85}\u{2028}\u{2029}\"\\\\]){0,20}") {
            let escaped = line(&text);
            prop_assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text.as_str());
            let raw = serde_json::to_string(&[&text]).unwrap();
            let raw_line = line(&serde_json::from_str::<&RawValue>(&raw).unwrap());
            prop_assert_eq!(&raw_line, &format!("[{escaped}]"));
            prop_assert_eq!(
                serde_json::from_str::<Value>(&raw_line).unwrap(),
                Value::from(vec![text])
            );
            for end in ['\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}'] {
                prop_assert!(!raw_line.contains(end));
            }
        }
    }
}
