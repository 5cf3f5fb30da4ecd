//! Records of Partner Center's API `auditrecords` as activities.

use client::{Actor, ActorKind, Customer, NewActivity, Outcome, Resource};
use serde::Deserialize;
use serde_json::{Map, Value, json, value::to_raw_value};

use super::{key, mapping::slug, time::TimeForm};

/// The fields that have a place in an activity; all others become details.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuditRecord {
    id: Option<String>,
    customer_id: Option<String>,
    customer_name: Option<String>,
    user_principal_name: Option<String>,
    application_id: Option<String>,
    resource_type: Option<String>,
    resource_old_value: Option<String>,
    resource_new_value: Option<String>,
    operation_type: Option<String>,
    original_correlation_id: Option<String>,
    operation_date: Option<String>,
    operation_status: Option<String>,
    customized_data: Option<Value>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// What a record without a customer is about.
const NO_CUSTOMER: &str = "-";

/// The activity of a record; an error names the field and what is wrong.
pub(crate) fn activity(record: &Value, content_key: String) -> Result<NewActivity, String> {
    let fields = AuditRecord::deserialize(record).map_err(|error| error.to_string())?;
    let missing = |name: &str| format!("{name} is missing");
    let operation = fields.operation_type.as_deref();
    let action = slug(operation.ok_or_else(|| missing("operationType"))?);
    let outcome = outcome(fields.operation_status.as_deref())?;
    let date = fields.operation_date.clone();
    let date = date.ok_or_else(|| missing("operationDate"))?;
    let occurred_at = TimeForm::new(None, None)?.read(&date);
    let occurred_at = occurred_at.map_err(|reason| format!("operationDate: {reason}"))?;
    let (customer, actor) = (customer(&fields), actor(&fields));
    let mut activity = NewActivity::new(action, outcome, customer, actor);
    activity.idempotency_key = fields.id.as_deref().map_or(content_key, key::of_id);
    activity.occurred_at = occurred_at;
    activity.resource = resource(&fields);
    activity
        .correlation_id
        .clone_from(&fields.original_correlation_id);
    let details = to_raw_value(&details(fields, &date));
    activity.details = Some(details.map_err(|error| format!("details: {error}"))?);
    Ok(activity)
}

fn outcome(status: Option<&str>) -> Result<Outcome, String> {
    match status.map(str::to_ascii_lowercase).as_deref() {
        None | Some("succeeded") => Ok(Outcome::Succeeded),
        Some("failed") => Ok(Outcome::Failed),
        Some("progress") => Ok(Outcome::InProgress),
        Some("decline") => Ok(Outcome::Declined),
        Some(other) => Err(format!("operationStatus: {other:?} is unknown")),
    }
}

fn customer(fields: &AuditRecord) -> Customer {
    let id = fields.customer_id.as_deref().filter(|id| !id.is_empty());
    let id = id.unwrap_or(NO_CUSTOMER).to_owned();
    let name = fields.customer_name.clone().filter(|name| !name.is_empty());
    Customer {
        name: name.unwrap_or_else(|| id.clone()),
        id,
    }
}

/// A person, or without one the application.
fn actor(fields: &AuditRecord) -> Actor {
    let user = fields
        .user_principal_name
        .as_deref()
        .filter(|it| !it.is_empty());
    let kind = if user.is_some() {
        ActorKind::User
    } else {
        ActorKind::Application
    };
    let id = user
        .or(fields.application_id.as_deref())
        .unwrap_or("unknown");
    Actor {
        id: id.to_owned(),
        name: id.to_owned(),
        kind,
    }
}

/// Records have no resource's id of their own; most name it in their own id:
/// `{partner}_{customer}[_{resource}]_{operation}_{ticks}`.
fn resource(fields: &AuditRecord) -> Option<Resource> {
    let r#type = fields.resource_type.clone().filter(|it| !it.is_empty())?;
    let parts: Vec<&str> = fields
        .id
        .as_deref()
        .unwrap_or_default()
        .split('_')
        .collect();
    let named = match parts.as_slice() {
        [_, _, named, _, _] => Some((*named).to_owned()),
        _ => None,
    };
    let id = named.or_else(|| fields.customer_id.clone());
    Some(Resource {
        r#type,
        id: id.unwrap_or_else(|| NO_CUSTOMER.to_owned()),
    })
}

/// What has no field: under names of ours where the log has such, else as it is.
fn details(fields: AuditRecord, date: &str) -> Map<String, Value> {
    let mut details = fields.others;
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value.filter(|value| !value.is_null()) {
            details.insert(name.to_owned(), value);
        }
    };
    put("record_id", fields.id.map(Value::from));
    // It has seven decimals, and a moment of the log has three.
    put("operation_date", Some(json!(date)));
    put("operation_type", fields.operation_type.map(Value::from));
    put("application_id", fields.application_id.map(Value::from));
    put("old_value", fields.resource_old_value.map(Value::from));
    put("new_value", fields.resource_new_value.map(Value::from));
    put("customized_data", fields.customized_data);
    details
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_becomes_an_activity_and_loses_nothing() {
        let record = json!({
            "id": "p1_c1_o1_createorder_637346859797753934",
            "partnerId": "p1", "customerId": "c1", "customerName": "Contoso",
            "userPrincipalName": "ann@partner.example", "applicationId": "Partner Center Web",
            "resourceType": "order", "resourceNewValue": "{\"Id\":\"o1\"}",
            "operationType": "create_order", "originalCorrelationId": "x-1",
            "operationDate": "2020-09-02T23:26:19.7753934Z", "operationStatus": "succeeded",
            "customizedData": [{ "key": "Quantity-0", "value": "25" }],
            "attributes": { "objectType": "AuditRecord" }
        });
        let activity = activity(&record, String::new()).unwrap();
        assert_eq!(
            serde_json::to_value(activity).unwrap(),
            json!({
                "idempotency_key": "import-p1_c1_o1_createorder_637346859797753934",
                "occurred_at": "2020-09-02T23:26:19.775Z",
                "action": "create_order", "outcome": "succeeded",
                "customer": { "id": "c1", "name": "Contoso" },
                "actor": { "id": "ann@partner.example", "name": "ann@partner.example", "kind": "user" },
                "resource": { "type": "order", "id": "o1" },
                "correlation_id": "x-1",
                "details": {
                    "record_id": "p1_c1_o1_createorder_637346859797753934",
                    "operation_date": "2020-09-02T23:26:19.7753934Z",
                    "operation_type": "create_order",
                    "application_id": "Partner Center Web",
                    "new_value": "{\"Id\":\"o1\"}",
                    "customized_data": [{ "key": "Quantity-0", "value": "25" }],
                    "partnerId": "p1",
                    "attributes": { "objectType": "AuditRecord" },
                },
            })
        );
    }

    #[test]
    fn a_record_that_does_not_fit_names_the_field() {
        for (record, reason) in [
            (json!({}), "operationType is missing"),
            (json!({ "operationType": "x" }), "operationDate is missing"),
            (
                json!({ "operationType": "x", "operationDate": "soon" }),
                "operationDate: \"soon\" must be",
            ),
            (
                json!({ "operationType": "x", "operationStatus": "maybe" }),
                "operationStatus: \"maybe\" is unknown",
            ),
        ] {
            let found = activity(&record, String::new()).unwrap_err();
            assert!(found.starts_with(reason), "{found}");
        }
    }
}
