//! A request into valid activities; nothing after it validates.

use jiff::SignedDuration;
use lambda_http::Request;
use serde::Deserialize;
use serde_json::value::RawValue;
use shared::{
    Action, Actor, Content, Customer, Details, Error, IdempotencyKey, Identifier, Moment,
    NewActivity, Outcome, Recorder, Resource, http,
    json::{self, Object},
    trail,
};

/// The largest body of one activity: 1 MiB.
const ONE_BYTES_MAX: usize = 1024 * 1024;

/// The largest body of a batch: below Lambda's 6 MB even when every byte is escaped.
const BATCH_BYTES_MAX: usize = 3_000_000;

/// The most activities in a batch.
const BATCH_MAX: usize = 100;

/// How far ahead of the server a client's clock may be.
const AHEAD_MAX: SignedDuration = SignedDuration::from_mins(5);

/// An activity as a client writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(crate) struct Form {
    #[serde(default, deserialize_with = "json::present")]
    partner_id: Option<String>,
    #[serde(default, deserialize_with = "json::present")]
    idempotency_key: Option<Identifier>,
    #[serde(default, deserialize_with = "json::present")]
    occurred_at: Option<Moment>,
    action: Action,
    #[serde(deserialize_with = "json::word")]
    outcome: Outcome,
    customer: Object<Customer>,
    actor: Object<Actor>,
    #[serde(default, deserialize_with = "json::present")]
    resource: Option<Object<Resource>>,
    #[serde(default, deserialize_with = "json::present")]
    correlation_id: Option<Identifier>,
    #[serde(default, deserialize_with = "json::present")]
    details: Option<Details>,
}

/// Whether an activity may still be recorded.
#[derive(Debug)]
pub(crate) enum Timing {
    InTime,
    TooLate(Error),
}

/// Reads the body of one activity and the key in its header.
pub(crate) fn read_one(request: &Request) -> Result<Form, Error> {
    let key = http::idempotency_key(request)?;
    http::no_more(&http::query(request)?)?;
    let mut form: Form = json::read(http::body(request, ONE_BYTES_MAX)?)?;
    if form.idempotency_key.is_some() {
        let reason = "belongs into the Idempotency-Key header; only a batch's activities carry it";
        return Err(Error::invalid("idempotency_key", reason));
    }
    form.idempotency_key = key;
    Ok(form)
}

/// Reads a batch; each activity on its own, so that a bad one stops no other.
pub(crate) fn read_many(request: &Request) -> Result<Vec<Result<Form, Error>>, Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, expecting = "an object")]
    struct Batch {
        activities: Vec<Box<RawValue>>,
    }

    if http::idempotency_key(request)?.is_some() {
        let reason = "is not for a batch; each activity carries its own idempotency_key";
        return Err(Error::invalid("Idempotency-Key", reason));
    }
    http::no_more(&http::query(request)?)?;
    let Batch { activities } = json::read(http::body(request, BATCH_BYTES_MAX)?)?;
    if !(1..=BATCH_MAX).contains(&activities.len()) {
        return Err(Error::invalid(
            "activities",
            "must hold 1 to 100 activities",
        ));
    }
    Ok(activities
        .iter()
        .map(|raw| json::read(raw.get().as_bytes()))
        .collect())
}

impl Form {
    /// The activity to store: for a partner the recorder may record for, at a
    /// time that may be recorded at `now`.
    pub(crate) fn check(
        self,
        recorder: &Recorder,
        now: Moment,
        max_lateness: SignedDuration,
    ) -> Result<(NewActivity, Timing), Error> {
        let partner_id = recorder.partner(self.partner_id.as_deref())?;
        if trail::ACTIONS.contains(&self.action.as_str()) {
            return Err(Error::invalid(
                "action",
                "is recorded by this service alone",
            ));
        }
        if self.idempotency_key.is_some() && self.occurred_at.is_none() {
            let reason = "is missing; a retry with an idempotency key must repeat it";
            return Err(Error::invalid("occurred_at", reason));
        }
        let occurred_at = self.occurred_at.unwrap_or(now);
        let timing = timing(occurred_at, now, max_lateness)?;
        let content = Content {
            occurred_at,
            action: self.action,
            outcome: self.outcome,
            customer: Some(self.customer.0),
            actor: self.actor.0,
            resource: self.resource.map(|resource| resource.0),
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

fn timing(at: Moment, now: Moment, max_lateness: SignedDuration) -> Result<Timing, Error> {
    if at > now.plus(AHEAD_MAX) {
        return Err(Error::invalid(
            "occurred_at",
            "must be at most 5 minutes ahead",
        ));
    }
    if at >= now.minus(max_lateness) {
        return Ok(Timing::InTime);
    }
    let days = max_lateness.as_hours() / 24;
    let reason = format!("must be at most {days} days ago");
    Ok(Timing::TooLate(Error::invalid("occurred_at", reason)))
}
