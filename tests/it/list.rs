//! `GET /v1/activities`, `GET /v1/activities/{id}` and `GET /v1/openapi.json`.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};

use crate::{
    faults::Fault,
    harness::{TestApp, activity, ago, at, with},
};

impl TestApp {
    async fn refused_list(&self, query: &str) -> String {
        self.read(&format!("/v1/activities?{query}"))
            .await
            .refusal()
    }

    async fn names(&self, query: &str) -> Vec<String> {
        let items = self.list_all(query).await;
        let name = |item: &Value| item["customer"]["name"].as_str().unwrap_or("-").to_owned();
        items.iter().map(name).collect()
    }

    async fn record_named(&self, names: &[&str]) {
        for (place, name) in names.iter().enumerate() {
            let mut sent = with("occurred_at", ago(1_000 - i64::try_from(place).unwrap()));
            *at(&mut sent, "customer.name") = (*name).into();
            self.record(&sent).await;
        }
    }
}

#[tokio::test]
async fn a_page_that_broke_off_is_read_again_and_nothing_of_its_half_is_left() {
    let app = TestApp::start().await;
    app.record_named(&["Fabrikam", "Relecloud", "Northwind"])
        .await;
    app.faults.add("Query", Fault::Cut, 2);
    assert_eq!(app.names("").await, ["Northwind", "Relecloud", "Fabrikam"]);
    assert!(app.faults.clear());
    app.faults.add("Query", Fault::Cut, 3);
    assert_eq!(app.refused_list("").await, "503 unavailable");
}

#[tokio::test]
async fn list_shows_the_newest_first_and_leaves_details_out() {
    let app = TestApp::start().await;
    app.record(&with("occurred_at", ago(20))).await;
    let mut detailed = with("occurred_at", ago(10));
    detailed["details"] = json!({ "a": 1 });
    let stored = app.record(&detailed).await;
    let page = app.list("").await;
    let items = page["items"].as_array().unwrap();
    assert_eq!((items.len(), &items[0]["id"]), (2, &stored["id"]));
    assert_eq!(
        (&items[0]["has_details"], &items[1]["has_details"]),
        (&json!(true), &json!(false))
    );
    assert!(items[0]["details"].is_null());
    assert_eq!(
        items[0]["links"]["subscriptions"],
        "https://portal.example/customers/c-1/subscriptions"
    );
    assert!(page["next_cursor"].is_null());
    let rising = app.list("order=asc").await;
    assert_eq!(rising["items"][1]["id"], stored["id"]);
}

#[tokio::test]
async fn list_percent_encodes_the_customer_in_its_link() {
    let app = TestApp::start().await;
    app.record(&with("customer.id", "a/b?c=ü {x}")).await;
    let page = app.list("").await;
    assert_eq!(
        page["items"][0]["links"]["subscriptions"],
        "https://portal.example/customers/a%2Fb%3Fc%3D%C3%BC%20%7Bx%7D/subscriptions"
    );
}

#[tokio::test]
async fn list_covers_the_most_recent_month_unless_told_otherwise() {
    let app = TestApp::start().await;
    let day = Duration::from_hours(24);
    app.record(&with("occurred_at", app.now().minus(day * 29).to_string()))
        .await;
    app.record(&with("occurred_at", app.now().minus(day * 32).to_string()))
        .await;
    let page = app.list("").await;
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    let tomorrow = format!("{}T00:00:00.000Z", &app.now().plus(day).to_string()[..10]);
    assert_eq!(page["to"], tomorrow);
    assert_eq!(page["settled"], false);
}

#[tokio::test]
async fn list_takes_dates_as_whole_days_of_the_zone() {
    let app = TestApp::start_at("2026-11-22T09:32:11Z").await;
    for moment in [
        "2026-11-20T14:59:59.999Z",
        "2026-11-20T15:00:00.000Z",
        "2026-11-21T14:59:59.999Z",
        "2026-11-21T15:00:00.000Z",
    ] {
        app.record(&with("occurred_at", moment)).await;
    }
    let page = app
        .list("from=2026-11-21&to=2026-11-21&time_zone=Asia/Seoul")
        .await;
    let moments: Vec<_> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["occurred_at"])
        .collect();
    assert_eq!(
        moments,
        ["2026-11-21T14:59:59.999Z", "2026-11-20T15:00:00.000Z"]
    );
    assert_eq!(
        (&page["from"], &page["to"]),
        (
            &json!("2026-11-20T15:00:00.000Z"),
            &json!("2026-11-21T15:00:00.000Z")
        )
    );
}

#[tokio::test]
async fn list_includes_from_and_excludes_to() {
    let app = TestApp::start_at("2026-11-22T09:32:11Z").await;
    app.record(&with("occurred_at", "2026-11-20T00:00:00.123Z"))
        .await;
    let count = async |from: &str, to: &str| {
        app.list(&format!("from={from}&to={to}")).await["items"]
            .as_array()
            .unwrap()
            .len()
    };
    let (before, at, after) = (
        "2026-11-20T00:00:00.122Z",
        "2026-11-20T00:00:00.123Z",
        "2026-11-20T00:00:00.124Z",
    );
    assert_eq!(count(before, at).await, 0);
    assert_eq!(count(at, after).await, 1);
    assert_eq!(count(at, at).await, 0);
    // Finer than a millisecond: after the stored moment, so it is outside.
    assert_eq!(
        count("2026-11-20T00:00:00.1230001Z", "2026-11-21T00:00:00Z").await,
        0
    );
    assert_eq!(count(before, "2026-11-20T00:00:00.1230001Z").await, 1);
}

#[tokio::test]
async fn list_filters_by_every_field() {
    let app = TestApp::start().await;
    let mut wanted = with("occurred_at", ago(10));
    wanted["action"] = "create_referral".into();
    wanted["outcome"] = "declined".into();
    wanted["customer"] = json!({ "id": "c-9", "name": "Straßenbau Müller" });
    wanted["actor"] = json!({ "id": "app-1", "name": "Nightly SYNC", "kind": "application" });
    wanted["resource"] = json!({ "type": "referral", "id": "r-1" });
    wanted["correlation_id"] = "x-1".into();
    let stored = app.record(&wanted).await;
    app.record(&activity()).await;
    for query in [
        "action=create_referral",
        "action=delete_order&action=create_referral",
        "outcome=declined",
        "outcome=failed&outcome=declined",
        "customer_id=c-9",
        "customer=STRASSEN",
        "actor_id=app-1",
        "actor=nightly%20sync",
        "resource_type=referral",
        "resource_id=r-1",
        "correlation_id=x-1",
        "action=create_referral&outcome=declined&customer=m%C3%BCller&actor=sync",
    ] {
        let items = app.list_all(query).await;
        assert_eq!(items.len(), 1, "{query}");
        assert_eq!(items[0]["id"], stored["id"], "{query}");
    }
    for query in [
        "customer_id=c-99",
        "customer=stra%C3%9Fen&outcome=failed",
        "resource_id=r",
    ] {
        assert_eq!(app.list_all(query).await.len(), 0, "{query}");
    }
}

#[tokio::test]
async fn list_matches_names_in_any_script() {
    let app = TestApp::start().await;
    app.record_named(&[
        "İstanbul Bilişim",
        "한국전자",
        "Cafe\u{301}",
        "ＣＯＮＴＯＳＯ",
        "=SUM(A1)",
    ])
    .await;
    for (needle, name) in [
        ("istanbul", "İstanbul Bilişim"),
        ("%EC%A0%84%EC%9E%90", "한국전자"),
        ("CAF%C3%89", "Cafe\u{301}"),
        ("contoso", "ＣＯＮＴＯＳＯ"),
        ("%3Dsum", "=SUM(A1)"),
    ] {
        assert_eq!(app.names(&format!("customer={needle}")).await, [name]);
    }
}

#[tokio::test]
async fn list_refuses_bad_parameters() {
    let app = TestApp::start().await;
    for (query, refusal) in [
        ("limit=0", "400 limit must be a whole number from 1 to 500"),
        (
            "limit=501",
            "400 limit must be a whole number from 1 to 500",
        ),
        (
            "limit=abc",
            "400 limit must be a whole number from 1 to 500",
        ),
        ("limit=", "400 limit must be a whole number from 1 to 500"),
        ("limit=5&limit=5", "400 limit is given twice"),
        (
            "from=2026-11-22&to=2026-11-21",
            "400 from must not be after to",
        ),
        (
            "from=2026-11-22T00:00:01Z&to=2026-11-21",
            "400 from must not be after to",
        ),
        (
            "from=2026-02-30",
            "400 from must be a date that exists, such as 2026-11-22",
        ),
        (
            "from=2026-11-22T00:00:00+09:00",
            "400 from must be an RFC 3339 time or a date; a + in a query is written %2B",
        ),
        (
            "time_zone=Mars/Olympus",
            "400 time_zone must be the name of an IANA time zone, such as Asia/Seoul",
        ),
        ("customer=", "400 customer must not be empty"),
        ("actor=", "400 actor must not be empty"),
        (
            "customer_id=",
            "400 customer_id must have 1 to 128 characters",
        ),
        (
            "action=Create",
            "400 action must be 1 to 64 of a-z, 0-9, '.', '_' and '-'",
        ),
        ("order=up", "400 order must be `asc` or `desc`"),
        ("colour=red", "400 colour is not supported"),
        ("=red", "400 query must name each parameter"),
        ("partner_id=fabrikam", "400 partner_id is not supported"),
        ("actor=%FF", "400 actor must be UTF-8"),
        ("customer=Caf%E9", "400 customer must be UTF-8"),
        (
            "customer=%E2%80%8B",
            "400 customer must have a character that can be seen",
        ),
        (
            "cursor=",
            "400 cursor must be the next_cursor of the same query, unchanged",
        ),
        (
            "cursor=AAAA",
            "400 cursor must be the next_cursor of the same query, unchanged",
        ),
    ] {
        assert_eq!(app.refused_list(query).await, refusal, "{query}");
    }
    assert!(
        app.refused_list("outcome=lost")
            .await
            .starts_with("400 outcome must be one of")
    );
}

#[tokio::test]
async fn list_finds_a_name_with_a_replacement_character() {
    let app = TestApp::start().await;
    app.record_named(&["Caf\u{fffd}", "Café"]).await;
    assert_eq!(app.names("customer=Caf%EF%BF%BD").await, ["Caf\u{fffd}"]);
    let mut sent = activity();
    *at(&mut sent, "customer.id") = "c-\u{fffd}".into();
    sent["correlation_id"] = "x-\u{fffd}".into();
    app.record(&sent).await;
    for query in ["customer_id=c-%EF%BF%BD", "correlation_id=x-%EF%BF%BD"] {
        assert_eq!(app.list_all(query).await.len(), 1, "{query}");
        let answer = app
            .read(&format!("/v1/activities/summary?group_by=customer&{query}"))
            .await;
        assert_eq!(answer.json()["groups"][0]["count"], 1);
    }
}

#[tokio::test]
async fn list_finds_names_whatever_nobody_sees_in_them() {
    let app = TestApp::start().await;
    app.record_named(&["ISPARTA", "ısparta", "Re\u{ad}le\u{200b}cloud\u{fe0f}"])
        .await;
    for needle in ["%C4%B1sparta", "ISPARTA", "%C4%B0SPARTA"] {
        assert_eq!(
            app.names(&format!("customer={needle}")).await,
            ["ısparta", "ISPARTA"]
        );
    }
    for needle in ["relecloud", "re%E2%80%8Dlecloud"] {
        assert_eq!(app.names(&format!("customer={needle}")).await.len(), 1);
    }
}

#[tokio::test]
async fn list_takes_every_end_of_a_range() {
    let app = TestApp::start_at("2026-11-22T09:32:11Z").await;
    app.record(&activity()).await;
    let (first, last) = ("0000-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z");
    for (query, from, to) in [
        (
            "from=2026-11-01&to=9999-12-31T23:59:59Z",
            "2026-11-01T00:00:00.000Z",
            "9999-12-31T23:59:59.000Z",
        ),
        (
            "from=2026-11-01&to=9999-12-31T23:59:59.9999999Z",
            "2026-11-01T00:00:00.000Z",
            last,
        ),
        ("from=0000-01-01&to=9999-12-31", first, last),
        (
            "from=0000-01-01&to=9999-12-31&time_zone=Asia/Seoul",
            first,
            "9999-12-31T15:00:00.000Z",
        ),
        (
            "from=0001-01-01T00:00:00Z&to=9999-12-31&time_zone=America/New_York",
            "0001-01-01T00:00:00.000Z",
            last,
        ),
    ] {
        for order in ["asc", "desc"] {
            let page = app.list(&format!("{query}&order={order}")).await;
            assert_eq!(
                (&page["from"], &page["to"]),
                (&json!(from), &json!(to)),
                "{query}"
            );
            assert_eq!(page["items"].as_array().unwrap().len(), 1, "{query}");
        }
    }
    for query in [
        "from=9999-12-31",
        "to=0000-01-01",
        "from=9999-12-31T23:59:59Z",
    ] {
        assert_eq!(app.list(query).await["items"], json!([]), "{query}");
    }
    for text in ["9999-12-31T24:00:00Z", "2026-12-31T23:59:60Z"] {
        let refusal = app.refused_list(&format!("to={text}")).await;
        assert!(
            refusal.starts_with("400 to must be an RFC 3339 time"),
            "{refusal}"
        );
    }
    let late = app.post(
        "/v1/activities",
        &with("occurred_at", "9999-12-31T23:59:59Z"),
    );
    assert_eq!(
        late.token(&app.recorder()).send().await.refusal(),
        "400 occurred_at must be at most 5 minutes in the future"
    );
    let body =
        json!({ "from": "0000-01-01", "to": "9999-12-31", "time_zone": "Pacific/Kiritimati" });
    let request = app.post("/v1/exports", &body).token(&app.reader());
    let export = request.send().await.json();
    assert_eq!(export["to"], "9999-12-31T10:00:00.000Z");
}

#[tokio::test]
async fn a_link_that_a_browser_would_shorten_is_left_out() {
    let app = TestApp::start().await;
    for id in [".", "..", "..."] {
        app.record(&with("customer.id", id)).await;
    }
    let mut links: Vec<_> = app
        .list_all("")
        .await
        .iter()
        .map(|item| item["links"]["subscriptions"].as_str().map(str::to_owned))
        .collect();
    links.sort();
    let dots = "https://portal.example/customers/.../subscriptions";
    assert_eq!(links, [None, None, Some(dots.to_owned())]);
}

#[tokio::test]
async fn every_answer_names_its_charset() {
    let app = TestApp::start().await;
    for (path, media_type) in [
        ("/v1/activities", "application/json; charset=utf-8"),
        ("/v1/openapi.json", "application/json; charset=utf-8"),
        (
            "/v1/activities?limit=0",
            "application/problem+json; charset=utf-8",
        ),
    ] {
        assert_eq!(app.read(path).await.header("content-type"), media_type);
    }
}

#[tokio::test]
async fn a_cursor_fits_its_own_query_alone() {
    let app = TestApp::start().await;
    for seconds in 1..=3 {
        app.record(&with("occurred_at", ago(seconds))).await;
    }
    let page = app.list("limit=1&outcome=succeeded").await;
    let cursor = page["next_cursor"].as_str().unwrap();
    let next = app
        .list(&format!("limit=2&outcome=succeeded&cursor={cursor}"))
        .await;
    assert_eq!(next["items"].as_array().unwrap().len(), 2);
    let refusal = "400 cursor must be the next_cursor of the same query, unchanged";
    for query in [
        format!("limit=1&outcome=failed&cursor={cursor}"),
        format!("limit=1&cursor={cursor}"),
        format!("limit=1&outcome=succeeded&order=asc&cursor={cursor}"),
        format!("limit=1&outcome=succeeded&from=2026-11-01&cursor={cursor}"),
        format!("limit=1&outcome=succeeded&time_zone=Asia/Seoul&cursor={cursor}"),
        format!(
            "limit=1&outcome=succeeded&cursor={}",
            &cursor[..cursor.len() - 1]
        ),
        format!("limit=1&outcome=succeeded&cursor={cursor}A"),
    ] {
        assert_eq!(app.refused_list(&query).await, refusal, "{query}");
    }
    let foreign = app.get(&format!(
        "/v1/activities?limit=1&outcome=succeeded&cursor={cursor}"
    ));
    let foreign = foreign
        .token(&app.token("fabrikam", "admin_agent"))
        .send()
        .await;
    assert_eq!(foreign.refusal(), refusal);
}

#[tokio::test]
async fn a_cursor_keeps_the_first_pages_range_over_midnight() {
    let app = TestApp::start().await;
    for seconds in 1..=3 {
        app.record(&with("occurred_at", ago(seconds))).await;
    }
    let first = app.list("limit=1").await;
    app.advance(Duration::from_hours(24));
    let cursor = first["next_cursor"].as_str().unwrap();
    let next = app.list(&format!("limit=1&cursor={cursor}")).await;
    assert_eq!((&next["from"], &next["to"]), (&first["from"], &first["to"]));
}

#[tokio::test]
async fn the_link_header_leads_to_the_next_page() {
    let app = TestApp::start().await;
    app.record_named(&["한국 A", "한국 B", "한국 C"]).await;
    let answer = app
        .read("/v1/activities?limit=2&customer=%ED%95%9C%EA%B5%AD")
        .await;
    let link = answer.header("link");
    let reference = link
        .strip_prefix('<')
        .and_then(|link| link.strip_suffix(">; rel=\"next\""));
    // The reference is relative to the address of the request.
    let asked = format!(
        "{}/v1/activities?limit=2&customer=%ED%95%9C%EA%B5%AD",
        app.stack.url
    );
    let address = reqwest::Url::parse(&asked)
        .unwrap()
        .join(reference.unwrap());
    let address = address.unwrap();
    let path = address.as_str().strip_prefix(&app.stack.url);
    let next = app.read(path.unwrap()).await;
    assert_eq!(next.json()["items"][0]["customer"]["name"], "한국 A");
    assert_eq!(next.header("link"), "");
}

#[tokio::test]
async fn a_page_that_ends_with_the_range_has_no_cursor() {
    let app = TestApp::start().await;
    for seconds in 1..=4 {
        app.record(&with("occurred_at", ago(seconds))).await;
    }
    let whole = app.list("limit=4").await;
    assert!(whole["next_cursor"].is_null() && whole["read_to"].is_null());
    let part = app.list("limit=3").await;
    assert_eq!(part["read_to"], part["items"][2]["occurred_at"]);
    assert!(!part["next_cursor"].is_null());
    assert!(app.list("limit=4&outcome=succeeded").await["next_cursor"].is_null());
}

#[tokio::test]
async fn a_selective_filter_answers_in_bounded_work() {
    let app = TestApp::start().await;
    app.stack.load("contoso", 36_000, app.now()).unwrap();
    let query = "from=2000-01-01&to=2999-12-31&customer=nobody%20is%20called%20this";
    let page = app.list(query).await;
    assert_eq!(page["items"], json!([]));
    assert!(app.faults.count("list", "Query") <= 32);
    let cursor = page["next_cursor"]
        .as_str()
        .expect("36,000 activities are more than 32 pages");
    let (from, to) = (page["from"].as_str(), page["to"].as_str());
    let read_to = page["read_to"].as_str();
    assert!(from < read_to && read_to < to, "{page}");
    let next = app.list(&format!("{query}&cursor={cursor}")).await;
    assert!(next["next_cursor"].is_null());
}

/// What is read behind a full page is read for nothing.
#[tokio::test]
async fn a_filter_that_many_activities_meet_reads_no_more_than_it_needs() {
    let app = TestApp::start().await;
    app.stack.load("contoso", 6_000, app.now()).unwrap();
    let page = app
        .list("from=2000-01-01&to=2999-12-31&outcome=succeeded")
        .await;
    assert_eq!(page["items"].as_array().unwrap().len(), 50);
    assert_eq!(app.faults.count("list", "Query"), 1);
}

/// That costs half, and is as good where nothing new can come.
#[tokio::test]
async fn only_what_is_too_late_to_be_recorded_is_read_eventually() {
    let app = TestApp::start_with(&[("MAX_LATENESS_DAYS", "7")]).await;
    app.list("").await;
    assert!(app.faults.eventual_reads().is_empty());
    app.list("from=2020-01-01&to=2020-01-31").await;
    let (function, operation, _) = app.faults.eventual_reads().pop_first().unwrap();
    assert_eq!((function.as_str(), operation.as_str()), ("list", "Query"));
}

#[tokio::test]
async fn list_hides_what_its_retention_has_ended() {
    let app = TestApp::start_with(&[("MAX_LATENESS_DAYS", "7"), ("RETENTION_DAYS", "30")]).await;
    let stored = app.record(&with("occurred_at", ago(60))).await;
    let path = format!("/v1/activities/{}", stored["id"].as_str().unwrap());
    let from = "from=2000-01-01&to=2999-12-31";
    assert_eq!(app.list_all(from).await.len(), 1);
    app.advance(Duration::from_hours(30 * 24));
    assert_eq!(app.list_all(from).await.len(), 0);
    assert_eq!(app.read(&path).await.status, 404);
}

#[tokio::test]
async fn one_is_shown_with_its_details() {
    let app = TestApp::start().await;
    let long =
        json!({ "lines": vec!["한국 Office 365 E3"; 3_000], "n": 18_446_744_073_709_551_615_u64 });
    let stored = app.record(&with("details", long.clone())).await;
    let one = app
        .read(&format!(
            "/v1/activities/{}",
            stored["id"].as_str().unwrap()
        ))
        .await
        .json();
    assert_eq!(one["details"], long);
    assert_eq!(one["has_details"], true);
    assert_eq!(one["id"], stored["id"]);
    assert!(one["links"]["subscriptions"].is_string());
}

#[tokio::test]
async fn one_is_found_by_its_id_in_either_case() {
    let app = TestApp::start().await;
    let stored = app.record(&activity()).await;
    let id = stored["id"].as_str().unwrap().to_uppercase();
    assert_eq!(app.read(&format!("/v1/activities/{id}")).await.status, 200);
}

#[tokio::test]
async fn one_that_is_absent_is_not_found_and_a_malformed_id_is_refused() {
    let app = TestApp::start().await;
    let absent = app
        .read("/v1/activities/019ab0f4-5c5b-7d0a-8e4f-0c39d6d5c70d")
        .await;
    assert_eq!(absent.refusal(), "404 not_found");
    for id in [
        "1",
        "batch",
        "019ab0f4-5c5b-4d0a-8e4f-0c39d6d5c70d",
        "%7B019ab0f45c5b7d0a8e4f0c39d6d5c70d%7D",
    ] {
        let refusal = app.read(&format!("/v1/activities/{id}")).await.refusal();
        assert!(
            refusal.starts_with("400 id must be an activity's id"),
            "{id}: {refusal}"
        );
    }
    let stored = app.record(&activity()).await;
    let path = format!(
        "/v1/activities/{}?fields=all",
        stored["id"].as_str().unwrap()
    );
    assert_eq!(
        app.read(&path).await.refusal(),
        "400 fields is not supported"
    );
}

#[tokio::test]
async fn the_contract_is_served_without_a_token() {
    let app = TestApp::start().await;
    let answer = app.get("/v1/openapi.json").send().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json(), *crate::contract::OPENAPI);
}

#[tokio::test]
async fn activities_of_one_millisecond_are_paged_once_each() {
    let app = TestApp::start().await;
    let body = json!({ "activities": vec![with("occurred_at", ago(60)); 50] });
    app.post("/v1/activities/batch", &body)
        .token(&app.recorder())
        .send()
        .await;
    let items = app.list_all("limit=7").await;
    let ids: BTreeSet<_> = items
        .iter()
        .map(|item| item["id"].as_str().unwrap())
        .collect();
    assert_eq!((items.len(), ids.len()), (50, 50));
}
