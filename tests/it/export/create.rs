//! Asking for an export, and looking at those that were asked for.

use futures_util::future::join_all;

use super::*;

#[tokio::test]
async fn export_answers_with_the_file_when_it_is_ready_in_time() {
    let app = TestApp::start().await;
    app.record(&with("occurred_at", ago(60))).await;
    let request = app.post(
        "/v1/exports",
        &json!({ "style": "raw", "action": "create_order" }),
    );
    let answer = request
        .header("prefer", "wait=5")
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
      "compression": "none",
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
        "sha256": "[hash]",
        "truncated_cells": 0
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
      "proof": false,
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
async fn only_the_request_that_creates_an_export_waits_for_it() {
    let app = TestApp::start().await;
    app.faults.add("Invoke", Fault::Swallowed, 1);
    app.post_export_keyed(&json!({}), "k-1").await;
    let read = app.faults.count("export", "GetItem");
    let repeated = app
        .post("/v1/exports", &json!({}))
        .header("idempotency-key", "k-1")
        .header("prefer", "wait=5");
    let repeated = repeated.token(&app.reader()).send().await;
    assert_eq!(
        (repeated.status.as_u16(), repeated.header("retry-after")),
        (202, "1")
    );
    // It looks for the export once, and does not poll it.
    assert_eq!(app.faults.count("export", "GetItem"), read + 1);
}

#[tokio::test]
async fn the_longest_partner_id_can_export() {
    let app = TestApp::start().await;
    let token = app.token(&"x".repeat(64), "admin_agent");
    let export = app.export_as(&token, &json!({})).await;
    app.file(&export).await;
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
    app.advance(Duration::from_hours(25));
    let later = app.post_export_keyed(&asked, "k-1").await;
    assert_ne!(first.json()["id"], later.json()["id"]);
}

#[tokio::test]
async fn an_export_whose_worker_was_not_called_is_started_by_the_retry() {
    let app = TestApp::start().await;
    app.faults.add("Invoke", Fault::Lost, 3);
    let accepted = app.post_export_keyed(&json!({}), "k-1").await;
    assert_eq!(
        (accepted.status.as_u16(), accepted.header("retry-after")),
        (202, "1")
    );
    // A retry calls a worker at most once a minute.
    let calls = app.faults.count("export", "Invoke");
    app.post_export_keyed(&json!({}), "k-1").await;
    assert_eq!(app.faults.count("export", "Invoke"), calls);
    app.advance(Duration::from_secs(61));
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
async fn a_default_that_is_spelled_out_or_null_is_the_same_request() {
    let app = TestApp::start().await;
    let send = async |body: Value| {
        let request = app.post("/v1/exports", &body);
        let request = request.header("idempotency-key", "k-1");
        request.token(&app.reader()).send().await
    };
    let first = send(json!({})).await.json()["id"].clone();
    for body in [
        json!({ "time_zone": "UTC" }),
        json!({ "order": "desc", "format": "csv", "style": "spreadsheet", "locale": "en" }),
        json!({ "from": null, "time_zone": null, "outcome": null, "compression": null }),
    ] {
        let again = send(body).await;
        assert_eq!(again.json()["id"], first);
        assert_eq!(again.header("idempotency-replayed"), "true");
    }
    let other = send(json!({ "time_zone": "Asia/Seoul" })).await;
    assert_eq!(other.refusal(), "422 idempotency_key_reused");
}

#[tokio::test]
async fn export_refuses_bad_requests() {
    let app = TestApp::start().await;
    for (body, refusal) in [
        (json!([]), "400 body must be an object"),
        (
            json!({ "format": "pdf" }),
            "400 format must be one of `csv`, `jsonl`, `xlsx`",
        ),
        (
            json!({ "style": "plain" }),
            "400 style must be `spreadsheet` or `raw`",
        ),
        (json!({ "locale": "fr" }), "400 locale must be `en` or `ko`"),
        (
            json!({ "style": { "raw": null } }),
            "400 style must be a string",
        ),
        (json!({ "limit": 5 }), "400 limit is not supported"),
        (json!({ "cursor": "x" }), "400 cursor is not supported"),
        (
            json!({ "action": [] }),
            "400 action must not be an empty list",
        ),
        (
            json!({ "from": "2026-11-22", "to": "2026-11-21" }),
            "400 from must not be after to",
        ),
        (json!({ "customer": "" }), "400 customer must not be empty"),
        (json!({ "from": 5 }), "400 from must be a string"),
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
    assert!(
        refusal.starts_with("400 Prefer must give wait"),
        "{refusal}"
    );
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
async fn a_partner_has_so_many_exports_under_way_and_no_more() {
    let app = TestApp::start_with(&[("MAX_RUNNING_EXPORTS", "3")]).await;
    app.faults.add("Invoke", Fault::Swallowed, 3);
    let post = async || app.post_export(&json!({})).await;
    let answers = join_all((0..12).map(|_| post())).await;
    let (made, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 202);
    assert_eq!((made.len(), refused.len()), (3, 9));
    for answer in refused {
        assert_eq!(answer.refusal(), "429 too_many_exports");
        assert_eq!(answer.header("retry-after"), "10");
    }
    // Another partner has places of its own.
    let fabrikam = app.token("fabrikam", "admin_agent");
    let other = app.post("/v1/exports", &json!({})).token(&fabrikam);
    assert_eq!(other.send().await.status, 202);
    // Whatever ends an export frees its place.
    app.delete_export(&made[0].json()).await;
    assert_eq!(app.ended(&post().await.json()).await["state"], "ready");
    app.ended(&post().await.json()).await;
}

#[tokio::test]
async fn a_refused_export_is_made_by_the_retry_with_its_key() {
    let app = TestApp::start_with(&[("MAX_RUNNING_EXPORTS", "1")]).await;
    app.faults.add("Invoke", Fault::Swallowed, 1);
    let first = app.post_export_keyed(&json!({}), "k-1").await;
    let refused = app.post_export_keyed(&json!({}), "k-2").await;
    assert_eq!(refused.refusal(), "429 too_many_exports");
    // A retry of what is under way needs no place.
    assert_eq!(app.post_export_keyed(&json!({}), "k-1").await.status, 202);
    app.delete_export(&first.json()).await;
    let made = app.post_export_keyed(&json!({}), "k-2").await;
    assert_eq!(
        (made.status.as_u16(), made.header("idempotency-replayed")),
        (202, "")
    );
    let list = app.read("/v1/exports").await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_replay_of_a_cancelled_export_calls_no_worker() {
    let app = TestApp::start().await;
    app.faults.add("Invoke", Fault::Swallowed, 1);
    let first = app.post_export_keyed(&json!({}), "k-1").await.json();
    assert_eq!(app.delete_export(&first).await.status, 204);
    let calls = app.faults.count("export", "Invoke");
    let again = app.post_export_keyed(&json!({}), "k-1").await;
    assert_eq!(app.faults.count("export", "Invoke"), calls);
    assert_eq!(again.status, 202);
    assert_eq!(again.json()["state"], "cancelled");
}

#[tokio::test]
async fn export_refuses_a_style_or_compression_that_a_format_does_not_have() {
    let app = TestApp::start().await;
    let style = "400 style is only allowed with format csv";
    let gzip = "400 compression gzip is only allowed with format jsonl, or csv in style raw";
    for (body, refusal) in [
        (json!({ "format": "jsonl", "style": "raw" }), style),
        (json!({ "format": "xlsx", "style": "spreadsheet" }), style),
        (json!({ "compression": "gzip" }), gzip),
        (json!({ "format": "xlsx", "compression": "gzip" }), gzip),
        (
            json!({ "compression": "zip" }),
            "400 compression must be `none` or `gzip`",
        ),
    ] {
        assert_eq!(app.post_export(&body).await.refusal(), refusal);
    }
}

#[tokio::test]
async fn a_wrong_format_or_style_hides_no_other_fault_and_makes_none() {
    let app = TestApp::start().await;
    for (body, wanted) in [
        (
            json!({ "format": "xlsx", "style": "fancy", "compression": "gzip", "locale": "ko" }),
            vec!["compression", "style"],
        ),
        (
            json!({ "format": "pdf", "style": "raw", "locale": "ko", "action_labels": { "a": "b" } }),
            vec!["action_labels", "format", "locale"],
        ),
        (
            json!({ "format": "xlsx", "style": "raw", "compression": "gzip", "locale": "ko" }),
            vec!["compression", "style"],
        ),
        (
            json!({ "format": "pdf", "style": "spreadsheet", "compression": "gzip" }),
            vec!["format"],
        ),
    ] {
        let answer = app.post_export(&body).await.json();
        let errors = answer["errors"].as_array().unwrap();
        let mut named: Vec<_> = errors
            .iter()
            .map(|it| it["field"].as_str().unwrap())
            .collect();
        named.sort_unstable();
        assert_eq!(named, wanted);
    }
}
