//! The one form in which a JSON value is hashed.

use std::{cmp::Ordering, fmt};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::Error;

/// The most levels of objects and lists, as the service accepts them.
const DEPTH_MAX: usize = 127;

/// The canonical form of a JSON text: RFC 8785, but a number keeps its characters.
///
/// There is no space between the parts. Names are sorted by their UTF-16 code units,
/// and a character is only escaped where JSON demands it. RFC 8785 writes a number as
/// ECMAScript does, which would change `1.10` and any number of more than 17 digits.
/// A text with a name given twice, with half of a surrogate pair, or nested more than
/// 127 levels deep has no canonical form.
pub fn canonical(json: &str) -> Result<String, Error> {
    let mut out = Vec::with_capacity(json.len());
    write_json(json, &mut out)?;
    Ok(String::from_utf8(out).expect("parts of texts between ASCII characters are a text"))
}

/// Writes the canonical form of a JSON text.
pub(crate) fn write_json(json: &str, out: &mut Vec<u8>) -> Result<(), Error> {
    write_value(parse(json)?, DEPTH_MAX, out)
}

fn parse<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, Error> {
    serde_json::from_str(json).map_err(|error| Error::json(format!("is not valid: {error}")))
}

fn write_value(json: &RawValue, depth: usize, out: &mut Vec<u8>) -> Result<(), Error> {
    let json = json.get();
    let inner = || {
        let too_deep = || Error::json("is nested more than 127 levels deep");
        depth.checked_sub(1).ok_or_else(too_deep)
    };
    match json.as_bytes().first() {
        Some(b'{') => write_object(json, inner()?, out),
        Some(b'[') => write_list(json, inner()?, out),
        Some(b'"') => {
            write_text(&parse::<String>(json)?, out);
            Ok(())
        }
        // A number, `true`, `false` or `null`.
        _ => {
            out.extend_from_slice(json.as_bytes());
            Ok(())
        }
    }
}

fn write_list(json: &str, depth: usize, out: &mut Vec<u8>) -> Result<(), Error> {
    out.push(b'[');
    for (place, item) in parse::<Vec<&RawValue>>(json)?.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_value(item, depth, out)?;
    }
    out.push(b']');
    Ok(())
}

fn write_object(json: &str, depth: usize, out: &mut Vec<u8>) -> Result<(), Error> {
    out.push(b'{');
    for (place, (name, value)) in fields(json)?.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_text(&name, out);
        out.push(b':');
        write_value(value, depth, out)?;
    }
    out.push(b'}');
    Ok(())
}

/// Writes a text with its quotes; only `"`, `\` and control characters are escaped.
pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("a text can always be written into memory");
}

/// The fields of an object in canonical order, with their values as they are written.
pub(crate) fn fields(json: &str) -> Result<Vec<(String, &RawValue)>, Error> {
    let Fields(mut fields) = parse(json)?;
    fields.sort_by(|(one, _), (other, _)| by_utf16(one, other));
    let twice = |pair: &&[(String, &RawValue)]| matches!(pair, [one, other] if one.0 == other.0);
    match fields.windows(2).find(twice) {
        Some(_) => Err(Error::json("has an object that gives a name twice")),
        None => Ok(fields),
    }
}

/// The order of RFC 8785, which is not that of UTF-8 from U+E000 on.
pub(crate) fn by_utf16(one: &str, other: &str) -> Ordering {
    one.encode_utf16().cmp(other.encode_utf16())
}

/// An object's fields in the order of the text.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
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

    fn refusal(json: &str) -> String {
        canonical(json).unwrap_err().to_string()
    }

    /// Section 3.2.3 of RFC 8785: `דּ` comes last, though its code point does not.
    #[test]
    fn names_are_sorted_by_utf16_code_units() {
        let json = r#"{
            "\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh",
            "1": "One", "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control",
            "\u00f6": "Latin Small Letter O With Diaeresis" }"#;
        let wanted = "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\
            \"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",\
            \"😀\":\"Emoji: Grinning Face\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}";
        assert_eq!(canonical(json).unwrap(), wanted);
    }

    /// Section 3.2.2 of RFC 8785, whose numbers alone would be written otherwise.
    #[test]
    fn a_text_is_escaped_where_it_must_be_and_a_number_keeps_its_characters() {
        let json = r#"{
            "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
            "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
            "literals": [null, true, false] }"#;
        let wanted = r#"{"literals":[null,true,false],"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"€$\u000f\nA'B\"\\\\\"/"}"#;
        assert_eq!(canonical(json).unwrap(), wanted);
    }

    #[test]
    fn names_are_sorted_at_every_level_and_by_no_language() {
        for (json, wanted) in [
            (
                r#"{"1":{"f":{"f":"hi","F":5},"\n":56},"10":{},"":"empty","a":{},"111":[{"e":"yes","E":"no"}],"A":{}}"#,
                r#"{"":"empty","1":{"\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{"E":"no","e":"yes"}],"A":{},"a":{}}"#,
            ),
            (
                r#"{"peach":1,"péché":2,"pêche":3,"sin":4}"#,
                r#"{"peach":1,"péché":2,"pêche":3,"sin":4}"#,
            ),
            ("\"A\\u030a\"", "\"A\u{30a}\""),
            (
                "\"\\b\\t\\n\\f\\r\\u001F\\u007f\\u2028\"",
                "\"\\b\\t\\n\\f\\r\\u001f\u{7f}\u{2028}\"",
            ),
            (" -0.0 ", "-0.0"),
        ] {
            assert_eq!(canonical(json).unwrap(), wanted);
        }
    }

    #[test]
    fn what_two_readers_could_read_in_two_ways_is_refused() {
        assert_eq!(
            refusal(r#"{"a":[{"b":1,"\u0062":1}]}"#),
            "the JSON text has an object that gives a name twice"
        );
        for json in [
            r#""\ud800""#,
            r#"{"a":"\udc00\ud83d"}"#,
            "01",
            "1.",
            "NaN",
            "[1,]",
            "{}x",
            "",
        ] {
            assert!(
                refusal(json).starts_with("the JSON text is not valid: "),
                "{json}"
            );
        }
        let nested = |depth| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(canonical(&nested(127)).is_ok());
        assert_eq!(
            refusal(&nested(128)),
            "the JSON text is nested more than 127 levels deep"
        );
        assert!(canonical(&nested(200_000)).is_err());
    }

    proptest! {
        #[test]
        fn a_canonical_text_means_the_same_and_stays_as_it_is(
            json in r#"[{}\[\]:,"a0-9.eE+\\u -]{0,30}|\{("[a-f\u{e000}\u{10000}\\n]{1,3}":(1.50|"[\\nü"]{0,3}"|\[[1-9], null\]|\{\}),? ?){0,3}\}"#,
        ) {
            if let Ok(form) = canonical(&json) {
                let read = |json: &str| serde_json::from_str::<serde_json::Value>(json).ok();
                prop_assert_eq!(read(&form), read(&json));
                prop_assert_eq!(canonical(&form).unwrap(), form);
            }
        }

        #[test]
        fn any_text_comes_back(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            let form = canonical(&json).unwrap();
            prop_assert_eq!(serde_json::from_str::<String>(&form).unwrap(), text);
        }
    }
}
