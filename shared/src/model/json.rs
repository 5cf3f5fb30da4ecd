//! Reading JSON strictly: no duplicate names, no numbers that would change.
//!
//! A body is first read into a tree of values, and the tree then into a type.
//! Each refusal names its field, so that the caller can correct it.

use std::{cell::Cell, fmt};

use serde::de::{
    self, Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, Expected, IntoDeserializer,
    MapAccess, SeqAccess, Unexpected, Visitor,
    value::{MapDeserializer, SeqDeserializer},
};
use serde_json::{Map, Number, Value, de::SliceRead, value::RawValue};
use serde_path_to_error::{Path, Track};

use crate::model::Error;

/// Reads a whole body into `T`; `T` decides what it refuses.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    from_object(object(body)?)
}

/// Reads a whole body, which must be an object.
pub fn object(body: &[u8]) -> Result<Map<String, Value>, Error> {
    let fault = Cell::new(None);
    let value = whole(body, |json| {
        let mut track = Track::new();
        let json = serde_path_to_error::Deserializer::new(json, &mut track);
        Strict(&fault).deserialize(json).map_err(|error| {
            let fault = fault.take();
            fault.map_or_else(|| not_json(&error), |fault| fault.at(&track.path()))
        })
    })?;
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(Fault::must_be("an object").at_root()),
    }
}

/// Reads a whole body, an object whose only field is a list.
///
/// The items stay texts, so that each can be read and refused by itself.
pub fn list(body: &[u8], name: &'static str) -> Result<Vec<Box<RawValue>>, Error> {
    let Fields(fields) = whole(body, |json| {
        Fields::deserialize(json).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => Fault::must_be("an object").at_root(),
            _ => not_json(&error),
        })
    })?;
    let mut list = None;
    for (field, value) in fields {
        if field != name {
            return Err(unsupported(&field));
        }
        if list.replace(value).is_some() {
            return Err(Fault::GivenTwice(field).at_root());
        }
    }
    let list = list.ok_or_else(|| Fault::Missing(name).at_root())?;
    serde_json::from_str(list.get()).map_err(|_| Error::invalid(name, "must be a list"))
}

/// Reads an object into `T`.
pub fn from_object<T: DeserializeOwned>(object: Map<String, Value>) -> Result<T, Error> {
    serde_path_to_error::deserialize(Tree(Value::Object(object))).map_err(|error| {
        let path = error.path().clone();
        error.into_inner().at(&path)
    })
}

type Json<'a> = serde_json::Deserializer<SliceRead<'a>>;

/// Reads a body to its end.
fn whole<'a, T>(
    body: &'a [u8],
    read: impl FnOnce(&mut Json<'a>) -> Result<T, Error>,
) -> Result<T, Error> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Error::invalid("body", "must not be empty"));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = read(&mut json)?;
    json.end().map_err(|error| not_json(&error))?;
    Ok(value)
}

fn not_json(error: &serde_json::Error) -> Error {
    Error::invalid("body", format!("is not valid JSON: {error}"))
}

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
enum Fault {
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
    fn must_be(expected: impl fmt::Display) -> Self {
        Self::MustBe(expected.to_string())
    }

    fn at_root(self) -> Error {
        self.within(String::new())
    }

    /// The refusal of the value at a path.
    fn at(self, path: &Path) -> Error {
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

/// A strictly read value, from which any type can be deserialized.
///
/// It is stricter than `serde_json`'s own `Value`: a struct is only read from an
/// object, an enum only from a string, and an optional field must not be null.
struct Tree(Value);

impl<'de> Deserializer<'de> for Tree {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(number) => visit_number(&number, visitor),
            Value::String(text) => visitor.visit_string(text),
            Value::Array(items) => {
                visitor.visit_seq(SeqDeserializer::new(items.into_iter().map(Tree)))
            }
            Value::Object(fields) => {
                let fields = fields.into_iter().map(|(name, value)| (name, Tree(value)));
                visitor.visit_map(MapDeserializer::new(fields))
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::Object(_) => self.deserialize_any(visitor),
            _ => Err(Fault::must_be("an object")),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Value::Array(_) => self.deserialize_any(visitor),
            _ => Err(Fault::must_be("a list")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.0 {
            Value::String(word) => visitor.visit_enum(word.into_deserializer()),
            _ => Err(Fault::must_be("a string")),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string
        bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

/// Replaces `serde_json`'s own reading of a number, whose errors are only texts.
fn visit_number<'de, V: Visitor<'de>>(number: &Number, visitor: V) -> Result<V::Value, Fault> {
    if let Some(value) = number.as_u64() {
        visitor.visit_u64(value)
    } else if let Some(value) = number.as_i64() {
        visitor.visit_i64(value)
    } else {
        visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN))
    }
}

impl IntoDeserializer<'_, Fault> for Tree {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// The fields of an object in order, with their values as texts.
struct Fields(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = entries.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(FieldsVisitor)
    }
}

/// A struct that is only read from a JSON object.
///
/// A derived `Deserialize` also reads a struct from an array, by position.
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
/// It refuses a name that is given twice in one object, and a number outside the
/// 64-bit integers and floats: other tools would silently change them.
#[derive(Debug, Clone, PartialEq)]
pub struct StrictObject(pub Map<String, Value>);

impl<'de> Deserialize<'de> for StrictObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_map(Strict(&Cell::default()))? {
            Value::Object(object) => Ok(Self(object)),
            _ => Err(de::Error::custom("must be an object")),
        }
    }
}

/// Reads a value strictly, and keeps the reason if it refuses the value.
#[derive(Clone, Copy)]
struct Strict<'a>(&'a Cell<Option<Fault>>);

/// The numbers from -2^63 to 2^64, of which integers are kept exactly.
///
/// Beyond them an integer becomes a float, which loses the digits that were sent.
const INTEGERS: std::ops::Range<f64> = -9_223_372_036_854_775_808.0..18_446_744_073_709_551_616.0;

impl Strict<'_> {
    /// Keeps the fault beside the deserializer's error, which can't hold it.
    fn refuse<E: de::Error>(self, fault: Fault) -> E {
        let error = E::custom(&fault);
        self.0.set(Some(fault));
        error
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
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
            _ => {
                let reason = "holds a number beyond 64 bits; send it as a string";
                Err(self.refuse(Fault::Other(reason.to_owned())))
            }
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
        while let Some(item) = items.next_element_seed(self)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(self.refuse(Fault::GivenTwice(name)));
            }
            let value = entries.next_value_seed(self)?;
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
        object(body.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn strict_objects_refuse_what_other_tools_would_change() {
        assert_eq!(refusal(r#"{"a":{"b":1,"b":2}}"#), "a.b is given twice");
        assert!(refusal(r#"{"a":[1e400]}"#).contains("number out of range"));
        assert!(refusal(r#"{"a":184467440737095516160}"#).starts_with("a holds a number beyond"));
        assert!(refusal(r#"{"a":-9223372036854775809}"#).starts_with("a holds a number beyond"));
        assert_eq!(refusal("[]"), "body must be an object");
        assert_eq!(refusal("5"), "body must be an object");
        assert_eq!(refusal(" \n"), "body must not be empty");
        assert!(refusal(r#"{"a":1} x"#).starts_with("body is not valid JSON: trailing characters"));
        assert!(
            refusal(&format!("{}{}", "{\"a\":".repeat(200), "}".repeat(200))).contains("recursion")
        );
    }

    #[test]
    fn a_struct_is_read_from_an_object_alone() {
        #[derive(Debug, serde::Deserialize)]
        struct Pair {
            _a: Inner,
        }
        #[derive(Debug, serde::Deserialize)]
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
            _a: Inner,
        }
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Inner {}
        let refusal = |body: &str| read::<Pair>(body.as_bytes()).unwrap_err().to_string();
        assert_eq!(refusal(r#"{"":1}"#), "body must name each field");
        assert_eq!(refusal(r#"{"_a":{"":1}}"#), "body must name each field");
        assert_eq!(refusal(r#"{".":1}"#), ". is not supported");
        assert_eq!(refusal(r#"{"`":1}"#), "` is not supported");
    }

    #[test]
    fn strict_objects_keep_64_bit_integers_and_floats() {
        let text = r#"{"a":18446744073709551615,"b":-9223372036854775808,"c":0.1,"d":1.5e-7}"#;
        let object = object(text.as_bytes()).unwrap();
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
            if let Err(Error::Invalid { field, reason }) = object(&body) {
                prop_assert!(!field.is_empty());
                prop_assert!(!reason.is_empty() && reason.len() <= 1_024);
            }
        }

        #[test]
        fn no_refusal_grows_with_a_name(one in ".{0,300}", other in ".{0,300}") {
            let [one, other] = [one, other].map(|name| Value::from(name).to_string());
            let body = format!("{{{one}:{{{other}:1,{other}:2}}}}");
            let Err(Error::Invalid { field, .. }) = object(body.as_bytes()) else {
                panic!("{body} is accepted");
            };
            // Two names that were cut, each with its mark, and a dot.
            prop_assert!(field.chars().count() <= 2 * (FIELD_MAX + 1) + 1);
        }

        #[test]
        fn what_is_accepted_is_kept(sent in arbitrary::object()) {
            let text = serde_json::to_string(&sent).unwrap();
            let kept = object(text.as_bytes()).unwrap();
            prop_assert_eq!(serde_json::to_string(&kept).unwrap(), text.as_str());
            prop_assert_eq!(&kept, &sent);
            let StrictObject(kept) = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(kept, sent);
        }

        #[test]
        fn a_name_given_twice_is_refused_at_any_depth(
            name in any::<String>(),
            value in arbitrary::object(),
            depth in 0..20_usize,
        ) {
            let name = serde_json::to_string(&name).unwrap();
            let twice = format!("{{{name}:{},{name}:1}}", Value::Object(value));
            let body = format!("{}{twice}{}", "{\"a\":[".repeat(depth), "]}".repeat(depth));
            let refused = object(body.as_bytes()).unwrap_err().to_string();
            prop_assert!(refused.ends_with(" is given twice"), "{refused}");
            prop_assert!(serde_json::from_str::<StrictObject>(&body).is_err());
        }

        #[test]
        fn a_body_that_is_cut_anywhere_is_refused(sent in arbitrary::object(), at in 0.0..1.0) {
            let text = serde_json::to_string(&sent).unwrap();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "some place within a short text"
            )]
            let at = (text.len() as f64 * at) as usize;
            prop_assert!(object(&text.as_bytes()[..at]).is_err());
        }
    }
}
