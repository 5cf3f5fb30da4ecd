//! The JSON answers of a list and of one activity.

use activity_log::Collected;
use serde::Serialize;
use shared::{
    Activity, ActivityId, Config, Customer, Moment, PartnerId, aws::activities::Stored,
    lambda::http,
};

use crate::request::ListRequest;

/// One page of a list.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    items: Vec<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
    /// How far was read; absent at the end of the range.
    #[serde(skip_serializing_if = "Option::is_none")]
    read_to: Option<Moment>,
    from: Moment,
    to: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded_to: Option<Moment>,
    settled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    sealed_to: Option<Moment>,
}

impl Answer {
    pub(crate) fn new(
        request: &ListRequest,
        (items, collected): (Vec<Stored>, Collected),
        partner: &PartnerId,
        config: &Config,
    ) -> Self {
        Self {
            items: items
                .into_iter()
                .map(|stored| Item::new(stored, config))
                .collect(),
            next_cursor: collected
                .resume_after
                .map(|id| request.cursor_after(id, partner)),
            read_to: collected.resume_after.map(ActivityId::occurred_at),
            from: request.query.range.from(),
            to: request.query.range.to(),
            recorded_to: request.recorded.map(|recorded| recorded.to()),
            settled: collected.is_settled,
            sealed_to: collected.sealed_to,
        }
    }
}

/// One activity and its links.
#[derive(Debug, Serialize)]
pub(crate) struct Item {
    #[serde(flatten)]
    activity: Activity,
    has_details: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    links: Option<Links>,
}

#[derive(Debug, Serialize)]
struct Links {
    subscriptions: String,
}

impl Item {
    pub(crate) fn new(stored: Stored, config: &Config) -> Self {
        let customer = stored.activity.content.customer.as_ref();
        let subscriptions =
            customer.and_then(|customer| subscriptions(customer, &config.subscriptions_url));
        let links = subscriptions.map(|subscriptions| Links { subscriptions });
        Self {
            has_details: stored.has_details,
            links,
            activity: stored.activity,
        }
    }
}

/// The customer's Subscriptions page; none if no address can name the customer.
fn subscriptions(customer: &Customer, url: &str) -> Option<String> {
    let id = http::percent_encoded(customer.id.as_str()).to_string();
    let link = url.replace("{customer_id}", &id);
    (!is_shortened(&link)).then_some(link)
}

/// Whether a browser would drop a part of the path and open another page.
///
/// It drops the segments `.` and `..`, also when they are percent-encoded.
fn is_shortened(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    path.split('/').any(|segment| {
        let segment = segment.to_ascii_lowercase().replace("%2e", ".");
        segment == "." || segment == ".."
    })
}

#[cfg(test)]
mod tests {
    use shared::{Identifier, Name};

    use super::*;

    #[test]
    fn a_link_never_leads_to_another_page() {
        let link = |id: &str, url: &str| {
            let id = Identifier::try_from(id.to_owned()).unwrap();
            let name = Name::try_from("Relecloud".to_owned()).unwrap();
            subscriptions(&Customer { id, name }, url)
        };
        let page = "https://portal.example/customers/{customer_id}/subscriptions";
        assert_eq!(link(".", page), None);
        assert_eq!(link("..", page), None);
        for (id, url, wanted) in [
            (
                "...",
                page,
                "https://portal.example/customers/.../subscriptions",
            ),
            (
                "../x",
                page,
                "https://portal.example/customers/..%2Fx/subscriptions",
            ),
            (
                "..",
                "https://portal.example/?customer={customer_id}#/",
                "https://portal.example/?customer=..#/",
            ),
            (
                "..",
                "https://portal.example/c-{customer_id}",
                "https://portal.example/c-..",
            ),
        ] {
            assert_eq!(link(id, url).as_deref(), Some(wanted));
        }
        assert_eq!(link(".", "https://portal.example/%2E{customer_id}"), None);
    }
}
