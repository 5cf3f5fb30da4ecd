//! What is asked of a log, and what it should show.

use serde_json::{Value, json};

/// A range of a log, with conditions.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) action: Option<&'static str>,
    pub(crate) outcome: Option<&'static str>,
    /// A part of the name as it is asked for, and the name that it means.
    pub(crate) customer: Option<(&'static str, &'static str)>,
    pub(crate) rising: bool,
}

impl Query {
    /// Whether the range should show this activity.
    pub(crate) fn matches(&self, activity: &Value) -> bool {
        let at = activity["occurred_at"].as_str().unwrap();
        let name = activity["customer"]["name"].as_str().unwrap_or_default();
        self.from.as_str() <= at
            && at < self.to.as_str()
            && self
                .action
                .is_none_or(|action| activity["action"] == action)
            && self
                .outcome
                .is_none_or(|outcome| activity["outcome"] == outcome)
            && self.customer.is_none_or(|(_, found)| name == found)
    }

    /// As parameters of the list.
    pub(crate) fn as_text(&self) -> String {
        let order = self.order();
        let mut text = format!("from={}&to={}&order={order}", self.from, self.to);
        let customer = self.customer.map(|(needle, _)| needle);
        for (name, value) in [
            ("action", self.action),
            ("outcome", self.outcome),
            ("customer", customer),
        ] {
            text.extend(value.map(|value| format!("&{name}={value}")));
        }
        text
    }

    /// As the body of an export.
    pub(crate) fn as_body(&self) -> Value {
        let mut body = json!({ "from": self.from, "to": self.to, "order": self.order() });
        let customer = self.customer.map(|(needle, _)| needle);
        for (name, value) in [
            ("action", self.action),
            ("outcome", self.outcome),
            ("customer", customer),
        ] {
            if let Some(value) = value {
                body[name] = value.into();
            }
        }
        body
    }

    fn order(&self) -> &'static str {
        if self.rising { "asc" } else { "desc" }
    }
}
