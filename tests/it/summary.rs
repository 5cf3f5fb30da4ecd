//! Counts by group: they must agree with what the list shows.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    faults::Fault,
    harness::{TestApp, activity, ago, at, with},
};

const RANGE: &str = "from=2000-01-01&to=2999-12-31";

impl TestApp {
    async fn summary(&self, query: &str) -> Value {
        let answer = self.read(&format!("/v1/activities/summary?{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    /// The counts of a query, added up over all requests, and their number.
    async fn count_all(&self, query: &str) -> (BTreeMap<String, u64>, usize) {
        self.count_from(self.summary(query).await, query).await
    }

    /// The same behind the first answer.
    async fn count_from(&self, mut summary: Value, query: &str) -> (BTreeMap<String, u64>, usize) {
        let mut counts = BTreeMap::new();
        for requests in 1.. {
            for group in summary["groups"].as_array().unwrap() {
                let mut group = group.clone();
                let count = group.as_object_mut().unwrap().remove("count").unwrap();
                *counts.entry(group.to_string()).or_insert(0) += count.as_u64().unwrap();
            }
            let Some(cursor) = summary["next_cursor"].as_str() else {
                assert_eq!(summary["complete"], true);
                return (counts, requests);
            };
            assert_eq!(summary["complete"], false);
            assert!(summary["read_to"].is_string(), "{summary}");
            summary = self.summary(&format!("{query}&cursor={cursor}")).await;
        }
        unreachable!()
    }
}

/// The same counts from a list; `group` is what an item is counted under.
fn tally(items: &[Value], group: impl Fn(&Value) -> Value) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for item in items {
        *counts.entry(group(item).to_string()).or_insert(0) += 1;
    }
    counts
}

#[tokio::test]
async fn each_way_to_count_agrees_with_the_list() {
    let app = TestApp::start().await;
    app.stack.load("contoso", 800, app.now()).unwrap();
    let items = app.list_all(&format!("{RANGE}&limit=500")).await;
    let day = |item: &Value| item["occurred_at"].as_str().unwrap()[..10].to_owned();
    let (by_day, _) = app.count_all(&format!("{RANGE}&group_by=day")).await;
    assert_eq!(by_day, tally(&items, |item| json!({ "day": day(item) })));
    let query = format!("{RANGE}&group_by=outcome&group_by=action");
    let (by_both, _) = app.count_all(&query).await;
    let both = |item: &Value| json!({ "action": item["action"], "outcome": item["outcome"] });
    assert_eq!(by_both, tally(&items, both));
    for who in ["customer", "actor"] {
        let summary = app.summary(&format!("{RANGE}&group_by={who}")).await;
        let groups = summary["groups"].as_array().unwrap();
        let counts: BTreeMap<_, _> = groups
            .iter()
            .map(|group| {
                (
                    group[who]["id"].to_string(),
                    group["count"].as_u64().unwrap(),
                )
            })
            .collect();
        assert_eq!(counts, tally(&items, |item| item[who]["id"].clone()));
    }
    let filtered = format!("{RANGE}&action=create_order&outcome=failed");
    let listed = app.list_all(&filtered).await;
    let (counted, _) = app.count_all(&format!("{filtered}&group_by=action")).await;
    assert_eq!(counted.values().sum::<u64>(), listed.len() as u64);
}

#[tokio::test]
async fn a_count_too_large_for_one_request_goes_on_with_the_next() {
    let app = TestApp::start().await;
    app.stack.load("contoso", 33_500, app.now()).unwrap();
    let (counted, requests) = app.count_all(&format!("{RANGE}&group_by=outcome")).await;
    assert_eq!(counted.values().sum::<u64>(), 33_500);
    assert!(requests > 1, "in {requests} request");
}

/// Two parts are read at once; the first Query of the second one is the third of all.
#[tokio::test]
async fn a_part_that_is_throttled_is_counted_when_its_turn_comes() {
    let app = TestApp::start().await;
    app.stack.load("contoso", 5_000, app.now()).unwrap();
    let query = format!("{RANGE}&group_by=outcome");
    for _ in 0..20 {
        app.faults.add_after("Query", 2, Fault::Throttled, 3);
        let path = format!("/v1/activities/summary?{query}");
        let first = app.read(&path).await;
        assert!(app.faults.clear(), "the fault was met");
        // Which of the parts it meets is chance; the first one can't wait for its turn.
        if first.status == 200 {
            let (counted, _) = app.count_from(first.json(), &query).await;
            assert_eq!(counted.values().sum::<u64>(), 5_000);
            return;
        }
        assert_eq!(first.status, 503, "{}", first.text);
    }
    panic!("each time the first part was throttled");
}

#[tokio::test]
async fn days_are_of_the_time_zone_and_names_are_the_newest() {
    let app = TestApp::start_at("2026-11-22T12:00:00Z").await;
    for (moment, name) in [
        ("2026-11-20T14:59:59.999Z", "Relecloud"),
        ("2026-11-20T15:00:00Z", "Relecloud 2"),
    ] {
        let mut sent = with("occurred_at", moment);
        *at(&mut sent, "customer.name") = name.into();
        app.record(&sent).await;
    }
    let days = async |zone: &str| {
        let summary = app.summary(&format!("group_by=day&time_zone={zone}")).await;
        summary["groups"].to_string()
    };
    assert_eq!(days("UTC").await, r#"[{"count":2,"day":"2026-11-20"}]"#);
    assert_eq!(
        days("Asia/Seoul").await,
        r#"[{"count":1,"day":"2026-11-20"},{"count":1,"day":"2026-11-21"}]"#
    );
    let by_customer = app.summary("group_by=customer").await;
    assert_eq!(
        by_customer["groups"],
        json!([{ "customer": { "id": "c-1", "name": "Relecloud 2" }, "count": 2 }])
    );
}

#[tokio::test]
async fn the_services_own_entries_are_counted_without_a_customer() {
    let app = TestApp::start().await;
    app.record(&activity()).await;
    app.export(&json!({})).await;
    let (counted, _) = app.count_all("group_by=customer").await;
    let none = counted.iter().filter(|(group, _)| *group == "{}");
    assert_eq!(none.map(|(_, count)| count).sum::<u64>(), 2);
}

#[tokio::test]
async fn bad_parameters_are_refused_by_name() {
    let app = TestApp::start().await;
    app.record(&with("occurred_at", ago(5))).await;
    let which = "must be one of `day`, `action`, `customer`, `actor`, `outcome`";
    for (query, refusal) in [
        ("", "400 group_by is missing".to_owned()),
        ("group_by=", format!("400 group_by {which}")),
        ("group_by=week", format!("400 group_by {which}")),
        (
            "group_by=day&group_by=day",
            "400 group_by must name one or two different dimensions".into(),
        ),
        (
            "group_by=day&group_by=action&group_by=actor",
            "400 group_by must name one or two different dimensions".into(),
        ),
        (
            "group_by=day&order=asc",
            "400 order is not supported".into(),
        ),
        ("group_by=day&limit=5", "400 limit is not supported".into()),
        (
            "group_by=day&cursor=AAAA",
            "400 cursor must be the next_cursor of the same query, unchanged".into(),
        ),
    ] {
        let answer = app.read(&format!("/v1/activities/summary?{query}")).await;
        assert_eq!(answer.refusal(), refusal, "{query}");
    }
}
