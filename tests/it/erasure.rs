//! Erasing a customer: what goes, what stays, and who may ask.

use std::{future::ready, time::Duration};

use futures_util::{StreamExt, future::join_all, stream::iter};
use serde_json::{Value, json};

use crate::{
    faults::Fault,
    harness::{Answer, TestApp, activity, ago, eventually, with},
    sealing::kills::LANES,
};

const PATH: &str = "/v1/erasures";

impl TestApp {
    fn global_admin(&self) -> String {
        self.token("contoso", "global_admin")
    }

    pub(crate) async fn ask_to_erase(&self) -> Answer {
        self.ask_to_erase_customer("c-1").await
    }

    pub(crate) async fn ask_to_erase_customer(&self, customer_id: &str) -> Answer {
        let request = self.post(PATH, &json!({ "customer_id": customer_id }));
        request.token(&self.global_admin()).send().await
    }

    pub(crate) async fn erasure(&self, location: &str) -> Value {
        let answer = self.get(location).token(&self.global_admin()).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    /// Erases the customer `c-1` of contoso; answers the erasure when it is over.
    pub(crate) async fn erase(&self) -> Value {
        self.erase_customer("c-1").await
    }

    pub(crate) async fn erase_customer(&self, customer_id: &str) -> Value {
        let asked = self.ask_to_erase_customer(customer_id).await;
        assert_eq!(asked.status, 202, "{}", asked.text);
        self.until_over(asked.header("location")).await
    }

    pub(crate) async fn until_over(&self, location: &str) -> Value {
        let mut failures = self.worker_failures();
        for _ in 0..3_000 {
            let erasure = self.erasure(location).await;
            if erasure["finished_at"].is_string() || erasure["failure"].is_object() {
                return erasure;
            }
            self.advance_if_worker_is_gone(&mut failures).await;
        }
        panic!("the erasure is never over");
    }

    /// The log but for this service's own entries.
    async fn activities(&self) -> Vec<Value> {
        let mut items = self.list_all("from=2000-01-01&to=2999-12-31").await;
        items.retain(|item| item["customer"].is_object());
        items
    }
}

fn personal() -> Value {
    let mut sent = with("occurred_at", ago(5));
    sent["details"] = json!({ "note": "for Relecloud" });
    sent["resource"] = json!({ "type": "order", "id": "o-1" });
    sent
}

#[tokio::test]
async fn name_and_details_go_and_all_else_stays() {
    let app = TestApp::start().await;
    let stored = app.record(&personal()).await;
    let other = app.record(&with("customer.id", "c-2")).await;
    let done = app.erase().await;
    assert_eq!(
        (&done["state"], &done["customer_id"]),
        (&json!("done"), &json!("c-1"))
    );
    assert_eq!(done["progress"]["erased"], 1);
    let path = |activity: &Value| format!("/v1/activities/{}", activity["id"].as_str().unwrap());
    let mut erased = app.read(&path(&stored)).await.json();
    assert!(erased["erased_at"].as_str() >= done["created_at"].as_str());
    assert_eq!(
        (&erased["customer"], &erased["has_details"]),
        (&json!({ "id": "c-1", "name": "[erased]" }), &json!(false))
    );
    for gone in ["erased_at", "has_details", "links"] {
        erased.as_object_mut().unwrap().remove(gone);
    }
    let mut expected = stored.clone();
    expected["customer"]["name"] = "[erased]".into();
    expected.as_object_mut().unwrap().remove("details");
    assert_eq!(erased, expected);
    let untouched = app.read(&path(&other)).await.json();
    assert_eq!(untouched["customer"]["name"], "Relecloud");
    assert!(untouched["erased_at"].is_null());
}

#[tokio::test]
async fn another_partners_activities_of_a_customer_of_that_id_stay() {
    let app = TestApp::start().await;
    let platform = app.token_of(json!({ "roles": ["platform_recorder"] }));
    let request = app.post("/v1/activities", &with("partner_id", "fabrikam"));
    assert_eq!(request.token(&platform).send().await.status, 201);
    app.record(&personal()).await;
    assert_eq!(app.erase().await["progress"]["erased"], 1);
    let fabrikam = app.token("fabrikam", "admin_agent");
    let list = app.get("/v1/activities").token(&fabrikam).send().await;
    assert_eq!(list.json()["items"][0]["customer"]["name"], "Relecloud");
}

#[tokio::test]
async fn an_erasure_is_in_the_log_when_it_is_asked_for_and_when_it_is_done() {
    let app = TestApp::start().await;
    app.record(&personal()).await;
    let done = app.erase().await;
    let entries = app.list_all("action=erase_customer").await;
    let outcomes: Vec<_> = entries.iter().map(|entry| &entry["outcome"]).collect();
    assert!(outcomes.contains(&&json!("in_progress")) && outcomes.contains(&&json!("succeeded")));
    assert_eq!(entries.len(), 2);
    let finished = entries.iter().find(|it| it["outcome"] == "succeeded");
    let path = format!(
        "/v1/activities/{}",
        finished.unwrap()["id"].as_str().unwrap()
    );
    let entry = app.read(&path).await.json();
    assert_eq!(entry["details"]["erasure_id"], done["id"]);
    assert_eq!(entry["details"]["erased"], 1);
    assert_eq!(
        entry["resource"],
        json!({ "type": "customer", "id": "c-1" })
    );
    assert_eq!(entry["actor"]["name"], "Ann Beebe");
    // Nobody else can write such an entry.
    let forged = app.post("/v1/activities", &with("action", "erase_customer"));
    let forged = forged.token(&app.recorder()).send().await;
    assert_eq!(forged.status, 400, "{}", forged.text);
}

#[tokio::test]
async fn a_replay_after_the_erasure_compares_what_is_left() {
    let app = TestApp::start().await;
    let sent = personal();
    let keyed = async |body: &Value| {
        let request = app.post("/v1/activities", body);
        let request = request.header("idempotency-key", "k-1");
        request.token(&app.recorder()).send().await
    };
    let first = keyed(&sent).await.json();
    app.erase().await;
    let again = keyed(&sent).await;
    assert_eq!(again.status, 200, "{}", again.text);
    let replayed = again.json();
    assert_eq!(replayed["id"], first["id"]);
    assert_eq!(replayed["customer"]["name"], "[erased]");
    assert!(replayed["details"].is_null());
    let mut other = sent.clone();
    other["outcome"] = "failed".into();
    assert_eq!(keyed(&other).await.status, 422);
    assert_eq!(app.activities().await.len(), 1);
}

#[tokio::test]
async fn only_a_global_admin_may_erase_and_look() {
    let app = TestApp::start().await;
    let asked = app.ask_to_erase().await;
    let location = asked.header("location").to_owned();
    for role in ["billing_admin", "admin_agent", "activity_recorder"] {
        let token = app.token("contoso", role);
        for (method, path) in [
            (reqwest::Method::POST, PATH),
            (reqwest::Method::GET, location.as_str()),
        ] {
            let request = app.request(method, path).raw(r#"{"customer_id":"c-1"}"#);
            let answer = request.token(&token).send().await;
            assert_eq!(answer.refusal(), "403 forbidden", "{role}");
        }
    }
    // For another partner the erasure does not exist.
    let fabrikam = app.token("fabrikam", "global_admin");
    let theirs = app.get(&location).token(&fabrikam).send().await;
    assert_eq!(theirs.refusal(), "404 not_found");
}

#[tokio::test]
async fn bad_requests_for_an_erasure_are_refused() {
    let app = TestApp::start().await;
    let refused = async |path: &str, body: &str| {
        let request = app.request(reqwest::Method::POST, path);
        let request = request.raw(body.to_owned()).token(&app.global_admin());
        request.send().await.refusal()
    };
    assert_eq!(refused(PATH, "{}").await, "400 customer_id is missing");
    assert_eq!(
        refused(PATH, r#"{"customer_id":"c-1","customer\u005fid":"c-2"}"#).await,
        "400 customer_id is given twice"
    );
    assert_eq!(
        refused(PATH, r#"{"customer_id":"c-1","name":"x"}"#).await,
        "400 name is not supported"
    );
    assert_eq!(
        refused(&format!("{PATH}?force=1"), r#"{"customer_id":"c-1"}"#).await,
        "400 force is not supported"
    );
    let long = json!({ "customer_id": "c".repeat(129) }).to_string();
    assert_eq!(
        refused(PATH, &long).await,
        "400 customer_id must have 1 to 128 characters"
    );
    assert_eq!(refused(PATH, &" ".repeat(5_000)).await, "413 too_large");
    let keyed = app.post(PATH, &json!({ "customer_id": "c-1" }));
    let keyed = keyed
        .header("idempotency-key", "k")
        .token(&app.global_admin());
    assert_eq!(
        keyed.send().await.refusal(),
        "400 Idempotency-Key is not allowed for an erasure; repeating the request without it does no harm"
    );
    assert_eq!(app.list_all("action=erase_customer").await.len(), 0);
}

/// Repeats the erasure with each fault at each of the worker's requests.
///
/// Faults and places are tried side by side, since most of the time nothing happens until a
/// killed worker is missed.
#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_interrupted_anywhere_ends_as_if_it_was_not() {
    let faults = [
        Fault::Lost,
        Fault::ReplyLost,
        Fault::Killed,
        Fault::KilledAfter,
    ];
    join_all(faults.map(|fault| async move {
        let met = iter(0..)
            .map(|place| is_interrupted_at(place, fault))
            .buffered(LANES)
            .take_while(|has_met| ready(*has_met));
        assert!(met.count().await >= 12, "{fault:?}");
    }))
    .await;
}

/// Interrupts three workers in a row; returns whether they came as far as that.
async fn is_interrupted_at(place: usize, fault: Fault) -> bool {
    let app = TestApp::start().await;
    for _ in 0..3 {
        app.record(&personal()).await;
    }
    app.faults.add_after("erasure-worker", place, fault, 3);
    let asked = app.ask_to_erase().await;
    let done = app.until_over(asked.header("location")).await;
    assert_eq!(done["state"], "done", "{fault:?} at {place}");
    assert_eq!(done["progress"]["erased"], 3, "{fault:?} at {place}");
    for item in app.activities().await {
        assert_eq!(item["customer"]["name"], "[erased]", "{fault:?} at {place}");
    }
    let entries = app.list_all("action=erase_customer").await;
    assert_eq!(entries.len(), 2, "{fault:?} at {place}");
    !app.faults.take_met_faults().is_empty()
}

#[tokio::test]
async fn an_erasure_goes_on_over_many_calls_and_pages() {
    // Its time is up after each page.
    let app = TestApp::start_limited(&[], Duration::from_secs(45)).await;
    app.stack.load("contoso", 1_200, app.now()).unwrap();
    let of_one = "from=2000-01-01&to=2999-12-31&limit=500";
    let all = app.list_all(of_one).await;
    let customer = all[0]["customer"]["id"].as_str().unwrap();
    let ids = |items: &[Value]| -> Vec<Value> {
        let of_customer = |item: &&Value| item["customer"]["id"] == customer;
        items
            .iter()
            .filter(of_customer)
            .map(|item| item["id"].clone())
            .collect()
    };
    let asked = app.ask_to_erase_customer(customer).await;
    let done = app.until_over(asked.header("location")).await;
    assert_eq!(done["progress"]["erased"], ids(&all).len());
    assert!(app.faults.count("erasure-worker", "Invoke") >= 4);
    let after = app.list_all(of_one).await;
    let is_erased = |item: &Value| item["customer"]["name"] == "[erased]";
    let erased: Vec<_> = after
        .iter()
        .filter(|item| is_erased(item))
        .cloned()
        .collect();
    assert_eq!(ids(&erased), ids(&all));
    assert_eq!(erased.len(), ids(&all).len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_never_gets_on_fails_and_says_so() {
    let app = TestApp::start().await;
    app.record(&activity()).await;
    app.faults.add("Query", Fault::Lost, 3 * 11);
    let asked = app.ask_to_erase().await;
    let failed = app.until_over(asked.header("location")).await;
    assert_eq!(failed["failure"]["code"], "gave_up");
    assert_eq!(failed["state"], "failed");
    app.faults.clear();
    let entries = app.list_all("action=erase_customer&order=asc").await;
    let outcomes: Vec<_> = entries
        .iter()
        .map(|it| it["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["in_progress", "failed"]);
}

/// Lambda may deliver an event twice.
#[tokio::test(flavor = "multi_thread")]
async fn events_that_come_again_change_nothing() {
    let app = TestApp::start().await;
    app.stack.load("contoso", 300, app.now()).unwrap();
    app.record(&personal()).await;
    app.faults.add("Query", Fault::Held, 1);
    let asked = app.ask_to_erase().await;
    let event = json!({ "partner_id": "contoso", "erasure_id": asked.json()["id"] });
    let url = format!(
        "{}/2015-03-31/functions/erasure-worker/invocations",
        app.stack.url
    );
    assert!(eventually(|| app.faults.is_holding()).await);
    for _ in 0..15 {
        let again = reqwest::Client::new().post(&url).json(&event).send().await;
        assert_eq!(again.unwrap().status(), 200);
    }
    app.faults.release();
    let done = app.until_over(asked.header("location")).await;
    assert_eq!(
        (&done["state"], &done["progress"]["erased"]),
        (&json!("done"), &json!(1))
    );
    assert_eq!(app.list_all("action=erase_customer").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_has_one_erasure_under_way() {
    let app = TestApp::start().await;
    app.record(&personal()).await;
    app.faults.add("Invoke", Fault::Swallowed, 1);
    let first = app.ask_to_erase().await;
    // Before anything was walked, the same customer again is the same erasure.
    let again = app.ask_to_erase().await;
    assert_eq!(again.status, 202);
    assert_eq!(again.header("location"), first.header("location"));
    let other = app.ask_to_erase_customer("c-2").await;
    assert_eq!(other.refusal(), "429 erasure_under_way");
    assert_eq!(other.header("retry-after"), "10");
    // Who waits for the place calls the worker that never came.
    app.faults.add("Query", Fault::Held, 1);
    app.advance(Duration::from_secs(61));
    assert_eq!(app.ask_to_erase_customer("c-2").await.status, 429);
    assert!(eventually(|| app.faults.is_holding()).await);
    // What was recorded since would not be erased by the one under way.
    assert_eq!(app.ask_to_erase().await.refusal(), "429 erasure_under_way");
    let fabrikam = app.post(PATH, &json!({ "customer_id": "c-1" }));
    let fabrikam = fabrikam.token(&app.token("fabrikam", "global_admin"));
    assert_eq!(fabrikam.send().await.status, 202, "of another partner");
    app.faults.release();
    app.until_over(first.header("location")).await;
    let next = app.ask_to_erase_customer("c-2").await;
    assert_eq!(next.status, 202, "{}", next.text);
    let asked = app.list_all("action=erase_customer&outcome=in_progress");
    assert_eq!(asked.await.len(), 2);
}

#[tokio::test]
async fn what_an_earlier_erasure_erased_is_not_counted_again() {
    let app = TestApp::start().await;
    app.record(&personal()).await;
    assert_eq!(app.erase().await["progress"]["erased"], 1);
    app.advance(Duration::from_secs(1));
    app.record(&personal()).await;
    assert_eq!(app.erase().await["progress"]["erased"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_nobody_carried_out_for_twelve_hours_has_failed() {
    let app = TestApp::start_with(&[("MAX_LATENESS_DAYS", "1")]).await;
    app.record(&personal()).await;
    app.faults.add("Invoke", Fault::Swallowed, 1);
    let asked = app.ask_to_erase().await;
    app.advance(Duration::from_hours(12));
    let failed = app.until_over(asked.header("location")).await;
    assert_eq!(failed["state"], "failed");
    assert_eq!(app.list_all("action=erase_customer").await.len(), 2);
    // The place is free, and another one does the work.
    assert_eq!(app.erase().await["state"], "done");
}

/// An erasure takes no key, so nobody is told to send one.
#[tokio::test]
async fn after_an_unknown_outcome_the_same_request_is_the_advice() {
    let app = TestApp::start().await;
    app.faults.add("PutItem", Fault::ReplyLost, 3);
    let answer = app.ask_to_erase().await;
    assert_eq!(answer.status, 503);
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("send the same request again"), "{detail}");
    assert!(!detail.contains("key"), "{detail}");
    app.advance(Duration::from_mins(1));
    assert_eq!(app.ask_to_erase().await.status, 202);
}
