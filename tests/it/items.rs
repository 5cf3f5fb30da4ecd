//! The items of the table of activities, read directly, and damaged items.

use std::time::Duration;

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use local::sample::Samples;
use serde_json::{Value, json};
use shared::{
    ActivityId, ActivityStore, Identifier, Order, TimeRange,
    aws::activities::{self, RangeQuery},
};

use crate::harness::{TestApp, activity, with};

impl TestApp {
    fn dynamodb(&self) -> Client {
        Client::new(&self.stack.sdk)
    }

    /// Puts sample activities of every kind into the table, without the API.
    async fn put_samples(&self, count: usize) {
        let config = &self.stack.config;
        let mut samples = Samples::new(self.now());
        for _ in 0..count {
            let retention = Some(Duration::from_hours(24 * 400));
            let content = samples.next();
            let shards = &config.write_shards;
            let item = activities::loadable_item("contoso", content, self.now(), retention, shards);
            let put = self
                .dynamodb()
                .put_item()
                .table_name(&config.activities_table);
            put.set_item(Some(item.unwrap())).send().await.unwrap();
        }
    }

    /// Changes the item of an activity in the table, without the API.
    async fn damage(&self, activity: &Value, update: &str, value: Option<AttributeValue>) {
        let (at, id) = (&activity["occurred_at"], &activity["id"]);
        let sort_key = format!("{}#{}", at.as_str().unwrap(), id.as_str().unwrap());
        let damaged = self
            .dynamodb()
            .update_item()
            .table_name(&self.stack.config.activities_table)
            .key("partition_key", AttributeValue::S("contoso".into()))
            .key("sort_key", AttributeValue::S(sort_key))
            .update_expression(update)
            .condition_expression("attribute_exists(sort_key)")
            .set_expression_attribute_values(value.map(|value| [(":value".into(), value)].into()));
        damaged.send().await.unwrap();
    }
}

#[tokio::test]
async fn a_page_has_the_same_activities_as_reads_with_the_sdk() {
    let app = TestApp::start().await;
    app.put_samples(60).await;
    let (event, now) = (app.export_without_worker().await, app.now());
    let partner = app.lease_export(&event, now).await.key.partner_id;
    let store = ActivityStore::new(app.dynamodb(), &app.stack.config);
    let query = RangeQuery {
        range: TimeRange::ALL,
        order: Order::Asc,
        with_details: true,
        settled: true,
    };
    let customer = Identifier::try_from("c-1".to_owned()).unwrap();
    let erased = ActivityId::try_from(app.record(&activity()).await["id"].as_str().unwrap());
    let erase = store.erase(&partner, erased.unwrap(), &customer, now);
    erase.await.unwrap();
    let page = store.query(&partner, &query, None, 1_000).await.unwrap();
    let page: Vec<_> = page.activities().map(Result::unwrap).collect();
    assert!(page.len() > 60, "{}", page.len());
    assert!(page.iter().any(|it| it.activity.erased_at.is_some()));
    for from_page in page {
        let id = from_page.activity.id;
        let from_sdk = store.get(&partner, id, now).await.unwrap();
        assert_eq!(format!("{from_page:?}"), format!("{:?}", from_sdk.unwrap()));
    }
}

#[tokio::test]
async fn an_export_fails_if_an_activity_has_lost_its_details() {
    let app = TestApp::start().await;
    let recorded = app.record(&with("details", json!({ "seats": 5 }))).await;
    app.damage(&recorded, "REMOVE details", None).await;
    app.post_export(&json!({})).await;
    app.until_failures(1).await;
}

#[tokio::test]
async fn an_erasure_does_not_skip_an_activity_with_an_unreadable_customer() {
    let customer_id = AttributeValue::N("1".into());
    for (update, value) in [
        ("SET customer_id = :value", Some(customer_id)),
        (
            "SET customer_id = :value",
            Some(AttributeValue::S("\u{1}".into())),
        ),
        ("REMOVE customer_id", None),
    ] {
        let app = TestApp::start().await;
        let recorded = app.record(&activity()).await;
        app.damage(&recorded, update, value).await;
        let asked = app.ask_to_erase().await;
        app.until_failures(1).await;
        let erasure = app.erasure(asked.header("location")).await;
        assert!(erasure["finished_at"].is_null(), "{update}: {erasure}");
    }
}
