//! What a seed's clients will do: drawn before anything is sent, so that it
//! hangs on the seed alone.

use std::time::Duration;

use serde_json::{Value, json};
use shared::Moment;

use crate::{history::Worth, query::Query};

/// How many steps a seed has.
const STEPS: std::ops::RangeInclusive<usize> = 14..=24;

/// How many of them run at the same time.
const AT_ONCE: std::ops::RangeInclusive<usize> = 1..=6;

const ACTIONS: [&str; 3] = ["create_order", "create_referral", "update_user"];
const OUTCOMES: [&str; 3] = ["succeeded", "failed", "declined"];
const CUSTOMERS: [(&str, &str); 2] = [("c-1", "Relecloud"), ("c-2", "Straßenbau")];

/// Whose logs a seed writes.
pub(super) const PARTNERS: usize = 2;

/// An activity that somebody wants to be recorded, however often it is sent.
#[derive(Debug, Clone)]
pub(super) struct Intent {
    pub(super) partner: usize,
    pub(super) key: Option<String>,
    pub(super) content: Value,
    pub(super) worth: Worth,
}

/// An export that somebody wants.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) query: Query,
    pub(super) key: Option<String>,
    format: &'static str,
    /// Whether the answer may wait for the file.
    pub(super) wait: bool,
}

impl Wanted {
    pub(super) fn body(&self) -> Value {
        let mut body = self.query.as_body();
        body["format"] = self.format.into();
        if self.format == "csv" {
            body["style"] = "raw".into();
        }
        body
    }
}

/// What one client does.
#[derive(Debug)]
pub(super) enum Step {
    /// Sends an activity, perhaps in copies at the same time, perhaps giving up
    /// early; what has a key is sent again so often while the outcome is unknown.
    Send {
        intent: usize,
        copies: usize,
        patience: Option<Duration>,
        retries: usize,
    },
    /// Sends activities of any partner in one request.
    Batch(Vec<usize>),
    /// Walks all pages of a query.
    Walk {
        partner: usize,
        query: Query,
        limit: usize,
    },
    /// Asks for an export.
    Export { partner: usize, wanted: Wanted },
    /// Reads the partner's exports, which calls workers that are missing.
    Exports(usize),
    /// The service's clock is set forward or back.
    Jump(i64),
}

/// A seed's intents and steps; the steps of a round run at the same time.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) intents: Vec<Intent>,
    pub(super) rounds: Vec<Vec<Step>>,
}

impl Plan {
    /// The plan of a seed that begins at `now`.
    pub(super) fn of(seed: u64, now: Moment, lateness: Duration, exports: bool) -> Self {
        let mut draw = Draw {
            random: fastrand::Rng::with_seed(seed),
            now,
            lateness,
            exports,
            intents: Vec::new(),
        };
        let mut left = draw.random.usize(STEPS);
        let mut rounds = Vec::new();
        while left > 0 {
            let count = draw.random.usize(AT_ONCE).min(left);
            left -= count;
            rounds.push((0..count).map(|_| draw.step()).collect());
        }
        Self {
            intents: draw.intents,
            rounds,
        }
    }
}

struct Draw {
    random: fastrand::Rng,
    now: Moment,
    lateness: Duration,
    exports: bool,
    intents: Vec<Intent>,
}

impl Draw {
    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        self.random.choice(from.iter().copied()).unwrap()
    }

    fn one_in(&mut self, count: u8) -> bool {
        self.random.u8(..count) == 0
    }

    fn millis(&mut self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.random.u64(range))
    }

    fn step(&mut self) -> Step {
        match self.random.u8(..20) {
            0..10 => self.send(),
            10..13 => self.batch(),
            13..15 if self.exports => self.export(),
            15 if self.exports => Step::Exports(self.random.usize(..PARTNERS)),
            13..18 => self.walk(),
            _ => Step::Jump(self.random.i64(-90_000..90_000)),
        }
    }

    fn send(&mut self) -> Step {
        let intent = self.intent(true);
        let copies = if self.one_in(5) { 2 } else { 1 };
        let patience = self
            .one_in(8)
            .then(|| Duration::from_millis(self.random.u64(1..12)));
        Step::Send {
            intent,
            copies,
            patience,
            retries: self.random.usize(..3),
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
        let wanted = if self.random.bool() {
            self.wanted(None)
        } else {
            // What a key stands for is one request, whenever it is sent.
            let number = self.random.u8(..2);
            let of_the_key = fastrand::Rng::with_seed(number.into());
            let random = std::mem::replace(&mut self.random, of_the_key);
            let wanted = self.wanted(Some(format!("e-{number}")));
            self.random = random;
            wanted
        };
        let partner = self.random.usize(..PARTNERS);
        Step::Export { partner, wanted }
    }

    fn wanted(&mut self, key: Option<String>) -> Wanted {
        Wanted {
            query: self.query(),
            key,
            format: self.pick(&["jsonl", "csv"]),
            wait: self.one_in(3),
        }
    }

    /// A new activity, or an earlier one once more; `alone` in its request.
    fn intent(&mut self, alone: bool) -> usize {
        let earlier = self.random.usize(..=self.intents.len());
        if let Some(old) = self.intents.get(earlier).cloned()
            && self.one_in(2)
        {
            let is_bad = matches!(old.worth, Worth::Bad(_));
            if old.key.is_some() && !is_bad && self.one_in(3) {
                return self.reuse(&old);
            }
            let is_alone = old.content["partner_id"].is_null();
            if old.key.is_some() && (alone || is_alone) {
                return earlier;
            }
        }
        self.new_intent(alone)
    }

    /// The same key for other content, or by another partner.
    fn reuse(&mut self, old: &Intent) -> usize {
        let mut intent = old.clone();
        if self.random.bool() {
            intent.partner = (old.partner + 1) % PARTNERS;
        }
        intent.content["action"] = self.pick(&ACTIONS).into();
        self.add(intent)
    }

    fn new_intent(&mut self, alone: bool) -> usize {
        let (at, worth) = self.time();
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
            worth,
        };
        if self.one_in(6) {
            self.spoil(&mut intent, alone);
        }
        self.add(intent)
    }

    fn add(&mut self, mut intent: Intent) -> usize {
        intent.content["correlation_id"] = format!("op-{}", self.intents.len()).into();
        self.intents.push(intent);
        self.intents.len() - 1
    }

    /// One of few moments, so that many share one; or at the edge of what is too
    /// late; or none.
    fn time(&mut self) -> (Value, Worth) {
        let at = match self.random.u8(..10) {
            0 => return (Value::Null, Worth::Good),
            1..3 => {
                let at = self.now.minus(self.lateness).plus(self.millis(0..60_000));
                return (at.to_string().into(), Worth::Aging);
            }
            _ => self.moment(),
        };
        (at.to_string().into(), Worth::Good)
    }

    fn moment(&mut self) -> Moment {
        let hour = Duration::from_hours(1);
        self.now.minus(hour).plus(self.millis(0..10))
    }

    /// Makes an activity one that is refused.
    fn spoil(&mut self, intent: &mut Intent, alone: bool) {
        intent.worth = Worth::Bad(400);
        let content = &mut intent.content;
        match self.random.u8(..if alone { 6 } else { 5 }) {
            0 => content["outcome"] = "lost".into(),
            1 => content["action"] = "export_activity_log".into(),
            2 => content["unknown"] = true.into(),
            3 => {
                let ahead = Duration::from_hours(1);
                content["occurred_at"] = self.now.plus(ahead).to_string().into();
            }
            4 => {
                let late = self.lateness.saturating_mul(2);
                content["occurred_at"] = self.now.minus(late).to_string().into();
            }
            _ => {
                // Of a partner that the token does not name.
                content["partner_id"] = "contoso".into();
                intent.worth = Worth::Bad(403);
            }
        }
    }

    fn query(&mut self) -> Query {
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
