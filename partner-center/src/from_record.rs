//! A record as an entry.

use serde_json::value::to_raw_value;

use crate::{
    entry::{Actor, Entry, Party, Resource},
    kept::{REST, rest},
    plain::plain,
    record::{Members, Record, known},
};

/// What a record without a customer, or a resource without an id, is about.
const NOBODY: &str = "-";

/// The entry of a record that happened at a moment; an error names the field and the reason.
///
/// `occurred_at` is the record's `operationDate`, cut to three decimals.
pub fn entry(source: &Record, occurred_at: &str) -> Result<Entry, String> {
    let mut entry = said(source, occurred_at)?;
    let rest = rest(source, plain(&entry, "", ""));
    if !rest.is_empty() {
        let rest = to_raw_value(&rest).map_err(|error| error.to_string())?;
        entry.details.insert(REST.to_owned(), rest);
    }
    Ok(entry)
}

/// The same without what the entry has no place for.
pub(crate) fn said(source: &Record, occurred_at: &str) -> Result<Entry, String> {
    let operation = source.text("operationType");
    let operation = operation.ok_or("operationType is missing")?;
    Ok(Entry {
        occurred_at: occurred_at.to_owned(),
        action: action(&operation),
        outcome: outcome(source.text("operationStatus"))?.to_owned(),
        customer: Some(customer(source)),
        actor: actor(source),
        resource: resource(source),
        correlation_id: source.text("originalCorrelationId"),
        details: details(source),
    })
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

fn outcome(status: Option<String>) -> Result<&'static str, String> {
    let status = status.map(|status| status.to_ascii_lowercase());
    match status.as_deref() {
        None | Some("succeeded") => Ok("succeeded"),
        Some("failed") => Ok("failed"),
        Some("progress") => Ok("in_progress"),
        Some("decline") => Ok("declined"),
        Some(other) => Err(format!("operationStatus: {other:?} is unknown")),
    }
}

fn customer(source: &Record) -> Party {
    let id = source.text("customerId");
    let id = id.unwrap_or_else(|| NOBODY.to_owned());
    let name = source.text("customerName");
    Party {
        name: Some(name.unwrap_or_else(|| id.clone())),
        id,
    }
}

/// A person, or without one the application.
fn actor(source: &Record) -> Actor {
    let user = source.text("userPrincipalName");
    let is_user = user.is_some();
    let id = user.or_else(|| source.text("applicationId"));
    let id = id.unwrap_or_else(|| "unknown".to_owned());
    Actor {
        name: id.clone(),
        id,
        is_user,
    }
}

/// Records have no resource's id of their own; most name it in their own id:
/// `{partner}_{customer}[_{resource}]_{operation}_{ticks}`.
fn resource(source: &Record) -> Option<Resource> {
    let r#type = source.text("resourceType")?;
    let id = source.text("id").unwrap_or_default();
    let parts: Vec<_> = id.split('_').collect();
    let named = match parts.as_slice() {
        [_, _, named, _, _] if !named.is_empty() => Some((*named).to_owned()),
        _ => None,
    };
    let id = named.or_else(|| source.text("customerId"));
    Some(Resource {
        r#type,
        id: id.unwrap_or_else(|| NOBODY.to_owned()),
    })
}

fn details(source: &Record) -> Members {
    let own = [
        ("old_value", "resourceOldValue"),
        ("new_value", "resourceNewValue"),
        ("customized_data", "customizedData"),
    ];
    let found = own.into_iter().filter_map(|(name, field)| {
        let value = known(&source.0, field)?;
        Some((name.to_owned(), value.to_owned()))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Serialize;
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::to_record::record;

    const MOMENT: &str = "2020-09-02T23:26:19.775Z";
    const KEPT_ID: &str = "p1_c1_o1_createorder_1";

    fn of(value: &Value) -> Record {
        Record(serde_json::from_str(&value.to_string()).unwrap())
    }

    fn json<T: Serialize>(it: &T) -> Value {
        serde_json::to_value(it).unwrap()
    }

    fn whole() -> Record {
        of(&json!({
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
        assert_eq!(entry.occurred_at, MOMENT);
        assert_eq!(
            (&*entry.action, &*entry.outcome),
            ("create_order", "succeeded")
        );
        assert_eq!(entry.customer, Some(customer));
        assert_eq!(entry.actor, actor);
        assert_eq!(entry.resource, Some(resource));
        assert_eq!(entry.correlation_id.as_deref(), Some("x-1"));
        assert_eq!(json(&entry.details), details);
    }

    #[test]
    fn what_an_erasure_took_is_absent() {
        let mut erased = entry(&whole(), MOMENT).unwrap();
        erased.customer.as_mut().unwrap().name = None;
        erased.details.clear();
        let record = record(&erased, ("id-1", "contoso"), |_| true);
        let expected = json!({
            "id": "id-1", "partnerId": "contoso", "customerId": "c1",
            "userPrincipalName": "ann@partner.example",
            "resourceType": "order", "operationType": "create_order",
            "originalCorrelationId": "x-1",
            "operationDate": "2020-09-02T23:26:19.7750000Z", "operationStatus": "succeeded",
            "attributes": { "objectType": "AuditRecord" }
        });
        assert_eq!(json(&record), expected);
    }

    #[test]
    fn what_the_portal_records_has_its_members_in_order_and_its_numbers_as_they_are() {
        let details = r#"{"old_value":{"limit":12345678901234567890.10},"new_value":"1.10"}"#;
        let entry = Entry {
            occurred_at: MOMENT.into(),
            action: "portal.raise_limit".into(),
            outcome: "in_progress".into(),
            customer: None,
            actor: Actor {
                id: "app-1".into(),
                name: "Billing".into(),
                is_user: false,
            },
            resource: None,
            correlation_id: None,
            details: serde_json::from_str(details).unwrap(),
        };
        let text = serde_json::to_string(&record(&entry, ("id-1", "contoso"), |_| true)).unwrap();
        let expected = concat!(
            r#"{"id":"id-1","partnerId":"contoso","applicationId":"app-1","#,
            r#""resourceType":"undefined","#,
            r#""resourceOldValue":"{\"limit\":12345678901234567890.10}","#,
            r#""resourceNewValue":"1.10","operationType":"portal.raise_limit","#,
            r#""operationDate":"2020-09-02T23:26:19.7750000Z","operationStatus":"progress","#,
            r#""attributes":{"objectType":"AuditRecord"}}"#,
        );
        assert_eq!(text, expected);
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
            assert_eq!(entry(&of(&record), MOMENT).unwrap_err(), reason);
        }
    }

    /// The record of an entry that keeps this of another one, beside an id and an application.
    fn keeping(changes: &Value) -> Value {
        let mut kept = json!({ "id": KEPT_ID, "applicationId": "App" });
        for (name, value) in changes.as_object().into_iter().flatten() {
            kept[name] = value.clone();
        }
        let mut entry = entry(&whole(), MOMENT).unwrap();
        entry.details = of(&json!({ "partner_center": kept })).0;
        json(&record(&entry, ("id-1", "contoso"), |id| id == KEPT_ID))
    }

    #[test]
    fn what_is_kept_counts_only_if_it_says_what_the_entry_says() {
        let mut bare = entry(&whole(), MOMENT).unwrap();
        bare.details.clear();
        let own = json(&plain(&bare, "id-1", "contoso"));
        for kept in [
            json!({ "userPrincipalName": "ceo@partner.example" }),
            json!({ "operationType": "add_customer" }),
            json!({ "operationStatus": "failed" }),
            json!({ "operationStatus": null, "operationType": null }),
            json!({ "customerId": "c2" }),
            json!({ "customerName": null }),
            json!({ "resourceType": "customer" }),
            json!({ "originalCorrelationId": null }),
        ] {
            assert_eq!(keeping(&kept), own, "{kept}");
        }
        let believed = keeping(&json!({}));
        assert_eq!(
            (&believed["id"], &believed["applicationId"]),
            (&json!(KEPT_ID), &json!("App"))
        );
        let more = keeping(&json!({ "operationDate": "2020-09-02T23:26:19.7750001Z" }));
        assert_eq!(more["operationDate"], "2020-09-02T23:26:19.7750001Z");
        let other = keeping(&json!({ "id": "p1_c1_o1_createorder_2" }));
        assert_eq!(
            (&other["id"], &other["applicationId"]),
            (&json!("id-1"), &json!("App"))
        );
    }

    #[test]
    fn a_member_that_the_sdks_would_misread_is_left_out_and_the_rest_counts() {
        let believed = keeping(&json!({}));
        for kept in [
            json!({ "operationDate": "2020-09-02T23:26:19.776Z" }),
            json!({ "operationDate": "2020-09-02T23:26:19.775abcdZ" }),
            json!({ "operationDate": null, "partnerId": null }),
            // In these forms the SDKs could not read the page.
            json!({ "operationStatus": {}, "partnerId": 7, "participants": [1] }),
            json!({ "customizedData": ["a"], "attributes": { "a": 1 } }),
            json!({ "customizedData": [["a", "b"]] }),
            // .NET's SDK would take these for the members that they resemble.
            json!({ "UserPrincipalName": "ceo@partner.example", "OperationType": "add_customer" }),
            json!({ "CustomizedData": ["a"], "OperationStatus": {}, "ID": "x" }),
        ] {
            assert_eq!(keeping(&kept), believed, "{kept}");
        }
        let either = keeping(&json!({ "more": 1, "More": 2 }));
        assert_eq!((&either["More"], either.get("more")), (&json!(2), None));
    }

    #[test]
    fn customized_data_that_the_sdks_can_not_read_is_left_out() {
        for (data, is_given) in [
            (json!([]), true),
            (
                json!([{ "key": "a", "value": "b" }, { "key": "a", "value": null }]),
                true,
            ),
            (json!([{ "key": "a" }]), true),
            (json!(["a"]), false),
            (json!([["a", "b"]]), false),
            (json!([{ "value": "b" }]), false),
            (json!([{ "key": null }]), false),
            (json!([{ "key": "a", "type": "b" }]), false),
            (json!([{ "key": "a", "value": { "x": 1 } }]), false),
            (json!([{ "key": "a", "value": 1 }]), false),
            (json!({ "key": "a" }), false),
        ] {
            let mut entry = entry(&whole(), MOMENT).unwrap();
            entry.details = of(&json!({ "customized_data": data })).0;
            let record = json(&record(&entry, ("id-1", "contoso"), |_| true));
            assert_eq!(record.get("customizedData").is_some(), is_given, "{data}");
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-zA-Z_ {}\"-]{0,12}".prop_map(Value::from),
            Just(Value::Null),
            Just(json!([{ "key": "a", "value": null }])),
        ]
    }

    fn member() -> impl Strategy<Value = (String, Value)> {
        let texts = proptest::sample::select(vec![
            "id",
            "partnerId",
            "customerId",
            "customerName",
            "userPrincipalName",
            "applicationId",
            "sessionId",
            "resourceType",
            "resourceOldValue",
            "resourceNewValue",
            "originalCorrelationId",
        ]);
        let text = prop_oneof![
            "[a-zA-Z_ {}\"-]{0,12}".prop_map(Value::from),
            Just(Value::Null)
        ];
        prop_oneof![
            (texts.prop_map(str::to_owned), text),
            ("[a-z]{1,8}", value()),
            Just((
                "customizedData".to_owned(),
                json!([{ "key": "a", "value": null }])
            )),
            Just(("participants".to_owned(), json!(["p1"]))),
            Just((
                "attributes".to_owned(),
                json!({ "objectType": "AuditRecord", "etag": "e" })
            )),
        ]
    }

    proptest! {
        /// Whatever a record has, it comes back.
        #[test]
        fn a_record_comes_back_as_it_was(
            members in proptest::collection::vec(member(), 0..12),
            operation in "[a-zA-Z_ ]{1,20}",
            decimals in "[0-9]{0,4}",
            status in prop_oneof![
                Just(None), Just(Some("succeeded")), Just(Some("Failed")), Just(Some("progress")),
                Just(Some("decline")),
            ],
        ) {
            let mut source: Map<String, Value> = members.into_iter().collect();
            let date = MOMENT.replace('Z', &format!("{decimals}Z"));
            source.insert("operationDate".to_owned(), date.into());
            source.insert("operationType".to_owned(), operation.into());
            if let Some(status) = status {
                source.insert("operationStatus".to_owned(), status.into());
            }
            let entry = entry(&of(&source.clone().into()), MOMENT).unwrap();
            let given = record(&entry, ("id-1", "contoso"), |_| true);
            source.retain(|_, value| !value.is_null());
            for (name, own) in [("id", "id-1"), ("partnerId", "contoso")] {
                if source.get(name).is_none_or(|text| text == "") {
                    source.insert(name.to_owned(), own.into());
                }
            }
            prop_assert_eq!(json(&given), Value::from(source));
        }
    }
}
