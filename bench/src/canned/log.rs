//! A partner's log of any length, from a few thousand items.
//!
//! The items are what the store writes for sample activities. Each is kept as
//! text around its sort key and its time of recording, which follow from its
//! place in the log: so a million entries need a few megabytes, and all their
//! keys differ and are in order.

use std::{
    collections::BTreeSet,
    fmt::Write,
    sync::{Arc, Mutex, PoisonError},
};

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::SignedDuration;
use local::sample::Samples;
use serde_json::json;
use shared::{
    ActivityId, Moment, Order, Shards, TimeRange,
    store::{self, Item},
};
use uuid::Builder;

use super::wire;
use crate::{Error, names::PARTNER};

/// So many different items take turns.
const ITEMS: usize = 4_000;

/// What every answer's items have, whatever a query asks for.
const ALWAYS: [&str; 2] = ["recorded_at", "sort_key"];

/// The samples are the same in every run.
const SEED: u64 = 20_261_122;

/// The entries lie evenly within so long.
const SPAN: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The retention of the items: the service's default.
const RETENTION: SignedDuration = SignedDuration::from_hours(400 * 24);

/// An entry is recorded so long after it happened.
const LATENESS: SignedDuration = SignedDuration::from_millis(350);

/// DynamoDB ends a page with the item that reaches this size.
const PAGE_BYTES: usize = 1024 * 1024;

/// Stands for a value that follows from the place in the log.
const SORT_KEY: &str = "<sort key>";
/// See [`SORT_KEY`].
const RECORDED_AT: &str = "<recorded at>";

/// The log.
pub(super) struct Log {
    entries: u64,
    range: TimeRange,
    step: i64,
    items: Vec<Item>,
    /// The items as the latest query wanted them.
    wanted: Mutex<Option<Arc<Wanted>>>,
}

/// The items with some attributes or all.
struct Wanted {
    attributes: Option<BTreeSet<String>>,
    templates: Vec<Template>,
}

/// An item's text, cut where the two values go.
struct Template {
    before: String,
    between: String,
    after: String,
    bytes: usize,
}

/// One page of the log.
pub(super) struct Page {
    /// The answer's body.
    pub(super) body: String,
    /// How many entries are in it.
    pub(super) count: u64,
}

impl Log {
    /// A log whose newest entry happened a minute before `now`.
    pub(super) fn new(entries: u64, now: Moment) -> Result<Self, Error> {
        let to = now.minus(SignedDuration::from_mins(1));
        let range = TimeRange::new(to.minus(SPAN), to).ok_or("the range is reversed")?;
        let step = i64::try_from(SPAN.as_millis())? / i64::try_from(entries.max(1))?;
        fastrand::seed(SEED);
        let mut samples = Samples::new(now);
        let items = (0..ITEMS)
            .map(|_| item(&mut samples, range.from()))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            entries,
            range,
            step: step.max(1),
            items,
            wanted: Mutex::new(None),
        })
    }

    /// What the log covers.
    pub(super) fn range(&self) -> TimeRange {
        self.range
    }

    /// The entries after the one of this sort key, as the answer to a Query.
    pub(super) fn page(
        &self,
        attributes: Option<&BTreeSet<String>>,
        order: Order,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Page, Error> {
        let wanted = self.wanted(attributes)?;
        let first = after.map_or(Ok(0), |key| self.place(order, key).map(|place| place + 1))?;
        let mut body = String::with_capacity(2 * PAGE_BYTES);
        body.push_str("{\"Items\":[");
        let (mut bytes, mut place) = (0, first);
        while place < self.entries && place - first < limit && bytes < PAGE_BYTES {
            if place > first {
                body.push(',');
            }
            bytes += self.write(&mut body, &wanted.templates, order, place)?;
            place += 1;
        }
        let count = place - first;
        write!(body, "],\"Count\":{count},\"ScannedCount\":{count}")?;
        if place < self.entries {
            let last = json!({
                "partition_key": { "S": PARTNER },
                "sort_key": { "S": sort_key(self.id(order, place - 1)?) },
            });
            write!(body, ",\"LastEvaluatedKey\":{last}")?;
        }
        body.push('}');
        Ok(Page { body, count })
    }

    /// The items as a query wants them; those of the latest query are kept.
    fn wanted(&self, attributes: Option<&BTreeSet<String>>) -> Result<Arc<Wanted>, Error> {
        let mut latest = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wanted) = latest.as_ref()
            && wanted.attributes.as_ref() == attributes
        {
            return Ok(Arc::clone(wanted));
        }
        let templates = self
            .items
            .iter()
            .map(|item| Template::new(item, attributes));
        let wanted = Arc::new(Wanted {
            attributes: attributes.cloned(),
            templates: templates.collect::<Result<_, _>>()?,
        });
        *latest = Some(Arc::clone(&wanted));
        Ok(wanted)
    }

    /// Writes the entry at a place; answers its size.
    fn write(
        &self,
        body: &mut String,
        templates: &[Template],
        order: Order,
        place: u64,
    ) -> Result<usize, Error> {
        let item = usize::try_from(place)? % templates.len();
        let Template {
            before,
            between,
            after,
            bytes,
        } = templates.get(item).ok_or("the log has no items")?;
        let id = self.id(order, place)?;
        let recorded_at = id.occurred_at().plus(LATENESS);
        let sort_key = sort_key(id);
        write!(body, "{before}{recorded_at}{between}{sort_key}{after}")?;
        Ok(*bytes)
    }

    /// The id at a place: the time falls or rises evenly, the rest looks random.
    fn id(&self, order: Order, place: u64) -> Result<ActivityId, Error> {
        let back = match order {
            Order::Desc => place,
            Order::Asc => self.entries - 1 - place,
        };
        let millis = self.range.to().as_millis() - self.step * i64::try_from(back + 1)?;
        let random = fastrand::Rng::with_seed(back).u128(..).to_be_bytes();
        let random = random.first_chunk().ok_or("128 bits have 10 bytes")?;
        let uuid = Builder::from_unix_timestamp_millis(u64::try_from(millis)?, random).into_uuid();
        ActivityId::from_bytes(uuid.into_bytes()).ok_or_else(|| "the id is none".into())
    }

    /// The place of the entry with this sort key.
    fn place(&self, order: Order, sort_key: &str) -> Result<u64, Error> {
        let (at, _) = sort_key.split_once('#').ok_or("a sort key has no #")?;
        let at: Moment = at.parse()?;
        let back = (self.range.to().as_millis() - at.as_millis()) / self.step - 1;
        let back = u64::try_from(back)?;
        Ok(match order {
            Order::Desc => back,
            Order::Asc => self.entries - 1 - back,
        })
    }
}

fn sort_key(id: ActivityId) -> String {
    format!("{}#{id}", id.occurred_at())
}

/// The item of a sample.
fn item(samples: &mut Samples, at: Moment) -> Result<Item, Error> {
    let mut content = samples.next();
    content.occurred_at = at;
    let (retention, shards) = (Some(RETENTION), Shards::default());
    Ok(store::import_item(
        PARTNER, content, at, retention, &shards,
    )?)
}

impl Template {
    /// An item with some of its attributes; only its two values are not the store's.
    fn new(item: &Item, attributes: Option<&BTreeSet<String>>) -> Result<Self, Error> {
        // DynamoDB counts an item's size before it leaves out attributes.
        let bytes = wire::size(item);
        let is_wanted = |name: &str| {
            ALWAYS.contains(&name) || attributes.is_none_or(|wanted| wanted.contains(name))
        };
        let mut item = item.clone();
        item.retain(|name, _| is_wanted(name));
        for (name, value) in ALWAYS.into_iter().zip([RECORDED_AT, SORT_KEY]) {
            let old = item.insert(name.into(), AttributeValue::S(value.to_owned()));
            old.ok_or_else(|| format!("an item has no {name}"))?;
        }
        // A JSON object's names are in order, so the time of recording comes first.
        let text = wire::item(&item).to_string();
        let parts = text
            .split_once(RECORDED_AT)
            .and_then(|(before, rest)| Some((before, rest.split_once(SORT_KEY)?)));
        let (before, (between, after)) = parts.ok_or("an item lacks a value")?;
        Ok(Self {
            before: before.to_owned(),
            between: between.to_owned(),
            after: after.to_owned(),
            bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// The sort keys of the whole log, read page by page.
    fn walk(log: &Log, order: Order, limit: u64) -> Vec<String> {
        let (mut keys, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = log.page(None, order, after.as_deref(), limit).unwrap();
            let page: Value = serde_json::from_str(&page.body).unwrap();
            let items = page["Items"].as_array().unwrap();
            keys.extend(items.iter().map(|item| item["sort_key"]["S"].to_string()));
            match page["LastEvaluatedKey"]["sort_key"]["S"].as_str() {
                Some(key) => after = Some(key.to_owned()),
                None => return keys,
            }
        }
    }

    #[test]
    fn every_entry_comes_once_and_in_order() {
        let log = Log::new(2_500, "2026-11-22T09:00:00Z".parse().unwrap()).unwrap();
        for limit in [1_000, 777, u64::MAX] {
            let rising = walk(&log, Order::Asc, limit);
            assert_eq!(rising.len(), 2_500);
            assert!(rising.is_sorted_by(|a, b| a < b));
            let mut falling = walk(&log, Order::Desc, limit);
            falling.reverse();
            assert_eq!(falling, rising);
        }
    }

    #[test]
    fn an_item_has_what_was_asked_for_and_its_two_values() {
        let log = Log::new(10, "2026-11-22T09:00:00Z".parse().unwrap()).unwrap();
        let names = |attributes: Option<&BTreeSet<String>>| {
            let page = log.page(attributes, Order::Desc, None, 1).unwrap();
            let page: Value = serde_json::from_str(&page.body).unwrap();
            let item = page["Items"][0].as_object().unwrap();
            item.keys().cloned().collect::<Vec<_>>()
        };
        let some = BTreeSet::from(["action".to_owned()]);
        assert_eq!(names(Some(&some)), ["action", "recorded_at", "sort_key"]);
        assert!(names(None).contains(&"actor_id".to_owned()));
    }

    #[test]
    fn a_page_ends_near_one_megabyte() {
        let log = Log::new(100_000, "2026-11-22T09:00:00Z".parse().unwrap()).unwrap();
        let page = log.page(None, Order::Desc, None, u64::MAX).unwrap();
        assert!((500..3_000).contains(&page.count), "{}", page.count);
        assert!(page.body.len() < 2 * PAGE_BYTES, "{}", page.body.len());
    }
}
