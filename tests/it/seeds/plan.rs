//! The plan of a seed: what its clients will do.
//!
//! The plan is made before anything is sent, so it depends only on the seed.

mod sealed;

use std::time::Duration;

use serde_json::{Value, json};
use shared::Moment;

use crate::{history::Validity, query::Query};

/// How many steps a seed has.
const STEPS: std::ops::RangeInclusive<usize> = 14..=24;

/// How many steps run at the same time.
const STEPS_AT_ONCE: std::ops::RangeInclusive<usize> = 1..=6;

const ACTIONS: [&str; 3] = ["create_order", "create_referral", "update_user"];
const OUTCOMES: [&str; 3] = ["succeeded", "failed", "declined"];
const CUSTOMERS: [(&str, &str); 2] = [("c-1", "Relecloud"), ("c-2", "Straßenbau")];

/// How many partners a seed has, each with a log of its own.
pub(super) const PARTNERS: usize = 2;

/// An activity that a client wants to record; it may send it several times.
#[derive(Debug, Clone)]
pub(super) struct Intent {
    /// The partner's index, as in all steps.
    pub(super) partner: usize,
    pub(super) key: Option<String>,
    pub(super) content: Value,
    pub(super) validity: Validity,
}

/// An export that a client will request.
#[derive(Debug)]
pub(super) struct PlannedExport {
    pub(super) query: Query,
    pub(super) key: Option<String>,
    format: &'static str,
    /// Whether the client asks the service to wait for the file.
    pub(super) wait: bool,
}

impl PlannedExport {
    pub(super) fn body(&self) -> Value {
        let mut body = self.query.as_body();
        body["format"] = self.format.into();
        if self.format == "csv" {
            body["style"] = "raw".into();
        }
        body
    }
}

/// What one client does, or a change of the clock.
#[derive(Debug)]
pub(super) enum Step {
    /// Sends an activity in a request of its own.
    Send {
        intent: usize,
        /// How many times it is sent at the same time.
        copies: usize,
        /// After how long the client stops waiting for the answer.
        timeout: Option<Duration>,
        /// With a key, how often it is repeated while its outcome is unknown.
        retries: usize,
        /// Whether a writer takes it that accepts older activities than the others.
        raised: bool,
    },
    /// Sends activities of several partners in one request.
    Batch(Vec<usize>),
    /// Reads all pages of a query.
    Walk {
        partner: usize,
        query: Query,
        limit: usize,
    },
    /// Requests an export.
    Export {
        partner: usize,
        planned: PlannedExport,
    },
    /// Lists a partner's exports; the service then calls missing workers again.
    ListExports(usize),
    /// Moves the service's clock forward or back by some milliseconds.
    MoveClock(i64),
    /// Moves it forward to so long after the run's begin, when nothing is under way; a step
    /// of its own.
    MoveClockTo(Duration),
    /// Seals the logs, with so many workers at the same time.
    Seal(usize),
    /// Asks for the erasure of a customer.
    Erase {
        partner: usize,
        customer: &'static str,
    },
    /// Reads the erasures until they have ended; a step of its own.
    EndErasures,
}

/// What the clients of a plan do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// They record and list.
    Records,
    /// They export too.
    Exports,
    /// They export and erase too, while days pass and logs are sealed.
    Seals,
}

/// The activities and steps of a seed.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) intents: Vec<Intent>,
    /// The rounds run one after another; the steps of a round at the same time.
    pub(super) rounds: Vec<Vec<Step>>,
}

impl Plan {
    /// The plan of a seed whose run begins at `now`.
    ///
    /// `lateness` is how old an activity may be.
    pub(super) fn of(seed: u64, now: Moment, lateness: Duration, kind: Kind) -> Self {
        let mut planner = Planner {
            random: fastrand::Rng::with_seed(seed),
            began: now,
            now,
            lateness,
            kind,
            has_erasures: false,
            intents: Vec::new(),
        };
        let mut left = planner.random.usize(STEPS);
        let mut rounds = match kind {
            Kind::Seals => planner.first_days(),
            Kind::Records | Kind::Exports => Vec::new(),
        };
        while left > 0 {
            let count = planner.random.usize(STEPS_AT_ONCE).min(left);
            left -= count;
            rounds.push((0..count).map(|_| planner.step()).collect());
            if kind == Kind::Seals {
                rounds.extend(planner.pause().map(|step| vec![step]));
            }
        }
        Self {
            intents: planner.intents,
            rounds,
        }
    }
}

/// Makes a plan from random numbers.
struct Planner {
    random: fastrand::Rng,
    began: Moment,
    now: Moment,
    lateness: Duration,
    kind: Kind,
    /// Whether an erasure was asked for whose end nobody waited for.
    has_erasures: bool,
    intents: Vec<Intent>,
}

impl Planner {
    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        self.random.choice(from.iter().copied()).unwrap()
    }

    /// True in one of `count` cases.
    fn one_in(&mut self, count: u8) -> bool {
        self.random.u8(..count) == 0
    }

    fn millis(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.random.u64(range))
    }

    fn step(&mut self) -> Step {
        if self.kind == Kind::Seals
            && let Some(step) = self.step_of_archive()
        {
            return step;
        }
        let with_exports = self.kind != Kind::Records;
        match self.random.u8(..20) {
            0..10 => self.send(),
            10..13 => self.batch(),
            13..15 if with_exports => self.export(),
            15 if with_exports => Step::ListExports(self.random.usize(..PARTNERS)),
            13..18 => self.walk(),
            // Behind the highest moment, a clock may be by less than the margin of seals.
            _ if self.kind == Kind::Seals => Step::MoveClock(self.random.i64(0..9_000)),
            _ => Step::MoveClock(self.random.i64(-90_000..90_000)),
        }
    }

    fn send(&mut self) -> Step {
        let intent = self.intent(true);
        let copies = if self.one_in(5) { 2 } else { 1 };
        let timeout = self
            .one_in(8)
            .then(|| Duration::from_millis(self.random.u64(1..12)));
        Step::Send {
            intent,
            copies,
            timeout,
            retries: self.random.usize(..3),
            raised: false,
        }
    }

    fn batch(&mut self) -> Step {
        let count = self.random.usize(1..=6);
        Step::Batch((0..count).map(|_| self.intent(false)).collect())
    }

    fn walk(&mut self) -> Step {
        Step::Walk {
            partner: self.random.usize(..PARTNERS),
            query: self.query(),
            limit: self.random.usize(1..=6),
        }
    }

    fn export(&mut self) -> Step {
        let planned = if self.random.bool() {
            self.planned_export(None)
        } else {
            // Requests with the same key must be equal, so their random numbers and
            // their time depend only on the key.
            let number = self.random.u8(..2);
            let random_of_key = fastrand::Rng::with_seed(number.into());
            let random = std::mem::replace(&mut self.random, random_of_key);
            let days = self.now.as_millis() - self.began.as_millis();
            let planned = self.planned_export(Some(format!("e-{number}-{days}")));
            self.random = random;
            planned
        };
        let partner = self.random.usize(..PARTNERS);
        Step::Export { partner, planned }
    }

    fn planned_export(&mut self, key: Option<String>) -> PlannedExport {
        PlannedExport {
            query: self.query(),
            key,
            format: self.pick(&["jsonl", "csv"]),
            wait: self.one_in(3),
        }
    }

    /// The index of a new activity, or of an earlier one that is sent again.
    ///
    /// `is_single` says that the request has one activity, and is not a batch.
    fn intent(&mut self, is_single: bool) -> usize {
        let earlier = self.random.usize(..=self.intents.len());
        if let Some(old) = self.intents.get(earlier).cloned()
            && self.one_in(2)
        {
            let is_invalid = matches!(old.validity, Validity::Invalid(_));
            if old.key.is_some() && !is_invalid && self.one_in(3) {
                return self.reuse_key(&old);
            }
            let fits_a_batch = old.content["partner_id"].is_null();
            if old.key.is_some() && (is_single || fits_a_batch) {
                return earlier;
            }
        }
        self.new_intent(is_single)
    }

    /// An activity with the key of an earlier one, but with other content.
    ///
    /// It may also be of another partner.
    fn reuse_key(&mut self, old: &Intent) -> usize {
        let mut intent = old.clone();
        if self.random.bool() {
            intent.partner = (old.partner + 1) % PARTNERS;
        }
        intent.content["action"] = self.pick(&ACTIONS).into();
        self.add(intent)
    }

    fn new_intent(&mut self, is_single: bool) -> usize {
        let (at, validity) = self.occurred_at();
        let has_key = !at.is_null() && self.random.bool();
        let key = has_key.then(|| format!("k-{}", self.intents.len()));
        let (id, name) = self.pick(&CUSTOMERS);
        let mut content = json!({
            "action": self.pick(&ACTIONS),
            "outcome": self.pick(&OUTCOMES),
            "customer": { "id": id, "name": name },
            "actor": { "id": "u-1", "name": "Ann", "kind": "user" },
        });
        if !at.is_null() {
            content["occurred_at"] = at;
        }
        if self.one_in(4) {
            content["details"] = json!({ "note": "x".repeat(self.random.usize(..700)) });
        }
        let mut intent = Intent {
            partner: self.random.usize(..PARTNERS),
            key,
            content,
            validity,
        };
        if self.one_in(6) {
            self.make_invalid(&mut intent, is_single);
        }
        self.add(intent)
    }

    fn add(&mut self, mut intent: Intent) -> usize {
        intent.content["correlation_id"] = format!("op-{}", self.intents.len()).into();
        self.intents.push(intent);
        self.intents.len() - 1
    }

    /// When an activity happened, and whether that is valid.
    ///
    /// Mostly it is one of a few moments, so that many activities share one.
    /// Some activities are about as old as they may be, and some have no time.
    fn occurred_at(&mut self) -> (Value, Validity) {
        let at = match self.random.u8(..10) {
            0 => return (Value::Null, Validity::Valid),
            1..3 => {
                let at = self.now.minus(self.lateness).plus(self.millis(0..60_000));
                return (at.to_string().into(), Validity::MaybeTooLate);
            }
            _ => self.moment(),
        };
        (at.to_string().into(), Validity::Valid)
    }

    fn moment(&mut self) -> Moment {
        let hour = Duration::from_hours(1);
        self.now.minus(hour).plus(self.millis(0..10))
    }

    /// Changes an activity so that the service must refuse it.
    fn make_invalid(&mut self, intent: &mut Intent, is_single: bool) {
        intent.validity = Validity::Invalid(400);
        let content = &mut intent.content;
        match self.random.u8(..if is_single { 6 } else { 5 }) {
            0 => content["outcome"] = "lost".into(),
            1 => content["action"] = "export_activity_log".into(),
            2 => content["unknown"] = true.into(),
            3 => {
                let ahead = match self.kind {
                    // The clock moves on before it is sent again.
                    Kind::Seals => Duration::from_hours(400 * 24),
                    _ => Duration::from_hours(1),
                };
                content["occurred_at"] = self.now.plus(ahead).to_string().into();
            }
            4 => {
                let late = match self.kind {
                    Kind::Seals => self.lateness.saturating_mul(30),
                    _ => self.lateness.saturating_mul(2),
                };
                content["occurred_at"] = self.now.minus(late).to_string().into();
            }
            _ => {
                // The token is not one of this partner.
                content["partner_id"] = "contoso".into();
                intent.validity = Validity::Invalid(403);
            }
        }
    }

    fn query(&mut self) -> Query {
        if self.kind == Kind::Seals && self.random.bool() {
            return self.query_of_days();
        }
        let range = self.range();
        self.query_in(range)
    }

    fn range(&mut self) -> (Moment, Moment) {
        let (mut from, mut to) = (self.moment(), self.moment());
        if from > to {
            std::mem::swap(&mut from, &mut to);
        }
        if self.random.bool() {
            from = self.now.minus(Duration::from_hours(72));
        }
        if self.random.bool() {
            to = self.now.minus(Duration::from_mins(30));
        }
        if self.one_in(5) {
            to = self.now.plus(Duration::from_mins(30));
        }
        (from, to)
    }

    fn query_in(&mut self, (from, to): (Moment, Moment)) -> Query {
        let action = self.pick(&ACTIONS);
        let outcome = self.pick(&OUTCOMES);
        Query {
            from: from.to_string(),
            to: to.to_string(),
            action: self.one_in(4).then_some(action),
            outcome: self.one_in(4).then_some(outcome),
            customer: self.one_in(4).then_some(("RELE", "Relecloud")),
            rising: self.random.bool(),
        }
    }
}
