//! A record as an entry.

use serde_json::{Map, Value};

use crate::{REST, Record, back::record};

/// What a record without a customer, or a resource without an id, is about.
const NOBODY: &str = "-";

/// An entry of the log, as texts that the log accepts or refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The moment, in UTC with three decimals, such as `2020-09-02T23:26:19.775Z`.
    pub occurred_at: String,
    /// What was done.
    pub action: String,
    /// How it ended: `succeeded`, `failed`, `in_progress` or `declined`.
    pub outcome: String,
    /// The customer; none in an entry of the service itself. Without a name it was erased.
    pub customer: Option<Party>,
    /// Who acted.
    pub actor: Actor,
    /// What was acted on.
    pub resource: Option<Resource>,
    /// The correlation id.
    pub correlation_id: Option<String>,
    /// The details.
    pub details: Map<String, Value>,
}

/// A customer: the id, and the name unless it was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct Party {
    pub id: String,
    pub name: Option<String>,
}

/// Who acted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct Actor {
    pub id: String,
    pub name: String,
    pub is_user: bool,
}

/// What was acted on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct Resource {
    pub r#type: String,
    pub id: String,
}

/// The entry of a record that happened at a moment; an error names the field and the reason.
///
/// `occurred_at` is the record's `operationDate`, cut to three decimals.
pub fn entry(source: &Record, occurred_at: &str) -> Result<Entry, String> {
    let text = |name: &str| text(source, name);
    let operation = text("operationType").ok_or("operationType is missing")?;
    let mut entry = Entry {
        occurred_at: occurred_at.to_owned(),
        action: action(operation),
        outcome: outcome(text("operationStatus"))?.to_owned(),
        customer: Some(customer(source)),
        actor: actor(source),
        resource: resource(source),
        correlation_id: text("originalCorrelationId").map(str::to_owned),
        details: details(source),
    };
    let mut given = record(&entry, "", "");
    // These are not of the entry, so a record that has them keeps its own.
    given.remove("id");
    given.remove("partnerId");
    let rest = rest(source, &given);
    if !rest.is_empty() {
        entry.details.insert(REST.to_owned(), rest.into());
    }
    Ok(entry)
}

/// A text that is not empty.
fn text<'a>(source: &'a Record, name: &str) -> Option<&'a str> {
    let text = source.get(name)?.as_str();
    text.filter(|text| !text.is_empty())
}

/// An action as the log has it: `Create order` becomes `create_order`.
pub fn action(text: &str) -> String {
    let mut action = String::new();
    for c in text.trim().chars() {
        let c = c.to_ascii_lowercase();
        match c {
            'a'..='z' | '0'..='9' | '.' | '_' | '-' => action.push(c),
            _ if action.ends_with('_') => {}
            _ => action.push('_'),
        }
    }
    action.trim_end_matches('_').to_owned()
}

fn outcome(status: Option<&str>) -> Result<&'static str, String> {
    match status.map(str::to_ascii_lowercase).as_deref() {
        None | Some("succeeded") => Ok("succeeded"),
        Some("failed") => Ok("failed"),
        Some("progress") => Ok("in_progress"),
        Some("decline") => Ok("declined"),
        Some(other) => Err(format!("operationStatus: {other:?} is unknown")),
    }
}

fn customer(source: &Record) -> Party {
    let id = text(source, "customerId").unwrap_or(NOBODY);
    let name = text(source, "customerName").unwrap_or(id);
    Party {
        id: id.to_owned(),
        name: Some(name.to_owned()),
    }
}

/// A person, or without one the application.
fn actor(source: &Record) -> Actor {
    let user = text(source, "userPrincipalName");
    let id = user.or_else(|| text(source, "applicationId"));
    let id = id.unwrap_or("unknown").to_owned();
    Actor {
        name: id.clone(),
        id,
        is_user: user.is_some(),
    }
}

/// Records have no resource's id of their own; most name it in their own id:
/// `{partner}_{customer}[_{resource}]_{operation}_{ticks}`.
fn resource(source: &Record) -> Option<Resource> {
    let r#type = text(source, "resourceType")?.to_owned();
    let parts: Vec<_> = text(source, "id").unwrap_or_default().split('_').collect();
    let named = match parts.as_slice() {
        [_, _, named, _, _] => Some(*named).filter(|named| !named.is_empty()),
        _ => None,
    };
    let id = named.or_else(|| text(source, "customerId"));
    Some(Resource {
        r#type,
        id: id.unwrap_or(NOBODY).to_owned(),
    })
}

fn details(source: &Record) -> Map<String, Value> {
    let own = [
        ("old_value", "resourceOldValue"),
        ("new_value", "resourceNewValue"),
        ("customized_data", "customizedData"),
    ];
    let found = own.into_iter().filter_map(|(name, field)| {
        let value = source.get(field)?;
        (!value.is_null()).then(|| (name.to_owned(), value.clone()))
    });
    found.collect()
}

/// What must be changed of the record that the entry gives back, so that it is the source;
/// null stands for a member that the source does not have.
///
/// A member that is null there counts as absent: Partner Center leaves such members out.
fn rest(source: &Record, given: &Record) -> Map<String, Value> {
    let of_source = |name: &str| source.get(name).filter(|value| !value.is_null());
    let names = source.keys().chain(given.keys());
    let differs = names.filter(|name| of_source(name) != given.get(*name));
    let change = |name: &String| {
        let value = of_source(name).cloned().unwrap_or_default();
        (name.clone(), value)
    };
    differs.map(change).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const MOMENT: &str = "2020-09-02T23:26:19.775Z";

    fn of(value: Value) -> Record {
        serde_json::from_value(value).unwrap()
    }

    fn whole() -> Record {
        of(json!({
            "id": "p1_c1_o1_createorder_637346859797753934",
            "partnerId": "p1", "customerId": "c1", "customerName": "Contoso",
            "userPrincipalName": "ann@partner.example", "applicationId": "Partner Center Web",
            "resourceType": "order", "resourceNewValue": "{\"Id\":\"o1\"}",
            "operationType": "create_order", "originalCorrelationId": "x-1",
            "operationDate": "2020-09-02T23:26:19.7753934Z", "operationStatus": "succeeded",
            "customizedData": [{ "key": "Quantity-0", "value": "25" }],
            "attributes": { "objectType": "AuditRecord" }
        }))
    }

    #[test]
    fn a_record_becomes_an_entry_that_keeps_what_it_has_no_place_for() {
        let entry = entry(&whole(), MOMENT).unwrap();
        let customer = Party {
            id: "c1".into(),
            name: Some("Contoso".into()),
        };
        let actor = Actor {
            id: "ann@partner.example".into(),
            name: "ann@partner.example".into(),
            is_user: true,
        };
        let resource = Resource {
            r#type: "order".into(),
            id: "o1".into(),
        };
        let details = json!({
            "new_value": "{\"Id\":\"o1\"}",
            "customized_data": [{ "key": "Quantity-0", "value": "25" }],
            "partner_center": {
                "id": "p1_c1_o1_createorder_637346859797753934",
                "partnerId": "p1",
                "applicationId": "Partner Center Web",
                "operationDate": "2020-09-02T23:26:19.7753934Z",
            },
        });
        let expected = Entry {
            occurred_at: MOMENT.into(),
            action: "create_order".into(),
            outcome: "succeeded".into(),
            customer: Some(customer),
            actor,
            resource: Some(resource),
            correlation_id: Some("x-1".into()),
            details: of(details),
        };
        assert_eq!(entry, expected);
    }

    #[test]
    fn what_an_erasure_took_is_absent() {
        let mut erased = entry(&whole(), MOMENT).unwrap();
        erased.customer.as_mut().unwrap().name = None;
        erased.details.clear();
        let record = record(&erased, "id-1", "contoso");
        let expected = json!({
            "id": "id-1", "partnerId": "contoso", "customerId": "c1",
            "userPrincipalName": "ann@partner.example",
            "resourceType": "order", "operationType": "create_order",
            "originalCorrelationId": "x-1",
            "operationDate": "2020-09-02T23:26:19.7750000Z", "operationStatus": "succeeded",
            "attributes": { "objectType": "AuditRecord" }
        });
        assert_eq!(record, of(expected));
    }

    #[test]
    fn a_record_that_does_not_fit_names_the_field() {
        for (record, reason) in [
            (json!({}), "operationType is missing"),
            (json!({ "operationType": 7 }), "operationType is missing"),
            (
                json!({ "operationType": "x", "operationStatus": "maybe" }),
                "operationStatus: \"maybe\" is unknown",
            ),
        ] {
            assert_eq!(entry(&of(record), MOMENT).unwrap_err(), reason);
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-zA-Z_ {}\"-]{0,12}".prop_map(Value::from),
            Just(json!([{ "key": "a", "value": null }])),
            Just(json!({ "objectType": "AuditRecord" })),
        ]
    }

    proptest! {
        /// Whatever a record has, it comes back.
        #[test]
        fn a_record_comes_back_as_it_was(
            members in proptest::collection::btree_map(
                prop_oneof![
                    Just("id".to_owned()),
                    Just("partnerId".to_owned()),
                    Just("customerId".to_owned()),
                    Just("customerName".to_owned()),
                    Just("userPrincipalName".to_owned()),
                    Just("applicationId".to_owned()),
                    Just("resourceType".to_owned()),
                    Just("resourceOldValue".to_owned()),
                    Just("originalCorrelationId".to_owned()),
                    Just("operationDate".to_owned()),
                    Just("customizedData".to_owned()),
                    Just("attributes".to_owned()),
                    "[a-z]{1,8}",
                ],
                value(),
                0..12,
            ),
            operation in "[a-zA-Z_ ]{1,20}",
            status in prop_oneof![
                Just(None), Just(Some("succeeded")), Just(Some("Failed")), Just(Some("progress")),
                Just(Some("decline")),
            ],
        ) {
            let mut source: Record = members.into_iter().collect();
            source.insert("operationType".to_owned(), operation.into());
            if let Some(status) = status {
                source.insert("operationStatus".to_owned(), status.into());
            }
            let entry = entry(&source, MOMENT).unwrap();
            let given = record(&entry, "id-1", "contoso");
            source.entry("id").or_insert("id-1".into());
            source.entry("partnerId").or_insert("contoso".into());
            prop_assert_eq!(given, source);
        }
    }
}
