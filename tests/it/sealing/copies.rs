//! `HOT_DAYS`: the table forgets what is sealed, and nobody sees a difference.

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use shared::aws::activities::Item;

use super::{
    kills::{each_place, heal, with_fault},
    *,
};
use crate::{
    copies::Original,
    faults::Fault,
    harness::{activity, eventually, with},
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
    let app = TestApp::start_sealing(&[("RETENTION_DAYS", "0")]).await;
    for _ in 0..4 {
        app.record(&activity()).await;
    }
    app.advance(Duration::from_hours(26));
    app.seal().await;
    app.record(&activity()).await;
    let original = Original::new(app).await;
    let app = original.copy_with(&[("HOT_DAYS", "1")]).await;
    let mut copies = app.copies().await;
    let unsealed = copies.pop().unwrap();
    // An entry among the sealed ones that no segment has: no service writes it.
    let mut stray = copies.remove(0);
    let (at, _) = stray["sort_key"].as_s().unwrap().split_once('#').unwrap();
    let at: Moment = at.parse().unwrap();
    let id = shared::ActivityId::random(at.plus(Duration::from_millis(1)));
    let sort_key = format!("{}#{id}", id.occurred_at());
    stray.insert("sort_key".into(), AttributeValue::S(sort_key));
    let put = app.dynamodb().put_item().set_item(Some(stray.clone()));
    let put = put.table_name(&app.stack.config.activities_table);
    put.send().await.unwrap();
    app.run_sealer().await;
    for _ in 0..3 {
        app.advance(2_000 * DAY);
        app.expire_copies().await;
        assert_eq!(app.copies().await, [stray.clone(), unsealed.clone()]);
    }
}

/// A run that is out of time is continued by the next one, in the middle of a segment.
#[tokio::test(flavor = "multi_thread")]
async fn copies_end_in_steps_and_as_long_as_there_is_time() {
    let app = TestApp::start_sealing(&[("HOT_DAYS", "1"), ("WRITE_SHARDS", "2")]).await;
    let batch = json!({ "activities": vec![activity(); 100] });
    for _ in 0..11 {
        let request = app.post("/v1/activities/batch", &batch);
        let answer = request.token(&app.recorder()).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    app.advance(Duration::from_hours(26));
    app.run_sealer().await;
    app.advance(MARGIN);
    app.make_due().await;
    app.faults.add_after("UpdateItem", 700, Fault::Held, 1);
    let app = Arc::new(app);
    let sealer = Arc::clone(&app);
    let run = tokio::spawn(async move { sealer.call_sealer().await });
    assert!(eventually(|| app.faults.is_held("UpdateItem")).await);
    app.advance(Duration::from_mins(12));
    app.faults.release();
    run.await.unwrap();
    let ended = async || {
        let copies = app.copies().await.into_iter();
        copies
            .filter(|copy| copy.contains_key("kept_until"))
            .count()
    };
    assert_eq!(ended().await, 800);
    assert!(app.due("contoso").await <= app.now());
    app.advance(Duration::from_hours(1));
    app.call_sealer().await;
    assert_eq!(ended().await, 1_100);
    let due = app.due("contoso").await;
    assert!(due > app.now().plus(Duration::from_hours(21)), "{due}");
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

impl TestApp {
    /// What the log has of customers, by every way to read it, without what differs between
    /// two services.
    async fn shown(&self) -> (Vec<Value>, Vec<Value>, Value) {
        let plain = |mut activity: Value| {
            for moment in ["recorded_at", "erased_at"] {
                activity.as_object_mut().unwrap().remove(moment);
            }
            activity
        };
        let is_of_customer = |activity: &Value| activity["customer"].is_object();
        let whole = self.whole_log().await.into_iter();
        let found = format!("{EVERYTHING}&customer_id=c-2");
        let found = self.list_all(&found).await.into_iter();
        let summary = "/v1/activities/summary?group_by=customer&from=2000-01-01&to=2999-12-31";
        let mut counts = self.read(summary).await.json()["groups"].take();
        counts.as_array_mut().unwrap().retain(is_of_customer);
        (
            whole.filter(is_of_customer).map(plain).collect(),
            found.map(plain).collect(),
            counts,
        )
    }
}

/// Days of records, erasures, seals and retention, with and without `HOT_DAYS`.
#[tokio::test]
async fn a_table_that_forgets_shows_what_one_shows_that_keeps_everything() {
    let mut random = fastrand::Rng::with_seed(20_261_128);
    let start = async |hot_days| {
        let variables = [("RETENTION_DAYS", "12"), ("WRITE_SHARDS", "2")];
        let all = [&variables[..], &[("HOT_DAYS", hot_days)]].concat();
        TestApp::start_sealing(&all).await
    };
    let (keeps, forgets) = (start("0").await, start("1").await);
    let mut forgotten = 0;
    for day in 0..16 {
        let begin = keeps.now();
        forgets.move_clock(begin.as_millis() - forgets.now().as_millis());
        for place in 0..random.usize(1..6) {
            let at = begin.minus(Duration::from_secs(random.u64(60..72_000)));
            let mut sent = with("occurred_at", at.to_string());
            sent["customer"]["id"] = format!("c-{}", random.u8(1..4)).into();
            if random.bool() {
                sent["details"] = json!({ "day": day });
            }
            for app in [&keeps, &forgets] {
                let answer = app.post_keyed(&sent, &format!("{day}-{place}")).await;
                assert_eq!(answer.status, 201, "{}", answer.text);
            }
        }
        let erased = (day % 5 == 4).then(|| format!("c-{}", random.u8(1..4)));
        for app in [&keeps, &forgets] {
            app.advance(Duration::from_hours(25));
            app.seal().await;
            if let Some(customer) = &erased {
                assert_eq!(app.erase_customer(customer).await["state"], "done");
            }
        }
        forgotten += forgets.expire_copies().await;
        assert_eq!(keeps.shown().await, forgets.shown().await, "day {day}");
    }
    assert!(forgotten > 20, "{forgotten} copies");
    assert!(!keeps.shown().await.0.is_empty());
}
