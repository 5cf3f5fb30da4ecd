//! A year of made-up activities, as rows of segments.
//!
//! Customers and actors are as unequal as in a reseller's log: the first one is in every
//! ninth entry, the last one in some twenty of a million.

use std::{fmt::Write, time::Duration};

use archive::Row;
use local::sample::Samples;
use serde::{Deserialize, Serialize};
use shared::{ActivityId, Content, Moment};
use uuid::Builder;

use crate::Error;

/// How large the details are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Details {
    /// There are none.
    None,
    /// 0.3 kB: an activity has 0.7 kB of JSON.
    Small,
    /// An order of 4 kB.
    Large,
}

/// How long the year is.
const YEAR: Duration = Duration::from_hours(365 * 24);

/// The retention of the entries: longer than the year, so that none has ended.
const RETENTION: Duration = Duration::from_hours(400 * 24);

/// The year is the same in every run.
const SEED: u64 = 20_261_127;

const CUSTOMERS: usize = 5_000;
const ACTORS: usize = 300;

/// The entries of a year, one after the other.
#[derive(Debug)]
pub struct Year {
    /// When the first entry happened, and the time from one to the next, in milliseconds.
    from: i64,
    step: i64,
    entries: u64,
    place: u64,
    details: Details,
    /// What was done, as often as in a portal.
    deeds: Vec<Deed>,
    customers: Unequal,
    actors: Unequal,
    random: fastrand::Rng,
}

/// What was done: the action, how it ended, and the type of its resource.
#[derive(Debug)]
struct Deed {
    action: String,
    outcome: String,
    resource_type: Option<String>,
}

/// People, of which the first ones act most often (Zipf's law).
#[derive(Debug)]
struct Unequal {
    /// Ids and names.
    people: Vec<(String, String)>,
    /// How often each one and those before it are chosen.
    shares: Vec<u64>,
}

impl Year {
    /// The year before a moment.
    pub fn new(to: Moment, entries: u64, details: Details) -> Result<Self, Error> {
        fastrand::seed(SEED);
        let mut random = fastrand::Rng::with_seed(SEED);
        let mut samples = Samples::new(to);
        let samples: Vec<Content> = (0..CUSTOMERS).map(|_| samples.next()).collect();
        let customers = samples.iter().enumerate().map(|(place, sample)| {
            let name = sample.customer.as_ref().map_or("", |it| it.name.as_str());
            (uuid(&mut random), format!("{name} {place}"))
        });
        let customers = Unequal::new(customers.collect());
        let actors =
            (0..ACTORS).map(|place| (format!("u-{place}"), format!("user{place}@contoso.example")));
        Ok(Self {
            from: to.minus(YEAR).as_millis(),
            step: i64::try_from(YEAR.as_millis())? / i64::try_from(entries.max(1))?,
            entries,
            place: 0,
            details,
            deeds: samples.into_iter().map(Deed::of).collect(),
            customers,
            actors: Unequal::new(actors.collect()),
            random,
        })
    }

    /// The customer with the fewest entries.
    pub fn rare_customer(&self) -> String {
        let last = self.customers.people.last();
        last.map(|(id, _)| id.clone()).unwrap_or_default()
    }

    /// The next entry; none at the year's end.
    #[expect(clippy::should_implement_trait, reason = "an entry may be an error")]
    pub fn next(&mut self) -> Result<Option<Row>, Error> {
        if self.place == self.entries {
            return Ok(None);
        }
        let occurred_at = self.from + self.step * i64::try_from(self.place)?;
        self.place += 1;
        Ok(Some(self.row(occurred_at)?))
    }

    fn row(&mut self, occurred_at: i64) -> Result<Row, Error> {
        let deed = self.random.choice(&self.deeds).ok_or("nothing was done")?;
        let (action, outcome) = (deed.action.clone(), deed.outcome.clone());
        let resource_type = deed.resource_type.clone();
        let (customer_id, customer_name) = self.customers.choose(&mut self.random);
        let (actor_id, actor_name) = self.actors.choose(&mut self.random);
        let mut salt = [0; 16];
        self.random.fill(&mut salt);
        let recorded_at = occurred_at + self.random.i64(20..4_000);
        let ends = i64::try_from(RETENTION.as_millis())?;
        Ok(Row {
            occurred_at,
            recorded_at,
            id: self.id(occurred_at)?,
            action,
            outcome,
            actor_id,
            actor_name,
            actor_kind: "user".to_owned(),
            customer_id: Some(customer_id),
            customer_name: Some(customer_name),
            resource_type,
            resource_id: Some(uuid(&mut self.random)),
            correlation_id: self.random.bool().then(|| uuid(&mut self.random)),
            kept_until: Some((occurred_at + ends) / 1_000 * 1_000),
            salt: Some(salt),
            details: self.details(),
            ..Row::default()
        })
    }

    fn id(&mut self, occurred_at: i64) -> Result<String, Error> {
        let random = self.random.u128(..).to_be_bytes();
        let random = random.first_chunk().ok_or("128 bits have 10 bytes")?;
        let millis = u64::try_from(occurred_at)?;
        let uuid = Builder::from_unix_timestamp_millis(millis, random).into_uuid();
        let id = ActivityId::from_bytes(uuid.into_bytes()).ok_or("the bytes are no id")?;
        Ok(id.to_string())
    }

    fn details(&mut self) -> Option<String> {
        match self.details {
            Details::None => None,
            Details::Small => Some(change(&mut self.random)),
            Details::Large => Some(self.order()),
        }
    }

    fn order(&mut self) -> String {
        let mut order = String::from(
            "{\"billing_cycle\":\"monthly\",\"currency_code\":\"USD\",\"line_items\":[",
        );
        for line in 0..22 {
            let comma = if line > 0 { "," } else { "" };
            let (offer, quantity) = (uuid(&mut self.random), self.random.u16(1..500));
            let price = self.random.u32(100..9_999);
            let (whole, cents) = (price / 100, price % 100);
            // Writing to a text does not fail.
            let _ = write!(
                order,
                "{comma}{{\"line_item_number\":{line},\"offer\":\"Microsoft 365 Business Premium\",\
                 \"offer_id\":\"{offer}\",\"quantity\":{quantity},\"term_duration\":\"P1M\",\
                 \"unit_price\":{whole}.{cents:02}}}"
            );
        }
        order.push_str("]}");
        order
    }
}

impl Deed {
    fn of(sample: Content) -> Self {
        Self {
            action: sample.action.as_str().to_owned(),
            outcome: sample.outcome.as_str().to_owned(),
            resource_type: sample.resource.map(|it| it.r#type.as_str().to_owned()),
        }
    }
}

impl Unequal {
    fn new(people: Vec<(String, String)>) -> Self {
        let mut total = 0;
        let shares = (1..).take(people.len()).map(|place| {
            total += 1_000_000 / place;
            total
        });
        Self {
            shares: shares.collect(),
            people,
        }
    }

    fn choose(&self, random: &mut fastrand::Rng) -> (String, String) {
        let total = self.shares.last().copied().unwrap_or(1);
        let chosen = random.u64(..total);
        let place = self.shares.partition_point(|share| *share <= chosen);
        self.people.get(place).cloned().unwrap_or_default()
    }
}

fn uuid(random: &mut fastrand::Rng) -> String {
    let random = random.u128(..).to_be_bytes();
    Builder::from_random_bytes(random).into_uuid().to_string()
}

/// Details of 0.3 kB.
pub(crate) fn change(random: &mut fastrand::Rng) -> String {
    let (old, new) = (random.u16(1..500), random.u16(1..500));
    let subscription = uuid(random);
    format!(
        "{{\"new_value\":{{\"auto_renew\":true,\"quantity\":{new},\"state\":\"suspended\",\"term\":\"P1Y\"}},\
         \"note\":\"Changed in the portal.\",\"offer\":\"Microsoft 365 Business Premium\",\
         \"old_value\":{{\"auto_renew\":true,\"quantity\":{old},\"state\":\"active\",\"term\":\"P1Y\"}},\
         \"subscription\":\"{subscription}\"}}"
    )
}
