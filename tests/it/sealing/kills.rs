//! Each request of a seal, of an erasure of what is sealed, and of a pruning meets a fault.
//!
//! Afterwards the next runs go on, and the log is what it was.

use std::future::{Future, ready};

use futures_util::stream::{StreamExt, iter};
use serde_json::Value;

use super::*;
use crate::{
    copies::Original,
    faults::Fault,
    harness::{activity, step, with},
};

/// The faults, and how many requests in a row meet each.
///
/// The SDK makes three attempts: all are lost, or the second one meets what the first one
/// did.
const FAULTS: [(Fault, usize); 6] = [
    (Fault::Lost, 3),
    (Fault::ReplyLost, 3),
    (Fault::ReplyLost, 1),
    (Fault::Late, 1),
    (Fault::Killed, 1),
    (Fault::KilledAfter, 1),
];

/// The most requests that one of these works may make.
const REQUESTS_MAX: usize = 80;

/// Where a work meets a fault: after so many requests, a fault so many times.
pub(crate) type Place = (usize, (Fault, usize));

/// Carries out some work with a fault at one request of a function; returns whether a
/// request met it.
///
/// The work may fail. It is a task of its own, as a fault kills only tasks; a killed one
/// never ends, so it is waited for only until its last request has arrived.
pub(crate) async fn with_fault(
    app: &TestApp,
    function: &str,
    (place, (fault, times)): Place,
    work: impl Future<Output = ()> + Send + 'static,
) -> bool {
    app.faults.add_after(function, place, fault, times);
    let kills = app.faults.kill_count();
    let work = tokio::spawn(work);
    let is_killed = || app.faults.kill_count() > kills && app.faults.in_flight() == 0;
    while !work.is_finished() && !is_killed() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    work.abort();
    let done = work.await;
    assert!(
        !done.is_err_and(|error| error.is_panic()),
        "{function} panics"
    );
    let has_met = app.faults.clear();
    while app.faults.in_flight() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    has_met
}

impl TestApp {
    /// A call of a worker, which may fail.
    pub(super) fn worker(
        &self,
        name: &'static str,
        event: &Value,
    ) -> impl Future<Output = ()> + use<> {
        let (functions, event) = (self.stack.functions.clone(), event.clone());
        async move {
            let _ = functions.call(name, event).await;
        }
    }
}

/// How many places are tried at the same time.
pub(crate) const LANES: usize = 4;

/// Every request meets each fault with `FULL=1`; the faults begin at different ones.
///
/// `least` is how many requests the work makes at least.
pub(crate) async fn each_place<F: Future<Output = bool>>(least: usize, test: impl Fn(Place) -> F) {
    for (start, fault) in FAULTS.into_iter().enumerate() {
        let places = (start % step()..REQUESTS_MAX).step_by(step());
        let met = iter(places)
            .map(|place| Box::pin(test((place, fault))))
            .buffered(LANES)
            .take_while(|has_met| ready(*has_met))
            .count()
            .await;
        let requests = met * step();
        let expected = least..REQUESTS_MAX - step();
        assert!(
            expected.contains(&requests),
            "{fault:?}: {requests} requests"
        );
    }
}

/// A log of two days, of which the first is sealed and the second is closed; it is due.
async fn half_sealed() -> (TestApp, Vec<Value>) {
    let app = TestApp::start_sealing(&[]).await;
    for day in 0..2 {
        for second in 0..4 {
            let at = app.now().minus(Duration::from_secs(second * 7 + 1));
            app.record(&with("occurred_at", at.to_string())).await;
        }
        let mut other = activity();
        other["customer"] = json!({ "id": "c-2", "name": "Fabrikam Ünlü" });
        app.record(&other).await;
        app.advance(Duration::from_hours(26));
        if day == 0 {
            app.seal().await;
        }
    }
    app.run_sealer().await;
    app.advance(MARGIN);
    let before = app.whole_log().await;
    app.make_due().await;
    (app, before)
}

/// Lets the next runs go on after whatever happened.
pub(super) async fn heal(app: &TestApp) {
    // Leases run out, and requests of former holders can't arrive any more.
    app.advance(Duration::from_mins(2));
    app.seal().await;
    app.run_sealer().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seal_that_is_interrupted_anywhere_is_finished_by_the_next_run() {
    let (app, before) = half_sealed().await;
    let event = app.sealer_event().await;
    let original = Original::new(app).await;
    each_place(10, async |place| {
        let app = original.copy().await;
        let work = app.worker("seal-worker", &event);
        let has_met = with_fault(&app, "seal-worker", place, work).await;
        // Whatever was done of it: readers see the same log.
        assert_eq!(app.whole_log().await, before, "{place:?}");
        heal(&app).await;
        let partner = app.registered_partner("contoso").await;
        let rows = app.check_archive(&partner).await;
        assert_eq!(rows.len(), before.len(), "{place:?}");
        assert_eq!(app.whole_log().await, before, "{place:?}");
        has_met
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_of_what_is_sealed_is_finished_wherever_it_is_interrupted() {
    let (app, before) = half_sealed().await;
    let event = app.erasure_without_worker().await;
    let location = format!("/v1/erasures/{}", event.erasure_id);
    let event = serde_json::to_value(&event).unwrap();
    let original = Original::new(app).await;
    each_place(10, async |place| {
        let app = original.copy().await;
        let work = app.worker("erasure-worker", &event);
        let has_met = with_fault(&app, "erasure-worker", place, work).await;
        let erasure = app.until_erased(&location).await;
        assert_eq!(erasure["state"], "done", "{place:?}: {erasure}");
        assert_eq!(erasure["progress"]["erased"], 8, "{place:?}");
        app.check_is_erased("Relecloud").await;
        let after = app.whole_log().await;
        let of_others = |log: &[Value]| -> Vec<Value> {
            let others = log.iter().filter(|it| it["customer"]["id"] == "c-2");
            others.cloned().collect()
        };
        assert_eq!(of_others(&after), of_others(&before), "{place:?}");
        heal(&app).await;
        app.check_archive(&app.registered_partner("contoso").await)
            .await;
        app.check_is_erased("Relecloud").await;
        has_met
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pruning_that_is_interrupted_anywhere_is_finished_by_the_next_run() {
    let app = super::pruned::ended().await;
    app.make_due().await;
    let event = app.sealer_event().await;
    let original = Original::new(app).await;
    each_place(10, async |place| {
        let app = original.copy().await;
        let work = app.worker("seal-worker", &event);
        let has_met = with_fault(&app, "seal-worker", place, work).await;
        assert!(app.list_all(EVERYTHING).await.is_empty(), "{place:?}");
        heal(&app).await;
        app.check_pruned().await;
        has_met
    })
    .await;
}
