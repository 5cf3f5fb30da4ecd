//! Each request of a seal, of an erasure of what is sealed, and of a pruning meets a fault.
//!
//! Afterwards the next runs go on, and the log is what it was.

use std::future::Future;

use futures_util::future::join_all;
use serde_json::Value;

use super::*;
use crate::{
    faults::Fault,
    harness::{activity, step, with},
};

const FAULTS: [Fault; 5] = [
    Fault::Lost,
    Fault::ReplyLost,
    Fault::Late,
    Fault::Killed,
    Fault::KilledAfter,
];

/// The most requests that one of these works may make.
const REQUESTS_MAX: usize = 80;

/// Carries out some work with a fault at one request of a function; returns whether a
/// request met it.
///
/// A killed worker never ends, so the work is waited for only as long as it does something.
pub(crate) async fn with_fault(
    app: &TestApp,
    function: &str,
    (place, fault): (usize, Fault),
    work: impl Future<Output = ()>,
) -> bool {
    // The SDK makes three attempts, which must all be lost.
    let times = if matches!(fault, Fault::Lost | Fault::ReplyLost) {
        3
    } else {
        1
    };
    app.faults.add_after(function, place, fault, times);
    let kills = app.faults.kill_count();
    tokio::select! {
        () = Box::pin(work) => {}
        () = killed(app, kills) => {}
    }
    let has_met = app.faults.clear();
    while app.faults.in_flight() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    has_met
}

/// Waits until one more process was killed, and its requests have arrived.
async fn killed(app: &TestApp, before: usize) {
    while app.faults.kill_count() == before || app.faults.in_flight() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Calls the sealer, which may fail as a whole.
async fn call(app: &TestApp) {
    let _ = app.try_call_sealer().await;
}

/// How many places are tried at the same time.
const LANES: usize = 4;

/// Every sixth request meets each fault with `FULL=1`; the faults begin at different ones.
pub(crate) async fn each_place<F: Future<Output = bool>>(test: impl Fn(usize, Fault) -> F) {
    let step = 6 * step().min(2);
    for (start, fault) in FAULTS.into_iter().enumerate() {
        let mut place = start % step;
        loop {
            let lanes = (0..LANES).map(|lane| place + lane * step);
            let met = join_all(lanes.map(|place| Box::pin(test(place, fault)))).await;
            place += LANES * step;
            if met.contains(&false) {
                break;
            }
            assert!(place < REQUESTS_MAX, "it never ends");
        }
        assert!(place > 10, "{fault:?}: {place} requests");
    }
}

/// A log of two days, of which the first is sealed and the second is closed.
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
    (app, before)
}

/// Lets the next runs go on after whatever happened.
async fn heal(app: &TestApp) {
    // Leases run out, and requests of former holders can't arrive any more.
    app.advance(Duration::from_mins(2));
    app.seal().await;
    app.run_sealer().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seal_that_is_interrupted_anywhere_is_finished_by_the_next_run() {
    each_place(async |place, fault| {
        let (app, before) = half_sealed().await;
        app.make_due().await;
        let has_met = with_fault(&app, "seal-worker", (place, fault), call(&app)).await;
        // Whatever was done of it: readers see the same log.
        assert_eq!(app.whole_log().await, before, "{place} {fault:?}");
        heal(&app).await;
        let partner = app.registered_partner("contoso").await;
        let rows = app.check_archive(&partner).await;
        assert_eq!(rows.len(), before.len(), "{place} {fault:?}");
        assert_eq!(app.whole_log().await, before, "{place} {fault:?}");
        has_met
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_of_what_is_sealed_is_finished_wherever_it_is_interrupted() {
    each_place(async |place, fault| {
        let (app, before) = half_sealed().await;
        let event = app.erasure_without_worker().await;
        let payload = serde_json::to_value(&event).unwrap();
        let call = async {
            let _ = app.stack.functions.call("erasure-worker", payload).await;
        };
        let has_met = with_fault(&app, "erasure-worker", (place, fault), call).await;
        let location = format!("/v1/erasures/{}", event.erasure_id);
        let erasure = app.until_erased(&location).await;
        assert_eq!(erasure["state"], "done", "{place} {fault:?}: {erasure}");
        assert_eq!(erasure["progress"]["erased"], 8, "{place} {fault:?}");
        app.check_is_erased("Relecloud").await;
        let after = app.whole_log().await;
        let of_others = |log: &[Value]| -> Vec<Value> {
            let others = log.iter().filter(|it| it["customer"]["id"] == "c-2");
            others.cloned().collect()
        };
        assert_eq!(of_others(&after), of_others(&before));
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
    each_place(async |place, fault| {
        let app = super::pruned::ended().await;
        app.make_due().await;
        let has_met = with_fault(&app, "seal-worker", (place, fault), call(&app)).await;
        assert!(
            app.list_all(EVERYTHING).await.is_empty(),
            "{place} {fault:?}"
        );
        heal(&app).await;
        app.check_pruned().await;
        has_met
    })
    .await;
}
