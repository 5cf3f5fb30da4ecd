//! A partner's log of any length, from a few thousand items.
//!
//! The items are what the store writes for sample activities, and take turns. Their
//! sort keys and times of recording follow from their places in the log, so all
//! keys differ and are in order, and no long log is held in memory.

use std::{collections::BTreeSet, ops::Range, time::Duration};

use local::sample::Samples;
use serde_json::{Map, Value, json};
use shared::{ActivityId, Content, Moment, Shards, TimeRange, aws::activities};
use uuid::Builder;

use super::options::{Details, Options};
use crate::{Error, names::PARTNER, sealed::change};

/// How many different items there are.
const ITEMS: usize = 4_000;

/// The samples are the same in every run.
const SEED: u64 = 20_261_122;

/// The time within which the entries lie evenly.
const SPAN: Duration = Duration::from_hours(30 * 24);

/// The retention of the items: the service's default.
const RETENTION: Duration = Duration::from_hours(400 * 24);

/// The time from an activity to its recording.
const LATENESS: Duration = Duration::from_millis(350);

/// DynamoDB ends a page with the item that reaches this size.
const PAGE_BYTES: usize = 1024 * 1024;

/// The log.
pub(super) struct Log {
    entries: u64,
    /// Over which shards the entries are spread.
    shards: Shards,
    range: TimeRange,
    /// The time from one entry to the next, in milliseconds.
    step: i64,
    samples: Vec<Sample>,
}

/// An item in the form that DynamoDB puts on the wire, and its size.
struct Sample {
    item: Map<String, Value>,
    bytes: usize,
}

/// What a Query asks for, from the newest entry to the oldest.
#[derive(Debug, Default)]
pub(super) struct PageRequest {
    pub(super) shard: u32,
    /// The first sort key that is wanted, and one behind the last.
    pub(super) bounds: Option<[String; 2]>,
    /// Begin behind the entry of this sort key.
    pub(super) after: Option<String>,
    pub(super) limit: Option<usize>,
    /// The attributes of the answer's items; all if absent.
    pub(super) attributes: Option<BTreeSet<String>>,
}

/// An answer to a Query.
pub(super) struct Page {
    pub(super) body: String,
    /// How many entries are in it.
    pub(super) count: usize,
}

impl Log {
    /// A log whose newest entry happened a minute before `now`.
    pub(super) fn new(options: &Options, now: Moment) -> Result<Self, Error> {
        let to = now.minus(Duration::from_mins(1));
        let range = TimeRange::new(to.minus(SPAN), to).ok_or("the range is reversed")?;
        let step = i64::try_from(SPAN.as_millis())? / i64::try_from(options.entries.max(1))?;
        fastrand::seed(SEED);
        let mut activities = Samples::new(now);
        let mut random = fastrand::Rng::with_seed(SEED);
        let samples = (0..ITEMS).map(|_| {
            let mut activity = activities.next();
            activity.details = match options.details {
                Details::None => None,
                Details::Small => change(&mut random).parse().ok(),
                Details::Samples => activity.details,
            };
            Sample::new(activity, range.from())
        });
        Ok(Self {
            entries: options.entries,
            shards: options.shards.to_string().parse()?,
            range,
            step: step.max(1),
            samples: samples.collect::<Result<_, _>>()?,
        })
    }

    /// The time that the log covers.
    pub(super) fn range(&self) -> TimeRange {
        self.range
    }

    /// A page of a shard's entries.
    pub(super) fn page(&self, request: &PageRequest) -> Result<Page, Error> {
        let limit = request.limit.unwrap_or(usize::MAX);
        let mut places = self.places(request)?;
        if let Some(sort_key) = &request.after {
            places.start = places.start.max(self.place(sort_key)? + 1);
        }
        let is_of_shard =
            |place: &u64| self.shard(*place).is_ok_and(|shard| shard == request.shard);
        let mut places = places.filter(is_of_shard).peekable();
        let (mut items, mut bytes, mut last_key) = (Vec::new(), 0, String::new());
        while items.len() < limit
            && bytes < PAGE_BYTES
            && let Some(place) = places.next()
        {
            let sample = self.sample(place)?;
            let id = self.id(place)?;
            bytes += sample.bytes;
            last_key = sort_key(id);
            items.push(sample.item(id, request.attributes.as_ref()));
        }
        let count = items.len();
        let mut body = json!({ "Items": items, "Count": count, "ScannedCount": count });
        if places.peek().is_some() {
            let key = json!({ "partition_key": { "S": PARTNER }, "sort_key": { "S": last_key } });
            body.as_object_mut()
                .ok_or("a page is an object")?
                .insert("LastEvaluatedKey".into(), key);
        }
        Ok(Page {
            body: body.to_string(),
            count,
        })
    }

    fn sample(&self, place: u64) -> Result<&Sample, Error> {
        let number = usize::try_from(place)? % ITEMS;
        self.samples
            .get(number)
            .ok_or_else(|| "the log has no items".into())
    }

    /// The id at a place: its time falls evenly, the rest looks random.
    fn id(&self, place: u64) -> Result<ActivityId, Error> {
        let millis = self.range.to().as_millis() - self.step * i64::try_from(place + 1)?;
        let random = fastrand::Rng::with_seed(place).u128(..).to_be_bytes();
        let random = random.first_chunk().ok_or("128 bits have 10 bytes")?;
        let uuid = Builder::from_unix_timestamp_millis(u64::try_from(millis)?, random).into_uuid();
        ActivityId::from_bytes(uuid.into_bytes()).ok_or_else(|| "the bytes are no id".into())
    }

    fn shard(&self, place: u64) -> Result<u32, Error> {
        if self.shards == Shards::default() {
            return Ok(0);
        }
        Ok(self.shards.of(self.id(place)?))
    }

    /// The places within the bounds of a request.
    fn places(&self, request: &PageRequest) -> Result<Range<u64>, Error> {
        let Some([from, to]) = &request.bounds else {
            return Ok(0..self.entries);
        };
        let behind = |moment: &str| -> Result<u64, Error> {
            let moment: Moment = moment.parse()?;
            let steps = (self.range.to().as_millis() - moment.as_millis()) / self.step;
            Ok(u64::try_from(steps).unwrap_or(0).min(self.entries))
        };
        Ok(behind(to)?..behind(from)?)
    }

    /// The place of the entry with this sort key.
    fn place(&self, sort_key: &str) -> Result<u64, Error> {
        let (at, _) = sort_key.split_once('#').ok_or("a sort key has no #")?;
        let at: Moment = at.parse()?;
        let steps = (self.range.to().as_millis() - at.as_millis()) / self.step;
        Ok(u64::try_from(steps - 1)?)
    }
}

fn sort_key(id: ActivityId) -> String {
    format!("{}#{id}", id.occurred_at())
}

impl Sample {
    /// The item that the store writes for an activity.
    fn new(mut activity: Content, at: Moment) -> Result<Self, Error> {
        activity.occurred_at = at;
        let (retention, shards) = (Some(RETENTION), Shards::default());
        let item = activities::loadable_item(PARTNER, activity, at, retention, &shards)?;
        let item = serde_json::to_value(serde_dynamo::Item::from(item))?;
        let sized: dynoxide::Item = serde_json::from_value(item.clone())?;
        match item {
            Value::Object(item) => Ok(Self {
                item,
                bytes: dynoxide::types::item_size(&sized),
            }),
            _ => Err("an item is an object".into()),
        }
    }

    /// The item with this id, with some of its attributes or all.
    fn item(&self, id: ActivityId, attributes: Option<&BTreeSet<String>>) -> Value {
        let mut item = self.item.clone();
        let recorded_at = id.occurred_at().plus(LATENESS).to_string();
        item.insert("recorded_at".into(), json!({ "S": recorded_at }));
        item.insert("sort_key".into(), json!({ "S": sort_key(id) }));
        if let Some(attributes) = attributes {
            item.retain(|name, _| attributes.contains(name));
        }
        item.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_of(entries: u64, shards: u32) -> Log {
        let options = Options {
            entries,
            shards,
            ..Options::default()
        };
        Log::new(&options, "2026-11-22T09:00:00Z".parse().unwrap()).unwrap()
    }

    fn page(log: &Log, request: &PageRequest) -> Value {
        serde_json::from_str(&log.page(request).unwrap().body).unwrap()
    }

    /// The sort keys of a shard, read page by page.
    fn walk(log: &Log, shard: u32, limit: Option<usize>) -> Vec<String> {
        let (mut keys, mut after) = (Vec::new(), None);
        loop {
            let request = PageRequest {
                shard,
                after,
                limit,
                ..PageRequest::default()
            };
            let page = page(log, &request);
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
        for limit in [Some(1_000), Some(777), None] {
            let mut keys = walk(&log_of(2_500, 1), 0, limit);
            assert_eq!(keys.len(), 2_500);
            assert!(keys.is_sorted_by(|a, b| a > b));
            keys.reverse();
            let log = log_of(2_500, 3);
            let of_shards = (0..3).flat_map(|shard| walk(&log, shard, limit));
            let mut of_shards: Vec<_> = of_shards.collect();
            of_shards.sort();
            assert_eq!(of_shards, keys);
        }
    }

    #[test]
    fn parts_of_the_range_are_the_whole() {
        let log = log_of(1_000, 1);
        let (from, to) = (log.range().from(), log.range().to());
        let middle = to.minus(Duration::from_hours(200));
        let keys = |from: Moment, to: Moment| {
            let request = PageRequest {
                bounds: Some([from.to_string(), to.to_string()]),
                ..PageRequest::default()
            };
            let items = page(&log, &request)["Items"].clone();
            let items = items.as_array().unwrap().clone();
            items
                .iter()
                .map(|item| item["sort_key"]["S"].to_string())
                .collect::<Vec<_>>()
        };
        let parts = [keys(middle, to), keys(from, middle)].concat();
        assert_eq!(parts, walk(&log, 0, None));
    }

    #[test]
    fn an_item_has_what_was_asked_for() {
        let log = log_of(10, 1);
        let names = |attributes: Option<BTreeSet<String>>| {
            let request = PageRequest {
                attributes,
                ..PageRequest::default()
            };
            let page = page(&log, &request);
            let item = page["Items"][0].as_object().unwrap();
            item.keys().cloned().collect::<Vec<_>>()
        };
        let some = BTreeSet::from(["action".to_owned(), "sort_key".to_owned()]);
        assert_eq!(names(Some(some)), ["action", "sort_key"]);
        assert!(names(None).contains(&"actor_id".to_owned()));
    }

    #[test]
    fn a_page_ends_near_one_megabyte() {
        let page = log_of(100_000, 1).page(&PageRequest::default()).unwrap();
        assert!((500..3_000).contains(&page.count), "{}", page.count);
        assert!(page.body.len() < 2 * PAGE_BYTES, "{}", page.body.len());
    }
}
