//! Reads a request into valid activities; later code does not check them again.

use std::time::Duration;

use lambda_http::Request;
use serde::Deserialize;
use shared::{
    Action, Actor, Content, Customer, Details, Error, IdempotencyKey, Identifier, Moment,
    NewActivity, Outcome, Recorder, Resource,
    lambda::http,
    model::{json, trail},
};

/// The largest body of one activity: 1 MiB.
const ONE_BYTES_MAX: usize = 1024 * 1024;

/// The largest body of a batch; with every byte escaped it is still below Lambda's 6 MB.
const BATCH_BYTES_MAX: usize = 3_000_000;

/// The most activities in a batch.
const BATCH_MAX: usize = 100;

/// How far a client's clock may be ahead of the server's.
const AHEAD_MAX: Duration = Duration::from_mins(5);

/// An activity as a client sends it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordActivity {
    partner_id: Option<String>,
    idempotency_key: Option<Identifier>,
    occurred_at: Option<Moment>,
    action: Action,
    outcome: Outcome,
    customer: Customer,
    actor: Actor,
    resource: Option<Resource>,
    correlation_id: Option<Identifier>,
    details: Option<Details>,
}

/// Whether an activity's `occurred_at` may be recorded now.
#[derive(Debug)]
pub(crate) enum Timing {
    /// It may be recorded.
    InTime,
    /// It is too old or too far ahead; the error says which.
    OutOfTime(Error),
}

/// Reads one activity from the body and its key from the header.
pub(crate) fn read_one(request: &Request) -> Result<RecordActivity, Error> {
    let key = http::idempotency_key(request)?;
    http::refuse_query(request)?;
    let mut sent: RecordActivity = json::read(http::body(request, ONE_BYTES_MAX)?)?;
    if sent.idempotency_key.is_some() {
        let reason =
            "belongs in the Idempotency-Key header; only the activities of a batch carry it";
        return Err(Error::invalid("idempotency_key", reason));
    }
    sent.idempotency_key = key;
    Ok(sent)
}

/// Reads a batch.
///
/// Each activity has a result of its own, so an invalid one does not stop the others.
pub(crate) fn read_many(request: &Request) -> Result<Vec<Result<RecordActivity, Error>>, Error> {
    if http::idempotency_key(request)?.is_some() {
        let reason = "is not allowed for a batch; give each activity its own idempotency_key";
        return Err(Error::invalid("Idempotency-Key", reason));
    }
    http::refuse_query(request)?;
    let activities = json::list(http::body(request, BATCH_BYTES_MAX)?, "activities")?;
    if !(1..=BATCH_MAX).contains(&activities.len()) {
        return Err(Error::invalid(
            "activities",
            "must have 1 to 100 activities",
        ));
    }
    Ok(activities
        .iter()
        .map(|raw| json::read(raw.get().as_bytes()))
        .collect())
}

impl RecordActivity {
    /// Checks what depends on the recorder and the time; returns the activity to store.
    ///
    /// Whether `occurred_at` may be recorded is the [`Timing`] in the answer.
    pub(crate) fn check(
        self,
        recorder: &Recorder,
        now: Moment,
        max_lateness: Duration,
    ) -> Result<(NewActivity, Timing), Error> {
        let partner_id = recorder.partner(self.partner_id.as_deref())?;
        if trail::ACTIONS.contains(&self.action.as_str()) {
            return Err(Error::invalid(
                "action",
                "may only be recorded by this service",
            ));
        }
        if self.idempotency_key.is_some() && self.occurred_at.is_none() {
            let reason =
                "is missing; it is required with an idempotency key, as a retry must repeat it";
            return Err(Error::invalid("occurred_at", reason));
        }
        let occurred_at = self.occurred_at.unwrap_or(now);
        let timing = timing(occurred_at, now, max_lateness);
        let content = Content {
            occurred_at,
            action: self.action,
            outcome: self.outcome,
            customer: Some(self.customer),
            actor: self.actor,
            resource: self.resource,
            correlation_id: self.correlation_id,
            details: self.details,
        };
        Ok((
            NewActivity {
                partner_id,
                idempotency_key: self.idempotency_key.map(IdempotencyKey::Given),
                content,
            },
            timing,
        ))
    }
}

fn timing(at: Moment, now: Moment, max_lateness: Duration) -> Timing {
    let reason = if at > now.plus(AHEAD_MAX) {
        "must be at most 5 minutes in the future".to_owned()
    } else if at < now.minus(max_lateness) {
        let days = max_lateness.as_secs() / (24 * 60 * 60);
        format!("must be at most {days} days ago")
    } else {
        return Timing::InTime;
    };
    Timing::OutOfTime(Error::invalid("occurred_at", reason))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn activity() -> Value {
        json!({
            "partner_id": "contoso",
            "idempotency_key": "k-1",
            "occurred_at": "2026-11-22T09:32:11.123Z",
            "action": "create_order",
            "outcome": "succeeded",
            "customer": { "id": "c-1", "name": "Relecloud" },
            "actor": { "id": "u-17", "name": "ann@contoso.example", "kind": "user" },
            "resource": { "type": "order", "id": "o-1" },
            "correlation_id": "x-1",
            "details": { "a": [1, 2.5, null] },
        })
    }

    /// Every field, and whether it is optional.
    const FIELDS: [(&str, bool); 17] = [
        ("/partner_id", true),
        ("/idempotency_key", true),
        ("/occurred_at", true),
        ("/action", false),
        ("/outcome", false),
        ("/customer", false),
        ("/customer/id", false),
        ("/customer/name", false),
        ("/actor", false),
        ("/actor/id", false),
        ("/actor/name", false),
        ("/actor/kind", false),
        ("/resource", true),
        ("/resource/type", false),
        ("/resource/id", false),
        ("/correlation_id", true),
        ("/details", true),
    ];

    fn read(body: &Value) -> Result<RecordActivity, Error> {
        json::read(body.to_string().as_bytes())
    }

    /// The field that a refusal names, as a pointer.
    fn refused(body: &Value) -> String {
        match read(body).unwrap_err() {
            Error::Invalid { field, .. } => format!("/{}", field.replace('.', "/")),
            error => panic!("{error}"),
        }
    }

    fn object<'a>(body: &'a mut Value, pointer: &'a str) -> (&'a mut Value, &'a str) {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        (body.pointer_mut(parent).unwrap(), name)
    }

    /// A value whose type no field has.
    fn misfit() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            Just(json!([])),
            Just(json!(["a"])),
            Just(json!({ "failed": null })),
        ]
    }

    proptest! {
        #[test]
        fn a_missing_field_is_named_or_is_optional((field, is_optional) in proptest::sample::select(FIELDS.to_vec())) {
            let mut body = activity();
            let (parent, name) = object(&mut body, field);
            parent.as_object_mut().unwrap().remove(name);
            if is_optional {
                prop_assert!(read(&body).is_ok());
            } else {
                prop_assert_eq!(refused(&body), field);
            }
        }

        #[test]
        fn a_field_of_another_type_is_named(
            (field, _) in proptest::sample::select(FIELDS.to_vec()),
            misfit in misfit(),
        ) {
            prop_assume!(!(field == "/details" && misfit.is_object()));
            let mut body = activity();
            *body.pointer_mut(field).unwrap() = misfit;
            let named = refused(&body);
            // If the field is an object, an object is refused because of one of its fields.
            prop_assert!(named == field || named.starts_with(&format!("{field}/")), "{named}");
        }

        #[test]
        fn an_unknown_field_is_named(
            parent in proptest::sample::select(vec!["", "/customer", "/actor", "/resource"]),
            name in "[A-Za-z_]{1,12}",
        ) {
            let field = format!("{parent}/{name}");
            let mut body = activity();
            prop_assume!(body.pointer(&field).is_none());
            let (object, _) = object(&mut body, &field);
            object[&name] = 1.into();
            prop_assert_eq!(refused(&body), field);
        }

        #[test]
        fn texts_are_refused_with_their_field_or_kept(
            field in proptest::sample::select(vec!["/customer/name", "/actor/id", "/action", "/correlation_id"]),
            text in "(?s).{0,20}|[a-z0-9._-]{0,70}",
        ) {
            let mut body = activity();
            *body.pointer_mut(field).unwrap() = text.clone().into();
            if let Ok(sent) = read(&body) {
                let kept = match field {
                    "/customer/name" => sent.customer.name.as_str(),
                    "/actor/id" => sent.actor.id.as_str(),
                    "/action" => sent.action.as_str(),
                    _ => sent.correlation_id.as_ref().unwrap().as_str(),
                };
                prop_assert_eq!(kept, text);
            } else {
                prop_assert_eq!(refused(&body), field);
            }
        }

        #[test]
        fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..80), at in 0..400_usize, byte: u8) {
            let _ = json::read::<RecordActivity>(&body);
            let mut near = activity().to_string().into_bytes();
            let place = at % near.len();
            near[place] = byte;
            let _ = json::read::<RecordActivity>(&near);
        }
    }
}
