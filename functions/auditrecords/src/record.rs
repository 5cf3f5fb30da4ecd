//! An activity as a record, and the activity that a record's id names.

use lambda_http::Request;
use partner_center::{Actor, Entry, Party, Record, RecordId, Resource};
use shared::{
    Activity, ActivityId, ActorKind, Error, IdempotencyKey, Identifier, Moment, PartnerId,
};

/// For whom a record is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Client {
    /// The SDK of Java, which accepts no value that it does not know.
    Java,
    Other,
}

impl Client {
    pub(crate) fn of(request: &Request) -> Self {
        match request.headers().get("ms-partnercenter-client") {
            Some(name) if name == "Partner Center Java SDK" => Self::Java,
            _ => Self::Other,
        }
    }

    /// The record of an activity.
    pub(crate) fn record(self, activity: Activity) -> Result<Record, Error> {
        let (id, partner) = (activity.id.to_string(), activity.partner_id.clone());
        let record = partner_center::record(&entry(activity)?, &id, partner.as_str());
        Ok(match self {
            Self::Java => partner_center::for_java(record),
            Self::Other => record,
        })
    }
}

fn entry(activity: Activity) -> Result<Entry, Error> {
    let is_erased = activity.erased_at.is_some();
    let content = activity.content;
    let details = content.details.as_ref();
    let details = details.map(|details| serde_json::from_str(details.as_str()));
    let details = details.transpose();
    let details = details.map_err(|error| Error::internal("reading details", error))?;
    Ok(Entry {
        occurred_at: activity.id.occurred_at().to_string(),
        action: content.action.into(),
        outcome: content.outcome.as_str().to_owned(),
        customer: content.customer.map(|customer| Party {
            id: customer.id.into(),
            name: (!is_erased).then(|| customer.name.into()),
        }),
        actor: Actor {
            id: content.actor.id.into(),
            name: content.actor.name.into(),
            is_user: content.actor.kind == ActorKind::User,
        },
        resource: content.resource.map(|resource| Resource {
            r#type: resource.r#type.into(),
            id: resource.id.into(),
        }),
        correlation_id: content.correlation_id.map(Into::into),
        details: details.unwrap_or_default(),
    })
}

/// The activity that a record's id names: that of its own, or that under whose key an import
/// stored a record of Partner Center.
pub(crate) fn activity_id(partner: &PartnerId, id: &str) -> Option<ActivityId> {
    if let Ok(id) = ActivityId::try_from(id) {
        return Some(id);
    }
    let id = RecordId::parse(id)?;
    let at = Moment::from_millis(id.millis).filter(|at| *at >= Moment::EPOCH)?;
    let key = Identifier::try_from(id.key()).ok()?;
    Some(ActivityId::keyed(partner, at, &IdempotencyKey::Given(key)))
}
