//! What interrupts a worker, and what its file is in the end.

use futures_util::future::join_all;

use super::{readers::unpack_only_member, *};
use crate::harness::step;

#[tokio::test(flavor = "multi_thread")]
async fn an_export_in_parts_interrupted_at_any_request_ends_with_the_same_bytes() {
    let app = TestApp::start().await;
    app.record_wide(36).await;
    let asked = past();
    let undisturbed = app.healed(&app.post_export(&asked).await.json()).await;
    assert!(undisturbed["file"]["bytes"].as_u64() > Some(8 * 1024 * 1024));
    let mut made = 1;
    let faults = [
        (Fault::Lost, 3),
        (Fault::ReplyLost, 3),
        (Fault::Killed, 1),
        (Fault::KilledAfter, 1),
    ];
    for (fault, times) in faults {
        for place in (0..).step_by(step()) {
            app.faults.take_met_faults();
            app.faults.add_after("export-worker", place, fault, times);
            let ended = app.healed(&app.post_export(&asked).await.json()).await;
            let met = app.faults.take_met_faults();
            let at = format!("{fault:?} at {place}, {met:?}");
            assert_eq!(ended["file"], undisturbed["file"], "{at}: {ended}");
            assert_eq!(
                app.stored_hash(&ended),
                undisturbed["file"]["sha256"],
                "{at}"
            );
            made += 1;
            if !app.faults.clear() {
                break;
            }
            app.check_leftovers(&at, fault);
        }
    }
    assert!(made > 4 * 12 / step(), "only {made} exports");
    assert_eq!(app.trail("export_activity_log").await.len(), made);
}

impl TestApp {
    /// No upload stays behind, but one whose creation nobody learned of.
    fn check_leftovers(&self, at: &str, fault: Fault) {
        for upload in self.unfinished_uploads() {
            let has_parts = self
                .files_left()
                .iter()
                .any(|name| name.starts_with(".upload_id-") && name.contains(&upload));
            assert!(
                fault != Fault::Lost && !has_parts,
                "left after {at}: {upload}"
            );
            std::fs::remove_file(self.stack.s3_dir.join(format!(".upload-{upload}.json"))).unwrap();
        }
    }

    /// The ids of uploads that are begun and neither complete nor aborted.
    ///
    /// A part alone is no upload: one that arrives while its upload is aborted
    /// stays, as it may on S3.
    fn unfinished_uploads(&self) -> Vec<String> {
        let files = self.files_left();
        let ids = files
            .iter()
            .filter_map(|name| name.strip_prefix(".upload-")?.strip_suffix(".json"));
        ids.map(str::to_owned).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_under_faults_by_chance_ends_with_the_same_bytes_or_says_why() {
    // The worker's time is up after each page.
    let app = TestApp::start_limited(&[], seconds(45)).await;
    app.record_wide(40).await;
    let mut failed = 0;
    for (format, seeds) in [("csv", 0..8), ("jsonl", 8..16)] {
        let mut asked = past();
        asked["format"] = format.into();
        if format == "jsonl" {
            asked.as_object_mut().unwrap().remove("style");
            asked["compression"] = "gzip".into();
        }
        let undisturbed = app.healed(&app.post_export(&asked).await.json()).await;
        for seed in seeds {
            app.faults.throw_dice("export-worker", seed, 8);
            let ended = app.healed(&app.post_export(&asked).await.json()).await;
            let at = format!("seed {seed}: {:?}", app.faults.take_met_faults());
            if ended["state"] == "failed" {
                assert_eq!(ended["failure"]["code"], "gave_up", "{at}");
                failed += 1;
                continue;
            }
            assert_eq!(ended["file"], undisturbed["file"], "{at}: {ended}");
            assert_eq!(
                app.stored_hash(&ended),
                undisturbed["file"]["sha256"],
                "{at}"
            );
        }
    }
    // Some are given up after five workers in a row, most are not.
    assert!(failed <= 4, "{failed} of 16 failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_thought_dead_at_any_request_changes_nothing() {
    let app = TestApp::start().await;
    app.record_wide(36).await;
    let asked = past();
    let undisturbed = app.healed(&app.post_export(&asked).await.json()).await;
    let mut made = 1;
    for place in (0..).step_by(step()) {
        app.faults.add_after("export-worker", place, Fault::Held, 1);
        let export = app.post_export(&asked).await.json();
        let path = format!("/v1/exports/{}", export["id"].as_str().unwrap());
        let (faults, is_ready) = (&app.faults, |read: &Value| read["state"] == "ready");
        app.until(&path, |read| faults.is_holding() || is_ready(read))
            .await;
        made += 1;
        if app.faults.is_holding() {
            app.advance(seconds(61));
        }
        let ended = app.healed(&export).await;
        app.faults.release();
        assert!(eventually(|| app.workers_running() == 0).await);
        let is_over = !app.faults.clear();
        let later = app.read_export(&export).await;
        assert_eq!(
            later["file"], undisturbed["file"],
            "held at {place}: {later}"
        );
        assert_eq!(
            later["finished_at"], ended["finished_at"],
            "held at {place}"
        );
        assert_eq!(app.stored_hash(&later), undisturbed["file"]["sha256"]);
        assert_eq!(app.unfinished_uploads(), [""; 0], "held at {place}");
        if is_over {
            break;
        }
    }
    assert!(made > 12 / step(), "only {made} exports");
    assert_eq!(app.trail("export_activity_log").await.len(), made);
}

#[tokio::test]
async fn an_event_that_comes_many_times_at_once_is_carried_out_once() {
    let app = TestApp::start().await;
    app.record(&with("occurred_at", ago(7_200))).await;
    app.faults.add("Invoke", Fault::Swallowed, 1);
    let export = app.post_export(&past()).await.json();
    let event = json!({ "partner_id": "contoso", "export_id": export["id"] });
    let url = format!(
        "{}/2015-03-31/functions/export-worker/invocations",
        app.stack.url
    );
    let calls = (0..6).map(|_| reqwest::Client::new().post(&url).json(&event).send());
    for call in join_all(calls).await {
        assert!(!call.unwrap().headers().contains_key("x-amz-function-error"));
    }
    let ready = app.read_export(&export).await;
    assert_eq!(
        (&ready["state"], &ready["attempts"]),
        (&json!("ready"), &json!(1))
    );
    assert_eq!(app.faults.count("export-worker", "PutObject"), 1);
    assert_eq!(app.trail("export_activity_log").await.len(), 1);
}

#[tokio::test]
async fn an_export_that_is_out_of_time_is_handed_on_and_ends_with_the_same_bytes() {
    let app = TestApp::start().await;
    app.record_wide(72).await;
    let undisturbed = app.healed(&app.post_export(&past()).await.json()).await;
    // The worker's time is up after each page.
    let hurried = TestApp::start_limited(&[], seconds(45)).await;
    hurried.record_wide(72).await;
    let ready = hurried
        .ended(&hurried.post_export(&past()).await.json())
        .await;
    assert_eq!(ready["file"]["rows"], 72);
    assert_eq!(ready["file"]["bytes"], undisturbed["file"]["bytes"]);
    assert!(hurried.faults.count("export-worker", "Invoke") > 6);
    assert_eq!(hurried.stored_hash(&ready), ready["file"]["sha256"]);
    assert_eq!(hurried.leftovers(), [""; 0]);
}

#[tokio::test]
async fn a_gzip_file_of_several_parts_and_workers_is_one_member() {
    // The worker's time is up after each page.
    let app = TestApp::start_limited(&[], seconds(45)).await;
    app.record_wide(80).await;
    let mut asked = past();
    let plain = app.healed(&app.post_export(&asked).await.json()).await;
    asked["compression"] = "gzip".into();
    let packed = app.healed(&app.post_export(&asked).await.json()).await;
    assert!(packed["file"]["bytes"].as_u64() > Some(8 * 1024 * 1024));
    assert!(app.faults.count("export-worker", "Invoke") > 2 * 6);
    let [plain, packed] =
        [plain, packed].map(|export| std::fs::read(app.stored_file("contoso", &export)).unwrap());
    assert!(unpack_only_member(&packed) == plain);
}

#[tokio::test]
async fn a_file_whose_checkpoint_is_of_an_older_version_is_made_anew() {
    let app = TestApp::start().await;
    app.record_wide(72).await;
    let undisturbed = app.ended(&app.post_export(&past()).await.json()).await;
    for (failures, version, sent) in [(1, 3, 2), (2, 2, 3)] {
        app.faults.add_after("UploadPart", 1, Fault::Lost, 3);
        let export = app.post_export(&past()).await.json();
        app.until_failures(failures).await;
        assert!(app.has_checkpoint(&export).await);
        app.set_checkpoint_version(&export, version).await;
        let before = app.faults.count("export-worker", "UploadPart");
        app.advance(seconds(61));
        app.read_export(&export).await;
        assert_eq!(app.ended(&export).await["file"], undisturbed["file"]);
        let after = app.faults.count("export-worker", "UploadPart");
        assert_eq!(after - before, sent, "parts sent with version {version}");
    }
}

#[tokio::test]
async fn a_filter_that_finds_nothing_for_long_gets_to_its_end() {
    let app = TestApp::start_limited(&[], seconds(45)).await;
    app.stack.load("contoso", 8_000, app.now()).unwrap();
    app.record(&with("occurred_at", ago(4_000))).await;
    let mut asked = past();
    asked["correlation_id"] = "absent".into();
    let ready = app.ended(&app.post_export(&asked).await.json()).await;
    assert_eq!(
        (&ready["state"], &ready["file"]["rows"]),
        (&json!("ready"), &json!(0))
    );
    // Each call goes on where the one before it stopped.
    assert!(app.faults.count("export-worker", "Invoke") >= 6);
    assert!(app.faults.count("export-worker", "Query") <= 30);
    assert_eq!(app.leftovers(), [""; 0]);
}

#[tokio::test]
async fn an_upload_that_the_bucket_let_go_is_made_anew() {
    let app = TestApp::start().await;
    app.record_wide(72).await;
    let asked = past();
    let undisturbed = app.ended(&app.post_export(&asked).await.json()).await;
    app.faults.add_after("UploadPart", 1, Fault::Lost, 3);
    let export = app.post_export(&asked).await.json();
    app.until_failures(1).await;
    for entry in std::fs::read_dir(&app.stack.s3_dir)
        .unwrap()
        .map(Result::unwrap)
    {
        if entry.file_name().to_string_lossy().starts_with(".upload") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    // The upload made anew is interrupted before its first checkpoint.
    app.faults.add_after("UploadPart", 1, Fault::Lost, 3);
    app.advance(seconds(61));
    app.read_export(&export).await;
    app.until_failures(2).await;
    // On S3 the old parts would never complete the new upload.
    assert!(!app.has_checkpoint(&export).await);
    app.advance(seconds(61));
    app.read_export(&export).await;
    assert_eq!(app.ended(&export).await["file"], undisturbed["file"]);
}

#[tokio::test]
async fn a_completion_whose_reply_was_lost_is_a_success() {
    let app = TestApp::start().await;
    app.record_wide(36).await;
    app.faults
        .add("CompleteMultipartUpload", Fault::ReplyLost, 1);
    let ready = app.ended(&app.post_export(&past()).await.json()).await;
    assert_eq!(
        (ready["state"].as_str(), ready["attempts"].as_u64()),
        (Some("ready"), Some(1))
    );
    app.file(&ready).await;
}

/// The object that a dead worker completed is this export's file only if it holds the same.
#[tokio::test]
async fn a_file_that_was_complete_before_an_erasure_is_not_taken_for_the_one_after_it() {
    let app = TestApp::start().await;
    // The oldest, so in the last part; a name as long as what takes its place.
    let mut oldest = with("occurred_at", ago(50_000));
    oldest["customer"] = json!({ "id": "c-2", "name": "Fabrikam" });
    oldest.as_object_mut().unwrap().remove("details");
    app.record(&oldest).await;
    app.record_wide(36).await;
    app.faults
        .add("CompleteMultipartUpload", Fault::KilledAfter, 1);
    let export = app.post_export(&past()).await.json();
    assert!(eventually(|| app.faults.kill_count() > 0).await);
    assert_eq!(app.erase_customer("c-2").await["progress"]["erased"], 1);
    app.advance(seconds(61));
    let ready = app.healed(&export).await;
    assert_eq!(ready["state"], "ready", "{ready}");
    assert_eq!(ready["file"]["sha256"], app.stored_hash(&ready));
}

/// The SDK repeats a write whose reply was lost, and the worker knows its own:
/// without any reader's help the first worker, or the one it calls, ends it.
#[tokio::test(flavor = "multi_thread")]
async fn one_lost_request_or_reply_of_a_worker_costs_no_attempt() {
    // The worker's time is up after each page.
    let app = TestApp::start_limited(&[], seconds(45)).await;
    app.record_wide(10).await;
    for fault in [Fault::Lost, Fault::ReplyLost] {
        for place in 0.. {
            app.faults.add_after("export-worker", place, fault, 1);
            let export = app.post_export(&past()).await.json();
            let ended = app.ended(&export).await;
            let met = app.faults.take_met_faults();
            let at = format!("{fault:?} at {place}: {met:?}");
            assert_eq!(ended["state"], "ready", "{at}: {ended}");
            assert_eq!(app.worker_failures(), 0, "{at}");
            if !app.faults.clear() {
                break;
            }
        }
    }
}

/// Whoever holds the lease last calls again, or makes Lambda call again.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_lease_ran_out_fails_so_that_lambda_calls_again() {
    let app = TestApp::start().await;
    app.faults.add("PutObject", Fault::Held, 1);
    let export = app.post_export(&json!({})).await.json();
    let held = || app.faults.is_held("PutObject");
    assert!(eventually(held).await);
    // As for a process that stood still for as long.
    app.advance(seconds(46));
    app.faults.release();
    app.until_failures(1).await;
    app.advance(seconds(61));
    assert_eq!(app.ended(&export).await["state"], "ready");
}

#[tokio::test]
async fn a_worker_that_was_taken_over_can_not_move_the_state() {
    let app = TestApp::start().await;
    app.faults.add("PutObject", Fault::Held, 1);
    let export = app.post_export(&json!({})).await.json();
    let path = format!("/v1/exports/{}", export["id"].as_str().unwrap());
    app.until(&path, |_| app.faults.is_held("PutObject")).await;
    app.advance(seconds(61));
    let ready = app.ended(&export).await;
    assert_eq!(
        (ready["state"].as_str(), ready["attempts"].as_u64()),
        (Some("ready"), Some(2))
    );
    app.faults.release();
    app.until(&path, |_| !app.faults.is_held("PutObject")).await;
    let later = app.read_export(&export).await;
    assert_eq!(
        (&later["file"], &later["finished_at"]),
        (&ready["file"], &ready["finished_at"])
    );
    let hash = base16ct::lower::encode_string(&Sha256::digest(app.file(&later).await));
    assert_eq!(later["file"]["sha256"], hash);
    assert_eq!(app.trail("export_activity_log").await.len(), 1);
}
