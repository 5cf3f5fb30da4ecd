//! A log that is read from segments as well as from the table gives the same answers.

use std::{collections::BTreeMap, time::Duration};

use activity_log::{CountedBy, Dimension, Effort, Log, Question};
use archive::{Row, SegmentWriter};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::{Client as S3, primitives::ByteStream};
use local::sample::Samples;
use serde_bytes::ByteBuf;
use shared::{
    Activity, ActivityId, ActivityStore, Filter, Identifier, Moment, Name, Order, PartnerId,
    TimeRange,
    aws::{
        activities::{Item, RangeQuery, Stored, loadable_item},
        archive::{ArchiveStore, Head, SegmentItem},
    },
    model::zone::Zone,
};

use crate::harness::TestApp;

/// A log of which a part is sealed.
struct SealedLog {
    app: TestApp,
    partner: PartnerId,
    /// Every activity with its details, in list order.
    activities: Vec<Stored>,
    random: fastrand::Rng,
}

impl SealedLog {
    /// Made-up activities, none of which is sealed yet.
    async fn start(seed: u64, count: usize) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let shards = random.choice(["1", "3"]).unwrap();
        let app = TestApp::start_with(&[("WRITE_SHARDS", shards)]).await;
        let partner = app.contoso().await;
        let (config, dynamodb) = (&app.stack.config, app.dynamodb());
        let mut samples = Samples::new(app.now());
        for _ in 0..count {
            let content = samples.next();
            // A part of them has expired, and DynamoDB has not deleted them yet.
            let days = random.choice([30, 200, 400]).unwrap();
            let retention = random.bool().then(|| Duration::from_hours(24 * days));
            let shards = &config.write_shards;
            let item = loadable_item("contoso", content, app.now(), retention, shards).unwrap();
            let put = dynamodb.put_item().table_name(&config.activities_table);
            put.set_item(Some(item)).send().await.unwrap();
        }
        let store = ActivityStore::new(dynamodb, config);
        let everything = RangeQuery {
            range: TimeRange::ALL,
            order: Order::Asc,
            with_details: true,
            settled: false,
        };
        let (mut activities, mut position) = (Vec::new(), None);
        loop {
            let page = store
                .query(&partner, &everything, position, 1_000)
                .await
                .unwrap();
            position = page.resume_after;
            activities.extend(page.activities().map(Result::unwrap));
            if position.is_none() {
                break;
            }
        }
        Self {
            app,
            partner,
            activities,
            random,
        }
    }

    fn log(&self, archive: Option<ArchiveStore>) -> Log {
        let store = ActivityStore::new(self.app.dynamodb(), &self.app.stack.config);
        Log::new(store, archive)
    }

    /// Puts the first activities into segments, and takes some of them out of the table.
    ///
    /// Head and segments are in the table and the bucket of exports, whose keys have the
    /// same form.
    async fn seal(&mut self, count: usize) -> ArchiveStore {
        let config = self.app.stack.config.clone();
        let s3 = S3::new(&self.app.stack.sdk);
        let mut segments = Vec::new();
        let mut start = 0;
        while start < count {
            let mut writer = SegmentWriter::new("contoso", start as u64).unwrap();
            let length = self.random.usize(20..100);
            for stored in &self.activities[start..count.min(start + length)] {
                let row = row(stored);
                if !writer.fits(&row) {
                    break;
                }
                writer.push(row).unwrap();
            }
            let rows = writer.rows();
            let written = writer.finish().unwrap().unwrap();
            let object = format!("archive/{start}");
            segments.push(SegmentItem {
                object: object.clone(),
                first_index: start as u64,
                count: rows as u64,
                first: self.activities[start].activity.id,
                last: self.activities[start + rows - 1].activity.id,
                bytes: written.manifest.bytes,
                index_at: written.manifest.index_at,
                block_at: written.manifest.block_at,
                tail_sha256: ByteBuf::from(written.manifest.tail_sha256),
            });
            let put = s3.put_object().bucket(&config.exports_bucket).key(object);
            let put = put.body(ByteStream::from(written.bytes)).send().await;
            put.unwrap();
            start += rows;
        }
        if let Some(last) = count.checked_sub(1) {
            let border = self.activities[last].activity.id;
            let head = Head {
                size: count as u64,
                border,
                sealed_to: border.occurred_at(),
            };
            let items = segments.iter().map(|segment| segment.item(&self.partner));
            for item in items.chain([head.item(&self.partner)]) {
                let put = self.app.dynamodb().put_item();
                let put = put.table_name(&config.exports_table);
                put.set_item(Some(item.unwrap())).send().await.unwrap();
            }
        }
        for place in 0..count {
            if self.random.bool() {
                let id = self.activities[place].activity.id;
                let delete = self.app.dynamodb().delete_item();
                let delete = delete.table_name(&config.activities_table);
                let delete = delete.set_key(Some(key(id, config.write_shards.of(id))));
                delete.send().await.unwrap();
            }
        }
        ArchiveStore::new(
            self.app.dynamodb(),
            config.exports_table,
            s3,
            config.exports_bucket,
        )
    }

    /// A question about a random range, with random conditions.
    fn filter(&mut self) -> Filter {
        let random = &mut self.random;
        let one = &self.activities[random.usize(0..self.activities.len())]
            .activity
            .content;
        let mut filter = Filter::default();
        match random.u8(0..8) {
            0 | 1 => {}
            2 => filter.customer_id = one.customer.as_ref().map(|customer| customer.id.clone()),
            3 => filter.customer_id = Some(Identifier::try_from("nobody".to_owned()).unwrap()),
            4 => {
                let name = one
                    .customer
                    .as_ref()
                    .map_or("a", |customer| customer.name.as_str());
                let part: String = name.chars().take(3).collect();
                filter.customer = part.try_into().ok();
            }
            5 => filter.action = [one.action.clone()].into(),
            6 => {
                filter.outcome = [one.outcome].into();
                filter.actor_id = Some(one.actor.id.clone());
            }
            _ => {
                filter.resource_id = one.resource.as_ref().map(|resource| resource.id.clone());
                filter.correlation_id.clone_from(&one.correlation_id);
            }
        }
        filter
    }
}

/// The key of an activity's item in a shard.
fn key(id: ActivityId, shard: u32) -> Item {
    let partition = match shard {
        0 => "contoso".to_owned(),
        _ => format!("contoso#{shard}"),
    };
    let sort = format!("{}#{id}", id.occurred_at());
    [("partition_key", partition), ("sort_key", sort)]
        .map(|(name, value)| (name.to_owned(), AttributeValue::S(value)))
        .into()
}

fn row(stored: &Stored) -> Row {
    let Activity {
        id,
        recorded_at,
        content,
        ..
    } = &stored.activity;
    let (customer, resource) = (content.customer.as_ref(), content.resource.as_ref());
    Row {
        occurred_at: content.occurred_at.as_millis(),
        recorded_at: recorded_at.as_millis(),
        id: id.to_string(),
        action: content.action.as_str().to_owned(),
        outcome: content.outcome.as_str().to_owned(),
        actor_id: content.actor.id.as_str().to_owned(),
        actor_name: content.actor.name.as_str().to_owned(),
        actor_kind: content.actor.kind.as_str().to_owned(),
        customer_id: customer.map(|customer| customer.id.as_str().to_owned()),
        customer_name: customer.map(|customer| customer.name.as_str().to_owned()),
        resource_type: resource.map(|resource| resource.r#type.as_str().to_owned()),
        resource_id: resource.map(|resource| resource.id.as_str().to_owned()),
        correlation_id: content
            .correlation_id
            .as_ref()
            .map(|id| id.as_str().to_owned()),
        kept_until: stored.expires_at.map(|seconds| seconds * 1_000),
        salt: Some([7; 16]),
        details: content
            .details
            .as_ref()
            .map(|details| details.as_str().to_owned()),
        ..Row::default()
    }
}

/// A walk from page to page, each by a request of its own, as clients go through a list.
async fn walked(
    log: &Log,
    question: Question<'_>,
    effort: Effort,
    at_once: usize,
) -> Vec<(Activity, bool)> {
    let (mut found, mut position, mut requests) = (Vec::new(), None, 0);
    loop {
        let mut walk = log.walk(&question, position, effort);
        position = None;
        while let Some(page) = walk.next(at_once).await.unwrap() {
            position = page.resume_after;
            for stored in page.activities(question) {
                let stored = stored.unwrap();
                found.push((stored.activity, stored.has_details));
            }
        }
        requests += 1;
        assert!(requests < 2_000, "a walk does not get on");
        if position.is_none() {
            return found;
        }
    }
}

/// Counts go from the newest to the oldest, so that the first name is the newest.
fn counting<'a>(
    partner: &'a PartnerId,
    query: RangeQuery,
    filter: &'a Filter,
    kept_at: Moment,
    by: &'a CountedBy,
) -> Question<'a> {
    Question {
        partner,
        query: RangeQuery {
            order: Order::Desc,
            with_details: false,
            ..query
        },
        filter,
        kept_at,
        counted_by: Some(by),
    }
}

const DIMENSIONS: [Dimension; 5] = [
    Dimension::Day,
    Dimension::Action,
    Dimension::Customer,
    Dimension::Actor,
    Dimension::Outcome,
];

/// What is counted together, and the newest names of its customer and its actor.
type Counts = BTreeMap<String, (u64, Option<Name>, Option<Name>)>;

async fn counted(log: &Log, question: Question<'_>, effort: Effort, at_once: usize) -> Counts {
    let has_day = question
        .counted_by
        .unwrap()
        .dimensions
        .contains(&Dimension::Day);
    let mut counts = Counts::new();
    let mut position = None;
    loop {
        let mut walk = log.walk(&question, position, effort);
        position = None;
        while let Some(page) = walk.next(at_once).await.unwrap() {
            position = page.resume_after;
            for tally in page.tallies(question) {
                let tally = tally.unwrap();
                let (customer_id, customer) = tally.customer.unzip();
                let (actor_id, actor) = tally.actor.unzip();
                let day = has_day.then_some(tally.day);
                let what = (day, tally.action, tally.outcome, customer_id, actor_id);
                let count = counts
                    .entry(format!("{what:?}"))
                    .or_insert((0, customer, actor));
                count.0 += tally.count;
            }
        }
        if position.is_none() {
            return counts;
        }
    }
}

#[tokio::test]
async fn whatever_is_sealed_walks_and_single_activities_are_those_of_the_table() {
    for seed in 0..3 {
        let mut log = SealedLog::start(seed, 200).await;
        let table = log.log(None);
        // What is younger than a day is never sealed.
        let sealable = log.app.now().minus(Duration::from_hours(24));
        let is_old = |it: &Stored| it.activity.content.occurred_at < sealable;
        let old = log.activities.partition_point(is_old);
        let count = match seed % 4 {
            0 => 0,
            1 => old,
            _ => log.random.usize(1..old),
        };
        let mut cases = Vec::new();
        for _ in 0..8 {
            let at = |log: &mut SealedLog| {
                let place = log.random.usize(0..log.activities.len());
                log.activities[place].activity.content.occurred_at
            };
            let (one, other) = (at(&mut log), at(&mut log));
            let range = TimeRange::new(one.min(other), one.max(other)).unwrap();
            let query = RangeQuery {
                range: if log.random.u8(0..4) == 0 {
                    TimeRange::ALL
                } else {
                    range
                },
                order: log.random.choice([Order::Asc, Order::Desc]).unwrap(),
                with_details: log.random.bool(),
                settled: false,
            };
            let filter = log.filter();
            let question = Question {
                partner: &log.partner,
                query,
                filter: &filter,
                kept_at: log.app.now(),
                counted_by: None,
            };
            let effort = Effort {
                pages: 100,
                page_limit: 1_000,
                wanted: 1_000,
                until: None,
            };
            let expected = walked(&table, question, effort, 1).await;
            let zone = log.random.choice(["UTC", "Asia/Seoul"]).unwrap();
            let by = CountedBy {
                dimensions: log
                    .random
                    .choose_multiple(DIMENSIONS, 2)
                    .into_iter()
                    .collect(),
                zone: Zone::try_from(zone.to_owned()).unwrap(),
                fit: |tallies| tallies.len() < 30,
            };
            let question = counting(&log.partner, query, &filter, question.kept_at, &by);
            let counts = counted(&table, question, effort, 1).await;
            cases.push((query, filter, expected, by, counts));
        }
        let now = log.app.now();
        let archive = log.seal(count).await;
        let whole = log.log(Some(archive));
        for (query, filter, expected, by, counts) in cases {
            let question = Question {
                partner: &log.partner,
                query,
                filter: &filter,
                kept_at: now,
                counted_by: None,
            };
            let effort = Effort {
                pages: log.random.usize(1..6),
                page_limit: log.random.choice([3, 50, 1_000]).unwrap(),
                wanted: log.random.choice([20, 100, 1_000]).unwrap(),
                until: None,
            };
            let at_once = log.random.choice([1, 2, 8]).unwrap();
            let found = walked(&whole, question, effort, at_once).await;
            let context = format!("seed {seed}, {query:?}, {filter:?}, {effort:?}, {at_once}");
            assert_eq!(found, expected, "{context}");
            let question = counting(&log.partner, query, &filter, now, &by);
            let found = counted(&whole, question, effort, at_once).await;
            assert_eq!(found, counts, "{context}, {by:?}");
        }
        for stored in log.activities.iter().step_by(12) {
            let id = stored.activity.id;
            let found = whole.one(&log.partner, id, now).await.unwrap();
            let expected = (!stored.is_expired(now)).then_some(&stored.activity);
            assert_eq!(found.as_ref().map(|found| &found.activity), expected);
        }
        let absent = ActivityId::random(log.activities[0].activity.content.occurred_at);
        assert!(
            whole
                .one(&log.partner, absent, now)
                .await
                .unwrap()
                .is_none()
        );
    }
}
