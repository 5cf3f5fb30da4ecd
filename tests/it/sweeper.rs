//! The sweeper: what was accepted is done, although nobody reads it.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use shared::{
    ErasureId, ExportId, Moment, metrics,
    model::{
        erasure,
        lease::{Lease, LeaseStatus},
    },
};

use crate::{
    faults::Fault,
    harness::{TestApp, activity, eventually, with},
};

/// Longer than a worker that was called has to take its task.
const LATER: Duration = Duration::from_secs(61);

impl TestApp {
    /// Calls the sweeper; returns its error, if it fails.
    async fn try_sweep(&self) -> Result<(), String> {
        let swept = self
            .stack
            .functions
            .call("sweeper", json!({ "sweep": "tasks" }))
            .await;
        swept.map(drop).map_err(|error| error.to_string())
    }

    /// Calls the sweeper, which must succeed.
    pub(crate) async fn sweep(&self) {
        self.try_sweep().await.unwrap();
    }

    /// The ids of the exports and erasures that may be open.
    async fn open(&self) -> (Vec<ExportId>, Vec<ErasureId>) {
        let exports = self.exports().open_page(None).await.unwrap();
        let erasures = self.erasures().open_page(None).await.unwrap();
        (
            exports.tasks.iter().map(|task| task.key.id).collect(),
            erasures.tasks.iter().map(|task| task.key.id).collect(),
        )
    }

    /// The state of an erasure as it is stored; a read through the API could call a worker.
    async fn erasure_state(&self, event: &erasure::WorkerEvent) -> erasure::State {
        let open = self.erasures().open_page(None).await.unwrap();
        let tasks = open.tasks.into_iter();
        let task = tasks
            .into_iter()
            .find(|task| task.key.id == event.erasure_id);
        let key = task.expect("no sweep has removed the erasure yet").key;
        let erasure = self.erasures().get(&key, self.now()).await.unwrap();
        erasure.unwrap().state
    }

    /// Waits until nothing of what is open is under way any more, without the API.
    pub(crate) async fn until_all_ended(&self) {
        for _ in 0..1_500 {
            if !self.is_any_under_way().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("a task has not ended: {:?}", self.open().await);
    }

    async fn is_any_under_way(&self) -> bool {
        let now = self.now();
        for task in self.exports().open_page(None).await.unwrap().tasks {
            let export = self.exports().get(&task.key, now).await.unwrap();
            if export.is_some_and(|export| export.is_open()) {
                return true;
            }
        }
        for task in self.erasures().open_page(None).await.unwrap().tasks {
            let erasure = self.erasures().get(&task.key, now).await.unwrap();
            if erasure.is_some_and(|erasure| erasure.state.is_active()) {
                return true;
            }
        }
        false
    }

    /// The outcomes of the entries about erasures, the oldest first.
    async fn erasure_outcomes(&self) -> Vec<String> {
        let entries = self.list_all("action=erase_customer&order=asc").await;
        let outcome = |entry: &Value| entry["outcome"].as_str().unwrap().to_owned();
        entries.iter().map(outcome).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_erasure_is_done_although_its_worker_was_not_called_and_nobody_reads() {
    let app = TestApp::start().await;
    app.record(&activity()).await;
    app.faults.add("Invoke", Fault::Lost, 3);
    let token = app.token("contoso", "global_admin");
    let asked = app.post("/v1/erasures", &json!({ "customer_id": "c-1" }));
    let asked = asked.token(&token).send().await;
    assert_eq!(asked.status, 202, "{}", asked.text);
    app.advance(LATER);
    app.sweep().await;
    app.until_all_ended().await;
    let items = app.list_all("customer_id=c-1").await;
    assert!(items.iter().all(|item| item["erased_at"].is_string()));
    assert_eq!(app.erasure_outcomes().await, ["in_progress", "succeeded"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_export_is_written_although_its_worker_was_not_called_and_nobody_reads() {
    let app = TestApp::start().await;
    app.faults.add("Invoke", Fault::Lost, 3);
    let asked = app.post_export(&json!({})).await;
    assert_eq!(asked.status, 202, "{}", asked.text);
    app.advance(LATER);
    app.sweep().await;
    app.until_all_ended().await;
    let calls = app.faults.count("export", "Invoke");
    let path = format!("/v1/exports/{}", asked.json()["id"].as_str().unwrap());
    let export = app.read(&path).await;
    assert_eq!(export.json()["state"], "ready");
    assert_eq!(
        app.faults.count("export", "Invoke"),
        calls,
        "a read called a worker"
    );
}

#[tokio::test]
async fn a_task_that_has_ended_is_no_longer_open() {
    let app = TestApp::start().await;
    app.record(&activity()).await;
    app.post_export(&json!({})).await;
    app.erase().await;
    app.until_all_ended().await;
    let waiting = app.export_without_worker().await;
    assert_eq!((app.open().await.0.len(), app.open().await.1.len()), (2, 1));
    app.sweep().await;
    assert_eq!(app.open().await, (vec![waiting.export_id], vec![]));
}

#[tokio::test]
async fn a_task_that_was_named_and_never_stored_is_forgotten_after_an_hour() {
    let app = TestApp::start().await;
    // The name is written first; the export itself is lost.
    app.faults.add_after("PutItem", 1, Fault::Lost, 3);
    let refused = app.post_export(&json!({})).await;
    assert_eq!(refused.refusal(), "503 unavailable");
    app.advance(Duration::from_mins(59));
    app.sweep().await;
    assert_eq!(app.open().await.0.len(), 1);
    app.advance(Duration::from_mins(2));
    app.sweep().await;
    assert_eq!(app.open().await.0, []);
}

#[tokio::test]
async fn a_task_is_not_stored_unless_it_is_named() {
    let app = TestApp::start().await;
    app.faults.add("PutItem", Fault::Lost, 3);
    assert_eq!(
        app.post_export(&json!({})).await.refusal(),
        "503 unavailable"
    );
    app.faults.clear();
    let exports = app.read("/v1/exports").await.json();
    assert_eq!(exports["items"], json!([]));
    // The name is written, and the answer is lost: the SDK writes it again.
    app.faults.add("PutItem", Fault::ReplyLost, 1);
    assert_eq!(app.post_export(&json!({})).await.status, 202);
    assert_eq!(app.open().await.0.len(), 1);
}

#[tokio::test]
async fn a_task_that_has_a_worker_gets_no_other_one() {
    let app = TestApp::start().await;
    let event = app.export_without_worker().await;
    app.sweep().await;
    assert_eq!(
        app.faults.count("sweeper", "Invoke"),
        0,
        "one was just called"
    );
    app.advance(LATER);
    app.lease_export(&event, app.now()).await;
    app.sweep().await;
    assert_eq!(
        app.faults.count("sweeper", "Invoke"),
        0,
        "one has the lease"
    );
}

#[tokio::test]
async fn two_sweeps_at_once_call_one_worker() {
    let app = TestApp::start().await;
    app.export_without_worker().await;
    app.advance(LATER);
    app.faults.add("Invoke", Fault::Swallowed, 2);
    let (one, two) = tokio::join!(app.try_sweep(), app.try_sweep());
    assert_eq!((one, two), (Ok(()), Ok(())));
    assert_eq!(app.faults.count("sweeper", "Invoke"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_cannot_be_looked_after_fails_the_sweep_and_not_the_others() {
    let app = TestApp::start().await;
    app.export_without_worker().await;
    app.erasure_without_worker().await;
    app.advance(LATER);
    // The SDK makes three attempts: all of one call fail, and two of the other.
    app.faults.add("Invoke", Fault::Lost, 5);
    let failed = app.try_sweep().await.unwrap_err();
    assert!(failed.contains("the function sweeper failed"), "{failed}");
    app.faults.clear();
    assert!(
        app.faults.count("sweeper", "Invoke") >= 4,
        "one of both was called"
    );
    // A worker that was called late would lose its lease when the clock moves.
    assert!(eventually(|| app.workers_running() == 0).await);
    app.advance(LATER);
    app.sweep().await;
    app.until_all_ended().await;
    app.sweep().await;
    assert_eq!(app.open().await, (vec![], vec![]));
}

#[tokio::test]
async fn a_name_that_cannot_be_read_fails_the_sweep_and_stops_no_other_task() {
    let app = TestApp::start().await;
    app.export_without_worker().await;
    let dynamodb = aws_sdk_dynamodb::Client::new(&app.stack.sdk);
    let text = |text: &str| AttributeValue::S(text.to_owned());
    dynamodb
        .put_item()
        .table_name(&app.stack.config.exports_table)
        .item("partition_key", text("#open"))
        .item("sort_key", text("0"))
        .send()
        .await
        .unwrap();
    app.advance(LATER);
    app.faults.add("Invoke", Fault::Swallowed, 1);
    app.try_sweep().await.unwrap_err();
    assert_eq!(app.faults.count("sweeper", "Invoke"), 1);
}

/// A key gives the id of the first request with it, which may have been hours ago.
#[tokio::test]
async fn a_task_with_an_old_id_that_is_named_again_is_not_forgotten() {
    let app = TestApp::start_with(&[("MAX_RUNNING_EXPORTS", "1")]).await;
    let post = async |key| {
        let request = app.post("/v1/exports", &json!({}));
        let request = request.header("idempotency-key", key).token(&app.reader());
        request.send().await
    };
    app.faults.add("Invoke", Fault::Swallowed, 2);
    let first = post("k-1").await;
    assert_eq!(post("k-2").await.refusal(), "429 too_many_exports");
    app.advance(Duration::from_hours(2));
    let first = format!("/v1/exports/{}", first.json()["id"].as_str().unwrap());
    let delete = app.request(reqwest::Method::DELETE, &first);
    assert_eq!(delete.token(&app.reader()).send().await.status, 204);
    // The export itself is lost, and its name is two hours younger than its id.
    app.faults.add_after("PutItem", 2, Fault::Lost, 3);
    assert_eq!(post("k-2").await.refusal(), "503 unavailable");
    app.sweep().await;
    assert_eq!(app.open().await.0.len(), 1, "it may yet be stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_tasks_than_one_page_names_are_all_looked_after() {
    let app = TestApp::start_with(&[("MAX_RUNNING_EXPORTS", "100")]).await;
    app.faults.add("Invoke", Fault::Swallowed, 220);
    let mut asked = Vec::new();
    for partner in ["contoso", "fabrikam"] {
        let token = app.token(partner, "admin_agent");
        for _ in 0..55 {
            asked.push(app.post("/v1/exports", &json!({})).token(&token).send());
        }
    }
    for answer in futures_util::future::join_all(asked).await {
        assert_eq!(answer.status, 202, "{}", answer.text);
    }
    app.advance(LATER);
    app.sweep().await;
    assert_eq!(app.faults.count("sweeper", "Invoke"), 110);
}

#[tokio::test]
async fn the_age_of_a_task_is_told_although_its_worker_can_not_be_called() {
    let app = TestApp::start().await;
    app.export_without_worker().await;
    app.advance(LATER);
    app.faults.add("Invoke", Fault::Lost, 3);
    let (swept, tally) = metrics::counted(app.try_sweep()).await;
    assert!(swept.is_err());
    let line = tally.line("it", "r-1", app.now()).unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    assert!(line["oldest_open_seconds"].as_u64() >= Some(LATER.as_secs()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_takes_too_long_ends_with_its_entry_although_nobody_reads() {
    let app = TestApp::start_with(&[("MAX_LATENESS_DAYS", "1")]).await;
    app.record(&activity()).await;
    let event = app.erasure_without_worker().await;
    app.advance(Duration::from_hours(12));
    assert_eq!(app.erasure_state(&event).await, erasure::State::Queued);
    app.sweep().await;
    app.until_all_ended().await;
    assert_eq!(app.erasure_state(&event).await, erasure::State::Failed);
    assert_eq!(app.erasure_outcomes().await, ["in_progress", "failed"]);
    let path = format!("/v1/erasures/{}", event.erasure_id);
    let read = app.erasure(&path).await;
    assert_eq!(read["failure"]["code"], "gave_up");
    assert!(read["finished_at"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_takes_too_long_ends_as_failed_although_nobody_reads() {
    let app = TestApp::start().await;
    let event = app.export_without_worker().await;
    app.advance(Duration::from_hours(12));
    app.sweep().await;
    app.until_all_ended().await;
    app.sweep().await;
    assert_eq!(app.open().await.0, []);
    let read = app.read(&format!("/v1/exports/{}", event.export_id)).await;
    assert_eq!(read.json()["failure"]["code"], "gave_up");
}

/// A walk that ended, and whose worker died before it recorded the entry, or after.
pub(crate) async fn erasure_with_stale_end(
    is_entry_recorded: bool,
) -> (TestApp, erasure::WorkerEvent, Moment) {
    let app = TestApp::start_with(&[("MAX_LATENESS_DAYS", "1")]).await;
    app.record(&with("customer.id", json!("c-1"))).await;
    let event = app.erasure_without_worker().await;
    let ended_at = app.now();
    let lease: Lease<ErasureId> = app.lease_erasure(&event, ended_at).await;
    let progress = erasure::Progress { read: 1, erased: 1 };
    let store = app.erasures();
    let ended = store.record_end(&lease, progress, None, ended_at).await;
    assert_eq!(ended.unwrap().unwrap().finished_at, Some(ended_at));
    let released = store.release(&lease, ended_at).await;
    assert_eq!(released.unwrap(), LeaseStatus::Held);
    if is_entry_recorded {
        // The worker records the entry, and cannot store the state.
        app.faults.add_after("UpdateItem", 3, Fault::Lost, 3);
        app.advance(LATER);
        app.sweep().await;
        app.until_failures(1).await;
        app.faults.clear();
        assert_eq!(app.erasure_outcomes().await, ["in_progress", "succeeded"]);
        assert_eq!(app.erasure_state(&event).await, erasure::State::Running);
    }
    // Longer than the lateness that is allowed, and the ten minutes.
    app.advance(Duration::from_hours(25));
    (app, event, ended_at)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_entry_of_an_end_that_was_stored_long_ago_has_the_time_at_which_it_is_recorded() {
    let (app, event, _) = erasure_with_stale_end(false).await;
    let before = app.now();
    app.sweep().await;
    app.until_all_ended().await;
    assert_eq!(app.erasure_state(&event).await, erasure::State::Done);
    let entries = app
        .list_all("action=erase_customer&outcome=succeeded")
        .await;
    let occurred_at: Moment = entries[0]["occurred_at"].as_str().unwrap().parse().unwrap();
    assert!(
        occurred_at >= before,
        "the range of {occurred_at} is settled"
    );
    assert_eq!(entries.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_entry_of_an_end_that_was_recorded_long_ago_is_not_recorded_again() {
    let (app, event, ended_at) = erasure_with_stale_end(true).await;
    app.sweep().await;
    app.until_all_ended().await;
    assert_eq!(app.erasure_state(&event).await, erasure::State::Done);
    let entries = app
        .list_all("action=erase_customer&outcome=succeeded")
        .await;
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["occurred_at"], ended_at.to_string());
}
