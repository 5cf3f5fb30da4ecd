//! The parameter `filter`: a condition, or several that must all be met.

use serde_json::{Map, Value};
use shared::{Error, Filter, model::filter::Needle};

/// What one condition compares, and how.
///
/// Partner Center knows only these three.
const KNOWN: &str = "must be CompanyName with substring, or CustomerId or ResourceType with equals";

/// Reads a filter; without a text it accepts everything.
pub(crate) fn read(text: &str) -> Result<Filter, Error> {
    let mut filter = Filter::default();
    let condition = match text.trim() {
        "" => Value::Null,
        text => serde_json::from_str(text).map_err(|_| {
            invalid(
                "filter",
                "must be a JSON object, percent-encoded as a whole",
            )
        })?,
    };
    match condition {
        Value::Null => {}
        Value::Object(condition) => add(&mut filter, &condition)?,
        _ => return Err(invalid("filter", "must be a JSON object")),
    }
    Ok(filter)
}

/// Adds a condition to a filter, or the two that it joins.
fn add(filter: &mut Filter, condition: &Map<String, Value>) -> Result<(), Error> {
    let both = ["LeftFilter", "RightFilter"].map(|name| member(condition, name));
    let operator = member(condition, "Operator").and_then(Value::as_str);
    let operator = operator.ok_or_else(|| invalid("filter.Operator", "must be a text"))?;
    let operator = plain(operator);
    let [Some(Value::Object(left)), Some(Value::Object(right))] = both else {
        return add_one(filter, condition, &operator);
    };
    if operator != "and" {
        return Err(invalid(
            "filter.Operator",
            "must be and between two filters",
        ));
    }
    add(filter, left)?;
    add(filter, right)
}

fn add_one(
    filter: &mut Filter,
    condition: &Map<String, Value>,
    operator: &str,
) -> Result<(), Error> {
    let text = |name: &str| member(condition, name).and_then(Value::as_str);
    let field = text("Field").ok_or_else(|| invalid("filter.Field", "must be a text"))?;
    let value = text("Value").ok_or_else(|| invalid("filter.Value", "must be a text"))?;
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

/// A member of an object; Partner Center does not look at the case of its name.
fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let found = object
        .iter()
        .find(|(other, _)| other.eq_ignore_ascii_case(name));
    found
        .map(|(_, value)| value)
        .filter(|value| !value.is_null())
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

    #[test]
    fn a_condition_that_is_not_known_names_what_is_wrong() {
        let one = |field: &str, operator: &str| {
            format!(r#"{{"Field":"{field}","Value":"a","Operator":"{operator}"}}"#)
        };
        let joined = |operator: &str| {
            let (left, right) = (one("CustomerId", "equals"), one("CustomerId", "equals"));
            format!(r#"{{"LeftFilter":{left},"RightFilter":{right},"Operator":"{operator}"}}"#)
        };
        for (text, reason) in [
            (
                r#"{"Field":"CompanyName","Value":"A "#.to_owned(),
                "filter must be a JSON object, percent-encoded as a whole",
            ),
            ("[]".to_owned(), "filter must be a JSON object"),
            ("{}".to_owned(), "filter.Operator must be a text"),
            (
                r#"{"Operator":"equals"}"#.to_owned(),
                "filter.Field must be a text",
            ),
            (
                r#"{"Operator":"equals","Field":"CustomerId","Value":7}"#.to_owned(),
                "filter.Value must be a text",
            ),
            (
                r#"{"Operator":"equals","Field":"CustomerId","Value":""}"#.to_owned(),
                "filter.Value must not be empty",
            ),
            (one("CompanyName", "equals"), &format!("filter {KNOWN}")),
            (one("UserId", "equals"), &format!("filter {KNOWN}")),
            (
                joined("or"),
                "filter.Operator must be and between two filters",
            ),
            (joined("and"), "filter.Field must not be the same twice"),
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
