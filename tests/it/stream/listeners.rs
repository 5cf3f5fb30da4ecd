//! `/dev/events`: what came to the bus of one machine, as it comes.

use std::time::Duration;

use serde_json::Value;

use crate::{harness::TestApp, stream::RECORDED};

/// Reads events until there are so many; returns their numbers and what they hold.
async fn listen(app: &TestApp, after: Option<&str>, count: usize) -> Vec<(String, Value)> {
    let url = format!("{}/dev/events", app.stack.url);
    let mut request = reqwest::Client::new().get(url);
    if let Some(after) = after {
        request = request.header("last-event-id", after);
    }
    let mut answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut text = String::new();
    let read = async {
        while text.matches("\n\n").count() < count {
            let chunk = answer.chunk().await.unwrap().unwrap();
            text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    };
    let limit = Duration::from_secs(30);
    tokio::time::timeout(limit, read).await.expect("they come");
    let events = text.split_terminator("\n\n").map(|event| {
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
        let data = serde_json::from_str(field("data: ").unwrap()).unwrap();
        (field("id: ").unwrap().to_owned(), data)
    });
    events.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_gets_what_came_and_what_comes_and_goes_on_where_it_was() {
    let app = TestApp::start_streaming("ocsf").await;
    app.record_some(2).await;
    app.until_told(RECORDED, 2).await;
    let (heard, _) = tokio::join!(listen(&app, None, 3), app.record_some(1));
    let numbers: Vec<_> = heard.iter().map(|(number, _)| number.as_str()).collect();
    assert_eq!(numbers, ["1", "2", "3"]);
    for (_, event) in &heard {
        assert_eq!(event["detail-type"], RECORDED);
        assert_eq!(event["detail"]["data"]["class_uid"], 6003);
    }
    let rest = listen(&app, Some("2"), 1).await;
    assert_eq!(rest, heard[2..]);
    // A number of an earlier process, whose events are gone.
    assert_eq!(listen(&app, Some("5000"), 3).await, heard);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_pages_of_this_machine_may_listen_or_send() {
    let app = TestApp::start_streaming("activity").await;
    let client = reqwest::Client::new();
    for (method, path) in [("GET", "/dev/events"), ("POST", "/dev/bus/")] {
        let method: reqwest::Method = method.parse().unwrap();
        let request = client.request(method, format!("{}{path}", app.stack.url));
        let request = request.header("origin", "https://evil.example");
        assert_eq!(request.send().await.unwrap().status(), 403, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_events_may_run_its_own_script_alone() {
    let app = TestApp::start_streaming("activity").await;
    let client = reqwest::Client::new();
    let page = client.get(format!("{}/dev/events.html", app.stack.url));
    let page = page.send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self';"),
        "{policy}"
    );
    assert!(
        page.text()
            .await
            .unwrap()
            .contains("<script src=\"events.js\">")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bus_refuses_what_eventbridge_refuses() {
    let app = TestApp::start_streaming("activity").await;
    let put = async |entries: Value| {
        let body = serde_json::json!({ "Entries": entries });
        let request = reqwest::Client::new().post(format!("{}/dev/bus/", app.stack.url));
        let answer = request.body(body.to_string()).send().await.unwrap();
        answer.json::<Value>().await.unwrap()
    };
    let entry =
        |detail: &str| serde_json::json!({ "Source": "a", "DetailType": "b", "Detail": detail });
    let eleven: Value = (0..11).map(|_| entry("{}")).collect();
    let large = serde_json::json!([entry(&format!("{{\"a\":\"{}\"}}", "x".repeat(262_144)))]);
    for entries in [serde_json::json!([]), eleven, large] {
        assert_eq!(put(entries).await["__type"], "ValidationException");
    }
    let mixed = serde_json::json!([entry("{}"), entry("[]"), entry("{"), { "Detail": "{}" }]);
    let answer = put(mixed).await;
    assert_eq!(answer["FailedEntryCount"], 3);
    let codes = answer["Entries"].as_array().unwrap().iter();
    let codes: Vec<_> = codes.map(|entry| entry["ErrorCode"].as_str()).collect();
    let malformed = Some("MalformedDetail");
    assert_eq!(codes, [None, malformed, malformed, Some("InvalidArgument")]);
    assert_eq!(app.stack.bus.events().len(), 1);
}
