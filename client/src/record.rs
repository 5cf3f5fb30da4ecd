//! Recording, one activity or many.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    activity::{Activity, Actor, Customer, NewActivity, Outcome, Recorded, Resource},
    client::{Client, Request, read},
    delivery::{Delivered, deliver},
    error::{Error, Refusal},
};

/// What is sent of one activity; its key is in a header.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    partner_id: Option<&'a str>,
    occurred_at: chrono::DateTime<chrono::Utc>,
    action: &'a str,
    outcome: Outcome,
    customer: &'a Customer,
    actor: &'a Actor,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<&'a Resource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a RawValue>,
}

impl<'a> From<&'a NewActivity> for Body<'a> {
    fn from(activity: &'a NewActivity) -> Self {
        Self {
            partner_id: activity.partner_id.as_deref(),
            occurred_at: activity.occurred_at,
            action: &activity.action,
            outcome: activity.outcome,
            customer: &activity.customer,
            actor: &activity.actor,
            resource: activity.resource.as_ref(),
            correlation_id: activity.correlation_id.as_deref(),
            details: activity.details.as_deref(),
        }
    }
}

impl Client {
    /// Records an activity, once, however often the request must be repeated.
    pub async fn record(&self, activity: &NewActivity) -> Result<Recorded, Error> {
        let body = json(&Body::from(activity))?;
        let request = Request::post("/v1/activities", body);
        let request = request.header("idempotency-key", activity.idempotency_key.as_str());
        let attempt = || async {
            let answer = self.attempt(&request).await?;
            let replayed = answer.headers().contains_key("idempotency-replayed");
            let activity: Activity = read(answer).await?;
            Ok(Recorded { activity, replayed })
        };
        self.retries().run(attempt).await
    }

    /// Records activities in batches, one after the other; each result is that of the
    /// activity in its place.
    ///
    /// An error means that the outcome of some is unknown: call it again with all of them.
    pub async fn record_many(
        &self,
        activities: &[NewActivity],
    ) -> Result<Vec<Result<Recorded, Refusal>>, Error> {
        let texts = activities.iter().map(json).collect::<Result<Vec<_>, _>>()?;
        let mut results = Vec::with_capacity(activities.len());
        for delivered in deliver(self, &texts, self.retries()).await? {
            results.push(match delivered {
                Delivered::Recorded(recorded) => Ok(*recorded),
                Delivered::Refused(refusal) => Err(refusal),
            });
        }
        Ok(results)
    }
}

pub(crate) fn json(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Answer(error.to_string()))
}
