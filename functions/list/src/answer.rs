//! The JSON answers of a list and of one activity.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use shared::{Activity, Config, Customer, Moment, PartnerId, aws::activities::Stored};

use crate::{request::ListRequest, walk::Walked};

/// One page of a list.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    items: Vec<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
    from: Moment,
    to: Moment,
    settled: bool,
}

impl Answer {
    pub(crate) fn new(
        request: &ListRequest,
        walked: Walked,
        partner: &PartnerId,
        config: &Config,
    ) -> Self {
        Self {
            items: walked
                .items
                .into_iter()
                .map(|stored| Item::new(stored, config))
                .collect(),
            next_cursor: walked
                .resume_after
                .map(|id| request.cursor_after(id, partner)),
            from: request.query.range.from(),
            to: request.query.range.to(),
            settled: request.query.settled,
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
        let links = customer.map(|customer| Links {
            subscriptions: subscriptions(customer, config),
        });
        Self {
            has_details: stored.has_details,
            links,
            activity: stored.activity,
        }
    }
}

/// All characters except the unreserved ones of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

fn subscriptions(customer: &Customer, config: &Config) -> String {
    let id = utf8_percent_encode(customer.id.as_str(), RESERVED).to_string();
    config.subscriptions_url.replace("{customer_id}", &id)
}
