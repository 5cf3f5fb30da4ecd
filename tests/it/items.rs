//! The items of the table of activities, read directly, and damaged items.

use std::time::Duration;

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use local::sample::Samples;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shared::{
    ActivityStore, Identifier, Order, TimeRange,
    aws::activities::{self, Item, RangeQuery},
};

use crate::harness::{TestApp, activity, with};

impl TestApp {
    pub(crate) fn dynamodb(&self) -> Client {
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

    /// The item of an activity.
    pub(crate) async fn activity_item(&self, activity: &Value) -> Item {
        let read = self.dynamodb().get_item();
        let read = read.table_name(&self.stack.config.activities_table);
        let read = read.set_key(Some(key(activity))).send().await;
        read.unwrap().item.unwrap()
    }

    /// Deletes the item of an activity, as DynamoDB does when its retention has ended.
    pub(crate) async fn delete_item(&self, activity: &Value) {
        let delete = self.dynamodb().delete_item();
        let delete = delete.table_name(&self.stack.config.activities_table);
        delete.set_key(Some(key(activity))).send().await.unwrap();
    }

    /// Changes the item of an activity in the table, without the API.
    async fn damage(&self, activity: &Value, update: &str, value: Option<AttributeValue>) {
        let damaged = self
            .dynamodb()
            .update_item()
            .table_name(&self.stack.config.activities_table)
            .set_key(Some(key(activity)))
            .update_expression(update)
            .condition_expression("attribute_exists(sort_key)")
            .set_expression_attribute_values(value.map(|value| [(":value".into(), value)].into()));
        damaged.send().await.unwrap();
    }
}

/// The key of an activity's item.
fn key(activity: &Value) -> Item {
    let (at, id) = (&activity["occurred_at"], &activity["id"]);
    let sort_key = format!("{}#{}", at.as_str().unwrap(), id.as_str().unwrap());
    let text = |text: String| AttributeValue::S(text);
    [
        ("partition_key", text("contoso".into())),
        ("sort_key", text(sort_key)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
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
        eventual: true,
    };
    let customer = Identifier::try_from("c-1".to_owned()).unwrap();
    app.record(&activity()).await;
    let page = store.query(&partner, &query, None, 1_000).await.unwrap();
    let mut views = page.erasure_views().map(Result::unwrap);
    let of_customer = views.find(|view| view.customer_id.as_ref() == Some(&customer));
    let erase = store.erase(&partner, of_customer.unwrap(), &customer, now);
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

/// Without it, nothing of an erased activity could be proven.
#[tokio::test]
async fn an_erasure_keeps_what_was_hashed_and_removes_the_salt() {
    let app = TestApp::start().await;
    for details in [json!({ "b": 1.5, "a": [100] }), Value::Null] {
        let recorded = app.record(&with("details", details)).await;
        let before = app.activity_item(&recorded).await;
        let salt = before["salt"].as_b().unwrap().as_ref();
        let hidden = match &before.get("details") {
            Some(_) => r#"{"customer_name":"Relecloud","details":{"a":[100],"b":1.5}}"#,
            None => r#"{"customer_name":"Relecloud"}"#,
        };
        let expected = Sha256::new()
            .chain_update(salt)
            .chain_update(hidden)
            .finalize();
        app.erase().await;
        let after = app.activity_item(&recorded).await;
        let commitment = after["commitment"].as_b().unwrap().as_ref();
        assert_eq!(commitment, expected.as_slice());
        assert!(!after.contains_key("salt"));
    }
    let mut salts = Vec::new();
    for _ in 0..2 {
        let recorded = app.record(&activity()).await;
        salts.push(app.activity_item(&recorded).await["salt"].clone());
    }
    assert_ne!(salts[0], salts[1]);
    assert_eq!(salts[0].as_b().unwrap().as_ref().len(), 16);
}

/// An activity of a version without salts, and one whose salt is damaged.
#[tokio::test]
async fn an_activity_without_a_salt_is_erased_all_the_same() {
    let app = TestApp::start().await;
    let damaged = AttributeValue::S("salt".into());
    for (update, value) in [("REMOVE salt", None), ("SET salt = :value", Some(damaged))] {
        let recorded = app.record(&activity()).await;
        app.damage(&recorded, update, value).await;
        assert_eq!(app.erase().await["progress"]["erased"], 1);
        let after = app.activity_item(&recorded).await;
        assert!(!after.contains_key("commitment") && !after.contains_key("salt"));
    }
}
