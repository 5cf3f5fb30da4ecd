//! An entry as a record.

use serde_json::value::RawValue;

use crate::{
    REST,
    entry::Entry,
    record::{Members, Record, known, text},
};

/// The record of an entry with this id, of a partner's log.
///
/// Whatever the entry keeps of a record that it was made of is given back unchanged. What an
/// erasure took is absent.
pub fn record(entry: &Entry, id: &str, partner_id: &str) -> Record {
    let customer = entry.customer.as_ref();
    let actor = &entry.actor;
    let user = actor.is_user.then_some(actor.name.as_str());
    let application = (!actor.is_user).then_some(actor.id.as_str());
    let resource = entry.resource.as_ref();
    let resource_type = resource.map_or("undefined", |resource| resource.r#type.as_str());
    let customer_name = customer.and_then(|customer| customer.name.as_deref());
    let date = decimals(&entry.occurred_at);
    let texts = [
        ("id", Some(id)),
        ("partnerId", Some(partner_id)),
        ("customerId", customer.map(|customer| customer.id.as_str())),
        ("customerName", customer_name),
        ("userPrincipalName", user),
        ("applicationId", application),
        ("resourceType", Some(resource_type)),
        ("operationType", Some(entry.action.as_str())),
        ("originalCorrelationId", entry.correlation_id.as_deref()),
        ("operationDate", Some(date.as_str())),
        ("operationStatus", Some(status(&entry.outcome))),
    ];
    let mut record = Record::default();
    for (name, text) in texts {
        if let Some(text) = text {
            record.put(name, text);
        }
    }
    add_details(&mut record, &entry.details);
    let attributes = RawValue::from_string(r#"{"objectType":"AuditRecord"}"#.to_owned());
    let attributes = attributes.expect("the text is JSON");
    record.0.insert("attributes".to_owned(), attributes);
    if let Some(rest) = entry.details.get(REST) {
        change(&mut record, rest);
    }
    record
}

/// Puts what an entry keeps of its record in the place of what the rest of it says.
fn change(record: &mut Record, rest: &RawValue) {
    let rest: Members = serde_json::from_str(rest.get()).unwrap_or_default();
    for (name, value) in rest {
        if value.get() == "null" {
            record.0.remove(&name);
        } else {
            record.0.insert(name, value);
        }
    }
}

/// Values are JSON inside of a text there.
fn add_details(record: &mut Record, details: &Members) {
    let values = [
        ("old_value", "resourceOldValue"),
        ("new_value", "resourceNewValue"),
    ];
    for (name, field) in values {
        if let Some(value) = known(details, name) {
            let inner = text(value).unwrap_or_else(|| value.get().to_owned());
            record.put(field, &inner);
        }
    }
    let data = known(details, "customized_data").filter(|data| data.get().starts_with('['));
    if let Some(data) = data {
        record
            .0
            .insert("customizedData".to_owned(), data.to_owned());
    }
}

/// A moment with seven decimals instead of three.
fn decimals(moment: &str) -> String {
    moment
        .strip_suffix('Z')
        .map_or_else(|| moment.to_owned(), |moment| format!("{moment}0000Z"))
}

fn status(outcome: &str) -> &str {
    match outcome {
        "in_progress" => "progress",
        "declined" => "decline",
        other => other,
    }
}
