//! What is asked of a program again and again, and what its answer must be.

#![expect(
    clippy::indexing_slicing,
    reason = "only JSON values are indexed here, and an absent one is null"
)]

use serde_json::{Value, json};

use crate::Error;

/// A call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Workload {
    /// Record one activity.
    Record,
    /// Record a batch of activities.
    Batch,
    /// List a page of so many activities.
    List { limit: u32 },
    /// Answer a constant, whatever the event says.
    Constant,
}

/// Events as API Gateway sends them; the tests use the same.
const RECORD: &str = include_str!("../../../tests/events/record__activity.json");
/// See [`RECORD`].
const LIST: &str = include_str!("../../../tests/events/list__page.json");

/// How many activities a batch has.
pub(super) const BATCH_SIZE: u32 = 25;

impl Workload {
    /// The event.
    pub(super) fn event(self) -> Result<String, Error> {
        let mut event: Value = serde_json::from_str(match self {
            Self::Record | Self::Batch => RECORD,
            Self::List { .. } | Self::Constant => LIST,
        })?;
        // The handlers that are compared do not compress.
        event["headers"]["accept-encoding"] = "identity".into();
        match self {
            Self::Record | Self::Constant => {}
            Self::Batch => make_batch(&mut event)?,
            Self::List { limit } => {
                event["rawQueryString"] = format!("limit={limit}").into();
                event["queryStringParameters"] = json!({ "limit": limit.to_string() });
            }
        }
        Ok(event.to_string())
    }

    /// An error if an answer is not what the caller wants.
    pub(super) fn check(self, answer: &[u8]) -> Result<(), Error> {
        let answer: Value = serde_json::from_slice(answer)?;
        let body = answer["body"].as_str().unwrap_or_default();
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let is_right = match self {
            Self::Record => {
                let is_whole = body["action"] == "create_order" && body["id"].is_string();
                answer["statusCode"] == 201 && is_whole && body["details"].is_object()
            }
            Self::Batch => {
                let results = body["results"].as_array().into_iter().flatten();
                let recorded = results.filter(|result| result["status"] == 201);
                answer["statusCode"] == 200 && recorded.count() == BATCH_SIZE as usize
            }
            Self::List { limit } => {
                let items = body["items"].as_array().map_or(0, Vec::len);
                let is_whole = body["items"][0]["actor"]["id"].is_string();
                let others_follow = body["next_cursor"].is_string();
                answer["statusCode"] == 200 && items == limit as usize && is_whole && others_follow
            }
            Self::Constant => answer["statusCode"] == 200,
        };
        if is_right {
            Ok(())
        } else {
            Err(format!("not the right answer: {answer}").into())
        }
    }
}

/// Makes a batch of the event of one activity.
fn make_batch(event: &mut Value) -> Result<(), Error> {
    let activity = event["body"].as_str().ok_or("the event has no body")?;
    let activity: Value = serde_json::from_str(activity)?;
    let batch = json!({ "activities": vec![activity; BATCH_SIZE as usize] });
    event["body"] = batch.to_string().into();
    let path = "/v1/activities/batch";
    event["rawPath"] = path.into();
    event["requestContext"]["http"]["path"] = path.into();
    let route = format!("POST {path}");
    event["routeKey"] = route.as_str().into();
    event["requestContext"]["routeKey"] = route.into();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_not_the_right_answer() {
        let refused = json!({ "statusCode": 403, "body": "{}" }).to_string();
        let created = json!({ "statusCode": 201, "body": "{}" }).to_string();
        let (list, batch) = (Workload::List { limit: 100 }, Workload::Batch);
        for workload in [Workload::Record, batch, list, Workload::Constant] {
            assert!(workload.check(refused.as_bytes()).is_err());
            assert!(workload.check(created.as_bytes()).is_err());
        }
        let body = json!({ "id": "x", "action": "create_order", "details": {} }).to_string();
        let whole = json!({ "statusCode": 201, "body": body }).to_string();
        assert!(Workload::Record.check(whole.as_bytes()).is_ok());
    }
}
