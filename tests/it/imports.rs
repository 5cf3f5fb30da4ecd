//! Imports: a log accepts the past while a window is open, and nothing is sealed then.

mod races;

use std::{collections::BTreeSet, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};
use shared::Moment;

use crate::harness::{Answer, TestApp, activity, ago, with};

const PATH: &str = "/v1/import";

const DAY: i64 = 24 * 3_600;

impl TestApp {
    /// A service whose logs accept activities of a week.
    async fn start_importing() -> Self {
        Self::start_with(&[("MAX_LATENESS_DAYS", "7"), ("RETENTION_DAYS", "400")]).await
    }

    fn importer(&self) -> String {
        self.token("contoso", "history_importer")
    }

    async fn import(&self, method: Method) -> Answer {
        let request = self.request(method, PATH).token(&self.importer());
        request.send().await
    }

    async fn open_import(&self) -> Value {
        let answer = self.import(Method::PUT).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    async fn close_import(&self) -> Value {
        let answer = self.import(Method::DELETE).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    /// Records as contoso's importer.
    async fn record_past(&self, activity: &Value) -> Answer {
        let request = self.post("/v1/activities", activity);
        request.token(&self.importer()).send().await
    }

    /// The entries of imports in contoso's log, the newest first, with their details.
    async fn trail_of_imports(&self) -> Vec<Value> {
        let mut entries = Vec::new();
        for action in ["close_import", "open_import"] {
            let query = format!("from=2000-01-01&to=2999-12-31&action={action}");
            for entry in self.list_all(&query).await {
                let id = entry["id"].as_str().unwrap();
                entries.push(self.read(&format!("/v1/activities/{id}")).await.json());
            }
        }
        entries
    }
}

fn at(seconds_ago: i64) -> Value {
    with("occurred_at", ago(seconds_ago))
}

const TOO_OLD: &str = "400 occurred_at is older than the log accepts, and no import is open";

#[tokio::test]
async fn the_past_is_accepted_from_importers_while_an_import_is_open() {
    let app = TestApp::start_importing().await;
    let old = at(300 * DAY);
    assert_eq!(app.record_past(&old).await.refusal(), TOO_OLD);
    assert_eq!(app.import(Method::GET).await.status, 404);
    let open = app.open_import().await;
    assert_eq!(open["state"], "open");
    assert_eq!(open["opened_by"]["id"], "u-1");
    let from: Moment = open["from"].as_str().unwrap().parse().unwrap();
    assert!(from <= app.now().minus(Duration::from_hours(24 * 399)));
    assert_eq!(app.import(Method::GET).await.json()["id"], open["id"]);
    let stored = app.record_past(&old).await;
    assert_eq!(stored.status, 201, "{}", stored.text);
    // Others record as before, and no longer than entries are kept.
    let usual = app.post("/v1/activities", &old).token(&app.recorder());
    assert_eq!(
        usual.send().await.refusal(),
        "400 occurred_at must be at most 7 days ago"
    );
    let gone = app.record_past(&at(401 * DAY)).await;
    assert!(
        gone.refusal()
            .ends_with("because older activities are not kept")
    );
    let ahead = app.record_past(&at(-DAY)).await;
    assert_eq!(ahead.status, 400);
    let ended = app.close_import().await;
    assert_eq!(
        (&ended["state"], &ended["id"]),
        (&json!("closed"), &open["id"])
    );
    assert_eq!(app.record_past(&at(299 * DAY)).await.refusal(), TOO_OLD);
    assert_eq!(app.record_past(&at(60)).await.status, 201);
    assert_eq!(app.import(Method::DELETE).await.status, 404);
}

#[tokio::test]
async fn opening_twice_is_opening_once_and_both_ends_are_in_the_log() {
    let app = TestApp::start_importing().await;
    let open = app.open_import().await;
    assert_eq!(app.open_import().await["id"], open["id"]);
    let closed = app.close_import().await;
    let entries = app.trail_of_imports().await;
    let [close, opened] = entries.as_slice() else {
        panic!("{entries:?}");
    };
    assert_eq!(opened["occurred_at"], open["opened_at"]);
    assert_eq!(opened["details"], json!({ "ends_at": open["ends_at"] }));
    assert_eq!(
        opened["resource"],
        json!({ "type": "import", "id": open["id"] })
    );
    assert_eq!(opened["actor"]["name"], "Ann Beebe");
    assert_eq!(close["occurred_at"], closed["ended_at"]);
    assert_eq!(
        close["details"],
        json!({ "opened_at": open["opened_at"], "expired": false })
    );
    // Another one has entries of its own.
    assert_ne!(app.open_import().await["id"], open["id"]);
    assert_eq!(app.trail_of_imports().await.len(), 3);
    // Nobody else can forge them.
    for action in ["open_import", "close_import"] {
        let forged = app.record_past(&with("action", action)).await;
        assert_eq!(
            forged.refusal(),
            "400 action may only be recorded by this service"
        );
    }
}

#[tokio::test]
async fn an_import_that_nobody_closes_ends_after_a_week() {
    let app = TestApp::start_importing().await;
    let open = app.open_import().await;
    assert_eq!(app.record_past(&at(300 * DAY)).await.status, 201);
    app.advance(Duration::from_hours(7 * 24));
    assert_eq!(app.import(Method::GET).await.status, 404);
    assert_eq!(app.record_past(&at(290 * DAY)).await.refusal(), TOO_OLD);
    // It is due by itself.
    app.call_sealer().await;
    let entries = app.trail_of_imports().await;
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0]["occurred_at"], open["ends_at"]);
    assert_eq!(entries[0]["details"]["expired"], true);
    assert_eq!(entries[0]["actor"]["id"], "u-1");
    app.run_sealer().await;
    assert_eq!(app.trail_of_imports().await, entries);
}

#[tokio::test]
async fn an_import_that_has_ended_can_be_closed_and_opened_again() {
    for method in [Method::DELETE, Method::PUT] {
        let app = TestApp::start_importing().await;
        let open = app.open_import().await;
        app.advance(Duration::from_hours(8 * 24));
        let answer = app.import(method.clone()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let entries = app.trail_of_imports().await;
        assert_eq!(entries[0]["occurred_at"], open["ends_at"]);
        let is_new = answer.json()["id"] != open["id"];
        assert_eq!(is_new, method == Method::PUT);
    }
}

#[tokio::test]
async fn a_log_that_was_closed_but_not_sealed_accepts_the_past_again() {
    let app = TestApp::start_importing().await;
    app.record(&activity()).await;
    app.run_sealer().await;
    let partner = app.registered_partner("contoso").await;
    assert!(app.seal_head(&partner).await.closed_to.is_some());
    app.open_import().await;
    assert_eq!(app.seal_head(&partner).await.closed_to, None);
    for days in [300, 20, 200] {
        assert_eq!(app.record_past(&at(days * DAY)).await.status, 201);
    }
    // Nothing is closed or sealed meanwhile.
    for _ in 0..2 {
        app.seal().await;
        let head = app.seal_head(&partner).await;
        assert_eq!((head.closed_to, head.size), (None, 0));
    }
    let before = app.whole_log().await;
    app.close_import().await;
    // It is due at once.
    app.call_sealer().await;
    app.advance(Duration::from_secs(31));
    app.call_sealer().await;
    assert_eq!(app.check_archive(&partner).await.len(), 3);
    let whole = app.whole_log().await;
    assert_eq!(whole.len(), before.len() + 1);
    assert_eq!(whole[1..], before);
}

#[tokio::test]
async fn below_what_is_sealed_nothing_is_imported() {
    let app = TestApp::start_importing().await;
    app.open_import().await;
    let first = app.record_past(&at(100 * DAY)).await.json();
    app.close_import().await;
    app.seal().await;
    let partner = app.registered_partner("contoso").await;
    let head = app.seal_head(&partner).await;
    assert_eq!(head.size, 1);
    let open = app.open_import().await;
    let from: Moment = open["from"].as_str().unwrap().parse().unwrap();
    assert_eq!(Some(from), head.closed_to);
    let refused = app.record_past(&at(99 * DAY)).await.refusal();
    assert!(
        refused.contains("because the log is closed up to then"),
        "{refused}"
    );
    let just = with("occurred_at", from.to_string());
    assert_eq!(app.record_past(&just).await.status, 201);
    let listed = app.list("from=2000-01-01&to=2999-12-31&order=asc").await;
    assert_eq!(listed["items"][0]["id"], first["id"]);
}

#[tokio::test]
async fn a_retry_after_the_end_still_gets_its_first_answer() {
    let app = TestApp::start_importing().await;
    app.open_import().await;
    let old = at(300 * DAY);
    let keyed = |body: &Value, key: &'static str| {
        let request = app.post("/v1/activities", body).token(&app.importer());
        request.header("idempotency-key", key).send()
    };
    let first = keyed(&old, "k-1").await;
    assert_eq!(first.status, 201);
    app.close_import().await;
    let again = keyed(&old, "k-1").await;
    assert_eq!((again.status.as_u16(), again.json()), (200, first.json()));
    assert_eq!(keyed(&old, "k-2").await.status, 400);
    app.seal().await;
    assert_eq!(keyed(&old, "k-1").await.status, 200);
}

#[tokio::test]
async fn a_batch_reads_the_state_of_its_partner_once() {
    let app = TestApp::start_importing().await;
    app.open_import().await;
    app.faults.clear();
    let before = app.faults.count("record", "archive GetItem");
    let batch: Vec<Value> = (0..100).map(|day| at((day + 20) * DAY)).collect();
    let batch = app.post("/v1/activities/batch", &json!({ "activities": batch }));
    let answer = batch.token(&app.importer()).send().await.json();
    let results = answer["results"].as_array().unwrap();
    assert!(results.iter().all(|result| result["status"] == 201));
    // One looks the partner up in the registry, the other reads its head.
    assert_eq!(app.faults.count("record", "archive GetItem"), before + 2);
}

#[tokio::test]
async fn what_was_imported_is_shown_at_once() {
    let app = TestApp::start_importing().await;
    let list = "from=2000-01-01&to=2026-01-01";
    app.list(list).await;
    assert!(!app.faults.eventual_reads().is_empty());
    for order in ["asc", "desc"] {
        let app = TestApp::start_importing().await;
        app.open_import().await;
        let stored = app.record_past(&at(320 * DAY)).await.json();
        let until = app.now().minus(Duration::from_hours(24 * 300));
        let query = format!("from=2000-01-01&to={until}&order={order}");
        assert_eq!(app.list(&query).await["items"][0]["id"], stored["id"]);
        assert_eq!(app.faults.eventual_reads(), BTreeSet::new());
    }
}

#[tokio::test]
async fn only_importers_open_imports_and_only_of_their_partners() {
    let app = TestApp::start_importing().await;
    for role in ["activity_recorder", "platform_recorder", "global_admin"] {
        for method in [Method::PUT, Method::GET, Method::DELETE] {
            let request = app.request(method, PATH).token(&app.token("contoso", role));
            assert_eq!(request.send().await.status, 403, "{role}");
        }
    }
    let named = |token: String, partner: &str| {
        let path = format!("{PATH}?partner_id={partner}");
        app.request(Method::PUT, &path).token(&token).send()
    };
    assert_eq!(named(app.importer(), "contoso").await.status, 200);
    assert_eq!(named(app.importer(), "fabrikam").await.status, 403);
    let platform = json!({ "roles": ["platform_recorder", "history_importer"] });
    let platform = app.token_of(platform);
    let open = named(platform.clone(), "fabrikam").await;
    assert_eq!(
        (open.status.as_u16(), open.json()["partner_id"].clone()),
        (200, json!("fabrikam"))
    );
    let mut old = at(300 * DAY);
    old["partner_id"] = "fabrikam".into();
    let sent = app.post("/v1/activities", &old).token(&platform).send();
    assert_eq!(sent.await.status, 201);
    old["partner_id"] = "northwind".into();
    let sent = app.post("/v1/activities", &old).token(&platform).send();
    assert_eq!(sent.await.refusal(), TOO_OLD);
    let unnamed = app.request(Method::PUT, PATH).token(&platform).send().await;
    assert!(unnamed.refusal().starts_with("400 partner_id is missing"));
    let nobody = json!({ "roles": ["history_importer"] });
    let nobody = app.request(Method::PUT, PATH).token(&app.token_of(nobody));
    assert_eq!(nobody.send().await.status, 403);
}

#[tokio::test]
async fn what_an_import_does_not_know_is_refused() {
    let app = TestApp::start_importing().await;
    let put = |body: &'static str| {
        let request = app.request(Method::PUT, PATH).token(&app.importer());
        request.raw(body.to_owned()).send()
    };
    assert_eq!(
        put(r#"{"hours":3}"#).await.refusal(),
        "400 hours is not supported"
    );
    assert_eq!(put("{}").await.status, 200);
    let request = app.request(Method::PUT, &format!("{PATH}?days=3"));
    let refused = request.token(&app.importer()).send().await.refusal();
    assert!(refused.starts_with("400 days"), "{refused}");
}
