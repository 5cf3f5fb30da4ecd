//! Random operations, one after another, on the service and on a sorted map.
//!
//! Both must give the same answers. `seeds.rs` tests clients that run at the
//! same time, under faults.

use std::{collections::BTreeMap, time::Duration};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    harness::{Answer, TestApp},
    query::Query,
};

/// How many random runs there are, each on a log of its own.
const SEEDS: u64 = 24;

/// How many operations a run has.
const OPERATIONS: usize = 60;

const ACTIONS: [&str; 3] = ["create_order", "create_referral", "update_user"];
const OUTCOMES: [&str; 3] = ["succeeded", "failed", "declined"];
const CUSTOMERS: [(&str, &str); 3] = [
    ("c-1", "Relecloud"),
    ("c-2", "Straßenbau"),
    ("c-3", "한국전자"),
];

/// A simple model of the log: activities by id.
///
/// The first bits of an id are the time, so the ids are in the log's order.
#[derive(Default)]
struct Reference(BTreeMap<String, Value>);

impl Reference {
    fn list(&self, query: &Query) -> Vec<String> {
        let matching = self
            .0
            .iter()
            .filter(|(_, activity)| query.matches(activity));
        let mut ids: Vec<_> = matching.map(|(id, _)| id.clone()).collect();
        if !query.rising {
            ids.reverse();
        }
        ids
    }
}

/// One random run over one partner's log.
struct Run<'a> {
    app: &'a TestApp,
    rng: fastrand::Rng,
    partner: String,
    start: shared::Moment,
    reference: Reference,
    /// The activities that were sent with a key, and their keys.
    sent_with_key: Vec<(String, Value)>,
}

impl Run<'_> {
    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        *self.rng.choice(from).unwrap()
    }

    /// One of the values, or none.
    fn pick_or_none<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        if self.rng.bool() {
            Some(self.pick(from))
        } else {
            None
        }
    }

    /// One of 40 moments, so that many activities share one.
    fn moment(&mut self) -> String {
        let after = Duration::from_millis(self.rng.u64(0..40));
        self.start.plus(after).to_string()
    }

    fn activity(&mut self) -> Value {
        let (id, name) = self.pick(&CUSTOMERS);
        json!({
            "occurred_at": self.moment(),
            "action": self.pick(&ACTIONS),
            "outcome": self.pick(&OUTCOMES),
            "customer": { "id": id, "name": name },
            "actor": { "id": "u-1", "name": "Ann", "kind": "user" },
        })
    }

    async fn post(&mut self, key: Option<&str>, activity: &Value) -> Answer {
        let mut request = self.app.post("/v1/activities", activity);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        request
            .token(&self.app.token(&self.partner, "activity_recorder"))
            .send()
            .await
    }

    async fn record(&mut self) {
        let activity = self.activity();
        let key = self
            .rng
            .bool()
            .then(|| format!("k-{}", self.sent_with_key.len()));
        let answer = self.post(key.as_deref(), &activity).await;
        assert_eq!(answer.status, StatusCode::CREATED);
        let stored = answer.json();
        self.reference
            .0
            .insert(stored["id"].as_str().unwrap().to_owned(), stored.clone());
        self.sent_with_key.extend(key.map(|key| (key, activity)));
    }

    /// Sends an activity again with its key: the answer must be the stored one.
    async fn retry(&mut self) {
        let Some((key, activity)) = self.rng.choice(&self.sent_with_key).cloned() else {
            return;
        };
        let answer = self.post(Some(&key), &activity).await;
        assert_eq!(answer.status, StatusCode::OK);
        let id = answer.json()["id"].as_str().unwrap().to_owned();
        assert_eq!(answer.json(), self.reference.0[&id]);
    }

    /// Sends other content with a used key: the service must refuse it.
    async fn reuse_key(&mut self) {
        let Some((key, mut activity)) = self.rng.choice(&self.sent_with_key).cloned() else {
            return;
        };
        activity["correlation_id"] = "another".into();
        assert_eq!(
            self.post(Some(&key), &activity).await.status,
            StatusCode::UNPROCESSABLE_ENTITY
        );
    }

    /// Lists all pages of a random query: they must show what the model shows.
    async fn list(&mut self) {
        let (mut from, mut to) = (self.moment(), self.moment());
        if from > to {
            std::mem::swap(&mut from, &mut to);
        }
        let query = Query {
            from,
            to,
            action: self.pick_or_none(&ACTIONS),
            outcome: self.pick_or_none(&OUTCOMES),
            customer: self.pick_or_none(&[("RELE", "Relecloud"), ("strassen", "Straßenbau")]),
            rising: self.rng.bool(),
        };
        let limit = self.rng.u16(1..=20);
        let token = self.app.token(&self.partner, "admin_agent");
        let mut found = Vec::new();
        let mut path = format!("/v1/activities?limit={limit}&{}", query.as_text());
        loop {
            let page = self.app.get(&path).token(&token).send().await.json();
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= usize::from(limit));
            found.extend(
                items
                    .iter()
                    .map(|item| item["id"].as_str().unwrap().to_owned()),
            );
            let Some(cursor) = page["next_cursor"].as_str() else {
                break;
            };
            path = format!(
                "/v1/activities?limit={limit}&{}&cursor={cursor}",
                query.as_text()
            );
        }
        assert_eq!(found, self.reference.list(&query), "{query:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn random_operations_agree_with_a_sorted_list() {
    let app = TestApp::start().await;
    let start = app.now().minus(Duration::from_hours(1));
    for seed in 0..SEEDS {
        let mut run = Run {
            app: &app,
            rng: fastrand::Rng::with_seed(seed),
            partner: format!("partner-{seed}"),
            start,
            reference: Reference::default(),
            sent_with_key: Vec::new(),
        };
        println!("seed {seed}");
        for _ in 0..OPERATIONS {
            match run.rng.u8(..10) {
                0..6 => run.record().await,
                6 => run.retry().await,
                7 => run.reuse_key().await,
                _ => run.list().await,
            }
        }
    }
}
