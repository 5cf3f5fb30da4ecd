//! Reading JSON strictly: no duplicate names, no numbers that would change.
//!
//! Every fault names its field, so that a caller can mend it.

use std::fmt;

use serde::de::{
    self, Deserialize, DeserializeOwned, Deserializer, IntoDeserializer, MapAccess, SeqAccess,
    Visitor,
};
use serde_json::{Map, Number, Value};

use crate::model::Error;

/// Reads a whole body into `T`; `T` decides what it refuses.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Error::invalid("body", "must not be empty"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let Object(value) =
        serde_path_to_error::deserialize(&mut deserializer).map_err(|error| invalid(&error))?;
    deserializer
        .end()
        .map_err(|error| Error::invalid("body", reason(&error)))?;
    Ok(value)
}

/// Reads an already parsed object into `T`.
pub fn from_object<T: DeserializeOwned>(object: Map<String, Value>) -> Result<T, Error> {
    serde_path_to_error::deserialize(Value::Object(object)).map_err(|error| invalid(&error))
}

fn invalid(error: &serde_path_to_error::Error<serde_json::Error>) -> Error {
    let reason = reason(error.inner());
    if error.inner().is_syntax() || error.inner().is_eof() {
        return Error::invalid("body", format!("is not valid JSON: {reason}"));
    }
    // Not by its text: the root is shown as `.`, and so is a field of that name.
    let is_root = error.path().iter().next().is_none();
    let path = if is_root {
        String::new()
    } else {
        short(&error.path().to_string(), FIELD_MAX)
    };
    let below = |name: &str| match path.as_str() {
        "" => short(name, FIELD_MAX),
        path => format!("{path}.{name}"),
    };
    if let Some(name) = named(&reason, "missing field `") {
        Error::invalid(below(name), "is missing")
    } else if let Some(name) = named(&reason, "duplicate field `") {
        Error::invalid(below(name), "is given twice")
    } else if let Some(name) = named(&reason, "holds `").filter(|_| path.is_empty()) {
        Error::invalid(below(name), "is given twice")
    } else if reason.starts_with("unknown field ``, ") {
        Error::invalid("body", "must name each field")
    } else if reason.starts_with("unknown field `") {
        Error::invalid(path, "is not known here")
    } else if path.is_empty() {
        Error::invalid("body", must_be(&reason))
    } else {
        Error::invalid(path, must_be(&reason))
    }
}

/// A name that a caller made up is shown up to here.
pub(crate) const FIELD_MAX: usize = 128;

/// The start of a text, so that no answer grows with what was sent.
pub(crate) fn short(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn named<'a>(reason: &'a str, prefix: &str) -> Option<&'a str> {
    reason.strip_prefix(prefix)?.split('`').next()
}

/// What was expected, without what was found: the caller has that, and it may
/// be large.
fn must_be(reason: &str) -> String {
    let found = ["invalid type: ", "invalid value: ", "unknown variant `"];
    let expected = reason
        .rsplit_once(", expected ")
        .map(|(_, expected)| expected);
    match expected.filter(|_| found.iter().any(|prefix| reason.starts_with(prefix))) {
        Some("a sequence") => "must be a list".into(),
        Some(expected) => format!("must be {expected}"),
        None => short(reason, 256),
    }
}

/// The message without its place, which counts lines of a text nobody sees;
/// a syntax error keeps it.
fn reason(error: &serde_json::Error) -> String {
    let message = error.to_string();
    if error.is_syntax() || error.is_eof() {
        return message;
    }
    let place = format!(" at line {} column {}", error.line(), error.column());
    message.strip_suffix(&place).unwrap_or(&message).to_owned()
}

/// An optional field that must not be null, for `deserialize_with`.
pub fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// One of a few words, for `deserialize_with`.
///
/// What serde derives for an enum also reads an object such as `{"failed": null}`.
pub fn word<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(String::deserialize(deserializer)?.into_deserializer())
}

/// One of a few words that may be absent but not null, for `deserialize_with`.
pub fn present_word<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    word(deserializer).map(Some)
}

/// A struct read from a JSON object alone.
///
/// What serde derives also reads an array, by position.
#[derive(Debug, Clone, PartialEq)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(ObjectOnly(deserializer)).map(Self)
    }
}

struct ObjectOnly<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for ObjectOnly<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string
        bytes byte_buf option unit unit_struct newtype_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

/// A JSON object read strictly at every level.
///
/// Refused: a name given twice in one object, and a number outside the 64-bit
/// integers and floats, which other tools would silently change.
#[derive(Debug, Clone, PartialEq)]
pub struct StrictObject(pub Map<String, Value>);

impl<'de> Deserialize<'de> for StrictObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_map(StrictVisitor)? {
            Value::Object(object) => Ok(Self(object)),
            _ => Err(de::Error::custom("must be an object")),
        }
    }
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

/// From -2^63 to 2^64 integers are held as they are; beyond, a float stands for
/// many and no longer tells which was written.
const INTEGERS: std::ops::Range<f64> = -9_223_372_036_854_775_807.0..18_446_744_073_709_551_616.0;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        match Number::from_f64(value) {
            Some(number) if value > INTEGERS.start && value < INTEGERS.end => {
                Ok(Value::Number(number))
            }
            _ => Err(E::custom(
                "holds a number beyond 64 bits; send it as a string",
            )),
        }
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(de::Error::custom(format_args!(
                    "holds `{name:.64}` twice in one object"
                )));
            }
            let Strict(value) = entries.next_value()?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::arbitrary;

    fn refusal(body: &str) -> String {
        read::<StrictObject>(body.as_bytes())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn strict_objects_refuse_what_other_tools_would_change() {
        assert_eq!(
            refusal(r#"{"a":{"b":1,"b":2}}"#),
            "a holds `b` twice in one object"
        );
        assert!(refusal(r#"{"a":[1e400]}"#).contains("number out of range"));
        assert!(refusal(r#"{"a":184467440737095516160}"#).starts_with("a holds a number beyond"));
        assert!(refusal(r#"{"a":-9223372036854775809}"#).starts_with("a holds a number beyond"));
        assert_eq!(refusal("[]"), "body must be an object");
        assert_eq!(refusal("5"), "body must be an object");
        assert_eq!(refusal(" \n"), "body must not be empty");
        assert!(refusal(r#"{"a":1} x"#).starts_with("body trailing characters"));
        assert!(
            refusal(&format!("{}{}", "{\"a\":".repeat(200), "}".repeat(200))).contains("recursion")
        );
    }

    #[test]
    fn a_struct_is_read_from_an_object_alone() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(expecting = "an object")]
        struct Pair {
            _a: Object<Inner>,
        }
        #[derive(Debug, serde::Deserialize)]
        #[serde(expecting = "an object")]
        struct Inner {
            _b: u8,
        }
        let refusal = |body: &str| read::<Pair>(body.as_bytes()).unwrap_err().to_string();
        assert_eq!(refusal("[[1]]"), "body must be an object");
        assert_eq!(refusal(r#"{"_a":[1]}"#), "_a must be an object");
        assert_eq!(refusal(r#"{"_a":{}}"#), "_a._b is missing");
    }

    #[test]
    fn a_field_without_a_name_is_refused_where_it_can_be_named() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Pair {
            _a: Object<Inner>,
        }
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Inner {}
        let refusal = |body: &str| read::<Pair>(body.as_bytes()).unwrap_err().to_string();
        assert_eq!(refusal(r#"{"":1}"#), "body must name each field");
        assert_eq!(refusal(r#"{"_a":{"":1}}"#), "body must name each field");
        assert_eq!(refusal(r#"{".":1}"#), ". is not known here");
        assert_eq!(refusal(r#"{"`":1}"#), "` is not known here");
    }

    #[test]
    fn strict_objects_keep_64_bit_integers_and_floats() {
        let text = r#"{"a":18446744073709551615,"b":-9223372036854775808,"c":0.1,"d":1.5e-7}"#;
        let StrictObject(object) = read(text.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&object).unwrap(), text);
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_a_refusal_names_a_field(
            body in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..64),
                r#"[{}\[\]:,"a0-9.eE+\\ -]{0,40}"#.prop_map(String::into_bytes),
            ],
        ) {
            if let Err(Error::Invalid { field, reason }) = read::<StrictObject>(&body) {
                prop_assert!(!field.is_empty() && field.chars().count() <= 2 * FIELD_MAX);
                prop_assert!(!reason.is_empty() && reason.len() <= 1_024);
            }
        }

        #[test]
        fn what_is_accepted_is_kept(object in arbitrary::object()) {
            let text = serde_json::to_string(&object).unwrap();
            let StrictObject(kept) = read(text.as_bytes()).unwrap();
            prop_assert_eq!(serde_json::to_string(&kept).unwrap(), text);
            prop_assert_eq!(kept, object);
        }

        #[test]
        fn a_name_given_twice_is_refused_at_any_depth(
            name in any::<String>(),
            object in arbitrary::object(),
            depth in 0..20_usize,
        ) {
            let name = serde_json::to_string(&name).unwrap();
            let twice = format!("{{{name}:{},{name}:1}}", Value::Object(object));
            let body = format!("{}{twice}{}", "{\"a\":[".repeat(depth), "]}".repeat(depth));
            let refused = read::<StrictObject>(body.as_bytes()).unwrap_err().to_string();
            let is_said = refused.ends_with("twice in one object") || refused.ends_with("is given twice");
            prop_assert!(is_said, "{refused}");
        }

        #[test]
        fn a_body_that_is_cut_anywhere_is_refused(object in arbitrary::object(), at in 0.0..1.0) {
            let text = serde_json::to_string(&object).unwrap();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "some place within a short text"
            )]
            let at = (text.len() as f64 * at) as usize;
            prop_assert!(read::<StrictObject>(&text.as_bytes()[..at]).is_err());
        }
    }
}
