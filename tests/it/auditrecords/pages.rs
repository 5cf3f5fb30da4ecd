//! Pages: their days, their sizes, and what they read.

use std::{collections::BTreeSet, time::Duration};

use futures_util::{StreamExt, stream};

use super::*;
use crate::harness::{is_full, random_digits};

/// All pages of a query, followed by their tokens.
async fn walk(app: &TestApp, query: &str) -> Vec<Value> {
    let mut pages = vec![app.page(query).await];
    while let Some(token) = pages.last().unwrap()["continuationToken"].as_str() {
        let request = app.get(&format!("/v1/auditrecords{query}"));
        let request = request.header("ms-continuationtoken", token);
        let answer = request.token(&app.reader()).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        pages.push(answer.json());
    }
    pages
}

#[tokio::test]
async fn a_range_has_whole_days_and_a_missing_end_is_30_days_on_or_today() {
    let app = TestApp::start_at(NOW).await;
    for (action, at) in [
        ("before", "2026-09-30T23:59:59.999Z"),
        ("first", "2026-10-01T00:00:00Z"),
        ("last", "2026-10-31T23:59:59.999Z"),
        ("behind", "2026-11-01T00:00:00Z"),
        ("today", "2026-11-28T09:59:59Z"),
    ] {
        app.act(action, at).await;
    }
    for (query, expected) in [
        ("?startDate=2026-10-01", &["last", "first"][..]),
        ("?startDate=2026-10-01&endDate=2026-10-01", &["first"]),
        (
            "?startDate=2026-10-02&endDate=2026-11-01",
            &["behind", "last"],
        ),
        ("?startDate=2026-11-01", &["today", "behind"]),
        ("", &["today", "behind", "last"]),
        ("?startDate=2026-11-29", &[]),
        // Partner Center has neither more than 90 days nor windows of more than 30.
        (
            "?startDate=2020-01-01&endDate=2026-11-28",
            &["today", "behind", "last", "first", "before"],
        ),
    ] {
        assert_eq!(app.actions(query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn a_token_keeps_the_days_of_its_first_page_when_a_day_passes() {
    let app = TestApp::start_at(NOW).await;
    for action in ["one", "two", "three"] {
        app.act(action, "2026-10-30T08:00:00Z").await;
    }
    let first = app.page("?size=2").await;
    let token = first["continuationToken"].as_str().unwrap();
    // Now the range would begin after these.
    app.advance(Duration::from_hours(48));
    assert_eq!(app.page("?size=2").await["totalCount"], 0);
    let query = format!("?size=2&MS-ContinuationToken={token}");
    assert_eq!(app.page(&query).await["totalCount"], 1);
    let other = format!("?startDate=2026-10-01&MS-ContinuationToken={token}");
    let reason = "400 800002 startDate must be 2026-10-29, as for the page before";
    assert_eq!(fault(&app.records(&other).await), reason);
    let filter =
        "%7B%22Field%22:%22CompanyName%22,%22Value%22:%22a%22,%22Operator%22:%22substring%22%7D";
    let other = format!("?filter={filter}&MS-ContinuationToken={token}");
    let reason =
        "400 800002 MS-ContinuationToken must be that of a page of the same query, unchanged";
    assert_eq!(fault(&app.records(&other).await), reason);
    let again = format!("?seekOperation=first&startDate=2026-10-30&MS-ContinuationToken={token}");
    assert_eq!(app.page(&again).await["totalCount"], 3);
}

#[tokio::test]
async fn a_token_belongs_to_its_partner_and_an_empty_header_is_none() {
    let app = TestApp::start().await;
    for _ in 0..3 {
        app.record(&activity()).await;
    }
    let token = app.page("?size=2").await["continuationToken"].clone();
    let token = token.as_str().unwrap();
    let path = format!("/v1/auditrecords?size=2&MS-ContinuationToken={token}");
    let page = app.get(&path).token(&app.reader());
    let page = page.header("ms-continuationtoken", "").send().await;
    assert_eq!(page.json()["totalCount"], 1);
    let fabrikam = app.token("fabrikam", "admin_agent");
    let foreign = app.get(&path).token(&fabrikam).send().await;
    let reason =
        "400 800002 MS-ContinuationToken must be that of a page of the same query, unchanged";
    assert_eq!(fault(&foreign), reason);
}

#[tokio::test]
async fn a_walk_goes_on_over_a_seal_an_erasure_and_a_throttled_page() {
    let app = TestApp::start_sealing(&[]).await;
    let day = day_of(&app);
    for place in 0..6 {
        let mut sent = with("occurred_at", app.now().to_string());
        sent["action"] = format!("act_{place}").into();
        sent["customer"]["id"] = if place == 0 { "c-9" } else { "c-1" }.into();
        app.record(&sent).await;
        app.advance(Duration::from_millis(5));
    }
    let query = format!("?startDate={day}&size=2");
    let first = app.page(&query).await;
    let after = |page: &Value| {
        let token = page["continuationToken"].as_str().unwrap();
        format!("{query}&MS-ContinuationToken={token}")
    };
    app.advance(Duration::from_hours(72));
    app.seal().await;
    let second = after(&first);
    app.faults.add("auditrecords", Fault::Throttled, usize::MAX);
    assert_eq!(app.records(&second).await.status, 429);
    app.faults.clear();
    let second = app.page(&second).await;
    assert_eq!(app.erase_customer("c-9").await["state"], "done");
    let third = app.page(&after(&second)).await;
    let found = [first, second, third]
        .map(|page| texts(&page, "operationType"))
        .concat();
    assert_eq!(
        found,
        ["act_5", "act_4", "act_3", "act_2", "act_1", "act_0"]
    );
}

#[tokio::test]
async fn the_first_page_is_not_empty_because_a_filter_is_selective() {
    let app = TestApp::start().await;
    app.stack.load("contoso", 36_000, app.now()).unwrap();
    let filter =
        "%7B%22Field%22:%22CustomerId%22,%22Value%22:%22nobody%22,%22Operator%22:%22equals%22%7D";
    app.page(&format!(
        "?startDate=2000-01-01&endDate=2999-12-31&filter={filter}"
    ))
    .await;
    // The request of a list ends after so many.
    assert!(app.faults.count("auditrecords", "Query") > 32);
}

#[tokio::test]
async fn a_page_of_large_records_ends_before_lambdas_limit_and_none_is_left_out() {
    let app = TestApp::start().await;
    app.record_wide(4).await;
    let recorder = app.recorder();
    for place in 0..40 {
        let mut sent = activity();
        // Each quotation mark takes eight bytes inside of Lambda's answer.
        let value = json!({ "text": "\"".repeat(60_000), "place": random_digits(place, 60_000) });
        sent["details"] = json!({ "new_value": value });
        let request = app.post("/v1/activities", &sent).token(&recorder);
        assert_eq!(request.send().await.status, 201);
    }
    let pages = walk(&app, "").await;
    assert!(pages.len() > 2, "{} pages", pages.len());
    let ids: Vec<_> = pages.iter().flat_map(|page| texts(page, "id")).collect();
    assert_eq!(ids.len(), 44);
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 44);
    for page in &pages {
        assert_eq!(page["totalCount"], page["items"].as_array().unwrap().len());
    }
}

#[tokio::test]
async fn a_size_over_500_is_500() {
    let app = TestApp::start().await;
    app.stack.load("contoso", 700, app.now()).unwrap();
    let all = "startDate=2000-01-01&endDate=2999-12-31";
    for size in ["", "&size=1000", "&size=9223372036854775807"] {
        let page = app.page(&format!("?{all}{size}")).await;
        assert_eq!(page["totalCount"], 500, "{size}");
    }
    assert_eq!(walk(&app, &format!("?{all}&size=0300")).await.len(), 3);
}

/// How many activities are read day by day: with `FULL`, and without.
const MANY: [usize; 2] = [100_000, 5_000];

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_50_day_by_day_give_each_record_once() {
    let count = if is_full() { MANY[0] } else { MANY[1] };
    let app = TestApp::start_sealing(&[("RETENTION_DAYS", "0"), ("MAX_LATENESS_DAYS", "7")]).await;
    app.stack.load("contoso", count, app.now()).unwrap();
    app.act("young", &app.now().to_string()).await;
    app.seal().await;
    let today = day_of(&app);
    // The samples are of one year.
    let days = (0..370).map(|back| ids_of_day(&app, today - chrono::Days::new(back)));
    let ids: Vec<_> = stream::iter(days).buffered(DAYS_AT_ONCE).collect().await;
    let ids = ids.concat();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "once");
    let of_log = app
        .list_all("from=2000-01-01&to=2999-12-31&limit=500")
        .await;
    assert!(of_log.len() > count);
    let of_log: BTreeSet<_> = of_log.iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(
        ids.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        of_log
    );
}

/// How many days are read at once, each page by page.
const DAYS_AT_ONCE: usize = 6;

/// The ids of a day, which must be those of that day alone, the newest first.
async fn ids_of_day(app: &TestApp, day: chrono::NaiveDate) -> Vec<String> {
    let pages = walk(app, &format!("?startDate={day}&endDate={day}&size=50")).await;
    let dates: Vec<_> = pages
        .iter()
        .flat_map(|page| texts(page, "operationDate"))
        .collect();
    assert!(dates.iter().all(|date| date.starts_with(&day.to_string())));
    assert!(dates.is_sorted_by(|one, other| one >= other));
    pages.iter().flat_map(|page| texts(page, "id")).collect()
}

fn day_of(app: &TestApp) -> chrono::NaiveDate {
    app.now().to_string()[..10].parse().unwrap()
}

#[tokio::test]
async fn a_day_that_is_sealed_costs_no_read_of_an_activity() {
    let app = TestApp::start_sealing(&[]).await;
    let mut sent = with("occurred_at", app.now().to_string());
    sent["details"] = json!({ "new_value": "1" });
    sent["resource"] = json!({ "type": "Order", "id": "o-1" });
    let stored = app.record(&sent).await;
    let day = day_of(&app);
    app.advance(Duration::from_hours(72));
    app.seal().await;
    let before = app.faults.count("auditrecords", "Query");
    for filter in [
        "",
        "&filter=%7B%22Field%22:%22ResourceType%22,%22Value%22:%22order%22,%22Operator%22:%22equals%22%7D",
        "&filter=%7B%22Field%22:%22CustomerId%22,%22Value%22:%22C-1%22,%22Operator%22:%22equals%22%7D",
        "&filter=%7B%22Field%22:%22CompanyName%22,%22Value%22:%22rele%22,%22Operator%22:%22substring%22%7D",
    ] {
        let page = app
            .page(&format!("?startDate={day}&endDate={day}{filter}"))
            .await;
        assert_eq!(page["items"][0]["id"], stored["id"], "{filter}");
        assert_eq!(page["items"][0]["resourceNewValue"], "1", "{filter}");
    }
    let other =
        "%7B%22Field%22:%22CustomerId%22,%22Value%22:%22C%22,%22Operator%22:%22equals%22%7D";
    let page = app
        .page(&format!("?startDate={day}&endDate={day}&filter={other}"))
        .await;
    assert_eq!(page["totalCount"], 0);
    let after = app.faults.count("auditrecords", "Query");
    assert_eq!(before, after, "the table of activities is not read");
    assert!(app.faults.count("auditrecords", "archive GetObject") > 0);
}
