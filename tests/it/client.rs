//! The client: repetitions, batches and the outbox, against a service that fails.

use std::{
    io::{Read, Write},
    path::Path,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use client::{
    Actor, ActorKind, Batcher, BatcherOptions, Client, Customer, Error, NewActivity, News, Outbox,
    OutboxOptions, Outcome, Query, Retries, Token,
};
use futures_util::{StreamExt, TryStreamExt, future::join_all};
use serde_json::{json, value::RawValue};

use crate::{
    faults::Fault,
    harness::{TestApp, eventually},
};

/// Pauses that a test has time for.
const RETRIES: Retries = Retries {
    count: 8,
    first_pause: Duration::from_millis(1),
    pause_max: Duration::from_millis(20),
};

impl TestApp {
    /// A client with these roles in contoso's log.
    pub(crate) fn client_of(&self, roles: &[&str]) -> Client {
        let token = self.token_of(json!({ "partner_id": "contoso", "roles": roles }));
        let client = Client::new(&self.stack.url, Token::Fixed(token)).unwrap();
        client.with_retries(RETRIES)
    }

    /// A client that may read and record.
    fn client(&self) -> Client {
        self.client_of(&["admin_agent", "activity_recorder"])
    }

    /// The correlation ids of contoso's log, each as often as it is there.
    pub(crate) async fn correlation_ids(&self) -> Vec<String> {
        let items = self
            .list_all("from=2000-01-01&to=2100-01-01&limit=500")
            .await;
        let ids = items
            .iter()
            .filter_map(|item| item["correlation_id"].as_str());
        let mut ids: Vec<_> = ids.map(str::to_owned).collect();
        ids.sort();
        ids
    }
}

/// An activity whose correlation id is its number.
fn numbered(number: usize) -> NewActivity {
    let customer = Customer {
        id: "c-1".to_owned(),
        name: "Relecloud".to_owned(),
    };
    let actor = Actor {
        id: "sync".to_owned(),
        name: "Sync".to_owned(),
        kind: ActorKind::Application,
    };
    let mut activity = NewActivity::new("create_order", Outcome::Succeeded, customer, actor);
    activity.correlation_id = Some(format!("{number:06}"));
    activity
}

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{number:06}")).collect()
}

async fn open(client: &Client, folder: &Path) -> Outbox {
    let opened = Outbox::open(client.clone(), folder, OutboxOptions::default());
    opened.await.unwrap()
}

#[tokio::test]
async fn an_activity_is_recorded_once_however_often_its_request_is_repeated() {
    let app = TestApp::start().await;
    // The answers of two requests are lost, and one is throttled.
    app.faults.add("PutItem", Fault::ReplyLost, 6);
    app.faults.add("PutItem", Fault::Throttled, 3);
    let recorded = app.client().record(&numbered(0)).await.unwrap();
    assert!(recorded.replayed, "an earlier attempt had stored it");
    assert_eq!(app.correlation_ids().await, numbers(1));
}

#[tokio::test]
async fn a_refusal_names_the_fields_and_is_not_repeated() {
    let app = TestApp::start().await;
    let mut activity = numbered(0);
    activity.action = "No Action".to_owned();
    activity.customer.id = String::new();
    let error = app
        .client()
        .record(&activity)
        .await
        .unwrap_err()
        .to_string();
    insta::assert_snapshot!(error, @"refused with 400: action must be 1 to 64 of a-z, 0-9, '.', '_' and '-'; customer.id must have 1 to 128 characters");
    let error = app.client_of(&[]).record(&numbered(0)).await.unwrap_err();
    assert!(matches!(error, Error::Refused(refusal) if refusal.status == 403));
}

#[tokio::test]
async fn of_many_activities_only_those_without_an_outcome_are_sent_again() {
    let app = TestApp::start().await;
    let mut activities: Vec<_> = (0..250).map(numbered).collect();
    activities[120].outcome = Outcome::Failed;
    activities[130].action = "No Action".to_owned();
    for skip in [3, 90, 170] {
        app.faults.add_after("PutItem", skip, Fault::ReplyLost, 3);
    }
    let results = app.client().record_many(&activities).await.unwrap();
    assert_eq!(results.len(), 250);
    for (place, result) in results.iter().enumerate() {
        match result {
            Ok(recorded) => {
                let id = recorded.activity.correlation_id().unwrap();
                assert_eq!(id, format!("{place:06}"));
            }
            Err(refusal) => assert_eq!((place, refusal.status), (130, 400)),
        }
    }
    let puts = app.faults.count("record", "PutItem");
    assert!(puts < 300, "{puts}");
    let mut wanted = numbers(250);
    wanted.remove(130);
    assert_eq!(app.correlation_ids().await, wanted);
}

#[tokio::test]
async fn a_batcher_records_what_many_tasks_give_it_with_few_requests() {
    let app = TestApp::start().await;
    let batcher = Batcher::new(app.client(), BatcherOptions::default());
    app.faults.add_after("PutItem", 40, Fault::Throttled, 6);
    let tasks = (0..330).map(|number| {
        let batcher = batcher.clone();
        async move { batcher.record(&numbered(number)).await.unwrap() }
    });
    join_all(tasks).await;
    assert_eq!(app.correlation_ids().await, numbers(330));
    let mut bad = numbered(0);
    bad.action = "No Action".to_owned();
    let refused = batcher.record(&bad).await.unwrap_err();
    assert!(matches!(refused, Error::Refused(refusal) if refusal.status == 400));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_handed_over_while_the_service_is_away_is_recorded_when_it_is_back() {
    let app = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    app.faults.add("record", Fault::Lost, usize::MAX);
    let outbox = open(&app.client(), folder.path()).await;
    join_all((0..150).map(|number| {
        let (outbox, activity) = (&outbox, numbered(number));
        async move { outbox.hand_over(&activity).await.unwrap() }
    }))
    .await;
    assert!(!outbox.flush(Duration::from_millis(100)).await);
    assert!(
        eventually(|| outbox.trouble().is_some()).await,
        "nobody learns why"
    );
    assert!(outbox.waiting_bytes() > 150 * 100);
    app.faults.clear();
    assert!(outbox.flush(Duration::from_secs(30)).await);
    assert_eq!((outbox.trouble(), outbox.waiting_bytes()), (None, 0));
    assert_eq!(app.correlation_ids().await, numbers(150));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outbox_that_is_opened_again_goes_on_and_belongs_to_one_at_a_time() {
    let app = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    app.faults.add("record", Fault::Lost, usize::MAX);
    let outbox = open(&app.client(), folder.path()).await;
    for number in 0..5 {
        outbox.hand_over(&numbered(number)).await.unwrap();
    }
    let second = Outbox::open(app.client(), folder.path(), OutboxOptions::default()).await;
    let refused = second.unwrap_err().to_string();
    assert!(
        refused.contains("another process has this outbox"),
        "{refused}"
    );
    outbox.close(Duration::ZERO).await;
    app.faults.clear();
    let outbox = open(&app.client(), folder.path()).await;
    assert!(outbox.flush(Duration::from_secs(30)).await);
    assert_eq!(app.correlation_ids().await, numbers(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_goes_to_a_file_and_stops_nothing() {
    let app = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(&app.client(), folder.path()).await;
    for number in 0..3 {
        let mut activity = numbered(number);
        if number == 1 {
            activity.action = "No Action".to_owned();
        }
        outbox.hand_over(&activity).await.unwrap();
    }
    assert!(outbox.flush(Duration::from_secs(30)).await);
    assert_eq!(app.correlation_ids().await, ["000000", "000002"]);
    let refused = std::fs::read_to_string(folder.path().join("refused.jsonl")).unwrap();
    let refused: serde_json::Value = serde_json::from_str(&refused).unwrap();
    assert_eq!(refused["activity"]["correlation_id"], "000001");
    assert!(refused["reason"].as_str().unwrap().contains("action"));
}

/// Details are kept as they were given, also over several lines.
#[tokio::test(flavor = "multi_thread")]
async fn details_of_several_lines_are_one_line_of_an_outbox() {
    let app = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    app.faults.add("record", Fault::Lost, usize::MAX);
    let outbox = open(&app.client(), folder.path()).await;
    for number in 0..3 {
        let mut activity = numbered(number);
        let details = RawValue::from_string("{\n  \"a\":\r\n \"b\\nc\"}".to_owned());
        activity.details = Some(details.unwrap());
        outbox.hand_over(&activity).await.unwrap();
    }
    assert!(!outbox.close(Duration::from_millis(10)).await);
    app.faults.clear();
    let outbox = open(&app.client(), folder.path()).await;
    assert!(outbox.close(Duration::from_secs(30)).await);
    assert_eq!(app.correlation_ids().await, numbers(3));
    let id = app.list("limit=1").await["items"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let stored = app.read(&format!("/v1/activities/{id}")).await.json();
    assert_eq!(stored["details"], json!({ "a": "b\nc" }));
}

/// What no service has judged is no refusal: an address may be mended.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_address_empties_no_outbox() {
    let app = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    let token = Token::Fixed(app.recorder());
    let elsewhere = Client::new(&format!("{}/elsewhere", app.stack.url), token).unwrap();
    let outbox = open(&elsewhere.with_retries(RETRIES), folder.path()).await;
    outbox.hand_over(&numbered(0)).await.unwrap();
    assert!(eventually(|| outbox.trouble().is_some()).await);
    outbox.close(Duration::ZERO).await;
    assert!(!folder.path().join("refused.jsonl").exists());
    let outbox = open(&app.client(), folder.path()).await;
    assert!(outbox.flush(Duration::from_secs(30)).await);
    assert_eq!(
        (app.correlation_ids().await, outbox.waiting_bytes()),
        (numbers(1), 0)
    );
}

/// An issuer that gives one of these tokens to each request, and keeps the requests.
fn issuer(tokens: Vec<String>) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        let answer = |token: &String| {
            let (mut connection, _) = listener.accept().unwrap();
            let mut request = vec![0; 4_096];
            let mut length = 0;
            // The form ends the request.
            while !String::from_utf8_lossy(&request[..length]).contains("scope=") {
                length += connection.read(&mut request[length..]).unwrap();
            }
            let body = json!({ "access_token": token, "expires_in": "3600" }).to_string();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close",
                body.len()
            );
            write!(connection, "{head}\r\n\r\n{body}").unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        };
        tokens.iter().map(answer).collect()
    });
    (url, answering)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_the_client_credentials_flow_is_kept_and_renewed_when_it_is_refused() {
    let app = TestApp::start().await;
    let (url, answering) = issuer(vec!["expired".to_owned(), app.recorder()]);
    let token = Token::ClientCredentials {
        url,
        client_id: "back-end".to_owned(),
        client_secret: "s3cret".to_owned(), // pragma: allowlist secret
        scope: Some("activities".to_owned()),
    };
    assert!(!format!("{token:?}").contains("s3cret"));
    let client = Client::new(&app.stack.url, token)
        .unwrap()
        .with_retries(RETRIES);
    for number in 0..3 {
        client.record(&numbered(number)).await.unwrap();
    }
    let requests = answering.join().unwrap();
    for request in requests {
        let basic = STANDARD.encode("back-end:s3cret");
        assert!(request.contains(&format!("Basic {basic}")), "{request}");
        assert!(
            request.contains("grant_type=client_credentials"),
            "{request}"
        );
    }
}

#[test]
fn a_key_without_a_time_is_refused() {
    let given = json!({
        "idempotency_key": "k-1", "action": "create_order", "outcome": "succeeded",
        "customer": { "id": "c", "name": "c" },
        "actor": { "id": "a", "name": "a", "kind": "user" },
    });
    let refused = serde_json::from_value::<NewActivity>(given)
        .unwrap_err()
        .to_string();
    assert_eq!(
        refused,
        "an activity with an idempotency_key needs its occurred_at"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outbox_waits_for_a_right_and_never_gives_up() {
    let app = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    let token_of = |role: &str| app.token("contoso", role);
    std::fs::write(&token, token_of("admin_agent")).unwrap();
    let client = Client::new(&app.stack.url, Token::File(token.clone())).unwrap();
    let outbox = open(&client.with_retries(RETRIES), &folder.path().join("outbox")).await;
    outbox.hand_over(&numbered(0)).await.unwrap();
    assert!(eventually(|| outbox.trouble().is_some()).await);
    std::fs::write(&token, token_of("activity_recorder")).unwrap();
    assert!(outbox.flush(Duration::from_secs(30)).await);
    assert_eq!(app.correlation_ids().await, numbers(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outbox_that_is_full_takes_nothing_more() {
    let app = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    app.faults.add("record", Fault::Lost, usize::MAX);
    let options = OutboxOptions { bytes_max: 1_000 };
    let outbox = Outbox::open(app.client(), folder.path(), options)
        .await
        .unwrap();
    let mut taken = 0;
    while outbox.hand_over(&numbered(taken)).await.is_ok() {
        taken += 1;
    }
    assert!((2..10).contains(&taken), "{taken}");
    app.faults.clear();
    assert!(outbox.flush(Duration::from_secs(30)).await);
    outbox.hand_over(&numbered(taken)).await.unwrap();
    assert!(outbox.flush(Duration::from_secs(30)).await);
    assert_eq!(app.correlation_ids().await, numbers(taken + 1));
}

#[tokio::test]
async fn a_log_is_listed_counted_and_followed() {
    let app = TestApp::start().await;
    let client = app.client();
    let from = app.now().to_string().parse().unwrap();
    let activities: Vec<_> = (0..7).map(numbered).collect();
    client.record_many(&activities).await.unwrap();
    let query = Query::default().with("limit", "2").with("order", "asc");
    let listed: Vec<_> = client.list(query).try_collect().await.unwrap();
    assert_eq!(listed.len(), 7);
    let one = client.activity(listed[3].id()).await.unwrap();
    assert_eq!(one.occurred_at(), listed[3].occurred_at());
    let query = Query::default().with("group_by", "customer");
    let groups = client.summary(&query).await.unwrap().groups;
    assert_eq!((groups.len(), &groups[0]["count"]), (1, &json!(7)));
    app.advance(Duration::from_secs(61));
    let query = Query::default().with("limit", "2");
    let news = client.follow(query, from, Duration::from_millis(1));
    let news: Vec<_> = news.take(16).try_collect().await.unwrap();
    let is_activity = |it: &&News| matches!(it, News::Activity(_));
    assert_eq!(news.iter().filter(is_activity).count(), 7);
    assert!(matches!(news[7], News::UpTo(_)));
}

#[tokio::test]
async fn an_export_is_one_call_and_its_file_is_checked() {
    let app = TestApp::start().await;
    let client = app.client();
    let activities: Vec<_> = (0..20).map(numbered).collect();
    client.record_many(&activities).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    let request = json!({ "format": "jsonl" });
    let download = client.export_to(&request, &path).await.unwrap();
    let text = std::fs::read_to_string(&download.file).unwrap();
    assert_eq!(text.lines().count(), 20);
    // A download that broke off goes on; one of another file is found out.
    let export = client.create_export(&request, "again").await.unwrap();
    let export = client.wait_for_export(export, |_| {}).await.unwrap();
    let partial = folder.path().join("second.jsonl.part");
    let file = app
        .file(
            &app.until(&format!("/v1/exports/{}", export.id), |_| true)
                .await,
        )
        .await;
    std::fs::write(&partial, &file[..file.len() / 2]).unwrap();
    let second = folder.path().join("second.jsonl");
    let mut told = Vec::new();
    client
        .download(&export, &second, |bytes| told.push(bytes))
        .await
        .unwrap();
    assert_eq!(std::fs::read(&second).unwrap(), file);
    assert!(told[0] > file.len() as u64 / 2);
    // What was left of another file is not kept.
    for left in ["x".to_owned(), "x".repeat(file.len() + 10)] {
        std::fs::write(&partial, left).unwrap();
        std::fs::remove_file(&second).unwrap();
        client.download(&export, &second, |_| {}).await.unwrap();
        assert_eq!(std::fs::read(&second).unwrap(), file);
        assert!(!partial.exists());
    }
}

#[test]
fn the_recipes_of_the_documents_are_those_that_are_run() {
    let document = include_str!("../../docs/clients.md");
    for recipe in [
        include_str!("../clients/outbox.py"),
        include_str!("../clients/retry.ts"),
    ] {
        assert!(document.contains(recipe), "{recipe}");
    }
}
