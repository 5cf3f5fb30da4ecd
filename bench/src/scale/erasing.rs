//! How long an erasure takes in segments, and in the table's copies of what they have.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{
    activity::{CUSTOMER, activity},
    site::{Site, all_partitions},
};
use crate::{Error, request::ApiRequest};

const PARTNER: &str = "contoso";

/// Longer than the margin of a seal on one machine.
const MARGIN: Duration = Duration::from_mins(1);

/// How often it is asked where the erasure is.
const ASKED_EVERY: Duration = Duration::from_millis(20);

/// How long an erasure took of a customer who is in every segment.
#[derive(Debug)]
pub(super) struct Erased {
    pub(super) activities: usize,
    pub(super) in_segments: Duration,
    /// With `HOT_DAYS` the table has few.
    pub(super) in_copies: Duration,
}

/// Loads a year of so many activities, has it sealed, and erases a customer.
pub(super) async fn simulate(activities: usize) -> Result<Erased, Error> {
    eprintln!("erasing: a year of {activities} activities is sealed");
    let site = Site::start(Duration::from_mins(15)).await?;
    let end = site.now();
    site.stack.load(PARTNER, activities, end)?;
    // It registers the partner, and has a customer.
    site.send(&request("record", "POST /v1/activities", activity(end)))
        .await?;
    // Of activities that are sealed.
    let log = ApiRequest {
        query: format!("from={}&to={}", end.minus(Duration::from_hours(24)), end),
        ..request("list", "GET /v1/activities", Value::Null)
    };
    let mut ahead = Duration::from_hours(24 * 9);
    loop {
        site.set_ahead(ahead);
        site.seal(&all_partitions()).await?;
        if site.send(&log).await?.get("settled") == Some(&Value::Bool(true)) {
            break;
        }
        ahead += MARGIN;
    }
    eprintln!("erasing: a customer of {activities} activities");
    site.network.slow_down();
    let customer = customer(&site.send(&log).await?)?;
    site.erase(&customer, activities).await
}

/// A customer of the loaded activities.
fn customer(log: &Value) -> Result<String, Error> {
    let items = log.get("items").and_then(Value::as_array);
    let mut customers = items.into_iter().flatten().filter_map(|item| {
        let customer = item.pointer("/customer/id").and_then(Value::as_str);
        // The one that was recorded to register the partner is no sample's.
        customer.filter(|customer| *customer != CUSTOMER)
    });
    let customer = customers.next().ok_or("no activity has a customer")?;
    Ok(customer.to_owned())
}

fn request(function: &'static str, route: &'static str, body: Value) -> ApiRequest<'static> {
    ApiRequest {
        function,
        route,
        partner: PARTNER,
        body: Some(body).filter(|body| !body.is_null()),
        ..ApiRequest::default()
    }
}

impl Site {
    /// Erases a customer, and notes how long each part takes.
    async fn erase(&self, customer: &str, activities: usize) -> Result<Erased, Error> {
        let body = json!({ "customer_id": customer });
        let created = request("erasure", "POST /v1/erasures", body);
        let created = self.send(&created).await?;
        let id = created.get("id").and_then(Value::as_str);
        let id = id.ok_or("the erasure has no id")?;
        let (mut in_segments, mut in_copies) = (Duration::ZERO, Duration::ZERO);
        loop {
            let begin = Instant::now();
            sleep(ASKED_EVERY).await;
            let (state, part) = self.erasure(id).await?;
            match (state.as_str(), part.as_str()) {
                ("done", _) => break,
                ("failed", _) => return Err("the erasure has failed".into()),
                (_, "sealed") => in_segments += begin.elapsed(),
                (_, "copies") => in_copies += begin.elapsed(),
                _ => {}
            }
        }
        Ok(Erased {
            activities,
            in_segments,
            in_copies,
        })
    }

    /// The state of an erasure, and the part of the walk that is under way.
    async fn erasure(&self, id: &str) -> Result<(String, String), Error> {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let found = self
            .direct()
            .get_item()
            .table_name(&self.stack.config.erasures_table)
            .key("partition_key", text(PARTNER))
            .key("sort_key", text(id))
            .send()
            .await?;
        let item = found.item.ok_or("the erasure is gone")?;
        let value = |name: &str| {
            let value = item.get(name).and_then(|value| value.as_s().ok());
            value.cloned().unwrap_or_default()
        };
        Ok((value("state"), value("stage")))
    }
}
