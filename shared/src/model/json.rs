//! Reading requests strictly: no duplicate names, no number that changes.
//!
//! A body is first read into a tree of values, and the tree then into a type.
//! A refusal names each field that is wrong, so that the caller can correct them.

mod fault;
mod fields;
mod number;
mod object;
mod reader;
mod value;

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

pub(crate) use self::fault::{FIELD_MAX, short, unsupported};
use self::fault::{Faults, Path};
pub use self::{
    fault::one_of,
    fields::Fields,
    number::Number,
    object::Object,
    value::{Map, Value},
};
use crate::model::Error;

/// Reads a whole body, which must be an object, into what `read` makes of its fields.
///
/// A field that `read` leaves is refused.
pub fn read<T>(body: &[u8], read: impl FnOnce(&mut Fields<'_>) -> Option<T>) -> Result<T, Error> {
    let text = text(body)?;
    with_faults(|faults| {
        let value = reader::read(text, faults)?;
        read_fields(value, Path::default(), faults, read)
    })
}

/// Reads the parameters of a query, of which those in `repeatable` may be repeated.
pub(crate) fn read_query<T>(
    query: Vec<(String, String)>,
    repeatable: &[&str],
    read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
) -> Result<T, Error> {
    with_faults(|faults| {
        let mut parameters = Map::new();
        for (name, text) in query {
            let text = Value::String(text);
            match parameters.get_mut(&name) {
                Some(Value::Array(list)) => list.push(text),
                Some(_) => faults.add(&Path::default().field(&name), "is given twice"),
                None => {
                    let may_repeat = repeatable.contains(&name.as_str());
                    let value = if may_repeat {
                        Value::Array(vec![text])
                    } else {
                        text
                    };
                    parameters.insert(name, value);
                }
            }
        }
        let path = Path::of_query();
        read_fields(Value::Object(parameters), path, faults, read)
    })
}

/// Reads any JSON text strictly.
pub fn parse(text: &str) -> Result<Value, Error> {
    with_faults(|faults| reader::read(text, faults))
}

/// Reads a whole body, an object whose only field is a list of 1 to `max` items.
///
/// The items stay texts, so that each can be read and refused by itself.
pub fn list<'a>(body: &'a [u8], name: &str, max: usize) -> Result<Vec<&'a RawValue>, Error> {
    let text = text(body)?;
    let Entries(fields) = match serde_json::from_str(text) {
        Ok(entries) => entries,
        // The own reader names what is wrong with a text that is no JSON.
        Err(error) if !error.is_data() => return Err(unreadable(text)),
        Err(_) => return Err(Error::invalid("body", "must be an object")),
    };
    with_faults(|faults| {
        let path = Path::default().field(name);
        let mut list = None;
        for (field, value) in fields {
            if field != name {
                faults.add_unsupported(&Path::default(), &field);
            } else if list.replace(value).is_some() {
                faults.add(&path, "is given twice");
            }
        }
        let items = match list.map(|list| serde_json::from_str::<Vec<&RawValue>>(list.get())) {
            None => Err("is missing".to_owned()),
            Some(Err(_)) => Err("must be a list".to_owned()),
            Some(Ok(items)) if (1..=max).contains(&items.len()) => Ok(items),
            Some(Ok(_)) => Err(format!("must have 1 to {max} items")),
        };
        items.map_err(|reason| faults.add(&path, reason)).ok()
    })
}

fn unreadable(text: &str) -> Error {
    let error = parse(text).err();
    error.unwrap_or_else(|| Error::invalid("body", "must be an object"))
}

/// What was made, or the faults that were found meanwhile.
fn with_faults<T>(make: impl FnOnce(&mut Faults) -> Option<T>) -> Result<T, Error> {
    let mut faults = Faults::default();
    let value = make(&mut faults);
    if !faults.is_empty() {
        return Err(faults.into());
    }
    Ok(value.expect("what can't be made leaves a fault"))
}

fn read_fields<T>(
    value: Value,
    path: Path,
    faults: &mut Faults,
    read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
) -> Option<T> {
    let mut fields = Fields::of(value, path, faults)?;
    let made = read(&mut fields);
    fields.finish();
    made
}

/// A body as text, without a byte order mark.
fn text(body: &[u8]) -> Result<&str, Error> {
    let invalid = |reason: &str| Error::invalid("body", reason);
    if body.starts_with(b"\xff\xfe") || body.starts_with(b"\xfe\xff") {
        return Err(invalid("is UTF-16; send UTF-8"));
    }
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(invalid("must not be empty"));
    }
    str::from_utf8(body).map_err(|error| {
        let place = error.valid_up_to();
        invalid(&format!("must be UTF-8; after {place} bytes it is not"))
    })
}

/// The fields of an object in order, with their values as texts.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;

        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut entries: A,
            ) -> Result<Entries<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = entries.next_entry()? {
                    fields.push(field);
                }
                Ok(Entries(fields))
            }
        }

        deserializer.deserialize_map(EntriesVisitor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{arbitrary, error::FieldError};

    /// Reads any object.
    fn object(body: &[u8]) -> Result<Value, Error> {
        let value = parse(text(body)?)?;
        match value {
            Value::Object(_) => Ok(value),
            _ => Err(Error::invalid("body", "must be an object")),
        }
    }

    fn refusal(body: &str) -> String {
        object(body.as_bytes()).unwrap_err().to_string()
    }

    /// Every field that a refusal names, with its reason.
    fn faults(error: Error) -> Vec<String> {
        match error {
            Error::InvalidFields(faults) => faults.iter().map(ToString::to_string).collect(),
            one => vec![one.to_string()],
        }
    }

    #[test]
    fn strict_objects_refuse_what_other_tools_would_change() {
        assert_eq!(refusal(r#"{"a":{"b":1,"b":2}}"#), "a.b is given twice");
        assert_eq!(refusal("[]"), "body must be an object");
        assert_eq!(refusal("5"), "body must be an object");
        assert_eq!(refusal(" \n"), "body must not be empty");
        assert!(refusal(r#"{"a":1} x"#).starts_with("body is not valid JSON: trailing characters"));
        let long = format!(r#"{{"a":[1,{}]}}"#, "7".repeat(1_001));
        assert!(refusal(&long).starts_with("a[1] must have at most 1000 characters"));
    }

    #[test]
    fn what_is_nested_too_deep_is_refused_and_nothing_else_is_said_about_it() {
        let nested = |depth| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
        assert!(object(nested(127).as_bytes()).is_ok());
        assert!(refusal(&nested(128)).ends_with(" is nested more than 127 levels deep"));
        let lists = format!(r#"{{"a":{}{}}}"#, "[".repeat(200_000), "]".repeat(200_000));
        assert!(refusal(&lists).ends_with(" is nested more than 127 levels deep"));
    }

    #[test]
    fn half_of_a_surrogate_pair_is_refused_with_its_field() {
        let half = r"must not have half of a surrogate pair, such as \ud800";
        for text in [r"\ud800", r"a\udc00", r"\ud83dx", r"\udc00\ud83d"] {
            let body = format!(r#"{{"a":{{"b":["x","{text}"]}}}}"#);
            assert_eq!(refusal(&body), format!("a.b[1] {half}"));
            let name = format!(r#"{{"a":{{"{text}":1}}}}"#);
            assert_eq!(refusal(&name), format!("a {half}"));
        }
        let whole = parse(r#""\ud83d\ude00 \u0000 \" \\""#).unwrap();
        assert_eq!(whole, Value::String("😀 \0 \" \\".to_owned()));
    }

    #[test]
    fn a_body_may_have_a_byte_order_mark_and_is_utf_8() {
        let one = Value::Object(Map::from([("a".to_owned(), Value::Bool(true))]));
        assert_eq!(object(b"\xef\xbb\xbf{\"a\":true}").unwrap(), one);
        let refusal = |body: &[u8]| object(body).unwrap_err().to_string();
        assert_eq!(refusal(b"\xef\xbb\xbf"), "body must not be empty");
        assert_eq!(refusal(b"\xff\xfe{\0}\0"), "body is UTF-16; send UTF-8");
        assert_eq!(
            refusal(b"{\"a\":\"\xe9\"}"),
            "body must be UTF-8; after 6 bytes it is not"
        );
        let items = list(b"\xef\xbb\xbf{\"items\":[1]}", "items", 9).unwrap();
        assert_eq!(items.len(), 1);
    }

    #[test]
    fn every_fault_is_named_up_to_twenty() {
        let body = br#"{"a":{"b":1,"b":2},"c":"\ud800","d":5,"":1,"z":{}}"#;
        let refused = read(body, |fields| {
            fields.optional::<String>("c");
            fields.optional::<String>("d");
            fields.required::<String>("e");
            Some(())
        });
        let wanted = [
            "a.b is given twice",
            r"c must not have half of a surrogate pair, such as \ud800",
            "d must be a string",
            "e is missing",
            "body must name each field",
            "a is not supported",
            "z is not supported",
        ];
        assert_eq!(faults(refused.unwrap_err()), wanted);
        let many: Vec<_> = (0..50).map(|place| format!("\"{place}\":1")).collect();
        let many = read(format!("{{{}}}", many.join(",")).as_bytes(), |_| Some(()));
        assert_eq!(faults(many.unwrap_err()).len(), 20);
    }

    #[test]
    fn all_names_of_a_refusal_together_are_bounded() {
        let names = (0..20).map(|place| format!("\"{place:300}\":1"));
        let body = format!("{{{}}}", names.collect::<Vec<_>>().join(","));
        let refused = read(body.as_bytes(), |_| Some(())).unwrap_err();
        let bytes: usize = faults(refused).iter().map(String::len).sum();
        assert!(bytes < 5_000, "{bytes}");
    }

    #[test]
    fn a_list_is_refused_with_all_its_faults() {
        let refused = |body: &str| faults(list(body.as_bytes(), "items", 2).unwrap_err());
        assert_eq!(
            refused(r#"{"items":[],"items":[],"a":1,"b":2}"#),
            [
                "items is given twice",
                "a is not supported",
                "b is not supported"
            ]
        );
        assert_eq!(refused("{}"), ["items is missing"]);
        assert_eq!(refused(r#"{"items":null}"#), ["items must be a list"]);
        let count = "items must have 1 to 2 items";
        let unknown = "x is not supported";
        assert_eq!(refused(r#"{"items":[],"x":1}"#), [unknown, count]);
        assert_eq!(refused(r#"{"items":[1,2,3],"x":1}"#), [unknown, count]);
        assert_eq!(
            refused(r#"{"items":5,"x":1}"#),
            [unknown, "items must be a list"]
        );
        let surrogate = r"body must not have half of a surrogate pair, such as \ud800";
        assert_eq!(refused(r#"{"\ud800":1,"items":[]}"#), [surrogate]);
        assert_eq!(refused("[1]"), ["body must be an object"]);
        assert_eq!(refused(r#"[{"a":1,"a":2}]"#), ["body must be an object"]);
    }

    #[test]
    fn a_field_without_a_name_is_refused_where_it_can_be_named() {
        let refusal = |body: &str| {
            let read = read(body.as_bytes(), |fields| {
                fields.optional_object("a", |_| Some(()));
                Some(())
            });
            read.unwrap_err().to_string()
        };
        assert_eq!(refusal(r#"{"":1}"#), "body must name each field");
        assert_eq!(refusal(r#"{"a":{"":1}}"#), "body must name each field");
        assert_eq!(refusal(r#"{".":1}"#), ". is not supported");
        assert_eq!(refusal(r#"{"`":1}"#), "` is not supported");
        assert_eq!(refusal(r#"{"a":[1]}"#), "a must be an object");
    }

    #[test]
    fn a_number_is_kept_as_it_was_sent() {
        let text = r#"{"a":18446744073709551616,"b":-9223372036854775809,"c":0.10,"d":1.5E-7,"e":1e400,"f":-0.0}"#;
        assert_eq!(object(text.as_bytes()).unwrap().to_string(), text);
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_a_refusal_names_a_field(
            body in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..64),
                r#"[{}\[\]:,"a0-9.eE+\\ -]{0,40}"#.prop_map(String::into_bytes),
            ],
        ) {
            let faults = match object(&body) {
                Err(Error::Invalid { field, reason }) => vec![FieldError { field, reason }],
                Err(Error::InvalidFields(faults)) => faults,
                _ => Vec::new(),
            };
            for fault in faults {
                prop_assert!(!fault.field.is_empty());
                prop_assert!(!fault.reason.is_empty() && fault.reason.len() <= 1_024);
            }
        }

        #[test]
        fn no_refusal_grows_with_a_name(one in ".{0,300}", other in ".{0,300}") {
            let [one, other] = [one, other].map(|name| Value::String(name).to_string());
            let body = format!("{{{one}:{{{other}:1,{other}:2}}}}");
            let Err(Error::Invalid { field, .. }) = object(body.as_bytes()) else {
                panic!("{body} is accepted");
            };
            // Two names that were cut, each with its mark, and a dot.
            prop_assert!(field.chars().count() <= 2 * (FIELD_MAX + 1) + 1);
        }

        #[test]
        fn what_is_accepted_is_kept(sent in arbitrary::object()) {
            let text = sent.to_string();
            let kept = parse(&text).unwrap();
            prop_assert_eq!(kept.to_string(), text);
            prop_assert_eq!(kept, sent);
        }

        #[test]
        fn a_value_is_read_as_others_read_it(text in r#"[{}\[\]:,"a0-9.eE+\\u -]{0,40}|\{("[a-c\\n]{1,2}":(1|"[\\u0d8-]{6}"|\[[1-9], null\]),?){1,3}\}"#) {
            let theirs: Result<serde_json::Value, _> = serde_json::from_str(&text);
            let ours = parse(&text);
            if let (Ok(theirs), Ok(ours)) = (&theirs, &ours) {
                let ours: serde_json::Value = serde_json::from_str(&ours.to_string()).unwrap();
                prop_assert_eq!(&ours, theirs);
            }
            if theirs.is_ok() && let Err(refused) = ours {
                prop_assert!(refused.to_string().ends_with("is given twice"), "{refused}");
            } else if let Err(theirs) = theirs && ours.is_ok() {
                prop_assert!(theirs.to_string().starts_with("number out of range"), "{theirs}");
            }
        }

        #[test]
        fn a_name_given_twice_is_refused_at_any_depth(
            name in any::<String>(),
            value in arbitrary::object(),
            depth in 0..20_usize,
        ) {
            let name = serde_json::to_string(&name).unwrap();
            let twice = format!("{{{name}:{value},{name}:1}}");
            let body = format!("{}{twice}{}", "{\"a\":[".repeat(depth), "]}".repeat(depth));
            let refused = object(body.as_bytes()).unwrap_err().to_string();
            prop_assert!(refused.ends_with(" is given twice"), "{refused}");
        }

        #[test]
        fn a_body_that_is_cut_anywhere_is_refused(sent in arbitrary::object(), at in 0.0..1.0) {
            let text = sent.to_string();
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
