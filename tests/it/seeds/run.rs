//! Runs one seed: the clients do what is planned, then everything is read.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::Moment;

use super::{
    days::{Closed, Days},
    files,
    plan::{Intent, Kind, PARTNERS, Plan, PlannedExport, Step},
};
use crate::{
    harness::{Answer, TestApp, eventually},
    history::{
        Delivery, ExportRequest, File, History, Kept, Lookup, Outcome, Span, Validity, Walk,
    },
    query::Query,
};

/// How often a client repeats a request whose answer the run needs.
const TRIES_MAX: usize = 60;

pub(super) struct Partner {
    pub(super) name: String,
    pub(super) token: String,
}

/// A seed's run, with what its clients have seen so far.
pub(super) struct Run<'a> {
    pub(super) app: &'a TestApp,
    pub(super) seed: u64,
    kind: Kind,
    pub(super) partners: Vec<Partner>,
    /// A token that may record for all partners.
    platform_token: String,
    pub(super) history: Mutex<History>,
    /// What it knows of days that pass, and of the archive.
    pub(super) days: Days,
    /// When each export was requested first, and its query, by its id.
    requested_exports: Mutex<BTreeMap<String, (Span, Query)>>,
    ticks: AtomicU64,
}

impl<'a> Run<'a> {
    pub(super) fn new(app: &'a TestApp, seed: u64, kind: Kind) -> Self {
        let partner = |place| {
            let name = format!("p{seed}-{place}");
            let roles = ["admin_agent", "activity_recorder", "global_admin"];
            let token = app.token_of(json!({ "partner_id": name, "roles": roles }));
            Partner { name, token }
        };
        Self {
            app,
            seed,
            kind,
            days: Days::new(app),
            partners: (0..PARTNERS).map(partner).collect(),
            platform_token: app.token_of(json!({ "roles": ["platform_recorder"] })),
            history: Mutex::default(),
            requested_exports: Mutex::default(),
            ticks: AtomicU64::new(0),
        }
    }

    /// Does what is planned under faults, then reads everything without faults.
    pub(super) async fn carry_out(self, plan: &Plan) -> History {
        let names: Vec<_> = self.partners.iter().map(|one| one.name.as_str()).collect();
        self.app.faults.add_random_faults(self.seed, &names);
        for round in &plan.rounds {
            join_all(round.iter().map(|step| self.step(plan, step))).await;
        }
        self.app.faults.remove_random_faults(self.seed);
        // Wait for the requests that were reported lost: they may still arrive.
        let arrived = eventually(|| self.app.faults.in_flight() == 0).await;
        assert!(arrived, "a request is on its way for ever");
        self.settle_unknown(plan).await;
        self.finish_exports().await;
        if self.kind == Kind::Seals {
            self.end_days().await;
        }
        for place in 0..PARTNERS {
            self.read_log(place).await;
        }
        self.read_by_id().await;
        self.history.into_inner().unwrap()
    }

    pub(super) fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, SeqCst)
    }

    /// The output of a future, and when it began and ended, in ticks.
    pub(super) async fn timed<T>(&self, future: impl Future<Output = T>) -> (T, Span) {
        let began = self.tick();
        let output = future.await;
        let ended = self.tick();
        (output, Span { began, ended })
    }

    async fn step(&self, plan: &Plan, step: &Step) {
        match step {
            Step::Send {
                intent,
                copies,
                timeout,
                retries,
                raised,
            } => {
                let intent = &plan.intents[*intent];
                let copies = (0..*copies)
                    .map(|_| self.send_with_retries(intent, *timeout, *retries, *raised));
                join_all(copies).await;
            }
            Step::Batch(intents) => {
                let intents: Vec<_> = intents.iter().map(|place| &plan.intents[*place]).collect();
                self.send_batch(&intents).await;
            }
            Step::Walk {
                partner,
                query,
                limit,
            } => self.walk(*partner, query, *limit).await,
            Step::Export { partner, planned } => self.export(*partner, planned).await,
            Step::ListExports(partner) => {
                self.pages(*partner, "/v1/exports?limit=2").await;
            }
            Step::MoveClock(by) => {
                self.app.move_clock(*by);
                self.highest_now();
            }
            Step::MoveClockTo(after) => self.move_clock_to(*after).await,
            Step::Seal(workers) => self.seal(*workers).await,
            Step::Erase { partner, customer } => self.erase(*partner, customer).await,
            Step::EndErasures => self.end_erasures().await,
        }
    }

    /// Sends an activity; with a key, again while the outcome is unknown.
    async fn send_with_retries(
        &self,
        intent: &Intent,
        timeout: Option<Duration>,
        retries: usize,
        raised: bool,
    ) {
        let mut outcome = self.send(intent, timeout, raised).await;
        for _ in 0..retries {
            if outcome != Outcome::Unknown || intent.key.is_none() {
                return;
            }
            outcome = self.send(intent, None, raised).await;
        }
    }

    pub(super) async fn send(
        &self,
        intent: &Intent,
        timeout: Option<Duration>,
        raised: bool,
    ) -> Outcome {
        let before = self.closed_for(intent).await;
        let (outcome, span) = if raised {
            self.timed(self.send_raised(intent)).await
        } else {
            self.send_usual(intent, timeout).await
        };
        let validity = self.validity(intent, before, raised).await;
        self.note_delivery(intent, validity, span, outcome.clone());
        outcome
    }

    async fn send_usual(&self, intent: &Intent, timeout: Option<Duration>) -> (Outcome, Span) {
        let partner = &self.partners[intent.partner];
        let mut request = self.app.post("/v1/activities", &intent.content);
        if let Some(key) = &intent.key {
            request = request.header("idempotency-key", key);
        }
        let sent = request.token(&partner.token).send();
        let (answer, span) = match timeout {
            Some(timeout) => self.timed(tokio::time::timeout(timeout, sent)).await,
            None => self.timed(async { Ok(sent.await) }).await,
        };
        let outcome = match answer {
            Ok(answer) => outcome_of_answer(&answer),
            Err(_) => Outcome::Unknown,
        };
        (outcome, span)
    }

    async fn send_batch(&self, intents: &[&Intent]) {
        let activities = intents.iter().map(|intent| {
            let mut activity = intent.content.clone();
            activity["partner_id"] = self.partners[intent.partner].name.clone().into();
            if let Some(key) = &intent.key {
                activity["idempotency_key"] = key.clone().into();
            }
            activity
        });
        let body = json!({ "activities": activities.collect::<Vec<_>>() });
        let request = self.app.post("/v1/activities/batch", &body);
        let closed = join_all(intents.iter().map(|intent| self.closed_for(intent))).await;
        let (answer, span) = self.timed(request.token(&self.platform_token).send()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let answer = answer.json();
        let results = answer["results"].as_array().unwrap();
        assert_eq!(results.len(), intents.len());
        for ((intent, before), result) in intents.iter().zip(closed).zip(results) {
            let status = u16::try_from(result["status"].as_u64().unwrap()).unwrap();
            let outcome = outcome_of_status(status, status == 200, &result["activity"]);
            let validity = self.validity(intent, before, false).await;
            self.note_delivery(intent, validity, span, outcome);
        }
    }

    /// Adds what became of one activity to the history.
    fn note_delivery(&self, intent: &Intent, validity: Validity, span: Span, outcome: Outcome) {
        self.history.lock().unwrap().deliveries.push(Delivery {
            partner: self.partners[intent.partner].name.clone(),
            key: intent.key.clone(),
            content: intent.content.clone(),
            validity,
            span,
            outcome,
        });
    }

    /// What the service must do with an activity that was sent just now.
    async fn validity(&self, intent: &Intent, before: Closed, raised: bool) -> Validity {
        if self.kind == Kind::Seals {
            self.validity_now(intent, before, raised).await
        } else {
            intent.validity
        }
    }

    async fn get(&self, partner: usize, path: &str) -> Answer {
        let token = &self.partners[partner].token;
        self.app.get(path).token(token).send().await
    }

    /// Reads a path, again while the answer is a 503.
    pub(super) async fn get_with_retries(&self, partner: usize, path: &str) -> Answer {
        for _ in 0..TRIES_MAX {
            let answer = self.get(partner, path).await;
            if answer.status != 503 {
                return answer;
            }
        }
        panic!("{path} is never answered")
    }

    /// Reads all pages of a list; returns the items of each.
    pub(super) async fn pages(&self, partner: usize, path: &str) -> Vec<Vec<Value>> {
        let pages = self.answers(partner, path).await.into_iter();
        let items = |mut page: Value| page["items"].as_array_mut().unwrap().split_off(0);
        pages.map(items).collect()
    }

    /// Reads all pages of a list.
    async fn answers(&self, partner: usize, path: &str) -> Vec<Value> {
        let mut pages = Vec::new();
        let mut next = path.to_owned();
        loop {
            let answer = self.get_with_retries(partner, &next).await;
            assert_eq!(answer.status, 200, "{next}: {}", answer.text);
            let page = answer.json();
            let cursor = page["next_cursor"].as_str().map(str::to_owned);
            pages.push(page);
            let Some(cursor) = cursor else {
                return pages;
            };
            next = format!("{path}&cursor={cursor}");
        }
    }

    async fn walk(&self, place: usize, query: &Query, limit: usize) {
        let path = format!("/v1/activities?limit={limit}&{}", query.as_text());
        let began_at = self.app.now();
        let (answers, span) = self.timed(self.answers(place, &path)).await;
        let kept = self.kept(began_at);
        let settled = answers.iter().map(|page| page["settled"] == true);
        let items = |page: &Value| page["items"].as_array().unwrap().clone();
        self.history.lock().unwrap().walks.push(Walk {
            partner: self.partners[place].name.clone(),
            query: query.clone(),
            limit,
            settled: settled.collect(),
            pages: answers.iter().map(items).collect(),
            kept,
            span,
        });
    }

    /// Requests an export; with a key, again while the answer is a 503.
    async fn export(&self, place: usize, planned: &PlannedExport) {
        for _ in 0..TRIES_MAX {
            let request = self.app.post("/v1/exports", &planned.body());
            let mut request = request.token(&self.partners[place].token);
            if let Some(key) = &planned.key {
                request = request.header("idempotency-key", key);
            }
            if planned.wait {
                request = request.header("prefer", "wait=1");
            }
            let (answer, span) = self.timed(request.send()).await;
            self.note_export_request(place, planned, &answer, span);
            if planned.key.is_none() || answer.status != 503 {
                return;
            }
        }
        panic!("an export is never answered")
    }

    /// Adds a request for an export and its answer to the history.
    fn note_export_request(
        &self,
        place: usize,
        planned: &PlannedExport,
        answer: &Answer,
        span: Span,
    ) {
        let export = answer.json();
        let made = answer.status.is_success();
        assert!(
            made || [429, 503].contains(&answer.status.as_u16()),
            "{answer:?}"
        );
        let id = made.then(|| export["id"].as_str().unwrap().to_owned());
        if let Some(id) = &id {
            let mut exports = self.requested_exports.lock().unwrap();
            let first = (span, planned.query.clone());
            exports.entry(id.clone()).or_insert(first);
        }
        self.history
            .lock()
            .unwrap()
            .export_requests
            .push(ExportRequest {
                partner: self.partners[place].name.clone(),
                key: planned.key.clone(),
                export_id: id,
                refused: answer.status == 429,
                has_link: export["download"].is_object(),
            });
    }

    /// Sends again the activities with a key whose outcome is still unknown.
    async fn settle_unknown(&self, plan: &Plan) {
        for intent in &plan.intents {
            let last = {
                let history = self.history.lock().unwrap();
                let sent = history
                    .deliveries
                    .iter()
                    .filter(|sent| sent.content == intent.content);
                sent.max_by_key(|sent| sent.span.began)
                    .map(|sent| sent.outcome.clone())
            };
            if intent.key.is_some() && last == Some(Outcome::Unknown) {
                self.send(intent, None, false).await;
            }
        }
    }

    /// Reads each export until it has ended; then reads its file.
    async fn finish_exports(&self) {
        self.app.faults.reset_worker_idle_time();
        for place in 0..PARTNERS {
            let partner = &self.partners[place].name;
            let listed = self.pages(place, "/v1/exports?limit=2").await.concat();
            let mut ended = Vec::new();
            for export in listed {
                ended.push(
                    self.read_until_ended(place, export["id"].as_str().unwrap())
                        .await,
                );
            }
            for export in &ended {
                self.read_file(place, export);
            }
            let mut history = self.history.lock().unwrap();
            history.exports.insert(partner.clone(), ended);
        }
    }

    /// Reads an export until it has ended.
    ///
    /// When no worker is at work, the clock moves on by a minute: after that
    /// minute, a read calls the next worker.
    async fn read_until_ended(&self, place: usize, id: &str) -> Value {
        let path = format!("/v1/exports/{id}");
        let mut export = Value::Null;
        for _ in 0..1_000 {
            export = self.get_with_retries(place, &path).await.json();
            if export["state"] != "queued" && export["state"] != "running" {
                return export;
            }
            let faults = &self.app.faults;
            if faults.worker_idle_time() > Duration::from_millis(80) && faults.in_flight() == 0 {
                faults.reset_worker_idle_time();
                self.app.advance(Duration::from_secs(61));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the export does not end: {export}")
    }

    /// What the clock said of the retention since a moment.
    pub(super) fn kept(&self, began_at: Moment) -> Kept {
        match self.kind {
            Kind::Seals => self.kept_since(began_at),
            _ => Kept::default(),
        }
    }

    fn read_file(&self, place: usize, export: &Value) {
        let has_expired = self.kind == Kind::Seals && export["state"] == "expired";
        if export["state"] != "ready" {
            assert!(
                has_expired || export["failure"]["code"] == "gave_up",
                "{export}"
            );
            return;
        }
        let partner = self.partners[place].name.clone();
        let rows = files::read(self.app, &partner, export);
        let id = export["id"].as_str().unwrap();
        // Without an answer that names this export, its query is unknown.
        let Some((requested, query)) = self.requested_exports.lock().unwrap().get(id).cloned()
        else {
            return;
        };
        self.history.lock().unwrap().files.push(File {
            partner,
            query,
            as_of: export["as_of"].as_str().unwrap().to_owned(),
            settled: export["settled"] == true,
            requested,
            kept: self.kept(self.days.began),
            rows,
        });
    }

    /// Adds a partner's whole log to the history.
    async fn read_log(&self, place: usize) {
        let everything = "/v1/activities?from=2000-01-01&to=2999-12-31&limit=50";
        let began_at = self.app.now();
        let log = self.pages(place, everything).await.concat();
        let partner = self.partners[place].name.clone();
        if self.kind == Kind::Seals {
            self.note_log(&partner, log, began_at).await;
        } else {
            self.history.lock().unwrap().logs.insert(partner, log);
        }
    }

    /// Reads one activity of each log by its id, with each partner's token.
    async fn read_by_id(&self) {
        let firsts: Vec<_> = {
            let history = self.history.lock().unwrap();
            let logs = history.logs.values();
            logs.filter_map(|log| log.first()?["id"].as_str().map(str::to_owned))
                .collect()
        };
        for id in firsts {
            for place in 0..PARTNERS {
                let answer = self.get(place, &format!("/v1/activities/{id}")).await;
                let found = (answer.status == 200).then(|| answer.json());
                assert!(found.is_some() || answer.status == 404, "{answer:?}");
                self.history.lock().unwrap().lookups.push(Lookup {
                    partner: self.partners[place].name.clone(),
                    id: id.clone(),
                    found,
                });
            }
        }
    }
}

fn outcome_of_answer(answer: &Answer) -> Outcome {
    let replayed = answer.header("idempotency-replayed") == "true";
    assert_eq!(replayed, answer.status == 200, "{answer:?}");
    outcome_of_status(answer.status.as_u16(), replayed, &answer.json())
}

pub(super) fn outcome_of_status(status: u16, replayed: bool, activity: &Value) -> Outcome {
    match status {
        200 | 201 => Outcome::Stored {
            activity: activity.clone(),
            replayed,
        },
        503 => Outcome::Unknown,
        refused => Outcome::Refused(refused),
    }
}
