//! `POST /v1/activities` and `POST /v1/activities/batch`.

use std::time::Duration;

use insta::assert_json_snapshot;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, TestApp, activity, ago, at, with};

impl TestApp {
    pub(crate) async fn post_keyed(&self, activity: &Value, key: &str) -> Answer {
        let request = self
            .post("/v1/activities", activity)
            .header("idempotency-key", key);
        request.token(&self.recorder()).send().await
    }

    async fn refused(&self, activity: &Value) -> String {
        let request = self.post("/v1/activities", activity);
        request.token(&self.recorder()).send().await.refusal()
    }

    async fn refused_raw(&self, body: impl Into<reqwest::Body>) -> String {
        let request = self.request(Method::POST, "/v1/activities").raw(body);
        request.token(&self.recorder()).send().await.refusal()
    }

    async fn batch(&self, activities: &Value) -> Answer {
        let body = json!({ "activities": activities });
        self.post("/v1/activities/batch", &body)
            .token(&self.recorder())
            .send()
            .await
    }
}

#[tokio::test]
async fn record_answers_with_the_stored_activity() {
    let app = TestApp::start().await;
    let mut sent = with("occurred_at", ago(60));
    sent["resource"] = json!({ "type": "order", "id": "d51a052e" });
    sent["correlation_id"] = "de9c2ccc".into();
    sent["details"] = json!({ "line_items": [{ "offer": "Office 365", "quantity": 25 }] });
    let answer = app
        .post("/v1/activities", &sent)
        .token(&app.recorder())
        .send()
        .await;
    let stored = answer.json();
    assert_eq!(answer.status, 201);
    assert_eq!(
        answer.header("location"),
        format!("/v1/activities/{}", stored["id"].as_str().unwrap())
    );
    assert_eq!(stored["occurred_at"], sent["occurred_at"]);
    assert_json_snapshot!(stored, {
        ".id" => "[id]", ".recorded_at" => "[moment]", ".occurred_at" => "[moment]",
    }, @r#"
    {
      "action": "create_order",
      "actor": {
        "id": "u-17",
        "kind": "user",
        "name": "admin@contoso.example"
      },
      "correlation_id": "de9c2ccc",
      "customer": {
        "id": "c-1",
        "name": "Relecloud"
      },
      "details": {
        "line_items": [
          {
            "offer": "Office 365",
            "quantity": 25
          }
        ]
      },
      "id": "[id]",
      "occurred_at": "[moment]",
      "outcome": "succeeded",
      "partner_id": "contoso",
      "recorded_at": "[moment]",
      "resource": {
        "id": "d51a052e",
        "type": "order"
      }
    }
    "#);
}

#[tokio::test]
async fn record_takes_the_servers_time_when_none_is_given() {
    let app = TestApp::start().await;
    let stored = app.record(&activity()).await;
    assert_eq!(stored["occurred_at"], stored["recorded_at"]);
}

#[tokio::test]
async fn record_cuts_a_time_to_the_millisecond_in_utc() {
    let app = TestApp::start_at("2026-11-22T09:32:11Z").await;
    let stored = app
        .record(&with("occurred_at", "2026-11-20T09:00:00.123987+09:00"))
        .await;
    assert_eq!(stored["occurred_at"], "2026-11-20T00:00:00.123Z");
}

#[tokio::test]
async fn record_keeps_names_verbatim() {
    let app = TestApp::start().await;
    for name in [
        "=1+1",
        " 한국전자 ",
        "Line one\r\nLine two\t",
        "İ\u{202e}שלום",
        "a\"b,c'",
    ] {
        let stored = app.record(&with("customer.name", name)).await;
        assert_eq!(stored["customer"]["name"], name);
    }
}

#[tokio::test]
async fn record_replays_an_equal_retry() {
    let app = TestApp::start().await;
    let mut sent = with("occurred_at", ago(5));
    sent["details"] = json!({ "a": 1, "b": { "c": 2, "d": 3 } });
    let first = app.post_keyed(&sent, "k-1").await;
    // Another order of names and another zone are the same content.
    let text = sent
        .to_string()
        .replace(r#"{"c":2,"d":3}"#, r#"{"d":3,"c":2}"#);
    let moment = sent["occurred_at"].as_str().unwrap();
    let text = text.replace(moment, &moment.replace('Z', "999+00:00"));
    let request = app.request(Method::POST, "/v1/activities").raw(text);
    let again = request
        .header("idempotency-key", "k-1")
        .token(&app.recorder())
        .send()
        .await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 200));
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.text, first.text);
    assert_eq!(app.list_all("").await.len(), 1);
}

#[tokio::test]
async fn record_refuses_a_key_that_was_used_for_other_content() {
    let app = TestApp::start().await;
    let mut sent = with("occurred_at", ago(5));
    app.post_keyed(&sent, "k-1").await;
    sent["outcome"] = "failed".into();
    assert_eq!(
        app.post_keyed(&sent, "k-1").await.refusal(),
        "422 idempotency_key_reused"
    );
    let listed = app.list_all("").await;
    assert_eq!(
        (listed.len(), &listed[0]["outcome"]),
        (1, &json!("succeeded"))
    );
}

#[tokio::test]
async fn record_scopes_a_key_to_partner_and_moment() {
    let app = TestApp::start().await;
    let sent = with("occurred_at", ago(5));
    app.post_keyed(&sent, "k-1").await;
    assert_eq!(
        app.post_keyed(&with("occurred_at", ago(6)), "k-1")
            .await
            .status,
        201
    );
    let other = app
        .post("/v1/activities", &sent)
        .header("idempotency-key", "k-1");
    let other = other
        .token(&app.token("fabrikam", "activity_recorder"))
        .send()
        .await;
    assert_eq!(other.status, 201);
}

#[tokio::test]
async fn record_needs_a_moment_with_a_key() {
    let app = TestApp::start().await;
    assert_eq!(
        app.post_keyed(&activity(), "k-1").await.refusal(),
        "400 occurred_at is missing; it is required with an idempotency key, as a retry must repeat it"
    );
}

#[tokio::test]
async fn record_refuses_a_malformed_key() {
    let app = TestApp::start().await;
    for key in [String::new(), "k".repeat(129)] {
        let answer = app.post_keyed(&with("occurred_at", ago(5)), &key).await;
        assert_eq!(
            answer.refusal(),
            "400 Idempotency-Key must have 1 to 128 characters"
        );
    }
    let mut keyed = with("occurred_at", ago(5));
    keyed["idempotency_key"] = "k-1".into();
    assert!(
        app.refused(&keyed)
            .await
            .starts_with("400 idempotency_key belongs in the")
    );
}

#[tokio::test]
async fn record_refuses_keys_that_the_gateway_would_make_equal() {
    let app = TestApp::start().await;
    let sent = with("occurred_at", ago(5)).to_string();
    for keys in [vec![&b"q"[..], b"q"], vec![b"order-\xe9"], vec![b"a,b"]] {
        let url = format!("{}/v1/activities", app.stack.url);
        let mut request = reqwest::Client::new().post(url).bearer_auth(app.recorder());
        for key in keys {
            request = request.header("idempotency-key", key);
        }
        let response = request.body(sent.clone()).send().await.unwrap();
        assert_eq!(response.status(), 400);
        assert!(
            response
                .text()
                .await
                .unwrap()
                .contains("must be given once")
        );
    }
    assert_eq!(app.list_all("").await.len(), 0);
}

#[tokio::test]
async fn no_answer_grows_with_what_was_refused() {
    let app = TestApp::start().await;
    let long = "\u{7f}".repeat(100_000);
    let mut named = activity();
    named[&long] = 1.into();
    for sent in [
        with("details", long.as_str()),
        with("outcome", long.as_str()),
        named,
    ] {
        let answer = app
            .post("/v1/activities", &sent)
            .token(&app.recorder())
            .send()
            .await;
        assert_eq!(answer.status, 400);
        assert!(answer.text.len() < 4_000, "{} bytes", answer.text.len());
    }
}

#[tokio::test]
async fn record_refuses_a_time_that_is_too_early_or_too_late() {
    let app = TestApp::start_with(&[("MAX_LATENESS_DAYS", "7")]).await;
    let days = |days: u64| Duration::from_hours(24 * days);
    let seconds = Duration::from_secs;
    let sent = |moment: shared::Moment| with("occurred_at", moment.to_string());
    let now = app.now();
    assert_eq!(
        app.refused(&sent(now.plus(seconds(310)))).await,
        "400 occurred_at must be at most 5 minutes in the future"
    );
    assert_eq!(
        app.refused(&sent(now.minus(days(7)).minus(seconds(1))))
            .await,
        "400 occurred_at must be at most 7 days ago"
    );
    app.record(&sent(now.plus(seconds(290)))).await;
    app.record(&sent(now.minus(days(7)).plus(seconds(60))))
        .await;
}

/// A retry may meet a machine whose clock is behind that of the first one.
#[tokio::test]
async fn record_finds_a_keyed_activity_that_is_too_far_ahead_now() {
    let app = TestApp::start().await;
    let early = with("occurred_at", ago(-299));
    let send = async |key: &str| {
        let request = app.post("/v1/activities", &early).token(&app.recorder());
        request.header("idempotency-key", key).send().await
    };
    assert_eq!(send("k-1").await.status, 201);
    app.move_clock(-3_000);
    let again = send("k-1").await;
    assert_eq!(
        (again.status.as_u16(), again.header("idempotency-replayed")),
        (200, "true")
    );
    let new = send("k-2").await;
    assert_eq!(
        new.refusal(),
        "400 occurred_at must be at most 5 minutes in the future"
    );
}

#[tokio::test]
async fn record_finds_a_keyed_activity_after_it_is_too_late_to_record_it() {
    let app = TestApp::start_with(&[("MAX_LATENESS_DAYS", "7")]).await;
    let sent = with("occurred_at", ago(5));
    let first = app.post_keyed(&sent, "k-1").await;
    app.advance(Duration::from_hours(8 * 24));
    let again = app.post_keyed(&sent, "k-1").await;
    assert_eq!((again.status.as_u16(), &again.text), (200, &first.text));
    let absent = app.post_keyed(&sent, "k-2").await;
    assert_eq!(
        absent.refusal(),
        "400 occurred_at must be at most 7 days ago"
    );
    let mut other = sent.clone();
    other["outcome"] = "failed".into();
    assert_eq!(
        app.post_keyed(&other, "k-1").await.refusal(),
        "422 idempotency_key_reused"
    );
}

#[tokio::test]
async fn record_refuses_a_body_that_is_no_activity() {
    let app = TestApp::start().await;
    for (body, refusal) in [
        ("", "400 body must not be empty"),
        ("  ", "400 body must not be empty"),
        ("[]", "400 body must be an object"),
        ("null", "400 body must be an object"),
        ("\"x\"", "400 body must be an object"),
    ] {
        assert_eq!(app.refused_raw(body).await, refusal);
    }
    for body in [
        "{",
        "{\"action\":}",
        "{} {}",
        "action=create",
        "{\"a\":\"\\ud800\"}",
    ] {
        let refusal = app.refused_raw(body).await;
        assert!(refusal.starts_with("400 "), "{body}: {refusal}");
    }
    let invalid_utf8 = vec![b'{', b'"', 0xff, b'"', b':', b'1', b'}'];
    assert!(app.refused_raw(invalid_utf8).await.starts_with("400 "));
}

#[tokio::test]
async fn record_names_the_field_and_the_reason() {
    let app = TestApp::start().await;
    for (field, value, refusal) in [
        (
            "action",
            json!("Create Order"),
            "must be 1 to 64 of a-z, 0-9, '.', '_' and '-'",
        ),
        (
            "action",
            json!("a".repeat(65)),
            "must be 1 to 64 of a-z, 0-9, '.', '_' and '-'",
        ),
        (
            "action",
            json!("export_activity_log"),
            "may only be recorded by this service",
        ),
        ("action", json!(5), "must be a string"),
        ("customer", json!("Relecloud"), "must be an object"),
        ("customer", json!(["c-1", "Relecloud"]), "must be an object"),
        ("customer", json!(null), "must be an object"),
        ("customer.id", json!(""), "must have 1 to 128 characters"),
        (
            "customer.id",
            json!("i".repeat(129)),
            "must have 1 to 128 characters",
        ),
        (
            "customer.id",
            json!("a\nb"),
            "must not hold control characters",
        ),
        (
            "customer.name",
            json!("n".repeat(257)),
            "must have 1 to 256 characters",
        ),
        (
            "customer.name",
            json!("a\u{0}"),
            "must not hold control characters other than TAB, LF and CR",
        ),
        ("customer.vip", json!(true), "is not supported"),
        (
            "actor.kind",
            json!("robot"),
            "must be `user` or `application`",
        ),
        ("outcome", json!({ "failed": null }), "must be a string"),
        ("actor.kind", json!({ "user": null }), "must be a string"),
        ("resource", json!({ "type": "order" }), ".id is missing"),
        ("colour", json!("red"), "is not supported"),
        ("details", json!("text"), "must be an object"),
        ("details", json!([1]), "must be an object"),
        (
            "occurred_at",
            json!("yesterday"),
            "must be an RFC 3339 time with a zone, such as 2026-11-22T09:32:11.123Z",
        ),
        (
            "occurred_at",
            json!("2026-02-30T00:00:00Z"),
            "must be an RFC 3339 time with a zone, such as 2026-11-22T09:32:11.123Z",
        ),
        (
            "occurred_at",
            json!("2026-11-22T09:32:11"),
            "must be an RFC 3339 time with a zone, such as 2026-11-22T09:32:11.123Z",
        ),
        ("partner_id", json!("a b"), "forbidden"),
    ] {
        let answer = app.refused(&with(field, value)).await;
        let expected = match refusal {
            "forbidden" => "403 forbidden".to_owned(),
            nested if nested.starts_with('.') => format!("400 {field}{nested}"),
            reason => format!("400 {field} {reason}"),
        };
        assert_eq!(answer, expected);
    }
}

#[tokio::test]
async fn record_names_what_is_missing() {
    let app = TestApp::start().await;
    for (parent, name) in [
        ("", "action"),
        ("", "outcome"),
        ("", "customer"),
        ("", "actor"),
        ("customer", "id"),
        ("customer", "name"),
        ("actor", "id"),
        ("actor", "kind"),
    ] {
        let mut sent = activity();
        let object = if parent.is_empty() {
            &mut sent
        } else {
            at(&mut sent, parent)
        };
        object.as_object_mut().unwrap().remove(name);
        let field = if parent.is_empty() {
            name.to_owned()
        } else {
            format!("{parent}.{name}")
        };
        assert_eq!(app.refused(&sent).await, format!("400 {field} is missing"));
    }
}

#[tokio::test]
async fn record_refuses_a_name_that_is_given_twice() {
    let app = TestApp::start().await;
    let twice = activity()
        .to_string()
        .replacen('{', "{\"action\":\"a\",", 1);
    assert_eq!(app.refused_raw(twice).await, "400 action is given twice");
    let details = with("details", json!({ "x": 1 })).to_string();
    let details = details.replace(r#"{"x":1}"#, r#"{"x":1,"x":2}"#);
    assert_eq!(
        app.refused_raw(details).await,
        "400 details.x is given twice"
    );
}

#[tokio::test]
async fn record_refuses_details_that_readers_could_not_take() {
    let app = TestApp::start().await;
    for (number, refusal) in [
        ("7".repeat(1_001), "must have at most 1000 characters"),
        (
            format!("1e{}", "7".repeat(16)),
            "must have an exponent of at most 15 digits",
        ),
    ] {
        let refused = app.refused_raw(with_numbers(&number, ago(5))).await;
        assert!(
            refused.starts_with(&format!("400 details.n[0] {refusal}")),
            "{refused}"
        );
    }
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let refused = app.refused_raw(with_numbers(&deep, ago(5))).await;
    assert!(
        refused.ends_with("is nested more than 127 levels deep"),
        "{refused}"
    );
}

/// An activity whose details have a list of these numbers, as they are.
fn with_numbers(numbers: &str, occurred_at: String) -> String {
    let mut sent = with("occurred_at", occurred_at);
    sent["details"] = json!({ "n": ["N"] });
    sent.to_string().replace("\"N\"", numbers)
}

const NUMBERS: &str = "9007199254740993.0,0.12345678901234567890,1e-400,1E4,1e+4,-0,\
    79228162514264337593543950335,7922816251426433759354395033.5,1.10";

/// In the answer, in one activity, and in each kind of file.
#[tokio::test]
async fn record_keeps_every_number_as_it_was_sent() {
    let app = TestApp::start().await;
    let details = format!(r#"{{"n":[{NUMBERS}]}}"#);
    let request = app.request(Method::POST, "/v1/activities");
    let request = request.raw(with_numbers(NUMBERS, ago(5)));
    let recorded = request.token(&app.recorder()).send().await;
    assert_eq!(recorded.status, 201);
    let path = recorded.header("location").to_owned();
    let read = app.read(&path).await;
    for answer in [&recorded, &read] {
        assert!(
            answer.text.contains(&format!(r#""details":{details}"#)),
            "{}",
            answer.text
        );
    }
    // Details of this length are stored compressed.
    let many = [NUMBERS; 20].join(",");
    let request = app.request(Method::POST, "/v1/activities");
    let request = request.raw(with_numbers(&many, ago(6)));
    let long = request.token(&app.recorder()).send().await;
    let read = app.read(long.header("location")).await;
    assert!(read.text.contains(&many));
    let cell = format!("\"{}\"", details.replace('"', "\"\""));
    for (form, wanted) in [
        (json!({ "format": "jsonl" }), details.as_str()),
        (json!({ "style": "raw" }), &cell),
        (json!({}), &cell),
    ] {
        let file = app.file(&app.export(&form).await).await;
        let file = String::from_utf8(file).unwrap();
        assert!(file.contains(wanted), "{form}: {file}");
        assert!(file.contains(&many), "{form}: {file}");
    }
    let body = format!(r#"{{"activities":[{}]}}"#, with_numbers(NUMBERS, ago(7)));
    let request = app.request(Method::POST, "/v1/activities/batch").raw(body);
    let batch = request.token(&app.recorder()).send().await.json();
    let id = batch["results"][0]["activity"]["id"].as_str().unwrap();
    let read = app.read(&format!("/v1/activities/{id}")).await;
    assert!(read.text.contains(&details));
}

/// The client's own reader may not take it, as ours does not.
#[tokio::test]
async fn record_keeps_a_number_that_no_float_can_hold() {
    let app = TestApp::start().await;
    let url = format!("{}/v1/activities", app.stack.url);
    let client = reqwest::Client::new();
    let request = client.post(&url).bearer_auth(app.recorder());
    let recorded = request.body(with_numbers("1e999999999", ago(5))).send();
    let recorded = recorded.await.unwrap();
    let location = recorded.headers()["location"].to_str().unwrap().to_owned();
    let read = client.get(format!("{}{location}", app.stack.url));
    let read = read.bearer_auth(app.reader()).send().await.unwrap();
    for answer in [recorded, read] {
        let text = answer.text().await.unwrap();
        assert!(text.contains(r#""details":{"n":[1e999999999]}"#), "{text}");
    }
}

#[tokio::test]
async fn record_compares_numbers_by_their_value() {
    let app = TestApp::start().await;
    let at = ago(5);
    let send = async |numbers: &str| {
        let request = app.request(Method::POST, "/v1/activities");
        let request = request.raw(with_numbers(numbers, at.clone()));
        let request = request.header("idempotency-key", "k-1");
        request.token(&app.recorder()).send().await
    };
    let first = send("1,1e2,1.10,0.1234567890123456789012345678").await;
    assert_eq!(first.status, 201);
    let same = send("1.0,100,1.1,12345678901234567890123456.78e-26").await;
    assert_eq!((same.status.as_u16(), &same.text), (200, &first.text));
    for other in [
        "1,1e2,1.10,0.1234567890123456789012345679",
        "1,1e2,1.10,0.12345678901234568",
        "1,1e3,1.10,0.1234567890123456789012345678",
        "\"1\",1e2,1.10,0.1234567890123456789012345678",
    ] {
        assert_eq!(
            send(other).await.refusal(),
            "422 idempotency_key_reused",
            "{other}"
        );
    }
}

#[tokio::test]
async fn record_takes_null_for_an_absent_field() {
    let app = TestApp::start().await;
    let sent = with("occurred_at", ago(5));
    let mut nulls = sent.clone();
    for name in [
        "resource",
        "correlation_id",
        "details",
        "partner_id",
        "idempotency_key",
    ] {
        nulls[name] = Value::Null;
    }
    let first = app.post_keyed(&nulls, "k-1").await;
    assert_eq!(first.status, 201);
    assert!(!first.text.contains("null"), "{}", first.text);
    let again = app.post_keyed(&sent, "k-1").await;
    assert_eq!((again.status.as_u16(), &again.text), (200, &first.text));
    let mut untimed = nulls.clone();
    untimed["occurred_at"] = Value::Null;
    let answer = app.batch(&json!([nulls, untimed])).await.json();
    for result in answer["results"].as_array().unwrap() {
        assert_eq!(result["status"], 201, "{result}");
    }
    let kept = app.record(&with("details", json!({ "note": null }))).await;
    assert_eq!(kept["details"], json!({ "note": null }));
    for name in ["action", "customer"] {
        let refused = app.refused(&with(name, Value::Null)).await;
        assert!(
            refused.starts_with(&format!("400 {name} must be")),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn record_reads_a_byte_order_mark_and_names_what_is_no_plain_utf_8() {
    let app = TestApp::start().await;
    let marked = ["\u{feff}", &activity().to_string()].concat();
    let request = app.request(Method::POST, "/v1/activities").raw(marked);
    assert_eq!(request.token(&app.recorder()).send().await.status, 201);
    let batch = json!({ "activities": [activity()] }).to_string();
    let request = app.request(Method::POST, "/v1/activities/batch");
    let request = request.raw(["\u{feff}", &batch].concat());
    assert_eq!(request.token(&app.recorder()).send().await.status, 200);
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0".to_vec();
    let refusal = "400 body is compressed with gzip; send it uncompressed";
    assert_eq!(app.refused_raw(gzip.clone()).await, refusal);
    for (path, token) in [
        ("/v1/activities/batch", app.recorder()),
        ("/v1/exports", app.reader()),
        ("/v1/erasures", app.token("contoso", "global_admin")),
    ] {
        let request = app.request(Method::POST, path).raw(gzip.clone());
        assert_eq!(request.token(&token).send().await.refusal(), refusal);
        let request = app.request(Method::POST, path).raw("{}");
        let request = request.header("content-encoding", "gzip").token(&token);
        assert_eq!(
            request.send().await.refusal(),
            "400 Content-Encoding must be absent; a body is sent uncompressed"
        );
    }
    let utf_16: Vec<u8> = "\u{feff}{}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(
        app.refused_raw(utf_16).await,
        "400 body is UTF-16; send UTF-8"
    );
}

#[tokio::test]
async fn record_names_the_field_that_holds_half_of_a_surrogate_pair() {
    let app = TestApp::start().await;
    for field in ["customer.name", "correlation_id"] {
        let body = with(field, "HALF").to_string().replace("HALF", "\\ud800");
        assert_eq!(
            app.refused_raw(body).await,
            format!("400 {field} must not have half of a surrogate pair, such as \\ud800")
        );
    }
}

/// The fields that a problem names.
fn named(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().unwrap().iter();
    errors
        .map(|error| error["field"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_partner_that_cannot_be_is_named_among_the_other_faults() {
    let app = TestApp::start().await;
    let token = app.token_of(json!({ "roles": ["platform_recorder"] }));
    for (partner_id, is_named) in [
        (json!("a b!"), true),
        (json!(5), true),
        (Value::Null, true),
        (json!("contoso"), false),
    ] {
        let mut sent = with("outcome", "lost");
        sent["partner_id"] = partner_id.clone();
        let answer = app.post("/v1/activities", &sent).token(&token).send().await;
        let problem = answer.json();
        let mut wanted = vec!["outcome"];
        if is_named {
            wanted.insert(0, "partner_id");
        }
        assert_eq!(
            (answer.status.as_u16(), named(&problem)),
            (400, wanted),
            "{partner_id}"
        );
    }
}

#[tokio::test]
async fn record_names_every_fault_at_once() {
    let app = TestApp::start_with(&[("MAX_LATENESS_DAYS", "7")]).await;
    let mut sent = with("action", "Create Order");
    sent["customer"] = json!({ "id": "", "nam": "Relecloud" });
    sent["actor"]["kind"] = "robot".into();
    sent["occurred_at"] = "2020-01-01T00:00:00Z".into();
    sent["colour"] = "red".into();
    let wanted = [
        "action",
        "customer.id",
        "customer.name",
        "customer.nam",
        "actor.kind",
        "occurred_at",
        "colour",
    ];
    let request = app.post("/v1/activities", &sent).token(&app.recorder());
    let answer = request.send().await;
    let problem = answer.json();
    assert_eq!(
        (answer.status.as_u16(), named(&problem)),
        (400, wanted.to_vec())
    );
    let first = format!(
        "action {}",
        problem["errors"][0]["reason"].as_str().unwrap()
    );
    assert_eq!(problem["detail"], first);
    let batch = app
        .batch(&json!([with("outcome", "lost"), sent, activity()]))
        .await
        .json();
    assert_eq!(named(&batch["results"][0]["problem"]), ["outcome"]);
    assert_eq!(named(&batch["results"][1]["problem"]), wanted);
    assert_eq!(batch["results"][2]["status"], 201);
    assert_eq!(app.list_all("").await.len(), 1);
}

#[tokio::test]
async fn a_refusal_names_at_most_twenty_faults() {
    let app = TestApp::start().await;
    let mut sent = activity();
    for place in 0..1_000 {
        sent[format!("field_{place}")] = 1.into();
    }
    let request = app.post("/v1/activities", &sent).token(&app.recorder());
    assert_eq!(named(&request.send().await.json()).len(), 20);
}

#[tokio::test]
async fn record_keeps_to_its_sizes() {
    let app = TestApp::start().await;
    let details = |bytes: usize| with("details", json!({ "d": "x".repeat(bytes - 8) }));
    app.record(&details(256 * 1024)).await;
    assert_eq!(
        app.refused(&details(256 * 1024 + 1)).await,
        "400 details must have at most 262144 bytes as compact JSON"
    );
    let spaces = activity().to_string() + &" ".repeat(1024 * 1024);
    assert_eq!(app.refused_raw(spaces).await, "413 too_large");
    // API Gateway itself takes 10 MB.
    let request = app
        .request(Method::POST, "/v1/activities")
        .raw(" ".repeat(10_000_001));
    let answer = request.token(&app.recorder()).send().await;
    assert_eq!(
        (answer.status.as_u16(), answer.text.as_str()),
        (413, r#"{"message":"Request Entity Too Large"}"#)
    );
}

#[tokio::test]
async fn record_reads_a_body_that_the_gateway_encoded() {
    let app = TestApp::start().await;
    // Without a JSON content type API Gateway passes the body on in base64.
    let url = format!("{}/v1/activities", app.stack.url);
    let request = reqwest::Client::new().post(url).bearer_auth(app.recorder());
    let response = request.body(activity().to_string()).send().await.unwrap();
    assert_eq!(response.status(), 201);
}

#[tokio::test]
async fn record_refuses_parameters() {
    let app = TestApp::start().await;
    let request = app.post("/v1/activities?dry_run=1", &activity());
    let answer = request.token(&app.recorder()).send().await;
    assert_eq!(answer.refusal(), "400 dry_run is not supported");
}

#[tokio::test]
async fn a_batch_answers_each_activity_in_order() {
    let app = TestApp::start().await;
    let mut keyed = with("occurred_at", ago(5));
    keyed["idempotency_key"] = "k-1".into();
    let mut other = keyed.clone();
    other["outcome"] = "failed".into();
    let mut detailed = with("details", json!({ "a": 1 }));
    detailed["action"] = "create_referral".into();
    app.batch(&json!([keyed])).await;
    let answer = app
        .batch(&json!([
            detailed,
            with("action", "X"),
            keyed,
            other,
            5,
            with("partner_id", "fabrikam")
        ]))
        .await;
    let results = answer.json()["results"].as_array().unwrap().clone();
    let statuses: Vec<_> = results
        .iter()
        .map(|result| result["status"].as_u64().unwrap())
        .collect();
    assert_eq!(
        (answer.status.as_u16(), statuses),
        (200, vec![201, 400, 200, 422, 400, 403])
    );
    assert_eq!(results[0]["activity"]["action"], "create_referral");
    assert!(results[0]["activity"]["details"].is_null());
    assert_eq!(results[1]["problem"]["errors"][0]["field"], "action");
    let listed = app.list_all("").await;
    assert_eq!(listed.len(), 2);
    assert_eq!(
        listed
            .iter()
            .filter(|activity| activity["has_details"] == true)
            .count(),
        1
    );
}

#[tokio::test]
async fn a_batch_takes_1_to_100_activities() {
    let app = TestApp::start().await;
    let refusal = "400 activities must have 1 to 100 items";
    assert_eq!(app.batch(&json!([])).await.refusal(), refusal);
    assert_eq!(
        app.batch(&json!(vec![activity(); 101])).await.refusal(),
        refusal
    );
    let answer = app.batch(&json!(vec![activity(); 100])).await;
    assert_eq!(answer.json()["results"].as_array().unwrap().len(), 100);
    assert_eq!(app.list_all("limit=500").await.len(), 100);
}

#[tokio::test]
async fn a_batch_holds_a_repeated_key_once() {
    let app = TestApp::start().await;
    let mut keyed = with("occurred_at", ago(5));
    keyed["idempotency_key"] = "k-1".into();
    let answer = app.batch(&json!(vec![keyed; 20])).await.json();
    let statuses = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["status"].as_u64());
    assert_eq!(statuses.filter(|status| *status == Some(201)).count(), 1);
    assert_eq!(app.list_all("").await.len(), 1);
}

#[tokio::test]
async fn a_batch_refuses_what_is_no_batch() {
    let app = TestApp::start().await;
    for (body, refusal) in [
        (json!({}), "400 activities is missing"),
        (json!({ "activities": {} }), "400 activities must be a list"),
        (
            json!({ "activities": [], "dry_run": true }),
            "400 dry_run is not supported",
        ),
    ] {
        let request = app
            .post("/v1/activities/batch", &body)
            .token(&app.recorder());
        assert_eq!(request.send().await.refusal(), refusal);
    }
    let request = app.post(
        "/v1/activities/batch",
        &json!({ "activities": [activity()] }),
    );
    let answer = request
        .header("idempotency-key", "k-1")
        .token(&app.recorder())
        .send()
        .await;
    assert!(
        answer
            .refusal()
            .starts_with("400 Idempotency-Key is not allowed for a batch")
    );
    let spaces = " ".repeat(3_000_001);
    let request = app
        .request(Method::POST, "/v1/activities/batch")
        .raw(spaces);
    assert_eq!(
        request.token(&app.recorder()).send().await.refusal(),
        "413 too_large"
    );
}
