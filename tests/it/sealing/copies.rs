//! `HOT_DAYS`: the table forgets what is sealed, and nobody sees a difference.

use aws_sdk_dynamodb::types::AttributeValue;
use shared::aws::activities::Item;

use super::{
    kills::{each_place, heal, with_fault},
    *,
};
use crate::{
    copies::Original,
    harness::{activity, with},
};

const DAY: Duration = Duration::from_hours(24);

/// A log whose first two days are sealed, with an entry that is not; the table keeps what
/// is sealed for a day.
async fn hot_for_a_day(retention: &str) -> TestApp {
    let variables = [("HOT_DAYS", "1"), ("RETENTION_DAYS", retention)];
    let app = TestApp::start_sealing(&variables).await;
    for _ in 0..2 {
        for second in [3, 7] {
            let at = app.now().minus(Duration::from_secs(second));
            let mut sent = with("occurred_at", at.to_string());
            sent["details"] = json!({ "note": "as big as it likes", "second": second });
            let answer = app.post_keyed(&sent, &format!("k-{at}")).await;
            assert_eq!(answer.status, 201, "{}", answer.text);
        }
        app.advance(Duration::from_hours(26));
    }
    app.seal().await;
    app.record(&activity()).await;
    app
}

fn number(item: &Item, name: &str) -> Option<i64> {
    let value = item.get(name)?;
    Some(value.as_n().unwrap().parse().unwrap())
}

impl TestApp {
    /// The items of activities, oldest first.
    async fn copies(&self) -> Vec<Item> {
        let table = &self.stack.config.activities_table;
        let scan = self.dynamodb().scan().table_name(table);
        let items = scan.into_paginator().items().send();
        let mut items = items.collect::<Result<Vec<_>, _>>().await.unwrap();
        items.sort_by_key(|item| item["sort_key"].as_s().unwrap().clone());
        items
    }

    /// Deletes from the table what DynamoDB would delete by now; returns how many items.
    pub(crate) async fn expire_copies(&self) -> usize {
        let now = self.now().as_seconds();
        let has_ended =
            |item: &Item| number(item, "expires_at").is_some_and(|expires_at| expires_at <= now);
        let ended: Vec<_> = self.copies().await.into_iter().filter(has_ended).collect();
        for item in &ended {
            let delete = self.dynamodb().delete_item();
            let delete = delete.table_name(&self.stack.config.activities_table);
            let key = ["partition_key", "sort_key"].map(|name| (name.into(), item[name].clone()));
            delete.set_key(Some(key.into())).send().await.unwrap();
        }
        ended.len()
    }
}

#[tokio::test]
async fn what_is_sealed_leaves_the_table_and_stays_in_the_log() {
    let app = hot_for_a_day("400").await;
    let before = app.whole_log().await;
    let copies = app.copies().await;
    let sealed_at = app.now().as_seconds();
    for (copy, activity) in copies.iter().zip(before.iter().rev()) {
        let at: Moment = activity["occurred_at"].as_str().unwrap().parse().unwrap();
        let end = at.plus(400 * DAY).as_seconds();
        if activity == before.first().unwrap() {
            assert_eq!(number(copy, "expires_at"), Some(end));
            assert_eq!(number(copy, "kept_until"), None);
        } else {
            let left = number(copy, "expires_at").unwrap() - sealed_at;
            assert!((86_300..=86_400).contains(&left), "{left}");
            assert_eq!(number(copy, "kept_until"), Some(end));
        }
    }
    assert_eq!(copies.len(), before.len());
    // What DynamoDB has not deleted yet is in the log, and so is what it has deleted.
    app.advance(DAY);
    assert_eq!(app.whole_log().await, before);
    assert_eq!(app.expire_copies().await, 4);
    assert_eq!(app.whole_log().await, before);
    let to = before[0]["occurred_at"].as_str().unwrap();
    let asked = json!({ "from": "2000-01-01", "to": to, "format": "jsonl" });
    let export = app.export(&asked).await;
    let file = std::fs::read_to_string(app.stored_file("contoso", &export)).unwrap();
    let rows: Vec<Value> = file.lines().map(|row| row.parse().unwrap()).collect();
    assert_eq!(rows.len(), 4);
    for (row, activity) in rows.iter().zip(&before[1..]) {
        for (field, value) in row.as_object().unwrap() {
            assert_eq!(value, &activity[field]);
        }
    }
    // A retry of what was recorded finds no answer any more, and records nothing again.
    let oldest = before.last().unwrap();
    let mut again = with("occurred_at", oldest["occurred_at"].clone());
    again["details"] = oldest["details"].clone();
    let key = format!("k-{}", oldest["occurred_at"].as_str().unwrap());
    let refused = app.post_keyed(&again, &key).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert_eq!(app.erase().await["progress"]["erased"], 5);
    app.check_is_erased("Relecloud").await;
    // It is kept no longer than before.
    app.advance(400 * DAY);
    assert_eq!(app.list_all(EVERYTHING).await.len(), 0);
}

#[tokio::test]
async fn what_is_kept_for_ever_stays_in_the_log_when_its_copy_ends() {
    let app = hot_for_a_day("0").await;
    let before = app.whole_log().await;
    app.advance(2 * DAY);
    // The copies' ends are over, and DynamoDB has not deleted them.
    assert_eq!(app.whole_log().await, before);
    assert_eq!(app.expire_copies().await, 4);
    app.advance(9_000 * DAY);
    app.seal().await;
    assert_eq!(app.whole_log().await, before);
}

/// Whatever the clock says, only what segments have gets an earlier end.
#[tokio::test]
async fn nothing_that_is_not_sealed_leaves_the_table() {
    let app = hot_for_a_day("0").await;
    let unsealed = app.copies().await.pop().unwrap();
    // An entry that reached the table below the seal: no service writes it.
    let mut stray = app.copies().await.remove(0);
    let id = shared::ActivityId::random(app.now().minus(Duration::from_hours(50)));
    let sort_key = format!("{}#{id}", id.occurred_at());
    stray.insert("sort_key".into(), AttributeValue::S(sort_key.clone()));
    stray.remove("kept_until");
    stray.remove("expires_at");
    let put = app.dynamodb().put_item().set_item(Some(stray.clone()));
    let put = put.table_name(&app.stack.config.activities_table);
    put.send().await.unwrap();
    app.advance(Duration::from_hours(26));
    app.run_sealer().await;
    for _ in 0..3 {
        app.advance(3_000 * DAY);
        app.expire_copies().await;
        let left = app.copies().await;
        assert!(left.contains(&stray), "{left:?}");
        assert!(left.contains(&unsealed), "{left:?}");
    }
}

#[tokio::test]
async fn copies_of_what_was_sealed_before_end_when_it_is_switched_on() {
    let app = TestApp::start_sealing(&[]).await;
    app.record(&activity()).await;
    app.advance(Duration::from_hours(26));
    app.seal().await;
    let original = Original::new(app).await;
    let app = original.copy_with(&[("HOT_DAYS", "14")]).await;
    let before = app.whole_log().await;
    app.advance(MARGIN);
    app.run_sealer().await;
    app.advance(14 * DAY);
    assert_eq!(app.expire_copies().await, 1);
    assert_eq!(app.whole_log().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn ending_copies_is_finished_wherever_it_is_interrupted() {
    let app = TestApp::start_sealing(&[]).await;
    for _ in 0..3 {
        app.record(&activity()).await;
    }
    app.advance(Duration::from_hours(26));
    app.seal().await;
    app.advance(MARGIN);
    app.make_due().await;
    let event = app.sealer_event().await;
    let original = Original::new(app).await;
    each_place(10, async |place| {
        let app = original.copy_with(&[("HOT_DAYS", "1")]).await;
        let before = app.whole_log().await;
        let work = app.worker("seal-worker", &event);
        let has_met = with_fault(&app, "seal-worker", place, work).await;
        heal(&app).await;
        app.advance(DAY);
        assert_eq!(app.expire_copies().await, 3, "{place:?}");
        assert_eq!(app.whole_log().await, before, "{place:?}");
        has_met
    })
    .await;
}
