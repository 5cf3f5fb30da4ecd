//! The stores on their own, in cases that requests do not reach.
//!
//! These are the millisecond at which something ends, and calls that come after
//! another worker has changed the item.

use std::time::Duration;

use serde_json::{Value, json};
use shared::{
    ActivityId, ActivityStore, ErasureId, ErasureStore, ExportId, ExportKey, ExportStore,
    Identifier, Limit, Moment, Order, TimeRange,
    aws::{activities::RangeQuery, erasures::Position, exports::LeaseAttempt},
    metrics,
    model::{
        erasure,
        export::{File, Progress, State, WorkerEvent},
        failure::FailureCode,
        lease::{LEASE_TIME, Lease, LeaseStatus},
    },
};

use crate::{
    faults::Fault,
    harness::{Answer, TestApp, activity},
};

const MILLISECOND: Duration = Duration::from_millis(1);

const PROGRESS: Progress = Progress {
    rows: 3,
    bytes: 300,
    fraction: 1.0,
};

impl TestApp {
    pub(crate) fn exports(&self) -> ExportStore {
        let dynamodb = aws_sdk_dynamodb::Client::new(&self.stack.sdk);
        ExportStore::new(dynamodb, self.stack.config.exports_table.clone())
    }

    pub(crate) fn erasures(&self) -> ErasureStore {
        let dynamodb = aws_sdk_dynamodb::Client::new(&self.stack.sdk);
        ErasureStore::new(dynamodb, self.stack.config.erasures_table.clone())
    }

    /// Requests an export or erasure but calls no worker; returns its id.
    async fn request_without_worker(&self, path: &str, body: &Value) -> String {
        self.faults.add("Invoke", Fault::Swallowed, 1);
        let token = self.token("contoso", "global_admin");
        let answer: Answer = self.post(path, body).token(&token).send().await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// Requests an export but calls no worker; returns the worker's event.
    pub(crate) async fn export_without_worker(&self) -> WorkerEvent {
        let id = self.request_without_worker("/v1/exports", &json!({})).await;
        WorkerEvent {
            partner_id: "contoso".into(),
            export_id: ExportId::try_from(id.as_str()).unwrap(),
        }
    }

    /// Requests an erasure but calls no worker; returns the worker's event.
    pub(crate) async fn erasure_without_worker(&self) -> erasure::WorkerEvent {
        let id = self
            .request_without_worker("/v1/erasures", &json!({ "customer_id": "c-1" }))
            .await;
        erasure::WorkerEvent {
            partner_id: "contoso".into(),
            erasure_id: ErasureId::try_from(id.as_str()).unwrap(),
        }
    }

    /// Takes the lease of an export.
    pub(crate) async fn lease_export(&self, event: &WorkerEvent, now: Moment) -> Lease<ExportId> {
        match self.exports().take_lease(event, now).await.unwrap() {
            LeaseAttempt::Taken(lease, _) => lease,
            other => panic!("no lease: {other:?}"),
        }
    }

    /// Takes the lease of an erasure.
    pub(crate) async fn lease_erasure(
        &self,
        event: &erasure::WorkerEvent,
        now: Moment,
    ) -> Lease<ErasureId> {
        let taken = self.erasures().take_lease(event, now).await.unwrap();
        taken.expect("the erasure is active").0
    }
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_mins(minutes)
}

/// When the retention of an item ends: so many days after its creation.
fn end(created_at: Moment, days: u64) -> Moment {
    let end = created_at.plus(Duration::from_hours(24 * days));
    Moment::from_millis(end.as_seconds() * 1_000).unwrap()
}

fn file() -> File {
    File {
        name: "activity-log.csv".into(),
        rows: 3,
        bytes: 300,
        sha256: "0".repeat(64),
        truncated_cells: 0,
        proof: None,
    }
}

fn limit(text: &str) -> Limit {
    Limit::try_from(text).unwrap()
}

#[tokio::test]
async fn an_export_is_forgotten_37_days_after_it_was_asked_for() {
    let app = TestApp::start().await;
    let event = app.export_without_worker().await;
    let key = app.lease_export(&event, app.now()).await.key;
    let store = app.exports();
    let created_at = store
        .get(&key, app.now())
        .await
        .unwrap()
        .unwrap()
        .created_at;
    let end = end(created_at, 37);
    for (now, is_there) in [(end.minus(MILLISECOND), true), (end, false)] {
        assert_eq!(store.get(&key, now).await.unwrap().is_some(), is_there);
        let page = store.page(&key.partner_id, None, limit("1"), now).await;
        let page = page.unwrap();
        assert_eq!((!page.items.is_empty(), page.more), (is_there, false));
    }
}

#[tokio::test]
async fn a_page_skips_exports_that_are_forgotten() {
    let app = TestApp::start().await;
    let mut leases = Vec::new();
    for _ in 0..4 {
        let event = app.export_without_worker().await;
        leases.push(app.lease_export(&event, app.now()).await);
    }
    let [oldest, _, _, newest] = leases.as_slice() else {
        panic!("four exports");
    };
    let store = app.exports();
    let begun = app.now();
    // These two are kept for longer, because they end later.
    let finished_at = begun.plus(Duration::from_secs(30));
    for lease in [oldest, newest] {
        let held = store.finish(lease, &file(), PROGRESS, finished_at).await;
        assert_eq!(held.unwrap(), LeaseStatus::Held);
    }
    let now = end(begun, 37).plus(Duration::from_secs(10));
    let (oldest, newest) = (&oldest.key, &newest.key);
    for (after, limit, ids, more) in [
        (None, "1", vec![newest.id], true),
        (None, "2", vec![newest.id, oldest.id], false),
        (Some(newest.id), "1", vec![oldest.id], false),
    ] {
        let page = store.page(&newest.partner_id, after, self::limit(limit), now);
        let page = page.await.unwrap();
        let found: Vec<_> = page.items.iter().map(|(key, _)| key.id).collect();
        assert_eq!((found, page.more), (ids, more), "{limit} after {after:?}");
    }
}

#[tokio::test]
async fn a_worker_of_an_export_is_called_at_most_once_a_minute() {
    let app = TestApp::start().await;
    let event = app.export_without_worker().await;
    let asked_at = app.now();
    let lease = app.lease_export(&event, asked_at).await;
    let store = app.exports();
    let claim = async |now| store.claim_dispatch(&lease.key, now).await.unwrap();
    assert!(!claim(asked_at).await, "it is leased");
    let later = asked_at.plus(minutes(2));
    assert!(claim(later).await);
    assert!(!claim(later.plus(minutes(1))).await);
    assert!(claim(later.plus(minutes(1)).plus(MILLISECOND)).await);
}

#[tokio::test]
async fn the_next_worker_is_called_a_minute_after_an_export_was_released() {
    let app = TestApp::start().await;
    let event = app.export_without_worker().await;
    let taken_at = app.now().plus(minutes(2));
    let lease = app.lease_export(&event, taken_at).await;
    let store = app.exports();
    let released_at = taken_at.plus(MILLISECOND);
    let released = store.release(&lease, released_at).await.unwrap();
    assert_eq!(released, LeaseStatus::Held);
    let claim = async |now| store.claim_dispatch(&lease.key, now).await.unwrap();
    assert!(!claim(released_at.plus(minutes(1))).await);
    assert!(claim(released_at.plus(minutes(1)).plus(MILLISECOND)).await);
}

#[tokio::test]
async fn a_worker_can_repeat_its_last_write() {
    let app = TestApp::start().await;
    let store = app.exports();
    let now = app.now().plus(Duration::from_secs(1));
    let failure = FailureCode::TooSlow.because("slow");
    for what in ["finish", "fail", "release"] {
        let event = app.export_without_worker().await;
        let lease = app.lease_export(&event, now).await;
        let again = async || {
            let held = match what {
                "finish" => store.finish(&lease, &file(), PROGRESS, now).await,
                "fail" => store.fail(&lease, failure.clone(), now).await,
                _ => store.release(&lease, now).await,
            };
            held.unwrap()
        };
        assert_eq!(
            [again().await, again().await],
            [LeaseStatus::Held; 2],
            "{what}"
        );
        let state = match what {
            "finish" => State::Ready,
            "fail" => State::Failed,
            _ => State::Running,
        };
        let export = store.get(&lease.key, now).await.unwrap().unwrap();
        assert_eq!(export.state(now), state, "{what}");
    }
}

#[tokio::test]
async fn a_worker_learns_why_it_has_lost_its_lease() {
    let app = TestApp::start().await;
    let store = app.exports();
    let event = app.export_without_worker().await;
    let now = app.now().plus(Duration::from_secs(1));
    let first = app.lease_export(&event, now).await;
    assert_eq!(store.lease_status(&first).await.unwrap(), LeaseStatus::Held);
    assert_eq!(
        store.renew(&first, PROGRESS, now).await.unwrap(),
        LeaseStatus::Held
    );
    let taken = store.take_lease(&event, now).await.unwrap();
    assert!(matches!(taken, LeaseAttempt::NotNow), "{taken:?}");

    // The lease runs out, and another worker takes the export.
    let later = now.plus(Duration::from_secs(46));
    for held in [
        store.renew(&first, PROGRESS, later).await,
        store.finish(&first, &file(), PROGRESS, later).await,
    ] {
        assert_eq!(held.unwrap(), LeaseStatus::RanOut);
    }
    let second = app.lease_export(&event, later).await;
    for held in [
        store.lease_status(&first).await,
        store.renew(&first, PROGRESS, later).await,
        store.release(&first, later).await,
        store.finish(&first, &file(), PROGRESS, later).await,
    ] {
        assert_eq!(held.unwrap(), LeaseStatus::TakenOver);
    }
    assert_eq!(
        store.lease_status(&second).await.unwrap(),
        LeaseStatus::Held
    );

    // Once the file is ready, the lease counts as taken over, not as cancelled.
    let finished = store.finish(&second, &file(), PROGRESS, later).await;
    assert_eq!(finished.unwrap(), LeaseStatus::Held);
    for held in [
        store.lease_status(&second).await,
        store.renew(&second, PROGRESS, later).await,
    ] {
        assert_eq!(held.unwrap(), LeaseStatus::TakenOver);
    }

    store.delete(&second.key, later).await.unwrap();
    for held in [
        store.lease_status(&second).await,
        store.renew(&second, PROGRESS, later).await,
        store.finish(&second, &file(), PROGRESS, later).await,
    ] {
        assert_eq!(held.unwrap(), LeaseStatus::Cancelled);
    }
}

#[tokio::test]
async fn a_place_is_kept_for_a_minute_for_an_export_that_is_not_stored() {
    let app = TestApp::start().await;
    let event = app.export_without_worker().await;
    let store = app.exports();
    let partner_id = app.lease_export(&event, app.now()).await.key.partner_id;
    let took_at = app.now().plus(minutes(10));
    let place = async |max, now| {
        let key = ExportKey {
            partner_id: partner_id.clone(),
            id: ExportId::random(took_at),
        };
        store.take_place(&key, max, now).await.unwrap()
    };
    assert!(place(2, took_at).await);
    let end = took_at.plus(minutes(1));
    assert!(!place(2, end.minus(MILLISECOND)).await);
    assert!(place(2, end).await);
}

#[tokio::test]
async fn an_erasure_is_forgotten_90_days_after_it_was_asked_for() {
    let app = TestApp::start().await;
    let event = app.erasure_without_worker().await;
    let key = app.lease_erasure(&event, app.now()).await.key;
    let store = app.erasures();
    let created_at = store
        .get(&key, app.now())
        .await
        .unwrap()
        .unwrap()
        .created_at;
    let end = end(created_at, 90);
    for (now, is_there) in [(end.minus(MILLISECOND), true), (end, false)] {
        assert_eq!(store.get(&key, now).await.unwrap().is_some(), is_there);
    }
}

#[tokio::test]
async fn a_worker_of_an_erasure_is_called_at_most_once_a_minute() {
    let app = TestApp::start().await;
    let event = app.erasure_without_worker().await;
    let begun_at = app.now();
    let key = app.lease_erasure(&event, begun_at).await.key;
    let claim = async |now| app.erasures().claim_dispatch(&key, now).await.unwrap();
    assert!(!claim(begun_at.plus(minutes(1))).await);
    let later = begun_at.plus(minutes(1)).plus(MILLISECOND);
    assert!(claim(later).await);
    assert!(!claim(later).await);
}

/// How far a walk through the table is.
fn position(id: ActivityId, progress: erasure::Progress) -> Position {
    let erased_at = id.occurred_at();
    Position {
        scope: erasure::Scope {
            erased_at,
            size: 0,
            border: None,
        },
        stage: erasure::Stage::Fresh,
        position: Some(id),
        progress,
    }
}

#[tokio::test]
async fn an_erasure_stops_after_ten_workers_in_a_row_without_progress() {
    let app = TestApp::start().await;
    let activity = app.record(&crate::harness::activity()).await;
    let id = activity["id"].as_str().unwrap().try_into().unwrap();
    let event = app.erasure_without_worker().await;
    let store = app.erasures();
    let progress = erasure::Progress { read: 1, erased: 1 };
    let at = position(id, progress);
    let mut now = app.now();
    let mut lease = app.lease_erasure(&event, now).await;
    let checkpointed = store.checkpoint(&lease, &at, now).await;
    assert_eq!(checkpointed.unwrap(), LeaseStatus::Held);
    for attempt in 2..=11 {
        // While the lease lasts, no other worker can begin.
        now = now.plus(LEASE_TIME);
        assert!(store.take_lease(&event, now).await.unwrap().is_none());
        now = now.plus(MILLISECOND);
        let before = lease;
        let begun = store.take_lease(&event, now).await.unwrap();
        let (next, erasure) = begun.unwrap();
        assert_eq!((erasure.position, erasure.progress), (Some(id), progress));
        assert_eq!(
            erasure.reason_to_stop(now).is_some(),
            attempt > 10,
            "{attempt}"
        );
        // The worker before has lost its lease.
        let late = store.checkpoint(&before, &at, now).await;
        assert_eq!(late.unwrap(), LeaseStatus::TakenOver);
        let late = store
            .record_end(&before, progress, None, now)
            .await
            .unwrap();
        assert_eq!(late, None);
        for late in [
            store.release(&before, now).await,
            store.close(&before, erasure::State::Done).await,
        ] {
            assert_eq!(late.unwrap(), LeaseStatus::TakenOver);
        }
        lease = next;
    }
}

/// The SDK may give up a call and repeat it; the first call may still arrive.
#[tokio::test]
async fn a_late_checkpoint_of_an_erasure_changes_nothing() {
    let app = TestApp::start().await;
    let activity = app.record(&crate::harness::activity()).await;
    let id = activity["id"].as_str().unwrap().try_into().unwrap();
    let event = app.erasure_without_worker().await;
    let (store, now) = (app.erasures(), app.now());
    let (early, whole) = (
        erasure::Progress { read: 1, erased: 0 },
        erasure::Progress { read: 2, erased: 1 },
    );
    let lease = app.lease_erasure(&event, now).await;
    assert_eq!(store.release(&lease, now).await.unwrap(), LeaseStatus::Held);
    let late = store.checkpoint(&lease, &position(id, early), now).await;
    assert_eq!(
        late.unwrap(),
        LeaseStatus::RanOut,
        "the next worker could not begin"
    );
    let lease = app.lease_erasure(&event, now).await;
    store.record_end(&lease, whole, None, now).await.unwrap();
    let late = store.checkpoint(&lease, &position(id, early), now).await;
    assert_eq!(late.unwrap(), LeaseStatus::RanOut, "the end is settled");
    let settled = store.get(&lease.key, now).await.unwrap().unwrap();
    assert_eq!(settled.progress, whole);
}

#[tokio::test]
async fn an_erasure_is_too_old_after_twelve_hours_unless_its_walk_has_ended() {
    let app = TestApp::start().await;
    let event = app.erasure_without_worker().await;
    let store = app.erasures();
    let lease = app.lease_erasure(&event, app.now()).await;
    let created_at = store.get(&lease.key, app.now()).await.unwrap();
    let created_at = created_at.unwrap().created_at;
    let read = async || store.get(&lease.key, created_at).await.unwrap().unwrap();
    let at = created_at.plus(minutes(12 * 60));
    let before = at.minus(MILLISECOND);
    let erasure = read().await;
    assert_eq!(erasure.reason_to_stop(before), None);
    let failure = erasure.reason_to_stop(at).unwrap();
    assert_eq!(failure.code, FailureCode::GaveUp);

    let progress = erasure::Progress { read: 1, erased: 1 };
    let ended = store.record_end(&lease, progress, None, created_at).await;
    assert!(ended.unwrap().is_some());
    let erasure = read().await;
    assert_eq!(erasure.reason_to_stop(at), None);
    assert!(!erasure.has_stale_end(before));
    assert!(erasure.has_stale_end(at));
}

#[tokio::test]
async fn a_lease_of_an_erasure_that_is_released_can_be_taken_at_once() {
    let app = TestApp::start().await;
    let event = app.erasure_without_worker().await;
    let store = app.erasures();
    let lease = app.lease_erasure(&event, app.now()).await;
    assert!(store.take_lease(&event, app.now()).await.unwrap().is_none());
    assert_eq!(
        store.release(&lease, app.now()).await.unwrap(),
        LeaseStatus::Held
    );
    assert!(store.take_lease(&event, app.now()).await.unwrap().is_some());
}

#[tokio::test]
async fn an_erasure_that_has_ended_keeps_its_end_and_can_not_begin_again() {
    let app = TestApp::start().await;
    let event = app.erasure_without_worker().await;
    let store = app.erasures();
    let now = app.now();
    let before = app.lease_erasure(&event, now).await;
    assert_eq!(
        store.release(&before, now).await.unwrap(),
        LeaseStatus::Held
    );
    let lease = app.lease_erasure(&event, now).await;
    let progress = erasure::Progress { read: 2, erased: 1 };
    let settled = store.record_end(&lease, progress, None, now).await.unwrap();
    assert_eq!(settled.unwrap().finished_at, Some(now));
    let again = store
        .record_end(&lease, progress, None, now.plus(MILLISECOND))
        .await;
    assert_eq!(again.unwrap().unwrap().finished_at, Some(now));
    let close = async |lease, state| store.close(lease, state).await.unwrap();
    assert_eq!(close(&lease, erasure::State::Done).await, LeaseStatus::Held);
    // The SDK repeats the call if the first answer is lost.
    assert_eq!(close(&lease, erasure::State::Done).await, LeaseStatus::Held);
    for (late, state) in [
        (&lease, erasure::State::Failed),
        (&before, erasure::State::Done),
    ] {
        assert_eq!(close(late, state).await, LeaseStatus::TakenOver);
    }
    assert!(
        store
            .take_lease(&event, now.plus(minutes(2)))
            .await
            .unwrap()
            .is_none()
    );
    let done = store.get(&lease.key, now).await.unwrap().unwrap();
    assert_eq!(
        (done.state, done.progress),
        (erasure::State::Done, progress)
    );
    assert!(done.finished_at.is_some());
}

#[tokio::test]
async fn an_activity_of_another_customer_or_a_missing_one_is_not_erased() {
    let app = TestApp::start().await;
    let stored = app.record(&crate::harness::activity()).await;
    let partner = app
        .lease_erasure(&app.erasure_without_worker().await, app.now())
        .await
        .key
        .partner_id;
    let dynamodb = aws_sdk_dynamodb::Client::new(&app.stack.sdk);
    let mut config = app.stack.config.clone();
    let store = ActivityStore::new(dynamodb.clone(), &config);
    let view = async || {
        let query = RangeQuery {
            range: TimeRange::ALL,
            order: Order::Asc,
            with_details: true,
            eventual: false,
        };
        let page = store.query(&partner, &query, None, 1).await.unwrap();
        page.erasure_views().next().unwrap().unwrap()
    };
    let customer = |id: &str| Identifier::try_from(id.to_owned()).unwrap();
    let (own, other) = (customer("c-1"), customer("c-2"));
    let before = app.list_all("").await;
    let erased = store.erase(&partner, view().await, &other, app.now());
    erased.await.unwrap();
    assert_eq!(app.list_all("").await, before);
    let found = view().await;
    app.delete_item(&stored).await;
    let erased = store.erase(&partner, found, &own, app.now());
    erased.await.unwrap();
    assert_eq!(app.list_all("").await.len(), before.len() - 1);
    // Without the table there is an error.
    app.record(&crate::harness::activity()).await;
    config.activities_table = "elsewhere".into();
    let elsewhere = ActivityStore::new(dynamodb, &config);
    let erased = elsewhere.erase(&partner, view().await, &own, app.now());
    assert!(erased.await.is_err());
}

#[tokio::test]
async fn an_export_that_ends_as_failed_is_counted_once_whoever_ends_it() {
    let app = TestApp::start().await;
    let store = app.exports();
    for (is_deleted, is_answer_lost) in [(true, false), (false, false), (true, true), (false, true)]
    {
        let event = app.export_without_worker().await;
        let late = app.now().plus(Duration::from_hours(13));
        let open = store.open_page(None).await.unwrap().tasks;
        let key = open.last().unwrap().key.clone();
        let end = async || {
            if is_deleted {
                store.delete(&key, late).await.map(drop).unwrap();
            } else {
                let attempt = store.take_lease(&event, late).await.unwrap();
                assert!(matches!(attempt, LeaseAttempt::Ended(..)));
            }
        };
        if is_answer_lost {
            // The worker's first update takes the lease, and is refused.
            let refused = usize::from(!is_deleted);
            app.faults
                .add_after("UpdateItem", refused, Fault::ReplyLost, 1);
        }
        for is_counted in [true, false] {
            let ((), tally) = metrics::counted(end()).await;
            let line = tally.line("it", "r-1", late).unwrap_or_default();
            assert_eq!(line.contains("\"failed\":1"), is_counted, "{line}");
        }
    }
}

#[tokio::test]
async fn one_functions_failures_leave_the_others_their_retries() {
    let app = TestApp::start().await;
    app.faults.add("list", Fault::Lost, usize::MAX);
    // More than the SDK lets one client repeat.
    let failing = (0..60).map(|_| app.read("/v1/activities"));
    for answer in futures_util::future::join_all(failing).await {
        assert_eq!(answer.refusal(), "503 unavailable");
    }
    app.faults.clear();
    app.faults.add("record", Fault::Lost, 2);
    app.record(&activity()).await;
}
