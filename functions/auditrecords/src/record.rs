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
        let (id, partner) = (activity.id, activity.partner_id.clone());
        let names = (&*id.to_string(), partner.as_str());
        let leads_back = |text: &str| {
            // A gateway ends the id of a path there, even percent-encoded.
            !text.contains(['/', '?']) && activity_ids(&partner, text).contains(&id)
        };
        let record = partner_center::record(&entry(activity)?, names, leads_back);
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

/// The activities that a record's id may name: the one that has this id itself, and the one
/// that an import has stored under the key of this id.
pub(crate) fn activity_ids(partner: &PartnerId, id: &str) -> Vec<ActivityId> {
    let own = ActivityId::try_from(id).ok();
    let at = match own {
        Some(own) => Some(own.occurred_at()),
        None => RecordId::parse(id).and_then(|id| Moment::from_millis(id.millis)),
    };
    let at = at.filter(|at| *at >= Moment::EPOCH);
    let key = Identifier::try_from(partner_center::key(id)).ok();
    let imported = at.zip(key).map(|(at, key)| {
        let key = IdempotencyKey::Given(key);
        ActivityId::keyed(partner, at, &key)
    });
    own.into_iter().chain(imported).collect()
}
