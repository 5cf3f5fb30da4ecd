//! Reading JSON strictly: no duplicate names, no numbers that would change.
//!
//! A body is first read into a tree of values, and the tree then into a type.
//! Each refusal names its field, so that the caller can correct it.

mod fault;
mod strict;
mod tree;

use std::{cell::Cell, fmt};

use serde::de::{Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value, de::SliceRead, value::RawValue};
use serde_path_to_error::Track;

pub(crate) use self::fault::{FIELD_MAX, short, unsupported};
use self::{fault::Fault, strict::Strict, tree::Tree};
pub use self::{
    fault::one_of,
    strict::{Object, StrictObject},
};
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
