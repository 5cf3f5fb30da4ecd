//! The leaf of an activity that is given as the JSON of the API or of an export.

use serde::Deserialize;

use crate::{
    activity::{Commitment, Opening},
    canonical::{by_utf16, fields},
    error::Error,
    hash::Hash,
    members::Members,
};

/// The members that are not hashed: they change, or follow from others.
const LEFT_OUT: [&str; 4] = ["details", "erased_at", "has_details", "links"];

/// The hash of the leaf of an activity, given as `GET /v1/activities/{id}` answers it.
///
/// A member that this version does not know is hashed as it is.
pub fn leaf_of_json(json: &str, opening: &Opening) -> Result<Hash, Error> {
    leaf_text(json, opening).map(|leaf| Hash::of_leaf(&leaf))
}

fn leaf_text(json: &str, opening: &Opening) -> Result<Vec<u8>, Error> {
    let members = fields(json)?;
    let value = |name: &str| {
        let found = members.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.get())
    };
    if members.iter().any(|(name, _)| name == "hidden") {
        return Err(Error::json("must not have a member hidden"));
    }
    let commitment = match opening {
        Opening::Commitment(commitment) => *commitment,
        Opening::Salt(_) if value("erased_at").is_some() => {
            return Err(Error::json(
                "is an erased activity; it needs its commitment, since its salt is gone",
            ));
        }
        Opening::Salt(salt) => {
            let name = value("customer").map(customer_name).transpose()?;
            Commitment::new(salt, name.as_deref(), value("details"))?
        }
    };
    let hidden = format!("\"{}\"", commitment.to_hex());
    let mut parts = vec![("hidden", hidden.as_str())];
    let hashed = members
        .iter()
        .map(|(name, value)| (name.as_str(), value.get()));
    parts.extend(hashed.filter(|(name, _)| !LEFT_OUT.contains(name)));
    parts.sort_by(|(one, _), (other, _)| by_utf16(one, other));
    let mut text = Vec::with_capacity(json.len());
    let mut leaf = Members::begin(&mut text);
    for (name, value) in parts {
        match name {
            "customer" => write_customer(value, leaf.object(name))?,
            _ => leaf.json(name, value)?,
        }
    }
    leaf.end();
    Ok(text)
}

/// Writes what is public of the customer.
fn write_customer(json: &str, mut customer: Members<'_>) -> Result<(), Error> {
    for (name, value) in fields(json)? {
        if name != "name" {
            customer.json(&name, value.get())?;
        }
    }
    customer.end();
    Ok(())
}

fn customer_name(customer: &str) -> Result<String, Error> {
    #[derive(Deserialize)]
    struct Customer {
        name: String,
    }
    let customer: Result<Customer, _> = serde_json::from_str(customer);
    let customer = customer.map_err(|_| Error::json("must have customer.name, a string"))?;
    Ok(customer.name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::activity::{Activity, Salt, moment};
    use crate::canonical::canonical;

    /// The activity as the service answers it, with the members that are left out.
    fn answer(activity: &Activity<'_>) -> String {
        let mut answer = json!({
            "id": activity.id,
            "partner_id": activity.partner_id,
            "recorded_at": moment(activity.recorded_at).unwrap(),
            "occurred_at": moment(activity.occurred_at).unwrap(),
            "action": activity.action,
            "outcome": activity.outcome,
            "actor": { "id": activity.actor_id, "name": activity.actor_name, "kind": activity.actor_kind },
            "has_details": activity.details.is_some(),
        });
        if let Some(id) = activity.customer_id {
            answer["customer"] = json!({ "id": id, "name": activity.customer_name });
            answer["links"] = json!({ "subscriptions": "https://portal.example/" });
        }
        if let Some((kind, id)) = activity.resource {
            answer["resource"] = json!({ "type": kind, "id": id });
        }
        if let Some(id) = activity.correlation_id {
            answer["correlation_id"] = id.into();
        }
        if let Some(details) = activity.details {
            answer["details"] = serde_json::from_str(details).unwrap();
        }
        serde_json::to_string_pretty(&answer).unwrap()
    }

    fn small() -> Activity<'static> {
        Activity {
            id: "019ab0f4-5c5b-7d0a-8e4f-0c39d6d5c70d",
            partner_id: "contoso",
            recorded_at: 1_795_339_931_500,
            occurred_at: 1_795_339_931_123,
            action: "create_order",
            outcome: "succeeded",
            customer_id: Some("c-1"),
            customer_name: Some("Relecloud"),
            actor_id: "u-17",
            actor_name: "admin@fabrikam.example",
            actor_kind: "user",
            resource: None,
            correlation_id: None,
            details: None,
        }
    }

    #[test]
    fn an_erased_activity_keeps_its_leaf() {
        let before = Activity {
            details: Some("{\"quantity\":25}"),
            ..small()
        };
        let commitment = Commitment::new(&[7; 16], before.customer_name, before.details).unwrap();
        let leaf = before.leaf(&Opening::Salt([7; 16])).unwrap();
        let after = Activity {
            customer_name: Some("[erased]"),
            ..small()
        };
        let erased = answer(&after).replacen('{', r#"{"erased_at":"2026-11-23T00:00:00.000Z","#, 1);
        let opening = Opening::Commitment(commitment);
        assert_eq!(leaf_of_json(&erased, &opening).unwrap(), leaf);
        assert_eq!(after.leaf(&opening).unwrap(), leaf);
        let refused = leaf_of_json(&erased, &Opening::Salt([7; 16])).unwrap_err();
        assert!(refused.to_string().contains("is an erased activity"));
    }

    #[test]
    fn a_text_that_is_no_activity_is_refused() {
        let salt = Opening::Salt([0; 16]);
        for json in [
            "[]",
            "1",
            r#"{"hidden":"a"}"#,
            r#"{"customer":{}}"#,
            r#"{"customer":1}"#,
            r#"{"a":1,"a":1}"#,
        ] {
            assert!(leaf_of_json(json, &salt).is_err(), "{json}");
        }
    }

    proptest! {
        #[test]
        fn a_leaf_is_the_same_from_fields_and_from_json_and_every_field_counts(
            texts in proptest::collection::vec("[a-c\"\\\\\u{e000}\u{10000}é\n]{1,4}", 9),
            present: [bool; 4],
            times in proptest::array::uniform2(0..253_402_300_799_999_i64),
            salt: Salt,
        ) {
            let text = |place: usize| texts[place].as_str();
            let details = format!("{{\"b\":[1,2],\"a\":{}}}", serde_json::to_string(text(8)).unwrap());
            let activity = Activity {
                occurred_at: times[0],
                recorded_at: times[1],
                customer_id: present[0].then(|| text(0)),
                customer_name: present[0].then(|| text(1)),
                actor_id: text(2),
                actor_name: text(3),
                resource: present[1].then(|| (text(4), text(5))),
                correlation_id: present[2].then(|| text(6)),
                details: present[3].then_some(&details),
                ..small()
            };
            let opening = Opening::Salt(salt);
            let json = answer(&activity);
            let leaf = activity.leaf(&opening).unwrap();
            prop_assert_eq!(leaf_of_json(&json, &opening).unwrap(), leaf);
            let own = String::from_utf8(leaf_text(&json, &opening).unwrap()).unwrap();
            prop_assert_eq!(canonical(&own).unwrap(), own);

            let others = [
                Activity { occurred_at: times[0] ^ 1, ..activity },
                Activity { recorded_at: times[1] ^ 1, ..activity },
                Activity { actor_id: "d", ..activity },
                Activity { actor_name: "d", ..activity },
                Activity { customer_id: Some("d"), ..activity },
                Activity { customer_name: Some("d"), ..activity },
                Activity { resource: Some(("d", "d")), ..activity },
                Activity { correlation_id: Some("d"), ..activity },
                Activity { details: Some("{}"), ..activity },
                Activity { partner_id: "fabrikam", ..activity },
            ];
            for other in others {
                prop_assert_ne!(other.leaf(&opening).unwrap(), leaf);
            }
        }
    }
}
