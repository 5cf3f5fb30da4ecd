//! The operators' commands, over whole archives.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use admin::{Error, Rebuild, Rebuilt, Register, Registration};
use aws_config::AppName;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;
use shared::{
    ActivityId, Clock, Moment, PartnerId,
    aws::archive::{Head, Holder, SegmentItem},
};

use crate::{
    faults::Fault,
    harness::{TestApp, activity, eventually, with},
};

impl TestApp {
    /// The clock of the service, for a command.
    fn command_clock(&self) -> Clock {
        let now = self.now();
        Clock::from_fn(move || now)
    }

    async fn register_all(&self, dry_run: bool) -> Registration {
        let (sdk, config) = (&self.stack.sdk, &self.stack.config);
        let register = Register { dry_run };
        register
            .run(sdk, config, &self.command_clock())
            .await
            .unwrap()
    }

    /// Loads logs past the API, so that nobody is registered.
    fn load_logs(&self) {
        for (partner, count) in [("contoso", 700), ("fabrikam", 30), ("a.b-c_d", 2)] {
            self.stack.load(partner, count, self.now()).unwrap();
        }
    }
}

#[tokio::test]
async fn partners_of_a_table_in_use_are_registered_and_then_sealed() {
    let variables = [("WRITE_SHARDS", "4"), ("FIRST_SEAL_DAYS", "30")];
    let app = TestApp::start_sealing(&variables).await;
    app.load_logs();
    let before = app.whole_log().await;
    let done = app.register_all(false).await;
    assert_eq!((done.items, done.partners), (732, 3));
    let added: Vec<&str> = done.added.iter().map(PartnerId::as_str).collect();
    assert_eq!(added, ["a.b-c_d", "contoso", "fabrikam"]);
    let registered: BTreeSet<_> = app.registered().await.into_iter().collect();
    assert_eq!(registered, done.added.into_iter().collect());
    let month = Duration::from_hours(24 * 30);
    let due = app.due("contoso").await;
    assert!(due <= app.now().plus(month), "{due}");
    assert!(
        due > app.now().plus(month).minus(Duration::from_mins(5)),
        "{due}"
    );
    app.seal().await;
    for partner in app.registered().await {
        assert!(!app.check_archive(&partner).await.is_empty(), "{partner}");
    }
    assert_eq!(app.whole_log().await, before);
}

#[tokio::test]
async fn who_is_registered_stays_as_it_is() {
    let app = TestApp::start_sealing(&[]).await;
    app.record(&activity()).await;
    app.advance(Duration::from_hours(24));
    let due = app.due("contoso").await;
    app.load_logs();
    let done = app.register_all(false).await;
    assert_eq!((done.partners, done.added.len()), (3, 2));
    app.advance(Duration::from_hours(24));
    let again = app.register_all(false).await;
    assert_eq!((again.partners, again.added.len()), (3, 0));
    assert_eq!(app.due("contoso").await, due);
    assert!(app.due("fabrikam").await < app.now().minus(Duration::from_hours(23)));
}

#[tokio::test]
async fn partners_who_only_have_segments_left_are_registered() {
    let (app, partner) = sealed_log().await;
    for (table, prefix) in [("archive", "#partners#"), ("activities", "contoso")] {
        app.lose_partitions(table, prefix).await;
    }
    assert!(app.registered().await.is_empty());
    let done = app.register_all(false).await;
    assert_eq!((done.items, done.partners), (0, 1));
    assert_eq!(done.added, [partner]);
    assert_eq!(app.registered().await.len(), 1);
}

#[tokio::test]
async fn a_dry_run_registers_nobody() {
    let app = TestApp::start().await;
    app.load_logs();
    let dry = app.register_all(true).await;
    assert_eq!(dry.added.len(), 3);
    assert!(app.registered().await.is_empty());
    assert_eq!(app.register_all(false).await, dry);
}

/// A log of several months that is sealed, with an erased customer in many of them.
async fn sealed_log() -> (TestApp, PartnerId) {
    let app = TestApp::start_sealing(&[]).await;
    app.stack.load("contoso", 300, app.now()).unwrap();
    app.record(&activity()).await;
    app.advance(Duration::from_hours(26));
    app.seal().await;
    let whole = app.whole_log().await;
    let mut customers = whole.iter().rev();
    let customer = customers.find_map(|it| it["customer"]["id"].as_str());
    assert_eq!(app.erase_customer(customer.unwrap()).await["state"], "done");
    let partner = app.registered_partner("contoso").await;
    assert!(app.segments(&partner).await.len() > 10);
    (app, partner)
}

impl TestApp {
    async fn rebuild(&self, rebuild: Rebuild) -> Result<Rebuilt, Error> {
        let sdk = self
            .stack
            .sdk
            .to_builder()
            .app_name(AppName::new("admin").unwrap());
        let sdk = sdk.http_client(self.faults.client()).build();
        let partner = "contoso".to_owned();
        let rebuild = Rebuild { partner, ..rebuild };
        rebuild
            .run(&sdk, &self.stack.config, &self.command_clock())
            .await
    }

    async fn report(&self) -> Result<Rebuilt, Error> {
        self.rebuild(Rebuild::default()).await
    }

    async fn write_rebuilt(&self) -> Result<Rebuilt, Error> {
        let write = true;
        self.rebuild(Rebuild {
            write,
            ..Rebuild::default()
        })
        .await
    }

    /// What the command says why it did nothing.
    async fn refusal(&self) -> String {
        let error = self.write_rebuilt().await.unwrap_err();
        shared::model::error::chain(&error)
    }

    /// Every item of the partner's archive, by its sort key.
    async fn archive_items(&self) -> Vec<shared::aws::activities::Item> {
        let query = self.dynamodb().query().table_name("archive");
        let query = query
            .key_condition_expression("partition_key = :partner")
            .expression_attribute_values(":partner", AttributeValue::S("contoso".to_owned()));
        query.send().await.unwrap().items.unwrap()
    }

    /// Deletes the partner's items whose sort key begins so.
    async fn lose_items(&self, prefix: &str) {
        for item in self.archive_items().await {
            let sort_key = item["sort_key"].clone();
            if !sort_key.as_s().unwrap().starts_with(prefix) {
                continue;
            }
            let delete = self.dynamodb().delete_item().table_name("archive");
            let delete = delete.key("partition_key", item["partition_key"].clone());
            delete.key("sort_key", sort_key).send().await.unwrap();
        }
    }

    /// Deletes a table's items whose partition key begins so.
    async fn lose_partitions(&self, table: &str, prefix: &str) {
        let mut pages = self
            .dynamodb()
            .scan()
            .table_name(table)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            for item in page.unwrap().items() {
                if !item["partition_key"].as_s().unwrap().starts_with(prefix) {
                    continue;
                }
                let delete = self.dynamodb().delete_item().table_name(table);
                let delete = delete.key("partition_key", item["partition_key"].clone());
                let delete = delete.key("sort_key", item["sort_key"].clone());
                delete.send().await.unwrap();
            }
        }
    }

    fn lose_object(&self, bucket: &str, key: &str) {
        std::fs::remove_file(self.stack.s3_dir.join(bucket).join(key)).unwrap();
    }

    /// The log goes on: the next seal extends what was rebuilt.
    async fn check_it_goes_on(&self, partner: &PartnerId, before: usize) {
        self.record(&with("occurred_at", self.now().to_string()))
            .await;
        let whole = self.whole_log().await;
        self.advance(Duration::from_hours(26));
        // Without a head before, the first run notes when the log was closed.
        self.seal().await;
        self.advance(Duration::from_secs(31));
        self.run_sealer().await;
        let rows = self.check_archive(partner).await;
        assert!(rows.len() > before, "{} rows", rows.len());
        assert_eq!(self.whole_log().await, whole);
    }
}

/// What a head says of the log, but up to when it is sealed.
fn of_the_log(head: &Head) -> impl PartialEq + std::fmt::Debug {
    let tree: Vec<_> = head.tree().unwrap().hashes().collect();
    (head.size, head.border, tree, head.checkpoint.clone())
}

/// The key with a lower epoch of its lease, and with this count.
fn older(segment: &SegmentItem, count: u64) -> String {
    let (folder, _) = segment.object.rsplit_once('/').unwrap();
    format!("{folder}/{:012}-{count}-1.parquet", segment.first_index)
}

#[tokio::test]
async fn items_made_again_from_objects_are_those_that_were_lost() {
    let (app, partner) = sealed_log().await;
    let (head, segments) = (app.seal_head(&partner).await, app.segments(&partner).await);
    let whole = app.whole_log().await;
    let same = app.write_rebuilt().await.unwrap();
    assert_eq!((same.changed, same.head_differs), (0, false));
    assert!(same.leftovers.is_empty() && same.stale.is_empty());
    // One that was replaced, and one that was never committed.
    for (segment, count) in [(&segments[3], 1), (&segments[5], 60_000)] {
        app.put_object("archive", &older(segment, count), b"anything");
    }
    app.lose_items("").await;
    assert!(app.archive_items().await.is_empty());
    let rebuilt = app.write_rebuilt().await;
    let rebuilt = rebuilt.unwrap();
    assert_eq!(
        (rebuilt.changed, rebuilt.leftovers.len()),
        (segments.len(), 2)
    );
    assert!(rebuilt.head_differs);
    assert_eq!(rebuilt.compared, app.objects("checkpoints", &partner).len());
    assert_eq!(app.segments(&partner).await, segments);
    let made = app.seal_head(&partner).await;
    assert_eq!(of_the_log(&made), of_the_log(&head));
    // What nobody verified only closes the log; the next seal moves `sealed_to` on.
    assert_eq!(made.closed_to, head.sealed_to);
    assert_eq!(made.sealed_to, head.border.map(ActivityId::occurred_at));
    assert_eq!(app.whole_log().await, whole);
    app.check_it_goes_on(&partner, usize::try_from(head.size).unwrap())
        .await;
}

#[tokio::test]
async fn single_items_that_were_lost_or_changed_are_made_again_beside_the_head() {
    let (app, partner) = sealed_log().await;
    let (head, segments) = (app.seal_head(&partner).await, app.segments(&partner).await);
    app.lose_items(&format!("segment#{}", segments[2].first.occurred_at()))
        .await;
    let update = app.dynamodb().update_item().table_name("archive");
    let key = format!(
        "segment#{}#{}",
        segments[4].first.occurred_at(),
        segments[4].first
    );
    let update = update
        .key("partition_key", AttributeValue::S("contoso".to_owned()))
        .key("sort_key", AttributeValue::S(key))
        .update_expression("SET bytes = :wrong")
        .expression_attribute_values(":wrong", AttributeValue::N("17".to_owned()));
    update.send().await.unwrap();
    assert_eq!(app.write_rebuilt().await.unwrap().changed, 2);
    assert_eq!(app.segments(&partner).await, segments);
    let made = app.seal_head(&partner).await;
    assert_eq!(of_the_log(&made), of_the_log(&head));
    assert_eq!(
        (made.sealed_to, made.closed_to, made.closed_at),
        (head.sealed_to, head.closed_to, head.closed_at)
    );
    app.check_it_goes_on(&partner, usize::try_from(head.size).unwrap())
        .await;
}

#[tokio::test]
async fn a_report_writes_nothing() {
    let (app, _) = sealed_log().await;
    for lost in ["head", ""] {
        app.lose_items(lost).await;
        let before = app.archive_items().await;
        assert!(app.report().await.unwrap().extent.size > 100);
        assert_eq!(app.archive_items().await, before);
    }
}

#[tokio::test]
async fn what_is_damaged_missing_or_forged_is_named() {
    let (app, partner) = sealed_log().await;
    let segments = app.segments(&partner).await;
    let object = &segments[3].object;
    let bytes = app.objects("archive", &partner)[object].clone();
    let mut damaged = bytes.clone();
    damaged[100] ^= 1;
    app.put_object("archive", object, &damaged);
    let refusal = app.refusal().await;
    assert!(
        refusal.contains("damaged") && refusal.contains(object),
        "{refusal}"
    );
    // One of another place, under a name that fits.
    let other = app.objects("archive", &partner)[&segments[4].object].clone();
    app.put_object("archive", object, &other);
    let refusal = app.refusal().await;
    assert!(
        refusal.contains("its place") && refusal.contains(object),
        "{refusal}"
    );
    app.lose_object("archive", object);
    for lost in ["#", ""] {
        app.lose_items(lost).await;
        let refusal = app.refusal().await;
        let missing = format!("from index {} on", segments[3].first_index);
        assert!(refusal.contains(&missing), "{refusal}");
    }
    app.put_object("archive", object, &bytes);
    let (key, note) = app.objects("checkpoints", &partner).pop_first().unwrap();
    let text = String::from_utf8(note.clone()).unwrap();
    let root = text.lines().nth(2).unwrap();
    let forged = text.replace(root, &proof::Hash::of_nothing().to_string());
    app.put_object("checkpoints", &key, forged.as_bytes());
    let refusal = app.refusal().await;
    assert!(
        refusal.contains(&key) && refusal.contains("root"),
        "{refusal}"
    );
    let origin = text.replace("/contoso/", "/fabrikam/");
    app.put_object("checkpoints", &key, origin.as_bytes());
    assert!(app.refusal().await.contains("fabrikam"));
    assert!(app.archive_items().await.is_empty());
    app.put_object("checkpoints", &key, &note);
    app.write_rebuilt().await.unwrap();
    assert_eq!(app.segments(&partner).await, segments);
}

#[tokio::test]
async fn what_can_not_be_made_again_is_sealed_again_from_the_table() {
    let (app, partner) = sealed_log().await;
    let (head, segments) = (app.seal_head(&partner).await, app.segments(&partner).await);
    let whole = app.whole_log().await;
    app.lose_object("archive", &segments[6].object);
    let wanted = Rebuild {
        write: true,
        shrink: true,
        ..Rebuild::default()
    };
    let rebuilt = app.rebuild(wanted).await.unwrap();
    assert_eq!(rebuilt.extent.size, segments[6].first_index);
    assert_eq!(rebuilt.stale.len(), segments.len() - 6);
    assert_eq!(app.segments(&partner).await, segments[..6]);
    let shrunk = app.seal_head(&partner).await;
    assert_eq!(shrunk.closed_to, head.closed_to);
    assert_eq!(app.whole_log().await, whole);
    app.check_it_goes_on(&partner, usize::try_from(head.size).unwrap())
        .await;
}

/// With `HOT_DAYS`, what is behind a lost segment is nowhere but in the segments.
#[tokio::test]
async fn what_the_table_has_forgotten_is_never_left_out() {
    let (app, partner) = sealed_log().await;
    let (head, segments) = (app.seal_head(&partner).await, app.segments(&partner).await);
    let whole = app.whole_log().await;
    let (store, border) = (app.seal_store(), head.border.unwrap());
    let taken = store.take_lease(&partner, Holder::Seal, app.now()).await;
    let (lease, _) = taken.unwrap().unwrap();
    let kept = store.keep_copies_end(&lease, border, app.now()).await;
    assert_eq!(kept.unwrap().unwrap().copies_end_to, Some(border));
    store.release(&lease, true, app.now()).await.unwrap();
    let (key, lost) = (&segments[6].object, &segments[6]);
    app.lose_object("archive", key);
    let wanted = |write| Rebuild {
        write,
        shrink: true,
        ..Rebuild::default()
    };
    // As long as the table has all of it, it may be sealed anew.
    assert!(app.rebuild(wanted(false)).await.is_ok());
    app.delete_item(&whole[2]).await;
    let refused = app.rebuild(wanted(true)).await;
    let Err(Error::OnlyCopy {
        index,
        left_out,
        in_table,
    }) = refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!((index, in_table), (lost.first_index, left_out - 1));
    assert_eq!(app.segments(&partner).await, segments);
    // An operator says that the segment is lost; then all goes on without it.
    let sort_key = format!("segment#{}#{}", lost.first.occurred_at(), lost.first);
    let set = app.dynamodb().update_item();
    let set = set
        .table_name(&app.stack.config.archive_table)
        .key("partition_key", AttributeValue::S("contoso".into()))
        .key("sort_key", AttributeValue::S(sort_key))
        .update_expression("SET pruned_at = :now")
        .expression_attribute_values(":now", AttributeValue::S(app.now().to_string()));
    set.send().await.unwrap();
    let is_lost = |activity: &&Value| {
        let id = ActivityId::try_from(activity["id"].as_str().unwrap()).unwrap();
        (lost.first..=lost.last).contains(&id)
    };
    let left: Vec<_> = whole.iter().filter(|it| !is_lost(it)).cloned().collect();
    assert_eq!(app.whole_log().await, left);
    assert_eq!(app.erase().await["state"], "done");
    app.advance(Duration::from_hours(26));
    app.seal().await;
    let after = app.seal_head(&partner).await;
    assert!(after.size > head.size && after.checkpoint != head.checkpoint);
}

#[tokio::test]
async fn nothing_is_rebuilt_while_somebody_works_or_without_an_object() {
    let (app, partner) = sealed_log().await;
    let store = app.seal_store();
    let taken = store
        .take_lease(&partner, Holder::Seal, app.now())
        .await
        .unwrap();
    let (lease, head) = taken.unwrap();
    assert!(app.report().await.is_ok());
    assert!(matches!(app.write_rebuilt().await, Err(Error::Held)));
    assert_eq!(app.seal_head(&partner).await, head);
    store.release(&lease, true, app.now()).await.unwrap();
    assert!(app.write_rebuilt().await.is_ok());
    let rebuild = Rebuild {
        partner: "fabrikam".to_owned(),
        ..Rebuild::default()
    };
    let (sdk, config) = (&app.stack.sdk, &app.stack.config);
    let none = rebuild.run(sdk, config, &app.command_clock()).await;
    assert!(matches!(none, Err(Error::Nothing)));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_seals_while_an_archive_is_rebuilt() {
    let (app, partner) = sealed_log().await;
    let app = Arc::new(app);
    let whole = app.whole_log().await;
    app.faults.add("archive GetObject", Fault::Held, 1);
    let command = Arc::clone(&app);
    let rebuilding = tokio::spawn(async move { command.write_rebuilt().await });
    assert!(eventually(|| app.faults.is_held("archive GetObject")).await);
    let head = app.seal_head(&partner).await;
    app.run_sealer().await;
    assert_eq!(app.seal_head(&partner).await, head);
    app.faults.release();
    let rebuilt = rebuilding.await.unwrap().unwrap();
    assert_eq!((rebuilt.changed, rebuilt.head_differs), (0, false));
    assert_eq!(app.whole_log().await, whole);
}

/// An older head was put back, or a killed worker's object was never committed.
#[tokio::test]
async fn objects_behind_the_head_do_not_stop_the_log_after_a_rebuild() {
    let (app, partner) = sealed_log().await;
    let (head, segments) = (app.seal_head(&partner).await, app.segments(&partner).await);
    let (folder, _) = segments[0].object.rsplit_once('/').unwrap();
    let behind = format!("{folder}/{:012}-5-99.parquet", head.size);
    app.put_object("archive", &behind, b"anything");
    assert_eq!(app.write_rebuilt().await.unwrap().changed, 0);
    app.check_it_goes_on(&partner, usize::try_from(head.size).unwrap())
        .await;
}

#[tokio::test]
async fn without_a_checkpoint_the_log_is_closed_behind_its_last_sealed_activity() {
    let (app, partner) = sealed_log().await;
    for key in app.objects("checkpoints", &partner).into_keys() {
        app.lose_object("checkpoints", &key);
    }
    app.lose_items("head").await;
    app.write_rebuilt().await.unwrap();
    let head = app.seal_head(&partner).await;
    let border = head.border.unwrap().occurred_at();
    let behind = border.plus(Duration::from_millis(1));
    assert_eq!(head.closed_to, Some(behind));
    let answer = |at: Moment| {
        let sent = app.post("/v1/activities", &with("occurred_at", at.to_string()));
        sent.token(&app.recorder()).send()
    };
    assert_eq!(answer(border).await.status, 400);
}

#[tokio::test]
async fn the_items_of_pruned_segments_are_used_and_nothing_replaces_them() {
    let variables = [("RETENTION_DAYS", "30"), ("MAX_LATENESS_DAYS", "2")];
    let app = TestApp::start_with(&variables).await;
    let start: Moment = "2027-04-01T08:00:00Z".parse().unwrap();
    app.set_ahead(start.as_millis() - app.now().as_millis());
    for hours in [1, 5, 10, 20] {
        let at = app.now().minus(Duration::from_hours(hours));
        app.record(&with("occurred_at", at.to_string())).await;
    }
    app.advance(Duration::from_hours(24 * 4));
    app.seal().await;
    app.advance(Duration::from_hours(24 * 26 + 15));
    app.run_sealer().await;
    let partner = app.registered_partner("contoso").await;
    let (head, segments) = (app.seal_head(&partner).await, app.segments(&partner).await);
    let pruned: Vec<bool> = segments.iter().map(SegmentItem::is_pruned).collect();
    assert_eq!(pruned, [true, false]);
    app.lose_items("head").await;
    app.lose_items(&format!("segment#{}", segments[1].first.occurred_at()))
        .await;
    app.write_rebuilt().await.unwrap();
    assert_eq!(app.segments(&partner).await, segments);
    assert_eq!(
        of_the_log(&app.seal_head(&partner).await),
        of_the_log(&head)
    );
    app.lose_items("").await;
    assert!(app.refusal().await.contains("from index 0 on"));
}
