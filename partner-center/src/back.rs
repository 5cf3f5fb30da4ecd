//! An entry as a record.

use serde_json::{Map, Value, json};

use crate::{REST, Record, entry::Entry};

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
    let texts = texts.into_iter().filter_map(|(name, text)| {
        let text = text?;
        Some((name.to_owned(), Value::from(text)))
    });
    let mut record: Record = texts.collect();
    record.extend(of_details(&entry.details));
    record.insert(
        "attributes".to_owned(),
        json!({ "objectType": "AuditRecord" }),
    );
    if let Some(Value::Object(rest)) = entry.details.get(REST) {
        change(&mut record, rest);
    }
    record
}

/// Puts what an entry keeps of its record in the place of what the rest of it says.
fn change(record: &mut Record, rest: &Map<String, Value>) {
    for (name, value) in rest {
        if value.is_null() {
            record.remove(name);
        } else {
            record.insert(name.clone(), value.clone());
        }
    }
}

/// Values are JSON inside of a text there.
fn of_details(details: &Map<String, Value>) -> impl Iterator<Item = (String, Value)> {
    let as_text = |value: &Value| match value {
        Value::String(_) => value.clone(),
        other => other.to_string().into(),
    };
    let value = move |name: &str, field: &str| {
        let value = details.get(name).filter(|value| !value.is_null())?;
        Some((field.to_owned(), as_text(value)))
    };
    let data = details.get("customized_data");
    let data = data.filter(|data| data.is_array());
    let data = data.map(|data| ("customizedData".to_owned(), data.clone()));
    let values = [
        value("old_value", "resourceOldValue"),
        value("new_value", "resourceNewValue"),
        data,
    ];
    values.into_iter().flatten()
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
