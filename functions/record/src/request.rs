//! Reads a request into valid activities; later code does not check them again.

use std::time::Duration;

use lambda_http::Request;
use shared::{
    Action, Actor, Content, Customer, Details, Error, IdempotencyKey, Identifier, Moment,
    NewActivity, Outcome, Recorder, Resource,
    aws::archive::Age,
    lambda::http,
    model::{
        json::{self, Fields},
        recorded::AHEAD_MAX,
        trail,
    },
};

/// The largest body of one activity: 1 MiB.
const ONE_BYTES_MAX: usize = 1024 * 1024;

/// The largest body of a batch; with every byte escaped it is still below Lambda's 6 MB.
const BATCH_BYTES_MAX: usize = 3_000_000;

/// The most activities in a batch.
const BATCH_MAX: usize = 100;

/// An activity as a client sends it.
#[derive(Debug)]
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

/// Which `occurred_at` may be recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    /// The server's time.
    pub(crate) now: Moment,
    /// How long ago it may be.
    pub(crate) max_lateness: Duration,
    /// Since when it may be imported; absent if the recorder may not import.
    pub(crate) imports_from: Option<Moment>,
}

/// Whether an activity's `occurred_at` may be recorded now.
#[derive(Debug)]
pub(crate) enum Timing {
    /// It may be recorded, if the log accepts this age.
    InTime(Age),
    /// It is too old or too far ahead; the error says which.
    OutOfTime(Error),
}

/// Where the idempotency key of an activity is.
#[derive(Debug)]
enum KeyPlace {
    /// In the header, which may have held this one.
    Header(Option<Identifier>),
    /// In the body, as in a batch.
    Body,
}

/// Reads one activity from the body and its key from the header.
pub(crate) fn read_one(
    request: &Request,
    recorder: &Recorder,
    span: Span,
) -> Result<RecordActivity, Error> {
    let key = http::idempotency_key(request)?;
    http::refuse_query(request)?;
    let body = http::body(request, ONE_BYTES_MAX)?;
    let fault = |named: Option<&str>| recorder.fault(named);
    read(body, KeyPlace::Header(key), span, fault)
}

/// Reads a batch.
///
/// Each activity has a result of its own, so an invalid one does not stop the others.
pub(crate) fn read_many(
    request: &Request,
    recorder: &Recorder,
    span: Span,
) -> Result<Vec<Result<RecordActivity, Error>>, Error> {
    if http::idempotency_key(request)?.is_some() {
        let reason = "is not allowed for a batch; give each activity its own idempotency_key";
        return Err(Error::invalid("Idempotency-Key", reason));
    }
    http::refuse_query(request)?;
    let activities = json::list(
        http::body(request, BATCH_BYTES_MAX)?,
        "activities",
        BATCH_MAX,
    )?;
    let fault = |named: Option<&str>| recorder.fault(named);
    Ok(activities
        .iter()
        .map(|raw| read(raw.get().as_bytes(), KeyPlace::Body, span, fault))
        .collect())
}

/// Reads an activity; `partner_fault` says what is wrong with the partner that it names.
fn read(
    body: &[u8],
    key: KeyPlace,
    span: Span,
    partner_fault: impl Fn(Option<&str>) -> Option<String>,
) -> Result<RecordActivity, Error> {
    json::read(body, |fields| {
        let partner_id: Option<String> = fields.optional("partner_id");
        if fields.is_sound("partner_id")
            && let Some(reason) = partner_fault(partner_id.as_deref())
        {
            fields.refuse("partner_id", &reason);
        }
        RecordActivity::read(fields, partner_id, key, span)
    })
}

impl RecordActivity {
    /// Reads what a client sends; a fault is kept in `fields`.
    fn read(
        fields: &mut Fields<'_>,
        partner_id: Option<String>,
        key: KeyPlace,
        span: Span,
    ) -> Option<Self> {
        let idempotency_key = read_key(fields, key);
        let occurred_at = fields.optional("occurred_at");
        let action = fields.required("action");
        let outcome = fields.required("outcome");
        let customer = fields.object("customer", Customer::read);
        let actor = fields.object("actor", Actor::read);
        let resource = fields.optional_object("resource", Resource::read);
        let correlation_id = fields.optional("correlation_id");
        let details = read_details(fields);
        refuse_forged(fields, action.as_ref());
        refuse_untimed(fields, idempotency_key.as_ref(), occurred_at, span);
        Some(Self {
            partner_id,
            idempotency_key,
            occurred_at,
            action: action?,
            outcome: outcome?,
            customer: customer?,
            actor: actor?,
            resource,
            correlation_id,
            details,
        })
    }

    /// Checks what depends on the recorder and the time; returns the activity to store.
    ///
    /// Whether `occurred_at` may be recorded is the [`Timing`] in the answer.
    pub(crate) fn check(
        self,
        recorder: &Recorder,
        span: Span,
    ) -> Result<(NewActivity, Timing), Error> {
        let partner_id = recorder.partner(self.partner_id.as_deref())?;
        let occurred_at = self.occurred_at.unwrap_or(span.now);
        let timing = match untimely(occurred_at, span) {
            None if occurred_at < span.usual_from() => Timing::InTime(Age::Past),
            None => Timing::InTime(Age::Usual),
            Some(reason) => Timing::OutOfTime(Error::invalid("occurred_at", reason)),
        };
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

fn read_key(fields: &mut Fields<'_>, place: KeyPlace) -> Option<Identifier> {
    let in_body = fields.optional("idempotency_key");
    match place {
        KeyPlace::Body => in_body,
        KeyPlace::Header(key) => {
            if in_body.is_some() {
                let reason = "belongs in the Idempotency-Key header; only the activities of a batch carry it";
                fields.refuse("idempotency_key", reason);
            }
            key
        }
    }
}

fn read_details(fields: &mut Fields<'_>) -> Option<Details> {
    let details = Details::try_from(fields.take("details")?);
    details
        .map_err(|reason| fields.refuse("details", reason))
        .ok()
}

fn refuse_forged(fields: &mut Fields<'_>, action: Option<&Action>) {
    if action.is_some_and(|action| trail::ACTIONS.contains(&action.as_str())) {
        fields.refuse("action", "may only be recorded by this service");
    }
}

/// Refuses a key without a time, and an untimely activity that has other faults.
///
/// If it has no other fault, an untimely one may be a replay.
fn refuse_untimed(
    fields: &mut Fields<'_>,
    key: Option<&Identifier>,
    occurred_at: Option<Moment>,
    span: Span,
) {
    match occurred_at {
        None if key.is_some() => {
            let reason =
                "is missing; it is required with an idempotency key, as a retry must repeat it";
            fields.refuse("occurred_at", reason);
        }
        Some(at) if !fields.are_sound() => {
            if let Some(reason) = untimely(at, span) {
                fields.refuse("occurred_at", &reason);
            }
        }
        _ => {}
    }
}

/// Why an activity of this time may not be recorded; none if it may.
fn untimely(at: Moment, span: Span) -> Option<String> {
    if at > span.now.plus(AHEAD_MAX) {
        return Some("must be at most 5 minutes in the future".to_owned());
    }
    let days = span.max_lateness.as_secs() / (24 * 60 * 60);
    match span.imports_from {
        None if at < span.usual_from() => Some(format!("must be at most {days} days ago")),
        Some(from) if at < from => Some(format!(
            "must be {from} or later, because older activities are not kept"
        )),
        _ => None,
    }
}

impl Span {
    /// What is older belongs to an import.
    fn usual_from(self) -> Moment {
        self.now.minus(self.max_lateness)
    }
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

    fn read_bytes(body: &[u8]) -> Result<RecordActivity, Error> {
        let span = Span {
            now: "2026-11-22T10:00:00Z".parse().unwrap(),
            max_lateness: Duration::from_hours(24),
            imports_from: None,
        };
        super::read(body, KeyPlace::Body, span, |_| None)
    }

    fn read(body: &Value) -> Result<RecordActivity, Error> {
        read_bytes(body.to_string().as_bytes())
    }

    /// The fields that a refusal names, as pointers.
    fn all_refused(body: &Value) -> Vec<String> {
        let fields = match read(body).unwrap_err() {
            Error::Invalid { field, .. } => vec![field],
            Error::InvalidFields(faults) => faults.into_iter().map(|fault| fault.field).collect(),
            error => panic!("{error}"),
        };
        let pointer = |field: String| format!("/{}", field.replace('.', "/"));
        fields.into_iter().map(pointer).collect()
    }

    /// The first field that a refusal names, as a pointer.
    fn refused(body: &Value) -> String {
        all_refused(body).swap_remove(0)
    }

    fn object<'a>(body: &'a mut Value, pointer: &'a str) -> (&'a mut Value, &'a str) {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        (body.pointer_mut(parent).unwrap(), name)
    }

    /// An activity in which this field may be absent if it is optional.
    fn activity_without_need_of(field: &str) -> Value {
        let mut body = activity();
        if field == "/occurred_at" {
            // A key needs it.
            body.as_object_mut().unwrap().remove("idempotency_key");
        }
        body
    }

    /// A value whose type no field has.
    fn misfit() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            Just(json!([])),
            Just(json!(["a"])),
            Just(json!({ "failed": null })),
        ]
    }

    #[test]
    fn an_untimely_activity_with_an_unknown_field_has_two_faults() {
        let mut body = activity();
        body["occurred_at"] = "2020-01-01T00:00:00Z".into();
        assert!(read(&body).is_ok(), "it may be a replay");
        body["colour"] = 1.into();
        let mut named = all_refused(&body);
        named.sort_unstable();
        assert_eq!(named, ["/colour", "/occurred_at"]);
    }

    proptest! {
        #[test]
        fn a_missing_field_is_named_or_is_optional((field, is_optional) in proptest::sample::select(FIELDS.to_vec())) {
            let mut body = activity_without_need_of(field);
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
        fn null_is_an_absent_field((field, is_optional) in proptest::sample::select(FIELDS.to_vec())) {
            let mut body = activity_without_need_of(field);
            *body.pointer_mut(field).unwrap() = Value::Null;
            if is_optional {
                let null = read(&body).unwrap();
                let (parent, name) = object(&mut body, field);
                parent.as_object_mut().unwrap().remove(name);
                prop_assert_eq!(format!("{null:?}"), format!("{:?}", read(&body).unwrap()));
            } else {
                prop_assert_eq!(refused(&body), field);
            }
        }

        #[test]
        fn every_fault_is_named_once(
            fields in proptest::sample::subsequence(FIELDS.to_vec(), 1..FIELDS.len()),
        ) {
            let mut body = activity();
            let mut wanted = Vec::new();
            for (field, _) in fields {
                // Within an object that is a number already there is no field.
                if let Some(value) = body.pointer_mut(field) {
                    *value = 5.into();
                    wanted.push(field.to_owned());
                }
            }
            let mut named = all_refused(&body);
            named.sort_unstable();
            wanted.sort_unstable();
            prop_assert_eq!(named, wanted);
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
            let _ = read_bytes(&body);
            let mut near = activity().to_string().into_bytes();
            let place = at % near.len();
            near[place] = byte;
            let _ = read_bytes(&near);
        }
    }
}
