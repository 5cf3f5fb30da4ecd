//! What is asked of a function, and what its answer must be.

#![expect(
    clippy::indexing_slicing,
    reason = "only JSON values are indexed here, and an absent one is null"
)]

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::looped::CALLERS;
use crate::{Error, raw::Form};

/// One call again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Workload {
    /// One activity.
    Record,
    /// One activity, by many callers at once.
    Hot,
    /// A batch of them.
    Batch,
    /// A page of so many.
    List { limit: usize },
    /// Anything that is answered.
    Hello,
}

/// Events as API Gateway sends them; the tests use the same.
const RECORD: &str = include_str!("../../../tests/events/record__activity.json");
/// See [`RECORD`].
const LIST: &str = include_str!("../../../tests/events/list__page.json");

/// The write units a second of a partition of DynamoDB's.
const UNITS_PER_SECOND: u32 = 1_000;

/// How many activities a batch has.
pub(super) const BATCH: usize = 25;

impl Workload {
    /// The event.
    pub(super) fn event(self) -> Result<String, Error> {
        let mut event: Value = serde_json::from_str(match self {
            Self::Record | Self::Hot | Self::Batch => RECORD,
            Self::List { .. } | Self::Hello => LIST,
        })?;
        match self {
            Self::Record | Self::Hot | Self::Hello => {}
            Self::Batch => {
                let activity: Value = serde_json::from_str(activity(&event)?)?;
                event["body"] = json!({ "activities": vec![activity; BATCH] })
                    .to_string()
                    .into();
                route(
                    &mut event,
                    "POST /v1/activities/batch",
                    "/v1/activities/batch",
                );
            }
            Self::List { limit } => {
                event["rawQueryString"] = format!("limit={limit}").into();
                event["queryStringParameters"] = json!({ "limit": limit.to_string() });
            }
        }
        Ok(event.to_string())
    }

    /// The most write units a second that a partition takes, if it is to be the limit.
    pub(super) fn units_per_second(self) -> Option<u32> {
        (self == Self::Hot).then_some(UNITS_PER_SECOND)
    }

    /// Refuses an answer that is not what a caller wants.
    pub(super) fn check(self, answer: &[u8]) -> Result<(), Error> {
        let answer: Value = serde_json::from_slice(answer)?;
        let body = answer["body"].as_str().unwrap_or_default();
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let count = |list: &str| body[list].as_array().map_or(0, Vec::len);
        let is_right = match self {
            Self::Record | Self::Hot => {
                let is_whole = body["action"] == "create_order" && body["id"].is_string();
                answer["statusCode"] == 201 && is_whole && body["details"].is_object()
            }
            Self::Batch => {
                let results = body["results"].as_array().into_iter().flatten();
                let recorded = results.filter(|result| result["status"] == 201);
                answer["statusCode"] == 200 && recorded.count() == BATCH
            }
            Self::List { limit } => {
                let is_more = body["next_cursor"].is_string();
                let is_whole = body["items"][0]["actor"]["id"].is_string();
                answer["statusCode"] == 200 && count("items") == limit && is_whole && is_more
            }
            Self::Hello => answer["statusCode"] == 200,
        };
        if is_right {
            Ok(())
        } else {
            Err(format!("not the right answer: {answer}").into())
        }
    }

    /// The least and the most items that so many calls put: of many callers each may
    /// have another one on its way.
    pub(super) fn puts(self, calls: u64) -> RangeInclusive<u64> {
        match self {
            Self::Record => calls..=calls,
            Self::Hot => calls..=calls + CALLERS as u64,
            Self::Batch => BATCH as u64 * calls..=BATCH as u64 * calls,
            Self::List { .. } | Self::Hello => 0..=0,
        }
    }

    /// The least and the most entries that so many calls read: one more than a page
    /// shows tells that others follow, and of each shard it is more than its share.
    pub(super) fn reads(self, calls: u64) -> RangeInclusive<u64> {
        match self {
            Self::List { limit } => limit as u64 * calls..=2 * limit as u64 * calls,
            Self::Record | Self::Hot | Self::Batch | Self::Hello => 0..=0,
        }
    }
}

fn route(event: &mut Value, route: &str, path: &str) {
    event["routeKey"] = route.into();
    event["rawPath"] = path.into();
    event["requestContext"]["routeKey"] = route.into();
    event["requestContext"]["http"]["path"] = path.into();
}

fn activity(event: &Value) -> Result<&str, Error> {
    event["body"].as_str().ok_or_else(|| "no body".into())
}

/// The activity of the event, as the put loop has it.
pub(super) fn form() -> Result<Form, Error> {
    let event: Value = serde_json::from_str(RECORD)?;
    Ok(serde_json::from_str(activity(&event)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_not_the_right_answer() {
        let refused = json!({ "statusCode": 403, "body": "{}" }).to_string();
        let created = json!({ "statusCode": 201, "body": "{}" }).to_string();
        let (list, batch) = (Workload::List { limit: 100 }, Workload::Batch);
        for workload in [Workload::Record, batch, list, Workload::Hello] {
            assert!(workload.check(refused.as_bytes()).is_err());
            assert!(workload.check(created.as_bytes()).is_err());
        }
        let body = json!({ "id": "x", "action": "create_order", "details": {} }).to_string();
        let whole = json!({ "statusCode": 201, "body": body }).to_string();
        assert!(Workload::Record.check(whole.as_bytes()).is_ok());
    }
}
