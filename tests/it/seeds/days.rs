//! What only runs do in which days pass: they seal, erase, and have a second writer.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
    time::Duration,
};

use aws_config::AppName;
use futures_util::future::join_all;
use lambda_http::{Request, request::LambdaRequest};
use serde_json::{Value, json};
use shared::{
    ActivityStore, Moment, PartnerId,
    aws::{
        archive::{Head, Registry, SealStore},
        sdk,
    },
    model::seal::PARTITIONS,
};
use tokio::task::JoinHandle;

use super::{
    LATENESS,
    observed::Observed,
    plan::{Intent, PARTNERS},
    run::{Run, outcome_of_status},
};
use crate::{
    harness::{TestApp, eventually},
    history::{Erasure, Kept, Outcome, Validity},
};

/// How long an activity is kept.
pub(super) const RETENTION_DAYS: &str = "6";

const DAY: Duration = Duration::from_hours(24);
const RETENTION: Duration = Duration::from_hours(6 * 24);

/// How old an activity may be for the second writer.
const RAISED_LATENESS: Duration = Duration::from_hours(3 * 24);

/// How far the second writer's clock is behind: less than the margin of seals.
const BEHIND: Duration = Duration::from_secs(15);

/// After this time a lease has run out, and a margin has passed.
const LATER: Duration = Duration::from_secs(61);

/// Up to which moment a log was closed when a request began.
pub(super) type Closed = Option<Moment>;

/// What a run knows of days that pass, and of the archive.
pub(super) struct Days {
    pub(super) began: Moment,
    /// The highest time that the clock has had.
    highest: AtomicI64,
    tools: OnceLock<Tools>,
    /// The partners' ids, and where they are registered.
    ids: Mutex<BTreeMap<String, (PartnerId, u8)>>,
    pub(super) observed: Mutex<BTreeMap<String, Observed>>,
}

/// What meets no faults but for the second writer.
pub(super) struct Tools {
    raised: record::App,
    registry: Registry,
    pub(super) store: SealStore,
    pub(super) activities: ActivityStore,
}

impl Tools {
    fn new(app: &TestApp) -> Self {
        let (stack, mut config) = (&app.stack, app.stack.config.clone());
        let activities = ActivityStore::new(sdk::dynamodb(&stack.sdk), &config);
        config.max_lateness = RAISED_LATENESS;
        let mut of_writer = stack.sdk.to_builder();
        of_writer.set_http_client(Some(app.faults.client()));
        let of_writer = of_writer.app_name(AppName::new("record").unwrap()).build();
        Self {
            raised: record::App::new(&of_writer, config, app.clock_behind(BEHIND)),
            registry: app.registry(),
            store: app.seal_store(),
            activities,
        }
    }
}

impl Days {
    pub(super) fn new(app: &TestApp) -> Self {
        Self {
            began: app.now(),
            highest: AtomicI64::new(0),
            tools: OnceLock::new(),
            ids: Mutex::default(),
            observed: Mutex::default(),
        }
    }
}

impl Run<'_> {
    pub(super) fn tools(&self) -> &Tools {
        self.days.tools.get_or_init(|| Tools::new(self.app))
    }

    /// The highest time that the clock has had so far.
    pub(super) fn highest_now(&self) -> Moment {
        let now = self.app.now().as_millis();
        let before = self.days.highest.fetch_max(now, SeqCst);
        Moment::from_millis(before.max(now)).unwrap()
    }

    /// What was ended at a moment, and what is still kept now.
    pub(super) fn kept_since(&self, began_at: Moment) -> Kept {
        // Retention ends at a whole second.
        let second = Duration::from_secs(1);
        Kept {
            ended: began_at.minus(RETENTION).minus(second).to_string(),
            kept: self.highest_now().minus(RETENTION).plus(second).to_string(),
        }
    }

    /// A partner's id; none if the partner is not registered yet.
    pub(super) async fn id(&self, name: &str) -> Option<PartnerId> {
        if let Some((id, _)) = self.days.ids.lock().unwrap().get(name) {
            return Some(id.clone());
        }
        for partition in 0..PARTITIONS {
            let registered = self.tools().registry.due(partition, Moment::MAX).await;
            let mut registered = registered.unwrap().into_iter();
            if let Some(found) = registered.find(|it| it.partner.as_str() == name) {
                let mut ids = self.days.ids.lock().unwrap();
                ids.insert(name.to_owned(), (found.partner.clone(), partition));
                return Some(found.partner);
            }
        }
        None
    }

    /// Up to which moment the log is closed, if that may concern an activity.
    pub(super) async fn closed_for(&self, intent: &Intent) -> Closed {
        let at = occurred_at(intent)?;
        if at >= self.highest_now().minus(LATENESS) {
            return None;
        }
        let id = self.id(&self.partners[intent.partner].name).await?;
        let head = self.tools().store.archive().head(&id).await.unwrap();
        head?.closed_to
    }

    /// What the service must do with an activity that was sent just now.
    pub(super) async fn validity_now(
        &self,
        intent: &Intent,
        before: Closed,
        raised: bool,
    ) -> Validity {
        let (Some(at), false) = (
            occurred_at(intent),
            matches!(intent.validity, Validity::Invalid(_)),
        ) else {
            return intent.validity;
        };
        let after = self.closed_for(intent).await;
        let now = self.highest_now();
        let lateness = if raised { RAISED_LATENESS } else { LATENESS };
        if at < now.minus(RETENTION).plus(Duration::from_secs(1)) {
            Validity::MaybeEnded
        } else if before.is_some_and(|closed_to| at < closed_to) {
            Validity::Closed
        } else if at >= now.minus(lateness) && after.is_none_or(|closed_to| at >= closed_to) {
            Validity::Valid
        } else {
            Validity::MaybeTooLate
        }
    }

    /// Sends an activity to the second writer.
    pub(super) async fn send_raised(&self, intent: &Intent) -> Outcome {
        let token = &self.partners[intent.partner].token;
        let claims = self.app.stack.issuer.claims(&format!("Bearer {token}"));
        let mut event = json!({
            "version": "2.0",
            "routeKey": "POST /v1/activities",
            "rawPath": "/v1/activities",
            "rawQueryString": "",
            "headers": { "content-type": "application/json" },
            "body": intent.content.to_string(),
            "isBase64Encoded": false,
            "requestContext": {
                "http": { "method": "POST", "path": "/v1/activities" },
                "requestId": format!("raised-{}", self.tick()),
                "routeKey": "POST /v1/activities",
                "stage": "$default",
                "authorizer": { "jwt": { "claims": claims, "scopes": null } },
            },
        });
        if let Some(key) = &intent.key {
            event["headers"]["idempotency-key"] = key.clone().into();
        }
        let event: LambdaRequest = serde_json::from_str(&event.to_string()).unwrap();
        let answer = record::handle(&self.tools().raised, &Request::from(event)).await;
        let body = serde_json::from_slice(answer.body()).unwrap();
        outcome_of_status(answer.status().as_u16(), answer.status() == 200, &body)
    }

    /// Seals the run's logs, with so many workers at the same time.
    pub(super) async fn seal(&self, workers: usize) {
        for partner in &self.partners {
            if let Some(id) = self.id(&partner.name).await {
                let now = self.app.now();
                self.tools().registry.set_due(&id, now).await.unwrap();
            }
        }
        let partitions: BTreeSet<u8> = {
            let ids = self.days.ids.lock().unwrap();
            ids.values().map(|(_, partition)| *partition).collect()
        };
        let calls = (0..workers).map(|_| {
            let functions = self.app.stack.functions.clone();
            let event = json!({ "partitions": partitions });
            let call = tokio::spawn(async move {
                functions.call("seal-worker", event).await.unwrap();
            });
            self.until_over(call)
        });
        join_all(calls).await;
    }

    /// Waits until a call has ended, or its process was killed.
    async fn until_over(&self, call: JoinHandle<()>) {
        let process = call.id();
        while !call.is_finished() {
            if self.app.faults.is_killed(process) {
                call.abort();
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        call.await.unwrap();
    }

    /// Whether no request is on its way, and no worker runs that was not killed.
    pub(super) fn is_quiet(&self) -> bool {
        let faults = &self.app.faults;
        faults.in_flight() == 0 && self.app.workers_running() <= faults.kill_count()
    }

    /// Moves the clock forward, to so long after the run's begin.
    ///
    /// No request takes hours, so none may be under way.
    pub(super) async fn move_clock_to(&self, after: Duration) {
        assert!(eventually(|| self.is_quiet()).await, "a worker never ends");
        self.observe_all().await;
        let by = self.days.began.plus(after).as_millis() - self.app.now().as_millis();
        self.app.move_clock(by.max(0));
        self.highest_now();
    }

    /// Asks for the erasure of a customer.
    pub(super) async fn erase(&self, place: usize, customer: &str) {
        let partner = &self.partners[place];
        let body = json!({ "customer_id": customer });
        let request = self.app.post("/v1/erasures", &body).token(&partner.token);
        let (answer, requested) = self.timed(request.send()).await;
        let made = answer.status == 202;
        let status = answer.status.as_u16();
        assert!(made || [429, 503].contains(&status), "{answer:?}");
        let id = made.then(|| answer.json()["id"].as_str().unwrap().to_owned());
        self.history.lock().unwrap().erasures.push(Erasure {
            partner: partner.name.clone(),
            customer: customer.to_owned(),
            id,
            requested,
            refused: status == 429,
            ended: None,
        });
    }

    /// Reads the erasures until they have ended.
    pub(super) async fn end_erasures(&self) {
        for place in 0..PARTNERS {
            let name = &self.partners[place].name;
            let open: BTreeSet<String> = {
                let history = self.history.lock().unwrap();
                let open = history.erasures.iter();
                let open = open.filter(|it| it.partner == *name && it.ended.is_none());
                open.filter_map(|it| it.id.clone()).collect()
            };
            for id in open {
                let answer = self.read_until_erased(place, &id).await;
                let at = self.tick();
                let mut history = self.history.lock().unwrap();
                let of_id = history.erasures.iter_mut();
                for erasure in of_id.filter(|it| it.id.as_ref() == Some(&id)) {
                    erasure.ended = Some((at, answer.clone()));
                }
            }
        }
    }

    /// Reads an erasure until it has ended.
    ///
    /// When no worker is at work, the clock moves on by a minute: then a read calls the
    /// next one.
    async fn read_until_erased(&self, place: usize, id: &str) -> Value {
        let path = format!("/v1/erasures/{id}");
        for turn in 0..3_000 {
            let answer = self.get_with_retries(place, &path).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            let answer = answer.json();
            let is_done = answer["state"] == "done";
            if is_done && turn > 0 {
                self.check_objects_left(place).await;
            }
            if is_done || answer["state"] == "failed" {
                return answer;
            }
            if self.is_quiet() {
                self.app.advance(LATER);
                self.highest_now();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the erasure {id} never ends")
    }

    /// Ends what is under way, and has everything sealed that was closed.
    pub(super) async fn end_days(&self) {
        for place in 0..PARTNERS {
            self.send_last(place).await;
        }
        self.end_erasures().await;
        if self.seed.is_multiple_of(3) {
            // So that nothing is left that is not sealed.
            self.app.advance(DAY * 2);
        }
        self.seal_what_is_closed().await;
        for place in 0..PARTNERS {
            self.send_at_the_border(place).await;
        }
        self.observe_all().await;
        self.check_ends().await;
        // The next seeds' workers need not look after these logs.
        for partner in &self.partners {
            let id = self.id(&partner.name).await.unwrap();
            let later = self.app.now().plus(DAY * 10_000);
            self.tools().registry.set_due(&id, later).await.unwrap();
        }
    }

    /// Records an activity that must be stored, so that each partner is registered.
    async fn send_last(&self, place: usize) {
        let at = self.app.now().minus(Duration::from_secs(1));
        let outcome = self.send(&intent(place, "last", at), None, false).await;
        assert!(matches!(outcome, Outcome::Stored { .. }), "{outcome:?}");
    }

    /// Records below what is closed, which is refused, and at the border, which is not.
    async fn send_at_the_border(&self, place: usize) {
        let id = self.id(&self.partners[place].name).await.unwrap();
        let head = self.tools().store.archive().head(&id).await.unwrap();
        let closed_to = head.unwrap().closed_to.unwrap();
        let below = closed_to.minus(Duration::from_millis(1));
        for (tag, at) in [("below", below), ("border", closed_to)] {
            self.send(&intent(place, tag, at), None, true).await;
        }
    }

    /// Closes the logs, and seals them up to there.
    async fn seal_what_is_closed(&self) {
        self.app.advance(LATER);
        self.seal(1).await;
        let closed = self.heads().await;
        // An erasure that gave up may still be waited for.
        for _ in 0..20 {
            self.app.advance(LATER);
            self.seal(1).await;
            let heads = self.heads().await;
            let is_sealed = |(head, closed): (&Head, &Head)| {
                head.size == 0 || head.sealed_to >= closed.closed_to
            };
            let is_closed = heads.iter().all(|head| head.closed_to.is_some());
            if is_closed && heads.iter().zip(&closed).all(is_sealed) && self.has_all_named().await {
                return;
            }
        }
        panic!("what was closed is not sealed: {:#?}", self.heads().await);
    }

    async fn heads(&self) -> Vec<Head> {
        let mut heads = Vec::new();
        for partner in &self.partners {
            let id = self.id(&partner.name).await.unwrap();
            let head = self.tools().store.archive().head(&id).await.unwrap();
            heads.push(head.unwrap_or_default());
        }
        heads
    }
}

/// When an activity happened, if the client says it.
fn occurred_at(intent: &Intent) -> Option<Moment> {
    intent.content["occurred_at"].as_str()?.parse().ok()
}

/// An activity that no plan has.
fn intent(partner: usize, tag: &str, at: Moment) -> Intent {
    Intent {
        partner,
        key: None,
        content: json!({
            "occurred_at": at.to_string(),
            "action": "create_order",
            "outcome": "succeeded",
            "customer": { "id": "c-1", "name": "Relecloud" },
            "actor": { "id": "u-1", "name": "Ann", "kind": "user" },
            "correlation_id": tag,
        }),
        validity: Validity::Valid,
    }
}
