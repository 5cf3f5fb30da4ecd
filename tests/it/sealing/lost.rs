//! Items of the archive that were lost: nothing is deleted because of that.

use aws_sdk_dynamodb::types::AttributeValue;
use shared::aws::activities::Item;

use super::*;
use crate::harness::with;

/// A log of two months that is sealed, and its partner.
async fn two_segments() -> (TestApp, PartnerId) {
    let app = TestApp::start_with(&[("MAX_LATENESS_DAYS", "40")]).await;
    for days in [2, 35] {
        let at = app.now().minus(Duration::from_hours(24 * days));
        app.record(&with("occurred_at", at.to_string())).await;
    }
    app.advance(Duration::from_hours(24 * 45));
    app.seal().await;
    let partner = app.registered_partner("contoso").await;
    assert_eq!(app.segments(&partner).await.len(), 2);
    (app, partner)
}

impl TestApp {
    /// Takes an item out of the archive's table.
    async fn take_item(&self, sort_key: &str) -> Item {
        let table = &self.stack.config.archive_table;
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let delete = self.dynamodb().delete_item().table_name(table);
        let delete = delete
            .key("partition_key", text("contoso"))
            .key("sort_key", text(sort_key))
            .return_values(aws_sdk_dynamodb::types::ReturnValue::AllOld);
        delete.send().await.unwrap().attributes.unwrap()
    }

    async fn put_item_back(&self, item: Item) {
        let put = self.dynamodb().put_item();
        let put = put.table_name(&self.stack.config.archive_table);
        put.set_item(Some(item)).send().await.unwrap();
    }
}

#[tokio::test]
async fn the_object_of_a_lost_item_is_not_deleted_and_no_erasure_passes_over_it() {
    let (app, partner) = two_segments().await;
    let (whole, objects) = (app.whole_log().await, app.objects("archive", &partner));
    let segments = app.segments(&partner).await;
    let segment = &segments[0];
    let key = format!("segment#{}#{}", segment.first.occurred_at(), segment.first);
    let item = app.take_item(&key).await;
    app.advance(Duration::from_hours(24));
    app.run_sealer().await;
    assert_eq!(app.objects("archive", &partner), objects);
    assert!(
        app.due("contoso").await <= app.now(),
        "the next sweep tries again"
    );
    let event = app.erasure_without_worker().await;
    let event = serde_json::to_value(event).unwrap();
    let erased = app.stack.functions.call("erasure-worker", event).await;
    assert!(erased.is_err());
    assert_eq!(app.objects("archive", &partner), objects);
    app.put_item_back(item).await;
    app.seal().await;
    assert_eq!(app.check_archive(&partner).await.len(), whole.len());
}

#[tokio::test]
async fn a_lost_head_is_not_made_anew_where_there_are_objects() {
    let (app, partner) = two_segments().await;
    let objects = app.objects("archive", &partner);
    let head = app.take_item("head").await;
    for _ in 0..4 {
        app.advance(Duration::from_hours(24));
        app.run_sealer().await;
        assert_eq!(app.objects("archive", &partner), objects);
    }
    app.put_item_back(head).await;
    app.seal().await;
    app.check_archive(&partner).await;
}
