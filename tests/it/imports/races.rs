//! Imports that meet seals, erasures and faults at any request.

use std::sync::Arc;

use super::*;
use crate::{
    faults::Fault,
    harness::eventually,
    sealing::kills::{each_place, with_fault},
};

/// A log with a week of entries that is due to be closed and sealed.
async fn due() -> Arc<TestApp> {
    let app = TestApp::start_importing().await;
    for days in 0..6 {
        app.record(&at(days * DAY + 60)).await;
    }
    app.advance(Duration::from_hours(3 * 24));
    app.make_due().await;
    Arc::new(app)
}

/// What a sealer does before its log is sealed for the first time, and whether it has the
/// lease then.
const STALLS: [(&str, bool); 3] = [
    ("archive ListObjectsV2", false),
    ("archive UpdateItem", false),
    ("Query", true),
];

#[tokio::test(flavor = "multi_thread")]
async fn an_import_opens_only_between_two_runs_of_the_sealer() {
    for (operation, is_leased) in STALLS {
        let app = due().await;
        // The second run seals what the first one has closed.
        if operation == "Query" {
            app.call_sealer().await;
            app.advance(Duration::from_secs(31));
            app.make_due().await;
        }
        app.faults.add(operation, Fault::Held, 1);
        let sealer = Arc::clone(&app);
        let stalled = tokio::spawn(async move { sealer.call_sealer().await });
        assert!(
            eventually(|| app.faults.is_held(operation)).await,
            "{operation}"
        );
        let expected = if is_leased { 429 } else { 200 };
        assert_eq!(
            app.import(Method::PUT).await.status,
            expected,
            "{operation}"
        );
        // The lease runs out, and the import opens.
        app.advance(Duration::from_mins(2));
        app.open_import().await;
        assert_eq!(app.record_past(&at(300 * DAY)).await.status, 201);
        app.faults.release();
        stalled.await.unwrap();
        assert_eq!(
            app.record_past(&at(299 * DAY)).await.status,
            201,
            "{operation}"
        );
        let partner = app.registered_partner("contoso").await;
        let head = app.seal_head(&partner).await;
        assert_eq!((head.size, head.closed_to), (0, None), "{operation}");
        app.check_that_all_is_sealed_after_the_end().await;
    }
}

impl TestApp {
    /// Closes the import, and seals what the log has by then.
    async fn check_that_all_is_sealed_after_the_end(&self) {
        let before = self.whole_log().await;
        self.close_import().await;
        self.advance(Duration::from_hours(9 * 24));
        self.seal().await;
        self.advance(Duration::from_secs(31));
        self.run_sealer().await;
        let partner = self.registered_partner("contoso").await;
        let rows = self.check_archive(&partner).await;
        assert_eq!(rows.len(), before.len() + 1);
        assert_eq!(self.whole_log().await[1..], before);
    }
}

/// A put that was under way when the import ended arrives before the margin is over.
#[tokio::test(flavor = "multi_thread")]
async fn a_put_of_the_past_that_is_late_is_sealed_too() {
    let app = due().await;
    app.open_import().await;
    app.faults.add("PutItem", Fault::Held, 1);
    let importer = Arc::clone(&app);
    let late = tokio::spawn(async move { importer.record_past(&at(300 * DAY)).await });
    assert!(eventually(|| app.faults.is_held("PutItem")).await);
    app.close_import().await;
    app.call_sealer().await;
    app.faults.release();
    assert_eq!(late.await.unwrap().status, 201);
    let whole = app.whole_log().await;
    app.advance(Duration::from_secs(31));
    app.run_sealer().await;
    let partner = app.registered_partner("contoso").await;
    let rows = app.check_archive(&partner).await;
    assert_eq!(rows[0].id, whole.last().unwrap()["id"].as_str().unwrap());
    assert_eq!(app.whole_log().await, whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_waits_for_an_erasure_and_the_other_way_round() {
    let app = due().await;
    app.faults.add("Query", Fault::Held, 1);
    let asked = app.ask_to_erase().await;
    assert!(eventually(|| app.faults.is_held("Query")).await);
    let busy = app.import(Method::PUT).await;
    assert_eq!(busy.status, 429, "{}", busy.text);
    app.faults.release();
    app.until_over(asked.header("location")).await;
    app.open_import().await;
    assert_eq!(app.record_past(&at(300 * DAY)).await.status, 201);
    // An erasure does not wait for the end of an import.
    assert_eq!(app.erase().await["state"], "done");
    app.check_is_erased("Relecloud").await;
}

/// Each request of the function meets each fault; repeating the call makes it whole.
async fn meets_faults(method: Method) {
    each_place(4, async |place| {
        let app = TestApp::start_importing().await;
        app.record(&activity()).await;
        if method == Method::DELETE {
            app.open_import().await;
            assert_eq!(app.record_past(&at(300 * DAY)).await.status, 201);
        }
        let request = app.request(method.clone(), PATH).token(&app.importer());
        let call = async {
            request.send().await;
        };
        let has_met = with_fault(&app, "import", place, call).await;
        app.advance(Duration::from_mins(2));
        let answer = app.import(method.clone()).await;
        let is_closed = method == Method::DELETE && answer.status == 404;
        assert!(
            is_closed || answer.status == 200,
            "{place:?}: {}",
            answer.text
        );
        let entries = app.trail_of_imports().await;
        let expected = if method == Method::PUT { 1 } else { 2 };
        assert_eq!(entries.len(), expected, "{place:?}: {entries:?}");
        if method == Method::PUT {
            assert_eq!(app.record_past(&at(300 * DAY)).await.status, 201);
            app.check_that_all_is_sealed_after_the_end().await;
        } else {
            assert_eq!(app.record_past(&at(299 * DAY)).await.refusal(), TOO_OLD);
        }
        has_met
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_opened_once_wherever_that_is_interrupted() {
    meets_faults(Method::PUT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_closed_once_wherever_that_is_interrupted() {
    meets_faults(Method::DELETE).await;
}
