//! The table of activities: a put and a query, without any checks.
//!
//! The SDK is set up as its guide shows it: `load_defaults`, connections opened
//! by the first call, the system's root certificates.

use std::collections::HashMap;

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::{Client, types::AttributeValue};
use bench::names::ACTIVITIES;
use lambda_http::Error;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::Clock;
use uuid::Uuid;

type Item = HashMap<String, AttributeValue>;

/// How many items a page has.
const PAGE: i32 = 100;

/// What a list shows, by the store's names.
const SHOWN: &str = "partition_key, sort_key, recorded_at, erased_at, #action, outcome, customer_id, \
                     customer_name, actor_id, actor_name, actor_kind, resource_type, resource_id, \
                     correlation_id, details_bytes, expires_at";

/// The two operations on the table of activities.
#[derive(Debug)]
pub(crate) struct Activities {
    client: Client,
    clock: Clock,
}

/// An activity as a client writes it; any text passes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Activity {
    action: String,
    outcome: String,
    customer: Customer,
    actor: Actor,
    resource: Resource,
    correlation_id: String,
    details: Box<RawValue>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Customer {
    id: String,
    name: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Actor {
    id: String,
    name: String,
    kind: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Resource {
    r#type: String,
    id: String,
}

#[derive(Serialize)]
struct Created<'a> {
    id: String,
    partner_id: &'a str,
    occurred_at: &'a str,
    recorded_at: &'a str,
    #[serde(flatten)]
    activity: &'a Activity,
}

#[derive(Serialize)]
struct Page<'a> {
    items: Vec<Row<'a>>,
    next_cursor: Option<&'a str>,
}

#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    partner_id: &'a str,
    occurred_at: &'a str,
    recorded_at: &'a str,
    action: &'a str,
    outcome: &'a str,
    customer: Shown<'a>,
    actor: Shown<'a>,
    resource: Shown<'a>,
    correlation_id: &'a str,
    has_details: bool,
}

/// A customer, an actor or a resource of a page.
#[derive(Default, Serialize)]
struct Shown<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'a str>,
}

impl Activities {
    /// The client, which has no connection yet.
    pub(crate) async fn load() -> Self {
        let sdk = aws_config::load_defaults(BehaviorVersion::latest()).await;
        Self {
            client: Client::new(&sdk),
            clock: Clock::system(),
        }
    }

    /// Puts an activity unless its key is taken; answers it as JSON.
    pub(crate) async fn put(&self, partner: &str, activity: &Activity) -> Result<String, Error> {
        let (id, now) = (Uuid::new_v4().to_string(), self.clock.now().to_string());
        self.client
            .put_item()
            .table_name(ACTIVITIES)
            .item("partition_key", text(partner))
            .item("sort_key", text(&format!("{now}#{id}")))
            .item("recorded_at", text(&now))
            .item("request_id", text(&id))
            .item("action", text(&activity.action))
            .item("outcome", text(&activity.outcome))
            .item("customer_id", text(&activity.customer.id))
            .item("customer_name", text(&activity.customer.name))
            .item("actor_id", text(&activity.actor.id))
            .item("actor_name", text(&activity.actor.name))
            .item("actor_kind", text(&activity.actor.kind))
            .item("resource_type", text(&activity.resource.r#type))
            .item("resource_id", text(&activity.resource.id))
            .item("correlation_id", text(&activity.correlation_id))
            .item("details", text(activity.details.get()))
            .item("details_bytes", number(activity.details.get().len()))
            .item("expires_at", number(1_830_000_000))
            .condition_expression("attribute_not_exists(partition_key)")
            .send()
            .await?;
        Ok(serde_json::to_string(&Created {
            id,
            partner_id: partner,
            occurred_at: &now,
            recorded_at: &now,
            activity,
        })?)
    }

    /// Queries the newest 100 and answers them as JSON.
    pub(crate) async fn page(&self, partner: &str) -> Result<String, Error> {
        let page = self
            .client
            .query()
            .table_name(ACTIVITIES)
            .key_condition_expression("partition_key = :partner AND sort_key BETWEEN :from AND :to")
            .expression_attribute_values(":partner", text(partner))
            .expression_attribute_values(":from", text("2026-01-01T00:00:00.000Z"))
            .expression_attribute_values(":to", text("2028-01-01T00:00:00.000Z"))
            .projection_expression(SHOWN)
            .expression_attribute_names("#action", "action")
            .scan_index_forward(false)
            .consistent_read(true)
            .limit(PAGE)
            .send()
            .await?;
        let items = page.items().iter().map(row).collect::<Option<_>>();
        let last = page.last_evaluated_key.as_ref();
        Ok(serde_json::to_string(&Page {
            items: items.ok_or("an item has no key")?,
            next_cursor: last.map(|key| text_of(key, "sort_key")),
        })?)
    }
}

fn row(item: &Item) -> Option<Row<'_>> {
    let (occurred_at, id) = text_of(item, "sort_key").split_once('#')?;
    Some(Row {
        id,
        partner_id: text_of(item, "partition_key"),
        occurred_at,
        recorded_at: text_of(item, "recorded_at"),
        action: text_of(item, "action"),
        outcome: text_of(item, "outcome"),
        customer: Shown {
            id: text_of(item, "customer_id"),
            name: Some(text_of(item, "customer_name")),
            ..Shown::default()
        },
        actor: Shown {
            id: text_of(item, "actor_id"),
            name: Some(text_of(item, "actor_name")),
            kind: Some(text_of(item, "actor_kind")),
            ..Shown::default()
        },
        resource: Shown {
            id: text_of(item, "resource_id"),
            r#type: Some(text_of(item, "resource_type")),
            ..Shown::default()
        },
        correlation_id: text_of(item, "correlation_id"),
        has_details: item.contains_key("details_bytes"),
    })
}

fn text_of<'a>(item: &'a Item, name: &str) -> &'a str {
    match item.get(name) {
        Some(AttributeValue::S(text)) => text,
        _ => "",
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: usize) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
