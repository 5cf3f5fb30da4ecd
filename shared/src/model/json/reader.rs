//! Reads a text into a value, and keeps every fault that it finds.

use serde_json::value::RawValue;

use super::{
    fault::{Faults, Path, Step},
    number::Number,
    value::{Map, Value},
};

/// How many objects and lists may lie within each other.
const DEPTH_MAX: usize = 127;

/// Reads a text into a value; none if the text is no JSON.
///
/// A part that has a fault is null in the value.
pub(super) fn read(text: &str, faults: &mut Faults) -> Option<Value> {
    // The syntax is checked here, so that the reader below need not check it again.
    let json: &RawValue = match serde_json::from_str(text) {
        Ok(json) => json,
        Err(error) => {
            faults.add_at_root(format!("is not valid JSON: {error}"));
            return None;
        }
    };
    let mut reader = Reader {
        rest: json.get(),
        path: Path::default(),
        faults,
        is_too_deep: false,
    };
    let value = reader.value();
    (!reader.is_too_deep).then_some(value)
}

/// Walks over a text whose syntax is valid.
struct Reader<'a> {
    rest: &'a str,
    path: Path,
    faults: &'a mut Faults,
    is_too_deep: bool,
}

impl<'a> Reader<'a> {
    fn value(&mut self) -> Value {
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.text().map_or(Value::Null, Value::String),
            Some(b't') => self.word(4, Value::Bool(true)),
            Some(b'f') => self.word(5, Value::Bool(false)),
            Some(b'n') => self.word(4, Value::Null),
            _ => self.number(),
        }
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_ascii_start();
        self.rest.bytes().next()
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    fn word(&mut self, bytes: usize, value: Value) -> Value {
        self.take(bytes);
        value
    }

    fn number(&mut self) -> Value {
        let end = self.rest.find([',', ']', '}', ' ', '\t', '\n', '\r']);
        let text = self.take(end.unwrap_or(self.rest.len()));
        match Number::of_json(text) {
            Ok(number) => Value::Number(number),
            Err(reason) => {
                self.faults.add(&self.path, reason);
                Value::Null
            }
        }
    }

    /// The next text; none if it holds half of a surrogate pair.
    fn text(&mut self) -> Option<String> {
        let json = self.take(text_end(self.rest));
        let text = serde_json::from_str(json).ok();
        if text.is_none() {
            let reason = "must not have half of a surrogate pair, such as \\ud800";
            self.faults.add(&self.path, reason);
        }
        text
    }

    fn nested(&mut self, read: fn(&mut Self) -> Value) -> Value {
        if self.path.len() < DEPTH_MAX {
            return read(self);
        }
        if !self.is_too_deep {
            let reason = format!("is nested more than {DEPTH_MAX} levels deep");
            self.faults.add(&self.path, reason);
        }
        self.is_too_deep = true;
        self.rest = "";
        Value::Null
    }

    fn array(&mut self) -> Value {
        let mut items = Vec::new();
        self.take(1);
        while !matches!(self.peek(), Some(b']') | None) {
            self.path.push(Step::Item(items.len()));
            items.push(self.value());
            self.path.pop();
            self.skip(b',');
        }
        self.skip(b']');
        Value::Array(items)
    }

    fn object(&mut self) -> Value {
        let mut fields = Map::new();
        self.take(1);
        while !matches!(self.peek(), Some(b'}') | None) {
            let name = self.text();
            self.skip(b':');
            self.path
                .push(Step::Field(name.clone().unwrap_or_default()));
            let value = self.value();
            if name.as_ref().is_some_and(|name| fields.contains_key(name)) {
                self.faults.add(&self.path, "is given twice");
            } else {
                fields.extend(name.map(|name| (name, value)));
            }
            self.path.pop();
            self.skip(b',');
        }
        self.skip(b'}');
        Value::Object(fields)
    }

    fn skip(&mut self, byte: u8) {
        if self.peek() == Some(byte) {
            self.take(1);
        }
    }
}

/// The length of the text, with its quotes, at the start of a JSON text.
fn text_end(json: &str) -> usize {
    let mut is_escaped = false;
    let is_end = |byte| match byte {
        _ if is_escaped => {
            is_escaped = false;
            false
        }
        b'\\' => {
            is_escaped = true;
            false
        }
        byte => byte == b'"',
    };
    let end = json.bytes().skip(1).position(is_end);
    end.map_or(json.len(), |end| end + 2)
}
