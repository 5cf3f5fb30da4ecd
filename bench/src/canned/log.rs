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
use local::sample::Samples;
use serde_json::json;
use shared::{
    ActivityId, Content, Moment, Order, Shards, TimeRange,
    aws::activities::{self, Item},
};
use std::time::Duration;
use uuid::Builder;

use super::{Options, wire};
use crate::{Error, names::PARTNER, units::item_bytes};

/// So many different items take turns.
const ITEMS: usize = 4_000;

/// What every answer's items have, whatever a query asks for.
const ALWAYS: [&str; 2] = ["recorded_at", "sort_key"];

/// The samples are the same in every run.
const SEED: u64 = 20_261_122;

/// The entries lie evenly within so long.
const SPAN: Duration = Duration::from_hours(30 * 24);

/// The retention of the items: the service's default.
const RETENTION: Duration = Duration::from_hours(400 * 24);

/// An entry is recorded so long after it happened.
const LATENESS: Duration = Duration::from_millis(350);

/// DynamoDB ends a page with the item that reaches this size.
const PAGE_BYTES: usize = 1024 * 1024;

/// Stands for a value that follows from the place in the log.
const SORT_KEY: &str = "<sort key>";
/// See [`SORT_KEY`].
const RECORDED_AT: &str = "<recorded at>";

/// The log.
pub(super) struct Log {
    entries: u64,
    /// The entries are spread over so many, as the store does it.
    shards: Shards,
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
    pub(super) fn new(options: &Options, now: Moment) -> Result<Self, Error> {
        let &Options {
            entries,
            without_details,
            ..
        } = options;
        let to = now.minus(Duration::from_mins(1));
        let range = TimeRange::new(to.minus(SPAN), to).ok_or("the range is reversed")?;
        let step = i64::try_from(SPAN.as_millis())? / i64::try_from(entries.max(1))?;
        fastrand::seed(SEED);
        let mut samples = Samples::new(now);
        let items = (0..ITEMS)
            .map(|_| {
                let mut content = samples.next();
                content.details = content.details.filter(|_| !without_details);
                item(content, range.from())
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            entries,
            shards: options.shards.to_string().parse()?,
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

    /// The entries of a shard after the one of this sort key, as the answer to a Query.
    pub(super) fn page(
        &self,
        attributes: Option<&BTreeSet<String>>,
        shard: u32,
        order: Order,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Page, Error> {
        let wanted = self.wanted(attributes)?;
        let first = after.map_or(Ok(0), |key| self.place(order, key).map(|place| place + 1))?;
        let mut body = String::with_capacity(2 * PAGE_BYTES);
        body.push_str("{\"Items\":[");
        let (mut bytes, mut count, mut last) = (0, 0, None);
        let of_shard = |place: &u64| self.shard(order, *place).is_ok_and(|of| of == shard);
        let mut places = (first..self.entries).filter(of_shard).peekable();
        while count < limit && bytes < PAGE_BYTES {
            let Some(place) = places.next() else { break };
            if count > 0 {
                body.push(',');
            }
            bytes += self.write(&mut body, &wanted.templates, order, place)?;
            (count, last) = (count + 1, Some(place));
        }
        write!(body, "],\"Count\":{count},\"ScannedCount\":{count}")?;
        if let Some(last) = last.filter(|_| places.peek().is_some()) {
            let last = json!({
                "partition_key": { "S": PARTNER },
                "sort_key": { "S": sort_key(self.id(order, last)?) },
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

    /// The shard of the entry at a place.
    fn shard(&self, order: Order, place: u64) -> Result<u32, Error> {
        if self.shards == Shards::default() {
            return Ok(0);
        }
        Ok(self.shards.of(self.id(order, place)?))
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
fn item(mut content: Content, at: Moment) -> Result<Item, Error> {
    content.occurred_at = at;
    let (retention, shards) = (Some(RETENTION), Shards::default());
    Ok(activities::loadable_item(
        PARTNER, content, at, retention, &shards,
    )?)
}

impl Template {
    /// An item with some of its attributes; only its two values are not the store's.
    fn new(item: &Item, attributes: Option<&BTreeSet<String>>) -> Result<Self, Error> {
        // DynamoDB counts an item's size before it leaves out attributes.
        let bytes = item_bytes(&wire::item(item)).ok_or("an item is none")?;
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

    fn log_of(entries: u64, shards: u32) -> Log {
        let options = Options {
            entries,
            shards,
            ..Options::default()
        };
        Log::new(&options, "2026-11-22T09:00:00Z".parse().unwrap()).unwrap()
    }

    /// The sort keys of the whole log, read page by page.
    fn walk(log: &Log, shard: u32, order: Order, limit: u64) -> Vec<String> {
        let (mut keys, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = log
                .page(None, shard, order, after.as_deref(), limit)
                .unwrap();
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
        for limit in [1_000, 777, u64::MAX] {
            let log = log_of(2_500, 1);
            let rising = walk(&log, 0, Order::Asc, limit);
            assert_eq!(rising.len(), 2_500);
            assert!(rising.is_sorted_by(|a, b| a < b));
            let mut falling = walk(&log, 0, Order::Desc, limit);
            falling.reverse();
            assert_eq!(falling, rising);
            let log = log_of(2_500, 3);
            let of_shards = (0..3).flat_map(|shard| walk(&log, shard, Order::Asc, limit));
            let mut of_shards: Vec<_> = of_shards.collect();
            of_shards.sort();
            assert_eq!(of_shards, rising);
        }
    }

    #[test]
    fn an_item_has_what_was_asked_for_and_its_two_values() {
        let log = log_of(10, 1);
        let names = |attributes: Option<&BTreeSet<String>>| {
            let page = log.page(attributes, 0, Order::Desc, None, 1).unwrap();
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
        let log = log_of(100_000, 1);
        let page = log.page(None, 0, Order::Desc, None, u64::MAX).unwrap();
        assert!((500..3_000).contains(&page.count), "{}", page.count);
        assert!(page.body.len() < 2 * PAGE_BYTES, "{}", page.body.len());
    }
}
