//! The parameter `filter`: a condition, or several that must all be met.

use shared::{
    Error, Filter,
    model::{
        filter::Needle,
        json::{self, Map, Value},
    },
};

/// What one condition compares, and how.
///
/// Partner Center knows only these three.
const KNOWN: &str = "must be CompanyName with substring, or CustomerId or ResourceType with equals";

const OBJECT: &str = "must be a JSON object, percent-encoded as a whole, with no name twice";

/// Reads a filter; without a text it accepts everything.
pub(crate) fn read(text: &str) -> Result<Filter, Error> {
    let mut filter = Filter::default();
    let condition = match text.trim() {
        "" => Value::Null,
        text => json::parse(text).map_err(|_| invalid("filter", OBJECT))?,
    };
    match condition {
        Value::Null => {}
        Value::Object(condition) => add(&mut filter, &condition)?,
        _ => return Err(invalid("filter", OBJECT)),
    }
    Ok(filter)
}

/// Adds a condition to a filter, or the two that it joins.
fn add(filter: &mut Filter, condition: &Map) -> Result<(), Error> {
    let operator = plain(text(condition, "Operator")?);
    let left = member(condition, "LeftFilter")?;
    let right = member(condition, "RightFilter")?;
    if left.is_none() && right.is_none() {
        return add_one(filter, condition, &operator);
    }
    if operator != "and" {
        return Err(invalid(
            "filter.Operator",
            "must be and between two filters",
        ));
    }
    for name in ["Field", "Value"] {
        if member(condition, name)?.is_some() {
            let reason = "must be inside of LeftFilter or RightFilter";
            return Err(invalid(&format!("filter.{name}"), reason));
        }
    }
    for (name, side) in [("LeftFilter", left), ("RightFilter", right)] {
        let Some(Value::Object(side)) = side else {
            return Err(invalid(&format!("filter.{name}"), "must be an object"));
        };
        add(filter, side)?;
    }
    Ok(())
}

fn add_one(filter: &mut Filter, condition: &Map, operator: &str) -> Result<(), Error> {
    let field = text(condition, "Field")?;
    let value = text(condition, "Value")?;
    let place = match (plain(field).as_str(), operator) {
        ("companyname", "substring") => &mut filter.customer,
        ("customerid", "equals") => &mut filter.customer_id_in_any_case,
        ("resourcetype", "equals") => &mut filter.resource_type_in_any_case,
        _ => return Err(invalid("filter", KNOWN)),
    };
    let value = Needle::try_from(value.to_owned());
    let value = value.map_err(|reason| invalid("filter.Value", reason))?;
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(invalid("filter.Field", "must not be the same twice")),
    }
}

/// A member of an object that must be a text.
fn text<'a>(object: &'a Map, name: &str) -> Result<&'a str, Error> {
    match member(object, name)? {
        Some(Value::String(text)) => Ok(text),
        _ => Err(invalid(&format!("filter.{name}"), "must be a text")),
    }
}

/// A member of an object; Partner Center does not look at the case of its name.
fn member<'a>(object: &'a Map, name: &str) -> Result<Option<&'a Value>, Error> {
    let is_named = |(other, _): &(&String, _)| other.eq_ignore_ascii_case(name);
    let mut found = object.iter().filter(is_named).map(|(_, value)| value);
    let first = found.next();
    match found.next() {
        None => Ok(first.filter(|value| **value != Value::Null)),
        Some(_) => Err(invalid(&format!("filter.{name}"), "is given twice")),
    }
}

/// A name without case, as `SubString` and `not_equals` are written in several ways.
fn plain(name: &str) -> String {
    name.replace('_', "").to_ascii_lowercase()
}

fn invalid(field: &str, reason: &str) -> Error {
    Error::invalid(field, reason)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Filter, String> {
        super::read(text).map_err(|error| error.to_string())
    }

    fn needle(text: &str) -> Needle {
        text.to_owned().try_into().unwrap()
    }

    #[test]
    fn a_condition_is_read_in_each_casing_that_programs_send() {
        let expected = Filter {
            resource_type_in_any_case: Some(needle("Order")),
            ..Filter::default()
        };
        for text in [
            r#"{"Field":"ResourceType","Value":"Order","Operator":"equals"}"#,
            r#"{"operator":"Equals","fieldType":"x","field":"ResourceType","value":"Order"}"#,
            r#"{"FIELD":"resource_type","Value":"Order","Operator":"EQUALS","LeftFilter":null}"#,
        ] {
            assert_eq!(read(text).unwrap(), expected, "{text}");
        }
        assert_eq!(read("").unwrap(), Filter::default());
        assert_eq!(read("null").unwrap(), Filter::default());
    }

    #[test]
    fn two_conditions_must_both_be_met() {
        let text = r#"{"LeftFilter":{"Field":"CompanyName","Value":"bri","Operator":"substring"},
            "Operator":"and",
            "RightFilter":{"Field":"CustomerId","Value":"C-1","Operator":"equals"}}"#;
        let expected = Filter {
            customer: Some(needle("bri")),
            customer_id_in_any_case: Some(needle("C-1")),
            ..Filter::default()
        };
        assert_eq!(read(text).unwrap(), expected);
    }

    fn one(field: &str, operator: &str) -> String {
        format!(r#"{{"Field":"{field}","Value":"a","Operator":"{operator}"}}"#)
    }

    fn joined(operator: &str) -> String {
        let side = one("CustomerId", "equals");
        format!(r#"{{"LeftFilter":{side},"RightFilter":{side},"Operator":"{operator}"}}"#)
    }

    #[test]
    fn a_condition_that_is_not_known_names_what_is_wrong() {
        let object = format!("filter {OBJECT}");
        let known = format!("filter {KNOWN}");
        for (text, reason) in [
            (r#"{"Field":"CompanyName","Value":"A "#, &*object),
            ("[]", &object),
            (r#"{"Operator":"equals","Operator":"and"}"#, &object),
            (
                r#"{"Operator":"equals","operator":"and"}"#,
                "filter.Operator is given twice",
            ),
            ("{}", "filter.Operator must be a text"),
            (r#"{"Operator":"equals"}"#, "filter.Field must be a text"),
            (
                r#"{"Operator":"equals","Field":"CustomerId","Value":7}"#,
                "filter.Value must be a text",
            ),
            (
                r#"{"Operator":"equals","Field":"CustomerId","Value":""}"#,
                "filter.Value must not be empty",
            ),
            (&one("CompanyName", "equals"), &known),
            (&one("UserId", "equals"), &known),
        ] {
            assert_eq!(read(text).unwrap_err(), reason, "{text}");
        }
    }

    #[test]
    fn no_part_of_a_join_is_ignored() {
        let and = joined("and");
        for (text, reason) in [
            (
                joined("or"),
                "filter.Operator must be and between two filters",
            ),
            (and.clone(), "filter.Field must not be the same twice"),
            (
                and.replacen('{', r#"{"Field":"CustomerId","#, 1),
                "filter.Field must be inside of LeftFilter or RightFilter",
            ),
            (
                and.replacen('{', r#"{"value":"a","#, 1),
                "filter.Value must be inside of LeftFilter or RightFilter",
            ),
            (
                r#"{"Operator":"and","LeftFilter":"a","RightFilter":"b"}"#.to_owned(),
                "filter.LeftFilter must be an object",
            ),
            (
                and.replace("RightFilter", "Right"),
                "filter.RightFilter must be an object",
            ),
            (
                joined("equals").replace("RightFilter", "Right"),
                "filter.Operator must be and between two filters",
            ),
        ] {
            assert_eq!(read(&text).unwrap_err(), reason, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let _ = read(&text);
        }
    }
}
