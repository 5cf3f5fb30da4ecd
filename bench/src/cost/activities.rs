//! Activities of two sizes, the same in every run.

use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};
use shared::Moment;
use uuid::Builder;

/// How large an activity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// A change of one thing: details of about 300 bytes, one write unit.
    Small,
    /// An order of many lines: an item of about 1.4 kB, two write units.
    Large,
}

impl Size {
    /// Whose log has activities of this size.
    pub(super) fn partner(self) -> &'static str {
        match self {
            Self::Small => "contoso",
            Self::Large => "fabrikam",
        }
    }

    /// Its name in the tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Large => "large",
        }
    }
}

/// The time within which all activities happened; none is recorded late, as most are not.
pub(super) const SPAN: Duration = Duration::from_mins(30);

/// The query that filters for the outcome of one activity in ten.
pub(super) const FILTER: &str = "outcome=failed";

/// How many lines a large activity has, which compress to about a kilobyte.
const LINES: usize = 22;

/// How many customers they are of.
const CUSTOMERS: usize = 500;

/// An endless supply of activities before a moment.
#[derive(Debug)]
pub(super) struct Activities {
    random: Rng,
    end: Moment,
    customers: Vec<String>,
}

impl Activities {
    pub(super) fn new(end: Moment) -> Self {
        let mut random = Rng::with_seed(20_261_122);
        let customers = (0..CUSTOMERS).map(|_| uuid(&mut random)).collect();
        Self {
            random,
            end,
            customers,
        }
    }

    /// Lets the next activities happen before another moment.
    pub(super) fn move_to(&mut self, end: Moment) {
        self.end = end;
    }

    /// An activity and its idempotency key.
    pub(super) fn next(&mut self, size: Size) -> (Value, String) {
        let span = u64::try_from(SPAN.as_millis()).unwrap_or(u64::MAX);
        let back = Duration::from_millis(self.random.u64(1..span));
        let failed = self.random.u8(..10) == 0;
        let activity = json!({
            "occurred_at": self.end.minus(back),
            "action": "update_subscription",
            "outcome": if failed { "failed" } else { "succeeded" },
            "customer": { "id": self.random.choice(&self.customers), "name": "Wide World Importers" },
            "actor": { "id": "u-1001", "name": "admin@contoso.example", "kind": "user" },
            "resource": { "type": "subscription", "id": self.uuid() },
            "correlation_id": self.uuid(),
            "details": match size {
                Size::Small => self.change(),
                Size::Large => self.order(),
            },
        });
        (activity, self.uuid())
    }

    fn change(&mut self) -> Value {
        let state = |state, quantity| json!({ "state": state, "quantity": quantity, "auto_renew": true, "term": "P1Y" });
        json!({
            "offer": "Microsoft 365 Business Premium",
            "subscription": self.uuid(),
            "old_value": state("active", self.random.u16(1..500)),
            "new_value": state("suspended", self.random.u16(1..500)),
            "note": "Changed in the portal.",
        })
    }

    fn order(&mut self) -> Value {
        let line = |number| {
            json!({
                "line_item_number": number,
                "offer_id": self.uuid(),
                "offer": "Office 365 E3",
                "quantity": self.random.u16(1..500),
                "unit_price": f64::from(self.random.u32(100..9_999)) / 100.0,
                "term_duration": "P1M",
            })
        };
        let lines: Vec<_> = (0..LINES).map(line).collect();
        json!({ "currency_code": "USD", "billing_cycle": "monthly", "line_items": lines })
    }

    fn uuid(&mut self) -> String {
        uuid(&mut self.random)
    }
}

fn uuid(random: &mut Rng) -> String {
    let bytes = random.u128(..).to_be_bytes();
    Builder::from_random_bytes(bytes).into_uuid().to_string()
}
