//! A request to the API, as the event with which API Gateway calls a function.

#![expect(
    clippy::indexing_slicing,
    reason = "only JSON values are indexed here, and an absent one is null"
)]

use serde_json::{Value, json};

use crate::Error;

/// An event of API Gateway as AWS sends it; its route, query, headers and body
/// are set for each request.
const EVENT: &str = include_str!("../../tests/events/record__activity.json");

/// A request to the API.
#[derive(Debug, Default)]
pub(crate) struct ApiRequest<'a> {
    pub(crate) function: &'a str,
    pub(crate) route: &'a str,
    pub(crate) partner: &'a str,
    pub(crate) query: String,
    pub(crate) id: Option<&'a str>,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) body: Option<Value>,
    /// How long Lambda is assumed to take.
    pub(crate) assumed_ms: f64,
}

impl ApiRequest<'_> {
    /// The event.
    pub(crate) fn event(&self) -> Result<Value, Error> {
        let mut event: Value = serde_json::from_str(EVENT)?;
        let (method, path) = self.route.split_once(' ').ok_or("the route has no path")?;
        let path = path.replace("{id}", self.id.unwrap_or_default());
        event["routeKey"] = self.route.into();
        event["rawPath"] = path.as_str().into();
        event["rawQueryString"] = self.query.as_str().into();
        event["body"] = self.body.as_ref().map(Value::to_string).into();
        // Reckoned for a client that does not accept gzip, so that answers are plain JSON.
        event["headers"]["accept-encoding"] = "identity".into();
        if let Some(key) = &self.idempotency_key {
            event["headers"]["idempotency-key"] = key.as_str().into();
        }
        if let Some(id) = self.id {
            event["pathParameters"] = json!({ "id": id });
        }
        let context = &mut event["requestContext"];
        context["routeKey"] = self.route.into();
        context["http"]["method"] = method.into();
        context["http"]["path"] = path.into();
        // As long as the gateway's own, and another for each request.
        context["requestId"] = format!("{:016x}", fastrand::u64(..)).into();
        let claims = &mut context["authorizer"]["jwt"]["claims"];
        claims["partner_id"] = self.partner.into();
        claims["roles"] = "[activity_recorder admin_agent global_admin]".into();
        Ok(event)
    }
}
