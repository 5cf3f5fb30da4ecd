//! Two at once: seals, erasures and readers that meet each other at any request.

use std::{fs::read, sync::Arc};

use super::*;
use crate::{
    faults::Fault,
    harness::{activity, eventually},
};

/// Two days of entries, of which the first is sealed and the second is closed.
async fn closed() -> Arc<TestApp> {
    let app = TestApp::start_sealing(&[]).await;
    for day in 0..2 {
        for _ in 0..5 {
            let mut sent = activity();
            sent["details"] = json!({ "note": "secret of Relecloud" });
            app.record(&sent).await;
        }
        app.advance(Duration::from_hours(26));
        if day == 0 {
            app.seal().await;
        }
    }
    app.run_sealer().await;
    app.advance(MARGIN);
    app.make_due().await;
    Arc::new(app)
}

/// Calls the sealer in a task of its own, and waits until it is held at an operation.
async fn held_at(app: &Arc<TestApp>, operation: &str) -> tokio::task::JoinHandle<()> {
    app.faults.add(operation, Fault::Held, 1);
    let sealer = Arc::clone(app);
    let task = tokio::spawn(async move { sealer.call_sealer().await });
    assert!(
        eventually(|| app.faults.is_held(operation)).await,
        "{operation}"
    );
    task
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sealers_at_once_seal_once() {
    for _ in 0..5 {
        let app = closed().await;
        let before = app.whole_log().await;
        tokio::join!(app.call_sealer(), app.call_sealer(), app.call_sealer());
        let partner = app.registered_partner("contoso").await;
        assert_eq!(app.check_archive(&partner).await.len(), 10);
        assert_eq!(app.whole_log().await, before);
    }
}

/// The places at which a sealer may stall: it reads, stores, commits, deletes.
const STALLS: [&str; 6] = [
    "Query",
    "archive PutObject",
    "TransactWriteItems",
    "archive DeleteObject",
    "archive ListObjectsV2",
    "archive UpdateItem",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_sealer_that_wakes_after_its_lease_changes_nothing() {
    for operation in STALLS {
        let app = closed().await;
        let before = app.whole_log().await;
        let stalled = held_at(&app, operation).await;
        app.advance(Duration::from_mins(2));
        app.run_sealer().await;
        app.advance(MARGIN);
        app.run_sealer().await;
        app.faults.release();
        stalled.await.unwrap();
        assert_eq!(app.whole_log().await, before, "{operation}");
        // What the stalled one stored is deleted by the next run.
        app.advance(Duration::from_mins(2));
        app.run_sealer().await;
        let partner = app.registered_partner("contoso").await;
        assert_eq!(app.check_archive(&partner).await.len(), 10, "{operation}");
        assert_eq!(app.whole_log().await, before, "{operation}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_erased_while_it_is_sealed_is_in_no_object_afterwards() {
    for operation in STALLS {
        for is_late in [false, true] {
            let app = closed().await;
            let stalled = held_at(&app, operation).await;
            let asked = app.ask_to_erase().await;
            let location = asked.header("location").to_owned();
            app.until_no_worker_runs().await;
            if is_late {
                // The stalled sealer loses its lease, and wakes when the erasure is under way.
                app.advance(Duration::from_mins(2));
                app.erasure(&location).await;
                app.until_no_worker_runs().await;
            }
            app.faults.release();
            stalled.await.unwrap();
            let erasure = app.until_erased(&location).await;
            assert_eq!(erasure["state"], "done", "{operation} {is_late}: {erasure}");
            assert_eq!(erasure["progress"]["erased"], 10, "{operation} {is_late}");
            app.check_is_erased("Relecloud").await;
            app.seal().await;
            app.check_is_erased("Relecloud").await;
            app.check_archive(&app.registered_partner("contoso").await)
                .await;
        }
    }
}

/// The answer of a transaction is lost, and the object that it named must stay.
#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_found_again() {
    let app = closed().await;
    let before = app.whole_log().await;
    app.faults.add("TransactWriteItems", Fault::ReplyLost, 3);
    app.call_sealer().await;
    let partner = app.registered_partner("contoso").await;
    assert_eq!(app.check_archive(&partner).await.len(), 10);
    assert_eq!(app.whole_log().await, before);
}

/// The first attempt to store a segment may still be on its way when the second one has
/// been answered.
#[tokio::test]
async fn an_erasure_waits_for_a_segment_that_was_sent_twice() {
    let app = closed().await;
    app.faults.add("archive PutObject", Fault::ReplyLost, 1);
    app.call_sealer().await;
    let partner = app.registered_partner("contoso").await;
    assert_eq!(app.check_archive(&partner).await.len(), 10);
    let asked = app.ask_to_erase().await;
    app.until_no_worker_runs().await;
    let erasure = app.erasure(asked.header("location")).await;
    assert_eq!(erasure["finished_at"], Value::Null, "{erasure}");
    app.check_is_erased("Relecloud").await;
    let erasure = app.until_erased(asked.header("location")).await;
    assert_eq!(erasure["state"], "done", "{erasure}");
}

#[tokio::test]
async fn an_export_that_began_before_a_seal_is_byte_identical() {
    for operation in ["Query", "PutObject"] {
        let app = closed().await;
        let asked = json!({ "from": "2000-01-01", "to": "2999-12-31", "style": "raw", "action": "create_order" });
        let one = read(app.stored_file("contoso", &app.export(&asked).await)).unwrap();
        app.faults.add(operation, Fault::Held, 1);
        let request = app.post("/v1/exports", &asked).token(&app.reader());
        let export = request.send().await.json();
        assert!(eventually(|| app.faults.is_held(operation)).await);
        app.call_sealer().await;
        app.faults.release();
        let path = format!("/v1/exports/{}", export["id"].as_str().unwrap());
        let ready = app.until(&path, |export| export["state"] == "ready").await;
        assert_eq!(
            read(app.stored_file("contoso", &ready)).unwrap(),
            one,
            "{operation}"
        );
        assert!(!one.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_and_exports_answer_alike_while_the_log_is_sealed_and_extended() {
    let app = closed().await;
    let before = app.whole_log().await;
    let ids = |items: &[Value]| -> Vec<String> {
        items.iter().map(|item| item["id"].to_string()).collect()
    };
    let expected = ids(&before);
    let reader = Arc::clone(&app);
    let reading = tokio::spawn(async move {
        let mut seen = Vec::new();
        for _ in 0..30 {
            seen.push(
                reader
                    .list_all("from=2000-01-01&to=2999-12-31&limit=3")
                    .await,
            );
        }
        seen
    });
    for _ in 0..4 {
        app.run_sealer().await;
        app.advance(Duration::from_hours(1));
        app.run_sealer().await;
        app.advance(MARGIN);
    }
    for seen in reading.await.unwrap() {
        assert_eq!(ids(&seen), expected);
    }
}
