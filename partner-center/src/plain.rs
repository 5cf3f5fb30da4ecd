//! What an entry says by itself, as a record.

use serde_json::value::RawValue;

use crate::{
    entry::Entry,
    record::{Members, Record, has_form, known, text},
};

/// The record that an entry says by itself.
pub(crate) fn plain(entry: &Entry, id: &str, partner_id: &str) -> Record {
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
    record
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
    let data = known(details, "customized_data");
    if let Some(data) = data.filter(|data| has_form("customizedData", data)) {
        let name = "customizedData".to_owned();
        record.0.insert(name, data.to_owned());
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
