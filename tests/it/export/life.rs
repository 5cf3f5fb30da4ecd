//! From queued to expired: links, deletion, workers that never come.

use super::*;

#[tokio::test]
async fn a_link_that_was_altered_or_whose_file_is_gone_is_refused() {
    let app = TestApp::start().await;
    let export = app.export(&json!({})).await;
    let url = export["download"]["url"].as_str().unwrap();
    let last = if url.ends_with('0') { "1" } else { "0" };
    let (status, ..) = app
        .download(&format!("{}{last}", &url[..url.len() - 1]))
        .await;
    assert_eq!(status, 403);
    app.delete_export(&export).await;
    let (status, ..) = app.download(url).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn a_link_refuses_head_and_gives_the_headers_with_one_byte() {
    let app = TestApp::start().await;
    let export = app.export(&json!({})).await;
    let url = export["download"]["url"].as_str().unwrap();
    let client = reqwest::Client::new();
    assert_eq!(client.head(url).send().await.unwrap().status(), 403);
    let one = client.get(url).header("range", "bytes=0-0").send().await;
    let one = one.unwrap();
    assert_eq!(one.status(), 206);
    let size = export["file"]["bytes"].as_u64().unwrap();
    let range = one.headers()["content-range"].to_str().unwrap();
    assert_eq!(range, format!("bytes 0-0/{size}"));
    assert_eq!(one.bytes().await.unwrap().len(), 1);
}

#[tokio::test]
async fn every_read_makes_a_link_of_its_own_and_leaves_an_entry() {
    let app = TestApp::start().await;
    let export = app.export(&json!({})).await;
    app.advance(seconds(2));
    let again = app.read_export(&export).await;
    assert_ne!(again["download"]["url"], export["download"]["url"]);
    let links = app.trail("download_activity_log").await;
    assert_eq!(links.len(), 2);
    assert_eq!(
        links[0]["resource"],
        json!({ "type": "export", "id": export["id"] })
    );
    assert_eq!(
        links[0]["actor"],
        json!({ "id": "u-1", "name": "Ann Beebe", "kind": "user" })
    );
    assert!(links[0]["customer"].is_null() && links[0]["links"].is_null());
    assert_eq!(app.trail("export_activity_log").await.len(), 1);
}

#[tokio::test]
async fn a_link_is_not_given_when_its_entry_can_not_be_stored() {
    let app = TestApp::start().await;
    let export = app.export(&json!({})).await;
    app.faults.add("PutItem", Fault::Lost, 3);
    let path = format!("/v1/exports/{}", export["id"].as_str().unwrap());
    let answer = app.read(&path).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("retry-after")),
        (503, "1")
    );
    assert!(!answer.text.contains("X-Amz"));
}

#[tokio::test]
async fn a_deleted_export_is_remembered_and_deleting_twice_is_fine() {
    let app = TestApp::start().await;
    let export = app.export(&json!({})).await;
    for _ in 0..2 {
        assert_eq!(app.delete_export(&export).await.status, 204);
        let gone = app.read_export(&export).await;
        assert_eq!(
            (gone["state"].as_str(), gone["download"].is_null()),
            (Some("expired"), true)
        );
    }
}

#[tokio::test]
async fn an_export_can_be_cancelled_before_it_runs() {
    let app = TestApp::start().await;
    app.faults.add("Invoke", Fault::Swallowed, 1);
    let export = app.post_export(&json!({})).await.json();
    assert_eq!(app.delete_export(&export).await.status, 204);
    assert_eq!(app.delete_export(&export).await.status, 204);
    assert_eq!(app.read_export(&export).await["state"], "cancelled");
    assert!(matches!(
        app.dead_worker(&export).await,
        LeaseAttempt::Ended(..)
    ));
}

#[tokio::test]
async fn an_export_that_is_cancelled_while_it_runs_leaves_no_file() {
    let app = TestApp::start().await;
    app.faults.add("PutObject", Fault::Held, 1);
    let export = app.post_export(&json!({})).await.json();
    app.until_called("export-worker", "PutObject").await;
    assert_eq!(app.delete_export(&export).await.status, 204);
    app.faults.release();
    app.until_called("export-worker", "DeleteObject").await;
    app.until_nothing_is_left().await;
    assert_eq!(app.read_export(&export).await["state"], "cancelled");
}

#[tokio::test]
async fn a_large_export_that_is_cancelled_at_its_end_leaves_no_file_and_is_no_failure() {
    let app = TestApp::start().await;
    app.stack.load("contoso", 12_000, app.now()).unwrap();
    app.faults.add("CompleteMultipartUpload", Fault::Held, 1);
    let export = app.post_export(&year()).await.json();
    app.until_called("export-worker", "CompleteMultipartUpload")
        .await;
    assert_eq!(app.delete_export(&export).await.status, 204);
    app.faults.release();
    // A worker that took the lost upload for a failure would leave it at that.
    app.until_called("export-worker", "DeleteObject").await;
    app.until_nothing_is_left().await;
    assert_eq!(app.read_export(&export).await["state"], "cancelled");
}

/// The state of a hash holds the end of what was hashed.
#[tokio::test]
async fn an_export_that_ends_without_a_file_keeps_none_of_its_bytes() {
    for is_deleted in [true, false] {
        let app = TestApp::start().await;
        app.record_wide(36).await;
        app.faults.add("CompleteMultipartUpload", Fault::Killed, 1);
        let export = app.post_export(&past()).await.json();
        assert!(eventually(|| app.faults.kill_count() > 0).await);
        let hash = async || {
            let item = app.item(&export).await;
            let checkpoint = item["checkpoint"].as_m().unwrap();
            checkpoint["hash"].as_b().unwrap().as_ref().len()
        };
        assert!(hash().await > 64);
        if is_deleted {
            assert_eq!(app.delete_export(&export).await.status, 204);
        } else {
            app.advance(Duration::from_hours(13));
            assert_eq!(app.read_export(&export).await["state"], "failed");
            app.until_written_off(&export).await;
        }
        assert_eq!(hash().await, 0, "deleted: {is_deleted}");
        app.until_nothing_is_left().await;
    }
}

#[tokio::test]
async fn what_a_failed_export_left_is_removed_by_the_second_call_if_the_first_cannot() {
    let app = TestApp::start().await;
    app.record_wide(36).await;
    app.faults.add("CompleteMultipartUpload", Fault::Killed, 1);
    let export = app.post_export(&past()).await.json();
    assert!(eventually(|| app.faults.kill_count() > 0).await);
    app.advance(Duration::from_hours(13));
    let event = json!({ "partner_id": "contoso", "export_id": export["id"] });
    let call = async || {
        app.stack
            .functions
            .call("export-worker", event.clone())
            .await
    };
    app.faults.add("AbortMultipartUpload", Fault::Lost, 3);
    assert!(call().await.is_err());
    assert_eq!(app.item(&export).await["state"].as_s().unwrap(), "failed");
    assert_ne!(app.files_left(), [""; 0]);
    call().await.unwrap();
    assert_eq!(app.files_left(), [""; 0]);
}

#[tokio::test]
async fn what_a_deleted_export_left_is_removed_by_its_worker_if_the_deletion_cannot() {
    let app = TestApp::start().await;
    app.record_wide(36).await;
    app.faults.add("CompleteMultipartUpload", Fault::Killed, 1);
    let export = app.post_export(&past()).await.json();
    assert!(eventually(|| app.faults.kill_count() > 0).await);
    app.faults.add("AbortMultipartUpload", Fault::Lost, 3);
    assert_eq!(app.delete_export(&export).await.status, 503);
    assert_ne!(app.files_left(), [""; 0]);
    let event = json!({ "partner_id": "contoso", "export_id": export["id"] });
    app.stack
        .functions
        .call("export-worker", event)
        .await
        .unwrap();
    assert_eq!(app.files_left(), [""; 0]);
    assert_eq!(app.read_export(&export).await["state"], "cancelled");
}

#[tokio::test]
async fn a_file_expires_after_seven_days() {
    let app = TestApp::start().await;
    let export = app.export(&json!({})).await;
    app.advance(Duration::from_hours(7 * 24));
    let expired = app.read_export(&export).await;
    assert_eq!(
        (expired["state"].as_str(), expired["download"].is_null()),
        (Some("expired"), true)
    );
}

#[tokio::test]
async fn a_queued_export_is_dispatched_again_when_it_is_read() {
    let app = TestApp::start().await;
    app.faults.add("Invoke", Fault::Swallowed, 1);
    let export = app.post_export(&json!({})).await.json();
    app.advance(seconds(59));
    assert_eq!(app.read_export(&export).await["state"], "queued");
    app.advance(seconds(2));
    app.read_export(&export).await;
    assert_eq!(app.ended(&export).await["state"], "ready");
}

#[tokio::test]
async fn a_look_at_the_list_starts_a_queued_export_again() {
    let app = TestApp::start().await;
    app.faults.add("Invoke", Fault::Swallowed, 1);
    let export = app.post_export(&json!({})).await.json();
    app.advance(seconds(61));
    app.read("/v1/exports").await;
    assert_eq!(app.ended(&export).await["state"], "ready");
}

#[tokio::test]
async fn an_export_whose_worker_died_is_run_again() {
    let app = TestApp::start().await;
    app.faults.add("Invoke", Fault::Swallowed, 1);
    let export = app.post_export(&json!({})).await.json();
    assert!(matches!(
        app.dead_worker(&export).await,
        LeaseAttempt::Taken(..)
    ));
    assert_eq!(app.read_export(&export).await["state"], "running");
    assert!(matches!(
        app.dead_worker(&export).await,
        LeaseAttempt::NotNow
    ));
    app.advance(seconds(61));
    app.read_export(&export).await;
    let ready = app.ended(&export).await;
    assert_eq!(
        (ready["state"].as_str(), ready["attempts"].as_u64()),
        (Some("ready"), Some(2))
    );
}

#[tokio::test]
async fn an_export_whose_workers_keep_dying_fails_and_says_so() {
    let app = TestApp::start().await;
    app.faults.add("Invoke", Fault::Swallowed, 1);
    let export = app.post_export(&json!({})).await.json();
    for _ in 0..5 {
        assert!(matches!(
            app.dead_worker(&export).await,
            LeaseAttempt::Taken(..)
        ));
        app.advance(seconds(61));
    }
    let failed = app.ended(&export).await;
    assert_eq!(failed["state"], "failed");
    // That read called a worker, which wrote it down and cleared up.
    app.until_written_off(&export).await;
    let listed = app.read("/v1/exports").await.json();
    assert_eq!(listed["items"][0]["state"], "failed");
    assert_eq!(
        failed["failure"],
        json!({ "code": "gave_up", "detail": "Writing the file was interrupted 5 times." })
    );
    assert_eq!(app.delete_export(&export).await.status, 204);
    assert_eq!(app.read_export(&export).await["failure"], failed["failure"]);
}

#[tokio::test]
async fn an_export_that_is_not_finished_within_twelve_hours_fails() {
    let app = TestApp::start_with(&[("MAX_LATENESS_DAYS", "1")]).await;
    app.faults.add("Invoke", Fault::Swallowed, 1);
    let export = app.post_export(&json!({})).await.json();
    app.advance(Duration::from_hours(12));
    assert_eq!(app.read_export(&export).await["state"], "failed");
    app.until_written_off(&export).await;
    let failed = app.ended(&export).await;
    assert_eq!(
        failed["failure"]["detail"],
        "The file was not finished within 12 hours."
    );
    assert_eq!(app.trail("export_activity_log").await, Vec::<Value>::new());
}

#[tokio::test]
async fn no_key_of_a_recorder_takes_the_place_of_the_trail() {
    let app = TestApp::start().await;
    app.faults.add("PutObject", Fault::Held, 1);
    let export = app.post_export(&json!({})).await.json();
    let forged = with("occurred_at", export["created_at"].clone());
    let request = app.post("/v1/activities", &forged);
    let request = request.header("idempotency-key", export["id"].as_str().unwrap());
    assert_eq!(request.token(&app.recorder()).send().await.status, 201);
    app.faults.release();
    assert_eq!(app.ended(&export).await["state"], "ready");
    assert_eq!(app.trail("export_activity_log").await.len(), 1);
}

#[tokio::test]
async fn a_cancelled_worker_stops_within_a_page() {
    let app = TestApp::start().await;
    app.stack.load("contoso", 12_000, app.now()).unwrap();
    let mut asked = year();
    asked["correlation_id"] = "absent".into();
    app.faults.add_after("Query", 2, Fault::Held, 1);
    let export = app.post_export(&asked).await.json();
    assert!(eventually(|| app.faults.is_held("Query")).await);
    assert_eq!(app.delete_export(&export).await.status, 204);
    app.faults.release();
    assert!(eventually(|| app.workers_running() == 0).await);
    // The page that was held, whose look at the export came before the deletion,
    // and the one after it.
    assert!(app.faults.count("export-worker", "Query") <= 4);
    app.until_nothing_is_left().await;
}
