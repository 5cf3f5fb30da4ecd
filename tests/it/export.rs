//! The export routes, and what `export-worker` makes of them.

use aws_sdk_dynamodb::types::AttributeValue;
use insta::assert_json_snapshot;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shared::{
    ExportStore,
    export::{ExportId, WorkerEvent},
    export_store::Taken,
};

use crate::{
    faults::Fault,
    harness::{Answer, TestApp, activity, ago, at, with},
};

impl TestApp {
    async fn post_export(&self, body: &Value) -> Answer {
        self.post("/v1/exports", body)
            .token(&self.reader())
            .send()
            .await
    }

    async fn post_export_keyed(&self, body: &Value, key: &str) -> Answer {
        let request = self
            .post("/v1/exports", body)
            .header("idempotency-key", key);
        request.token(&self.reader()).send().await
    }

    async fn read_export(&self, export: &Value) -> Value {
        self.read(&format!("/v1/exports/{}", export["id"].as_str().unwrap()))
            .await
            .json()
    }

    async fn delete_export(&self, export: &Value) -> Answer {
        let path = format!("/v1/exports/{}", export["id"].as_str().unwrap());
        self.request(Method::DELETE, &path)
            .token(&self.reader())
            .send()
            .await
    }

    /// Reads an export until it has ended.
    async fn ended(&self, export: &Value) -> Value {
        let path = format!("/v1/exports/{}", export["id"].as_str().unwrap());
        let is_active =
            |export: &Value| export["state"] == "queued" || export["state"] == "running";
        self.until(&path, |export| !is_active(export)).await
    }

    /// The rows of a file without its header.
    async fn rows(&self, body: &Value) -> Vec<csv::StringRecord> {
        let export = self.export(body).await;
        let file = self.file(&export).await;
        let rows = csv::Reader::from_reader(file.as_slice()).into_records();
        rows.collect::<Result<_, _>>().unwrap()
    }

    /// A worker that takes the export's lease and is never heard of again.
    async fn dead_worker(&self, export: &Value) -> Taken {
        let dynamodb = aws_sdk_dynamodb::Client::new(&self.stack.sdk);
        let store = ExportStore::new(dynamodb, self.stack.config.exports_table.clone());
        let export_id = ExportId::try_from(export["id"].as_str().unwrap()).unwrap();
        let event = WorkerEvent {
            partner_id: "contoso".into(),
            export_id,
        };
        store.take_lease(&event, self.now()).await.unwrap()
    }

    async fn has_checkpoint(&self, export: &Value) -> bool {
        let dynamodb = aws_sdk_dynamodb::Client::new(&self.stack.sdk);
        let id = export["id"].as_str().unwrap().to_owned();
        let item = dynamodb
            .get_item()
            .table_name(&self.stack.config.exports_table)
            .key("partition_key", AttributeValue::S("contoso".into()))
            .key("sort_key", AttributeValue::S(id));
        let item = item.send().await.unwrap().item.unwrap();
        assert!(item.contains_key("upload_id"));
        item.contains_key("checkpoint")
    }

    async fn until_nothing_is_left(&self) {
        for _ in 0..500 {
            if self.files_left().is_empty() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("left in the bucket: {:?}", self.files_left());
    }

    /// What lies in the bucket's folder: objects and parts of uploads, without
    /// what `s3s-fs` notes about either.
    fn files_left(&self) -> Vec<String> {
        let mut left = Vec::new();
        let mut folders = vec![self.stack.s3_dir.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let name = entry.file_name().into_string().unwrap();
                match entry.file_type().unwrap().is_dir() {
                    true => folders.push(entry.path()),
                    false if name.starts_with(".bucket-") => {}
                    false => left.push(name),
                }
            }
        }
        left
    }

    async fn trail(&self, action: &str) -> Vec<Value> {
        self.list_all(&format!("action={action}")).await
    }
}

fn year() -> Value {
    json!({ "from": "2000-01-01", "to": "2999-12-31" })
}

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

#[tokio::test]
async fn export_answers_with_the_file_when_it_is_ready_in_time() {
    let app = TestApp::start().await;
    app.record(&with("occurred_at", ago(60))).await;
    let request = app.post(
        "/v1/exports",
        &json!({ "style": "raw", "action": "create_order" }),
    );
    let answer = request
        .header("prefer", "wait=20")
        .token(&app.reader())
        .send()
        .await;
    let export = answer.json();
    assert_eq!(answer.status, 201);
    assert_eq!(
        answer.header("location"),
        format!("/v1/exports/{}", export["id"].as_str().unwrap())
    );
    let (status, headers, file) = app
        .download(export["download"]["url"].as_str().unwrap())
        .await;
    assert_eq!(status, 200);
    assert_eq!(headers["content-type"], "text/csv; charset=utf-8");
    let name = export["file"]["name"].as_str().unwrap();
    assert_eq!(
        headers["content-disposition"],
        format!("attachment; filename=\"{name}\"")
    );
    assert_eq!(export["file"]["bytes"], file.len());
    let hash = base16ct::lower::encode_string(&Sha256::digest(&file));
    assert_eq!(export["file"]["sha256"], hash);
    assert_json_snapshot!(export, {
        ".id" => "[id]", ".created_at" => "[moment]", ".as_of" => "[moment]", ".from" => "[moment]",
        ".to" => "[moment]", ".finished_at" => "[moment]", ".file.name" => "[name]",
        ".file.bytes" => "[bytes]", ".progress.bytes" => "[bytes]", ".file.sha256" => "[hash]",
        ".download.url" => "[link]", ".download.expires_at" => "[moment]",
    }, @r#"
    {
      "as_of": "[moment]",
      "attempts": 1,
      "created_at": "[moment]",
      "created_by": {
        "id": "u-1",
        "kind": "user",
        "name": "Ann Beebe"
      },
      "download": {
        "expires_at": "[moment]",
        "url": "[link]"
      },
      "file": {
        "bytes": "[bytes]",
        "name": "[name]",
        "rows": 1,
        "sha256": "[hash]"
      },
      "filter": {
        "action": [
          "create_order"
        ],
        "order": "desc"
      },
      "finished_at": "[moment]",
      "format": "csv",
      "from": "[moment]",
      "id": "[id]",
      "locale": "en",
      "progress": {
        "bytes": "[bytes]",
        "fraction": 1.0,
        "rows": 1
      },
      "settled": false,
      "state": "ready",
      "style": "raw",
      "to": "[moment]"
    }
    "#);
}

#[tokio::test]
async fn export_answers_at_once_without_a_wait() {
    let app = TestApp::start().await;
    let answer = app.post_export(&json!({})).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("retry-after")),
        (202, "1")
    );
    let ready = app.ended(&answer.json()).await;
    assert_eq!(ready["state"], "ready");
    assert!(ready["download"]["url"].is_string());
}

#[tokio::test]
async fn a_raw_file_equals_the_list() {
    let app = TestApp::start().await;
    for (place, name) in [
        "Relecloud",
        "=1+1",
        "a \"b\", c",
        "한국\r\n전자",
        "'quoted'",
        "",
    ]
    .iter()
    .enumerate()
    {
        let mut sent = with("occurred_at", ago(100 + i64::try_from(place).unwrap()));
        *at(&mut sent, "customer.name") = if name.is_empty() {
            "-".into()
        } else {
            (*name).into()
        };
        sent["details"] = json!({ "note": name, "n": place });
        app.record(&sent).await;
    }
    let listed = app.list_all("").await;
    let rows = app.rows(&json!({ "style": "raw" })).await;
    assert_eq!(rows.len(), 6);
    for (row, item) in rows.iter().zip(&listed) {
        let one = app
            .read(&format!("/v1/activities/{}", item["id"].as_str().unwrap()))
            .await
            .json();
        let text = |pointer| {
            one.pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let wanted = [
            "/occurred_at",
            "/customer/name",
            "/action",
            "/actor/name",
            "/customer/id",
            "/actor/id",
            "/actor/kind",
            "/outcome",
            "/resource/type",
            "/resource/id",
            "/id",
            "/recorded_at",
            "/correlation_id",
        ]
        .map(text);
        assert_eq!(row.iter().take(13).collect::<Vec<_>>(), wanted);
        assert_eq!(
            serde_json::from_str::<Value>(&row[13]).unwrap(),
            one["details"]
        );
    }
}

#[tokio::test]
async fn a_spreadsheet_file_is_made_for_people() {
    let app = TestApp::start().await;
    let now = jiff::Timestamp::from(app.now())
        .in_tz("Asia/Seoul")
        .unwrap();
    let midnight = now.yesterday().unwrap().start_of_day().unwrap();
    let day = midnight.date().to_string();
    let mut sent = with("occurred_at", midnight.timestamp().to_string());
    *at(&mut sent, "customer.name") = "=SUM(A1)".into();
    *at(&mut sent, "actor.name") = "'Ann".into();
    app.record(&sent).await;
    let asked = json!({ "from": day, "to": day, "time_zone": "Asia/Seoul" });
    let export = app.export(&asked).await;
    let file = String::from_utf8(app.file(&export).await).unwrap();
    let [header, row, ""] = file.split("\r\n").collect::<Vec<_>>()[..] else {
        panic!("not a header and a row: {file}");
    };
    let columns =
        "\u{feff}\"Date-Time (Asia/Seoul)\",\"Affected customer\",\"Action\",\"Partner user\",";
    assert!(header.starts_with(columns), "{header}");
    assert!(header.contains("Recorded at (UTC)"), "{header}");
    let cells =
        r#"00:00:00","'=SUM(A1)","create_order","''Ann","c-1","u-17","user","succeeded","""#;
    assert!(row.starts_with(&format!("\"{day} {cells}")), "{row}");
    let name = format!("activity-log_contoso_{day}_{day}.csv");
    assert_eq!(export["file"]["name"], name);
}

#[tokio::test]
async fn a_spreadsheet_file_speaks_korean_and_a_raw_one_does_not() {
    let app = TestApp::start().await;
    let header = async |style: &str| {
        let asked = json!({ "style": style, "locale": "ko", "time_zone": "Asia/Seoul" });
        let file = app.file(&app.export(&asked).await).await;
        String::from_utf8(file)
            .unwrap()
            .lines()
            .next()
            .unwrap()
            .to_owned()
    };
    assert!(
        header("spreadsheet")
            .await
            .starts_with("\u{feff}\"날짜-시간 (Asia/Seoul)\",\"영향을 받은 고객\",")
    );
    assert!(
        header("raw")
            .await
            .starts_with("Date-Time (UTC),Affected customer,")
    );
}

#[tokio::test]
async fn an_export_of_an_empty_range_is_a_header() {
    let app = TestApp::start().await;
    let moment = "2026-11-20T00:00:00Z";
    let export = app
        .export(&json!({ "from": moment, "to": moment, "style": "raw" }))
        .await;
    assert_eq!(export["file"]["rows"], 0);
    assert_eq!(
        app.file(&export).await.split(|byte| *byte == b'\n').count(),
        2
    );
}

#[tokio::test]
async fn an_export_holds_what_was_stored_by_its_moment() {
    let app = TestApp::start().await;
    app.record(&activity()).await;
    app.faults.add("Invoke", Fault::Swallowed, 1);
    let export = app.post_export(&json!({})).await.json();
    app.advance(seconds(1));
    app.record(&with("occurred_at", ago(600))).await;
    app.advance(seconds(60));
    app.read_export(&export).await;
    assert_eq!(app.ended(&export).await["file"]["rows"], 1);
}

#[tokio::test]
async fn a_large_export_comes_in_parts() {
    let app = TestApp::start().await;
    app.stack.load("contoso", 30_000, app.now()).unwrap();
    let asked = json!({ "from": "2000-01-01", "to": "2999-12-31", "style": "raw" });
    let request = app.post("/v1/exports", &asked).header("prefer", "wait=20");
    let export = request.token(&app.reader()).send().await.json();
    let export = app.ended(&export).await;
    assert_eq!(export["file"]["rows"], 30_000);
    let file = app.file(&export).await;
    assert!(
        file.len() > 3 * 8 * 1024 * 1024,
        "{} bytes are too few parts",
        file.len()
    );
    let rows = csv::Reader::from_reader(file.as_slice()).into_records();
    let keys: Vec<_> = rows
        .map(|row| {
            let row = row.unwrap();
            (row[0].to_owned(), row[10].to_owned())
        })
        .collect();
    assert_eq!(keys.len(), 30_000);
    assert!(
        keys.windows(2).all(|pair| pair[0] > pair[1]),
        "newest first, each once"
    );
}

#[tokio::test]
async fn the_longest_partner_id_can_export() {
    let app = TestApp::start().await;
    let token = app.token(&"x".repeat(64), "admin_agent");
    let request = app
        .post("/v1/exports", &json!({}))
        .header("prefer", "wait=20");
    let export = request.token(&token).send().await;
    assert_eq!(export.status, 201, "{}", export.text);
    app.file(&export.json()).await;
}

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
    assert!(matches!(app.dead_worker(&export).await, Taken::NotNow));
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

/// A range that ended an hour ago, so that exports of it hold the same.
fn past() -> Value {
    json!({ "from": "2000-01-01", "to": ago(3_600), "style": "raw" })
}

#[tokio::test]
async fn an_interrupted_export_goes_on_and_ends_with_the_same_bytes() {
    let app = TestApp::start().await;
    app.stack.load("contoso", 30_000, app.now()).unwrap();
    let asked = past();
    let undisturbed = app.ended(&app.post_export(&asked).await.json()).await;
    let faults = [
        ("UploadPart", 0),
        ("UploadPart", 2),
        ("UpdateItem", 4),
        ("Query", 20),
        ("CompleteMultipartUpload", 0),
    ];
    for (failures, (operation, skip)) in (1..).zip(faults) {
        app.faults.add_after(operation, skip, Fault::Lost, 3);
        let export = app.post_export(&asked).await.json();
        app.until_failures(failures).await;
        app.advance(seconds(61));
        app.read_export(&export).await;
        let ready = app.ended(&export).await;
        assert_eq!(
            ready["file"], undisturbed["file"],
            "{operation} after {skip}"
        );
        app.file(&ready).await;
    }
    let made = app.read("/v1/exports").await.json()["items"]
        .as_array()
        .unwrap()
        .len();
    assert_eq!(app.trail("export_activity_log").await.len(), made);
}

#[tokio::test]
async fn an_export_that_is_out_of_time_is_handed_on_and_ends_with_the_same_bytes() {
    // The worker's time is up after each part.
    let app = TestApp::start_limited(&[], seconds(45)).await;
    app.stack.load("contoso", 30_000, app.now()).unwrap();
    let asked = past();
    let ready = app.ended(&app.post_export(&asked).await.json()).await;
    assert_eq!(ready["state"], "ready");
    let file = app.file(&ready).await;
    assert!(file.len() > 3 * 8 * 1024 * 1024);
    let hash = base16ct::lower::encode_string(&Sha256::digest(&file));
    assert_eq!(ready["file"]["sha256"], hash);
    let rows = csv::Reader::from_reader(file.as_slice()).into_records();
    assert_eq!(ready["file"]["rows"], rows.map(Result::unwrap).count());
}

#[tokio::test]
async fn an_upload_that_the_bucket_let_go_is_made_anew() {
    let app = TestApp::start().await;
    app.stack.load("contoso", 30_000, app.now()).unwrap();
    let asked = past();
    let undisturbed = app.ended(&app.post_export(&asked).await.json()).await;
    app.faults.add_after("UploadPart", 2, Fault::Lost, 3);
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
    app.stack.load("contoso", 12_000, app.now()).unwrap();
    app.faults
        .add("CompleteMultipartUpload", Fault::ReplyLost, 1);
    let ready = app.ended(&app.post_export(&past()).await.json()).await;
    assert_eq!(
        (ready["state"].as_str(), ready["attempts"].as_u64()),
        (Some("ready"), Some(1))
    );
    app.file(&ready).await;
}

#[tokio::test]
async fn a_lease_whose_reply_was_lost_is_the_workers_own() {
    let app = TestApp::start().await;
    app.faults.add("UpdateItem", Fault::ReplyLost, 1);
    let export = app.export(&json!({})).await;
    assert_eq!(export["attempts"], 1);
}

#[tokio::test]
async fn an_export_is_finished_whatever_reply_was_lost_once() {
    let app = TestApp::start().await;
    for operation in ["Query", "PutObject", "PutItem", "UpdateItem", "GetItem"] {
        for fault in [Fault::Lost, Fault::ReplyLost] {
            app.faults.add(operation, fault, 1);
            let export = app.export(&json!({ "action": "create_order" })).await;
            assert_eq!(export["file"]["rows"], 0, "{operation} {fault:?}");
        }
    }
    let made = app.read("/v1/exports").await.json()["items"]
        .as_array()
        .unwrap()
        .len();
    assert_eq!(app.trail("export_activity_log").await.len(), made);
}

#[tokio::test]
async fn a_file_expires_after_seven_days() {
    let app = TestApp::start().await;
    let export = app.export(&json!({})).await;
    app.advance(SignedDuration::from_hours(7 * 24));
    let expired = app.read_export(&export).await;
    assert_eq!(
        (expired["state"].as_str(), expired["download"].is_null()),
        (Some("expired"), true)
    );
}

#[tokio::test]
async fn an_export_is_made_once_for_a_key() {
    let app = TestApp::start().await;
    let asked = json!({ "style": "raw" });
    let first = app.post_export_keyed(&asked, "k-1").await;
    let again = app.post_export_keyed(&asked, "k-1").await;
    assert_eq!(
        (
            first.header("idempotency-replayed"),
            again.header("idempotency-replayed")
        ),
        ("", "true")
    );
    assert_eq!(first.json()["id"], again.json()["id"]);
    let other = app
        .post_export_keyed(&json!({ "style": "spreadsheet" }), "k-1")
        .await;
    assert_eq!(other.refusal(), "422 idempotency_key_reused");
    let list = app.read("/v1/exports").await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    app.advance(SignedDuration::from_hours(25));
    let later = app.post_export_keyed(&asked, "k-1").await;
    assert_ne!(first.json()["id"], later.json()["id"]);
}

#[tokio::test]
async fn an_export_whose_worker_was_not_called_is_started_by_the_retry() {
    let app = TestApp::start().await;
    app.faults.add("Invoke", Fault::Lost, 3);
    let failed = app.post_export_keyed(&json!({}), "k-1").await;
    assert_eq!(
        (failed.status.as_u16(), failed.header("retry-after")),
        (503, "1")
    );
    let again = app.post_export_keyed(&json!({}), "k-1").await;
    assert_eq!(app.ended(&again.json()).await["state"], "ready");
    assert_eq!(
        app.read("/v1/exports").await.json()["items"]
            .as_array()
            .unwrap()
            .len(),
        1
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
    assert!(matches!(app.dead_worker(&export).await, Taken::Lease(..)));
    assert_eq!(app.read_export(&export).await["state"], "running");
    assert!(matches!(app.dead_worker(&export).await, Taken::NotNow));
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
        assert!(matches!(app.dead_worker(&export).await, Taken::Lease(..)));
        app.advance(seconds(61));
    }
    assert!(matches!(app.dead_worker(&export).await, Taken::GivenUp(..)));
    let failed = app.ended(&export).await;
    assert_eq!(failed["state"], "failed");
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

#[tokio::test]
async fn an_export_that_is_not_finished_within_twelve_hours_fails() {
    let app = TestApp::start_with(&[("MAX_LATENESS_DAYS", "1")]).await;
    app.faults.add("Invoke", Fault::Swallowed, 1);
    let export = app.post_export(&json!({})).await.json();
    app.advance(SignedDuration::from_hours(12));
    assert_eq!(app.read_export(&export).await["state"], "failed");
    assert!(matches!(app.dead_worker(&export).await, Taken::GivenUp(..)));
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
async fn the_recent_exports_are_paged_without_links() {
    let app = TestApp::start().await;
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(app.export(&json!({})).await["id"].clone());
    }
    let page = app.read("/v1/exports?limit=2").await;
    let items = page.json()["items"].as_array().unwrap().clone();
    let ids: Vec<_> = items.iter().map(|item| item["id"].clone()).collect();
    assert_eq!(ids, [made[2].clone(), made[1].clone()]);
    assert!(items.iter().all(|item| item["download"].is_null()));
    let cursor = page.json()["next_cursor"].as_str().unwrap().to_owned();
    let rest = app
        .read(&format!("/v1/exports?limit=2&cursor={cursor}"))
        .await
        .json();
    assert_eq!(rest["items"][0]["id"], made[0]);
    assert!(rest["next_cursor"].is_null());
    assert!(page.header("link").contains(&cursor));
    for query in ["limit=0", "cursor=x", "state=ready"] {
        assert_eq!(
            app.read(&format!("/v1/exports?{query}")).await.status,
            400,
            "{query}"
        );
    }
}

#[tokio::test]
async fn export_refuses_bad_requests() {
    let app = TestApp::start().await;
    for (body, refusal) in [
        (json!([]), "400 body must be an object"),
        (json!({ "format": "pdf" }), "400 format must be `csv`"),
        (
            json!({ "style": "plain" }),
            "400 style must be `spreadsheet` or `raw`",
        ),
        (json!({ "locale": "fr" }), "400 locale must be `en` or `ko`"),
        (
            json!({ "style": { "raw": null } }),
            "400 style must be a string",
        ),
        (json!({ "limit": 5 }), "400 limit is not known here"),
        (json!({ "cursor": "x" }), "400 cursor is not known here"),
        (
            json!({ "action": [] }),
            "400 action must not be an empty list",
        ),
        (
            json!({ "from": "2026-11-22", "to": "2026-11-21" }),
            "400 from must not be after to",
        ),
        (json!({ "customer": "" }), "400 customer must not be empty"),
        (json!({ "from": null }), "400 from must be a string"),
        (
            json!({ "time_zone": "Mars" }),
            "400 time_zone must be the name of an IANA time zone, such as Asia/Seoul",
        ),
    ] {
        assert_eq!(app.post_export(&body).await.refusal(), refusal);
    }
    let request = app
        .post("/v1/exports", &json!({}))
        .header("prefer", "wait=soon");
    let refusal = request.token(&app.reader()).send().await.refusal();
    assert!(refusal.starts_with("400 Prefer must say wait"), "{refusal}");
    let request = app.request(Method::POST, "/v1/exports").raw("");
    assert_eq!(
        request.token(&app.reader()).send().await.refusal(),
        "400 body must not be empty"
    );
    let unnamed =
        app.token_of(json!({ "partner_id": "contoso", "roles": ["admin_agent"], "sub": "" }));
    assert_eq!(
        app.post("/v1/exports", &json!({}))
            .token(&unnamed)
            .send()
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn an_export_that_is_absent_is_not_found_and_a_malformed_id_is_refused() {
    let app = TestApp::start().await;
    let absent = json!({ "id": "019ab0f4-5c5b-7d0a-8e4f-0c39d6d5c70d" });
    assert_eq!(app.read_export(&absent).await["code"], "not_found");
    assert_eq!(app.delete_export(&absent).await.refusal(), "404 not_found");
    let malformed = json!({ "id": "latest" });
    assert_eq!(
        app.delete_export(&malformed).await.refusal(),
        "400 id must be an export's id"
    );
}
