//! Records of Partner Center's API `auditrecords` as activities.

use client::{Actor, ActorKind, Customer, NewActivity, Outcome, Resource};
use partner_center::{Entry, Record};
use serde_json::{error::Category, value::to_raw_value};

use super::time::TimeForm;

/// The activity of a record; an error names the field and what is wrong.
pub(crate) fn activity(record: &str, content_key: String) -> Result<NewActivity, String> {
    let record: Result<Record, _> = serde_json::from_str(record);
    let record = record.map_err(|error| match error.classify() {
        Category::Data => "it is no JSON object".to_owned(),
        _ => error.to_string(),
    })?;
    let date = record.text("operationDate");
    let date = date.ok_or("operationDate is missing")?;
    let occurred_at = TimeForm::new(None, None)?.read(&date);
    let occurred_at = occurred_at.map_err(|reason| format!("operationDate: {reason}"))?;
    let moment = occurred_at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let entry = partner_center::entry(&record, &moment)?;
    let mut activity = of_entry(entry)?;
    let id = record.text("id");
    activity.idempotency_key = id.map_or(content_key, |id| partner_center::key(&id));
    activity.occurred_at = occurred_at;
    Ok(activity)
}

fn of_entry(entry: Entry) -> Result<NewActivity, String> {
    let customer = entry.customer.ok_or("customerId is missing")?;
    let customer = Customer {
        name: customer.name.unwrap_or_else(|| customer.id.clone()),
        id: customer.id,
    };
    let actor = Actor {
        id: entry.actor.id,
        name: entry.actor.name,
        kind: if entry.actor.is_user {
            ActorKind::User
        } else {
            ActorKind::Application
        },
    };
    let mut activity = NewActivity::new(entry.action, outcome(&entry.outcome), customer, actor);
    activity.resource = entry.resource.map(|resource| Resource {
        r#type: resource.r#type,
        id: resource.id,
    });
    activity.correlation_id = entry.correlation_id;
    let details = to_raw_value(&entry.details);
    activity.details = Some(details.map_err(|error| format!("details: {error}"))?);
    Ok(activity)
}

fn outcome(name: &str) -> Outcome {
    match name {
        "failed" => Outcome::Failed,
        "in_progress" => Outcome::InProgress,
        "declined" => Outcome::Declined,
        _ => Outcome::Succeeded,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_becomes_an_activity_under_a_key_of_its_id() {
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
        let activity = activity(&record.to_string(), String::new()).unwrap();
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
                    "new_value": "{\"Id\":\"o1\"}",
                    "customized_data": [{ "key": "Quantity-0", "value": "25" }],
                    "partner_center": {
                        "id": "p1_c1_o1_createorder_637346859797753934",
                        "partnerId": "p1",
                        "applicationId": "Partner Center Web",
                        "operationDate": "2020-09-02T23:26:19.7753934Z",
                    },
                },
            })
        );
    }

    #[test]
    fn a_record_that_does_not_fit_names_the_field() {
        let date = "2020-09-02T23:26:19.7753934Z";
        for (record, reason) in [
            (json!([]), "it is no JSON object"),
            (json!({ "operationType": "x" }), "operationDate is missing"),
            (json!({ "operationDate": date }), "operationType is missing"),
            (
                json!({ "operationType": "x", "operationDate": "soon" }),
                "operationDate: \"soon\" must be",
            ),
        ] {
            let found = activity(&record.to_string(), String::new()).unwrap_err();
            assert!(found.starts_with(reason), "{found}");
        }
    }
}
