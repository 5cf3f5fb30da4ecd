//! One test for each promise of `docs/promises.md`, under the name given there.

use std::{collections::BTreeSet, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use proof::VerifierKey;
use serde_json::{Value, json};

use crate::{
    faults::Fault,
    harness::{TestApp, activity, ago, at, eventually, with},
    proven::{Proven, resealed::Audit},
};

async fn record_with_key(app: &TestApp, activity: &Value) -> crate::harness::Answer {
    let request = app
        .post("/v1/activities", activity)
        .header("idempotency-key", "k-1");
    request.token(&app.recorder()).send().await
}

fn ids(items: &[Value]) -> Vec<String> {
    items
        .iter()
        .map(|item| item["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_2xx_answer_to_a_record_means_that_the_activity_is_stored() {
    let app = TestApp::start().await;
    // One attempt fails: the SDK repeats it, and the activity is stored once.
    for fault in [Fault::Lost, Fault::ReplyLost, Fault::Throttled] {
        app.faults.add("PutItem", fault, 1);
        let stored = app.record(&activity()).await;
        let path = format!("/v1/activities/{}", stored["id"].as_str().unwrap());
        assert_eq!(app.read(&path).await.status, 200, "{fault:?}");
    }
    assert_eq!(app.list_all("").await.len(), 3);
    // All three attempts fail: the answer is no 2xx, and says how to retry.
    for fault in [Fault::Lost, Fault::Throttled] {
        app.faults.add("PutItem", fault, 3);
        let answer = app
            .post("/v1/activities", &activity())
            .token(&app.recorder())
            .send()
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("retry-after")),
            (503, "1"),
            "{fault:?}"
        );
        assert!(
            answer.json()["detail"]
                .as_str()
                .unwrap()
                .contains("retry with the same idempotency key")
        );
    }
    assert_eq!(app.list_all("").await.len(), 3);
}

#[tokio::test]
async fn the_same_key_and_content_never_records_twice() {
    let app = TestApp::start().await;
    let sent = with("occurred_at", ago(5));
    // All attempts succeed, but their answers are lost: the client must retry.
    app.faults.add("PutItem", Fault::ReplyLost, 3);
    assert_eq!(record_with_key(&app, &sent).await.status, 503);
    let first = record_with_key(&app, &sent).await;
    let second = record_with_key(&app, &sent).await;
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (200, 200));
    assert_eq!(first.text, second.text);
    assert_eq!(ids(&app.list_all("").await), ids(&[first.json()]));
    // Also after the table has forgotten it.
    let app = TestApp::start_sealing(&[("HOT_DAYS", "1")]).await;
    let sent = with("occurred_at", app.now().to_string());
    let first = record_with_key(&app, &sent).await;
    app.advance(Duration::from_hours(26));
    app.seal().await;
    let second = record_with_key(&app, &sent).await;
    assert_eq!((second.status.as_u16(), &second.text), (200, &first.text));
    app.advance(Duration::from_hours(24));
    assert_eq!(app.expire_copies().await, 1);
    assert_eq!(record_with_key(&app, &sent).await.status, 400);
    assert_eq!(ids(&app.list_all("").await), ids(&[first.json()]));
}

#[tokio::test]
async fn two_activities_never_share_a_place() {
    let app = TestApp::start().await;
    let moment = ago(5);
    let activities = vec![with("occurred_at", moment.as_str()); 100];
    let body = json!({ "activities": activities });
    let answer = app
        .post("/v1/activities/batch", &body)
        .token(&app.recorder())
        .send()
        .await
        .json();
    let results = answer["results"].as_array().unwrap().clone();
    let recorded: BTreeSet<_> = results
        .iter()
        .map(|result| result["activity"]["id"].as_str().unwrap().to_owned())
        .collect();
    let listed: BTreeSet<_> = ids(&app.list_all("limit=500").await).into_iter().collect();
    assert_eq!((recorded.len(), recorded == listed), (100, true));
}

#[tokio::test]
async fn walking_the_pages_gives_every_activity_of_the_range_once() {
    let app = TestApp::start().await;
    app.stack.load("contoso", 1_500, app.now()).unwrap();
    let range = "from=2000-01-01&to=2999-12-31";
    let whole = ids(&app.list_all(&format!("{range}&limit=500")).await);
    assert_eq!(whole.iter().collect::<BTreeSet<_>>().len(), 1_500);
    for limit in [7, 499] {
        assert_eq!(
            ids(&app.list_all(&format!("{range}&limit={limit}")).await),
            whole
        );
        let mut rising = ids(&app
            .list_all(&format!("{range}&order=asc&limit={limit}"))
            .await);
        rising.reverse();
        assert_eq!(rising, whole);
    }
}

#[tokio::test]
async fn a_settled_range_never_changes() {
    let app = TestApp::start_with(&[("MAX_LATENESS_DAYS", "7")]).await;
    app.record(&with("occurred_at", ago(60))).await;
    let range = format!("to={}", ago(0));
    app.advance(Duration::from_hours(7 * 24 + 1));
    assert_eq!(
        app.list(&range).await["settled"],
        false,
        "it is not sealed yet"
    );
    app.seal().await;
    let before = app.list(&range).await;
    assert_eq!(before["settled"], true);
    for seconds in [0, 60, 3_600] {
        let late = with("occurred_at", ago(seconds));
        let answer = app
            .post("/v1/activities", &late)
            .token(&app.recorder())
            .send()
            .await;
        assert!(
            answer
                .refusal()
                .starts_with("400 occurred_at must be at most 7 days ago")
        );
        assert_eq!(record_with_key(&app, &late).await.status, 400);
    }
    assert_eq!(app.list(&range).await, before);
}

#[tokio::test]
async fn an_export_holds_exactly_what_the_list_shows() {
    let app = TestApp::start().await;
    app.stack.load("contoso", 3_000, app.now()).unwrap();
    for (query, asked) in [
        ("", json!({})),
        (
            "&order=asc&outcome=failed",
            json!({ "order": "asc", "outcome": "failed" }),
        ),
        ("&customer=stra%C3%9F", json!({ "customer": "straß" })),
        (
            "&action=create_order&action=add_customer",
            json!({ "action": ["create_order", "add_customer"] }),
        ),
    ] {
        let listed = app
            .list_all(&format!("from=2000-01-01&to=2999-12-31&limit=500{query}"))
            .await;
        let mut asked = asked;
        let range = json!({ "from": "2000-01-01", "to": "2999-12-31", "style": "raw" });
        asked
            .as_object_mut()
            .unwrap()
            .extend(range.as_object().unwrap().clone());
        let file = app.file(&app.export(&asked).await).await;
        let rows: Vec<_> = csv::Reader::from_reader(file.as_slice())
            .into_records()
            .map(Result::unwrap)
            .collect();
        assert_eq!(rows.len(), listed.len());
        for (row, item) in rows.iter().zip(&listed) {
            assert_eq!(
                (&row[10], &row[0]),
                (
                    item["id"].as_str().unwrap(),
                    item["occurred_at"].as_str().unwrap()
                )
            );
            assert_eq!(
                row[1],
                *item["customer"]["name"].as_str().unwrap_or_default()
            );
        }
    }
}

#[tokio::test]
async fn an_export_interrupted_anywhere_ends_with_the_same_bytes() {
    let app = TestApp::start().await;
    for seconds in [7_200, 7_300, 7_400] {
        app.record(&with("occurred_at", ago(seconds))).await;
    }
    let asked = json!({ "to": ago(3_600), "style": "raw" });
    let undisturbed = app.export(&asked).await;
    let whole = &undisturbed["file"]["sha256"];
    assert_eq!(app.stored_hash(&undisturbed), *whole);
    let mut ready = 1;
    for fault in [Fault::Lost, Fault::ReplyLost, Fault::Throttled] {
        // Each request of the worker in turn fails, with its two repetitions.
        for place in 0.. {
            app.faults.add_after("export-worker", place, fault, 3);
            let post = app.post("/v1/exports", &asked).token(&app.reader());
            let ended = app.healed(&post.send().await.json()).await;
            assert_eq!(ended["state"], "ready", "{fault:?} at {place}: {ended}");
            assert_eq!(ended["file"], undisturbed["file"], "{fault:?} at {place}");
            assert_eq!(app.stored_hash(&ended), *whole, "{fault:?} at {place}");
            ready += 1;
            if !app.faults.clear() {
                break;
            }
        }
    }
    assert!(ready > 3 * 4, "only {ready} exports");
    let trail = app.list_all("action=export_activity_log&limit=500").await;
    assert_eq!(trail.len(), ready);
}

#[tokio::test]
async fn memory_does_not_grow_with_the_size_of_an_export() {
    let app = TestApp::start().await;
    app.stack.load("contoso", 40_000, app.now()).unwrap();
    app.faults.add("UploadPart", Fault::Held, 1);
    let asked = json!({ "from": "2000-01-01", "to": "2999-12-31", "style": "raw" });
    let post = app.post("/v1/exports", &asked).token(&app.reader());
    let export = post.send().await.json();
    assert!(eventually(|| app.faults.is_held("UploadPart")).await);
    // The worker stops reading while the bucket accepts nothing. Of forty pages
    // it reads those that fill two parts of 8 MiB, and at most two more.
    let mut pages = 0;
    while app.faults.count("export-worker", "Query") > pages {
        pages = app.faults.count("export-worker", "Query");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!((6..24).contains(&pages), "{pages} pages are read");
    app.faults.release();
    assert_eq!(app.healed(&export).await["state"], "ready");
}

#[tokio::test]
async fn no_answer_contains_anything_of_another_partner() {
    let app = TestApp::start().await;
    let mut secret = activity();
    *at(&mut secret, "customer.name") = "canary of contoso".into();
    let stored = app.record(&secret).await;
    let export = app.export(&json!({})).await;
    let page = app.list("").await;
    assert!(page.to_string().contains("canary"));
    let fabrikam = app.token_of(
        json!({ "partner_id": "fabrikam", "roles": ["admin_agent", "activity_recorder"] }),
    );
    let id = stored["id"].as_str().unwrap();
    for path in [
        "/v1/activities".to_owned(),
        "/v1/activities?customer=canary".to_owned(),
        format!("/v1/activities/{id}"),
        "/v1/exports".to_owned(),
        format!("/v1/exports/{}", export["id"].as_str().unwrap()),
    ] {
        let answer = app.get(&path).token(&fabrikam).send().await;
        assert!(
            !answer.text.contains("canary") && !answer.text.contains(id),
            "{path}: {}",
            answer.text
        );
    }
    let file = app.file(&app.export_as(&fabrikam, &json!({})).await).await;
    assert!(!String::from_utf8(file).unwrap().contains("canary"));
}

#[tokio::test]
async fn a_download_link_dies_in_minutes() {
    let app = TestApp::start().await;
    // The clock that dates the link is slow by five minutes and a second.
    app.move_clock(-301_000);
    let export = app.export(&json!({})).await;
    let url = export["download"]["url"].as_str().unwrap();
    assert!(url.contains("X-Amz-Expires=300"));
    assert_eq!(app.download(url).await.0, 403);
    // A new link works; only a partner's reader can get it.
    app.advance(Duration::from_secs(301));
    let path = format!("/v1/exports/{}", export["id"].as_str().unwrap());
    let recorder = app.get(&path).token(&app.recorder()).send().await;
    assert_eq!(
        (recorder.status.as_u16(), recorder.text.contains("X-Amz")),
        (403, false)
    );
    let fresh = app.read(&path).await.json();
    assert_eq!(
        app.download(fresh["download"]["url"].as_str().unwrap())
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn opening_an_exported_file_in_a_spreadsheet_runs_nothing() {
    let app = TestApp::start().await;
    let names = [
        "=1+1",
        "+1",
        "-1+1",
        "@SUM(A1)",
        "\t=1",
        " \u{feff}=1",
        "＝1",
        "'=1",
        "=HYPERLINK(\"http://x\",\"y\")",
    ];
    for name in names {
        let mut sent = activity();
        *at(&mut sent, "customer.name") = name.into();
        *at(&mut sent, "actor.name") = name.into();
        sent["resource"] = json!({ "type": "order", "id": name.replace('\t', " ") });
        app.record(&sent).await;
    }
    let file = app
        .file(&app.export(&json!({ "order": "asc" })).await)
        .await;
    let rows = csv::Reader::from_reader(file.as_slice())
        .into_records()
        .map(Result::unwrap);
    let mut seen = BTreeSet::new();
    for row in rows {
        for cell in [&row[1], &row[3], &row[9]] {
            assert!(cell.starts_with('\''), "{cell:?} is not guarded");
        }
        seen.insert(row[1][1..].to_owned());
    }
    assert_eq!(seen, names.map(str::to_owned).into());
}

#[tokio::test]
async fn bad_input_is_refused_with_its_field_and_reason_and_changes_nothing() {
    let app = TestApp::start().await;
    for (field, value) in [
        ("action", json!("")),
        ("outcome", json!("ok")),
        ("customer.id", json!(7)),
        ("actor.name", json!("\u{7}")),
        ("occurred_at", json!("tomorrow")),
        ("details", json!("x")),
        ("nonsense", json!(1)),
    ] {
        let request = app
            .post("/v1/activities", &with(field, value))
            .token(&app.recorder());
        let body = request.send().await.json();
        assert_eq!(body["errors"][0]["field"], field);
        assert!(!body["errors"][0]["reason"].as_str().unwrap().is_empty());
    }
    let request = app
        .post("/v1/exports", &json!({ "style": "loud" }))
        .token(&app.reader());
    assert_eq!(request.send().await.json()["errors"][0]["field"], "style");
    assert_eq!(app.list_all("").await, Vec::<Value>::new());
    assert_eq!(app.read("/v1/exports").await.json()["items"], json!([]));
}

#[tokio::test]
async fn a_sealed_entry_cannot_be_changed_unnoticed() {
    let audit = Audit::start().await;
    assert!(audit.look().await.is_whole());
    let mut rows = audit.rows().await;
    rows[4].outcome = "failed".into();
    for is_signed in [false, true] {
        audit.reseal(rows.clone(), is_signed).await;
        assert!(!audit.look().await.is_whole(), "signed: {is_signed}");
    }
}

#[tokio::test]
async fn a_proven_export_has_every_entry_of_its_range() {
    let app = TestApp::start_sealing(&[]).await;
    let key = app.sealed_year(60).await;
    let proven = app.proven(json!({ "order": "asc" })).await;
    let whole = proven.is_whole(&key);
    assert!(whole.is_complete && whole.left_out.is_nothing());
    let file = String::from_utf8(proven.file.clone()).unwrap();
    let lines: Vec<&str> = file.split_inclusive('\n').collect();
    assert_eq!(lines.len() as u64, whole.rows);
    for place in 0..lines.len() {
        let mut fewer = lines.clone();
        fewer.remove(place);
        let changed = Proven {
            file: fewer.concat().into_bytes(),
            ..proven.clone()
        };
        let said = changed.check(&key).unwrap_err().to_string();
        assert!(said.contains("missing"), "{place}: {said}");
    }
}

#[tokio::test]
async fn an_erasure_breaks_no_proof() {
    let app = TestApp::start_sealing(&[]).await;
    let recorded = app.record(&activity()).await;
    app.advance(Duration::from_hours(72));
    app.seal().await;
    let key = app.key().await;
    let keys = [VerifierKey::parse(&key).unwrap()];
    let path = format!("/v1/activities/{}/proof", recorded["id"].as_str().unwrap());
    let (proof, export) = (app.read(&path).await.text, app.proven(json!({})).await);
    let salt: Value = serde_json::from_str(&proof).unwrap();
    let salt = salt["salt"].as_str().unwrap().to_owned();
    assert_eq!(app.erase().await["state"], "done");
    for proof in [proof, app.read(&path).await.text] {
        verify::check_entry(&proof, None, &keys).unwrap();
    }
    export.is_whole(&key);
    assert_eq!(app.proven(json!({})).await.is_whole(&key).erased, 1);
    // Without its salt nobody can test a guess at what was erased.
    let after = app.read(&path).await.json();
    assert!(after["salt"].is_null());
    let salt = STANDARD.decode(salt).unwrap();
    let partner = app.registered_partner("contoso").await;
    for (key, bytes) in app.objects("archive", &partner) {
        assert!(!bytes.windows(16).any(|it| it == salt), "{key}");
    }
    for segment in app.segments(&partner).await {
        let rows = app.rows_of(&segment).await;
        assert!(
            rows.iter()
                .all(|row| row.customer_id.is_none() || row.salt.is_none())
        );
    }
    let item = app.activity_item(&recorded).await;
    assert!(!item.contains_key("salt") && item.contains_key("commitment"));
}

#[tokio::test]
async fn whoever_follows_a_log_sees_each_activity_once() {
    let app = TestApp::start().await;
    let mut from = app.now().to_string();
    let (mut recorded, mut seen) = (Vec::new(), Vec::new());
    for hours in [0, 1, 2, 30, 400, 3, 0] {
        let at = app.now().minus(Duration::from_hours(hours)).to_string();
        let stored = app.record(&with("occurred_at", at)).await;
        recorded.push(stored["id"].as_str().unwrap().to_owned());
        let (found, to) = app.follow(&from, "").await;
        seen.extend(found);
        from = to;
        app.advance(Duration::from_secs(40));
    }
    app.advance(Duration::from_secs(61));
    seen.extend(app.follow(&from, "").await.0);
    recorded.sort();
    seen.sort();
    assert_eq!(seen, recorded);
}

#[tokio::test]
async fn each_recorded_entry_is_told_and_nothing_erased_is() {
    let app = TestApp::start_streaming("activity").await;
    app.faults.add("PutEvents", Fault::Lost, 100);
    let erased = app.record(&activity()).await;
    let kept = app.record(&with("customer.id", "c-2")).await;
    app.erase_without_hurry().await;
    app.faults.clear();
    // The two, the request of the erasure and its end, and the erasure itself.
    assert!(eventually(|| app.stack.bus.events().len() >= 5).await);
    let events = app.stack.bus.events();
    let told = |stored: &serde_json::Value| {
        let event = events
            .iter()
            .find(|event| event["detail"]["id"] == stored["id"]);
        event.expect("it is told")["detail"]["data"].clone()
    };
    assert_eq!(told(&kept)["customer"], kept["customer"]);
    assert_eq!(told(&erased)["action"], erased["action"]);
    assert_eq!(told(&erased)["customer"]["name"], "[erased]");
}
