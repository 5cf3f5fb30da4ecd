//! A log that is read from segments as well as from the table gives the same answers.

mod borders;
mod files;
mod objects;
mod walks;

use std::time::Duration;

use activity_log::{Log, pack::segment_item};
use archive::{Row, SegmentWriter};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::{Client as S3, primitives::ByteStream};
use local::sample::Samples;
use proof::CompactRange;
use shared::{
    Activity, ActivityId, ActivityStore, Content, Filter, Identifier, Moment, Order, PartnerId,
    TimeRange,
    aws::{
        activities::{Item, RangeQuery, Stored, loadable_item},
        archive::{ArchiveStore, Extent, Head, SegmentItem},
    },
};

use crate::harness::TestApp;

/// The customer of the made-up activities that is erased.
const ERASED: &str = "0c39d6d5-c70d-4c55-bc02-f620844f3fd1";

/// A log of which a part is sealed.
struct SealedLog {
    app: TestApp,
    partner: PartnerId,
    /// Every activity with its details, in list order.
    activities: Vec<Stored>,
    /// The segments, once there are some.
    segments: Vec<SegmentItem>,
    random: fastrand::Rng,
}

impl SealedLog {
    /// Made-up activities, none of which is sealed yet.
    ///
    /// Some are the service's own, some were erased, and one has the largest details.
    async fn start(seed: u64, count: usize) -> Self {
        let mut log = Self::of(seed, |random, mut samples| {
            let mut contents: Vec<Content> = (0..count).map(|_| samples.next()).collect();
            for content in &mut contents {
                content.customer = content.customer.take().filter(|_| random.u8(0..10) > 0);
            }
            let large = format!("{{\"text\":\"{}\"}}", "x".repeat(250_000));
            contents[count / 2].details = Some(large.parse().unwrap());
            contents
        })
        .await;
        log.app.erase_customer(ERASED).await;
        log.activities = log.read().await;
        log
    }

    /// Activities, none of which is sealed yet.
    async fn of(
        seed: u64,
        contents: impl FnOnce(&mut fastrand::Rng, Samples) -> Vec<Content>,
    ) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let shards = random.choice(["1", "3"]).unwrap();
        let app = TestApp::start_with(&[("WRITE_SHARDS", shards)]).await;
        let partner = app.contoso().await;
        let (config, dynamodb) = (&app.stack.config, app.dynamodb());
        for content in contents(&mut random, Samples::new(app.now())) {
            // A part of them has expired, and DynamoDB has not deleted them yet.
            let days = random.choice([30, 200, 400]).unwrap();
            let retention = random.bool().then(|| Duration::from_hours(24 * days));
            let shards = &config.write_shards;
            let item = loadable_item("contoso", content, app.now(), retention, shards).unwrap();
            let put = dynamodb.put_item().table_name(&config.activities_table);
            put.set_item(Some(item)).send().await.unwrap();
        }
        let mut log = Self {
            app,
            partner,
            activities: Vec::new(),
            segments: Vec::new(),
            random,
        };
        log.activities = log.read().await;
        log
    }

    /// Every activity that is in the table.
    async fn read(&self) -> Vec<Stored> {
        let store = ActivityStore::new(self.app.dynamodb(), &self.app.stack.config);
        let everything = RangeQuery {
            range: TimeRange::ALL,
            order: Order::Asc,
            with_details: true,
            eventual: false,
        };
        let (mut activities, mut position) = (Vec::new(), None);
        loop {
            let page = store
                .query(&self.partner, &everything, position, 1_000)
                .await
                .unwrap();
            position = page.resume_after;
            activities.extend(page.activities().map(Result::unwrap));
            if position.is_none() {
                return activities;
            }
        }
    }

    /// How many activities may be sealed: what is younger than a day never is.
    fn sealable(&self) -> usize {
        let young_from = self.app.now().minus(Duration::from_hours(24));
        self.activities
            .partition_point(|it| it.activity.content.occurred_at < young_from)
    }

    fn log(&self, archive: Option<ArchiveStore>) -> Log {
        let store = ActivityStore::new(self.app.dynamodb(), &self.app.stack.config);
        Log::new(store, archive)
    }

    /// Puts the first activities into segments, and takes some of them out of the table.
    async fn seal(&mut self, count: usize) -> ArchiveStore {
        let archive = self.seal_keeping(count).await;
        let (config, dynamodb) = (self.app.stack.config.clone(), self.app.dynamodb());
        for place in 0..count {
            if self.random.bool() {
                let id = self.activities[place].activity.id;
                let delete = dynamodb.delete_item().table_name(&config.activities_table);
                let delete = delete.set_key(Some(key(id, config.write_shards.of(id))));
                delete.send().await.unwrap();
            }
        }
        archive
    }

    /// Puts the first activities into segments; the table keeps them too.
    ///
    /// Head and segments are in the table and the bucket of exports, whose keys have the
    /// same form.
    async fn seal_keeping(&mut self, count: usize) -> ArchiveStore {
        let config = self.app.stack.config.clone();
        let s3 = S3::new(&self.app.stack.sdk);
        let mut segments = Vec::new();
        let mut tree = CompactRange::empty(0).unwrap();
        let mut start = 0;
        while start < count {
            let mut writer = SegmentWriter::new("contoso", start as u64);
            let length = self.random.choice([1, 20, 50, 100]).unwrap();
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
            segments.push(segment_item(object.clone(), &written).unwrap());
            tree.merge(&written.range).unwrap();
            let put = s3.put_object().bucket(&config.exports_bucket).key(object);
            let put = put.body(ByteStream::from(written.bytes)).send().await;
            put.unwrap();
            start += rows;
        }
        if let Some(last) = count.checked_sub(1) {
            let border = self.activities[last].activity.id;
            // A partner may be quiet after the border.
            let young_from = self.app.now().minus(Duration::from_hours(24));
            let next = self.activities.get(count).map_or(young_from, |next| {
                next.activity.content.occurred_at.min(young_from)
            });
            let at = border.occurred_at();
            let extent = Extent {
                size: count as u64,
                border,
                sealed_to: if self.random.bool() { at } else { next.max(at) },
            };
            let head = Head::new(extent, &tree);
            let items = segments.iter().map(|segment| segment.item(&self.partner));
            for item in items.chain([head.item(&self.partner)]) {
                let put = self.app.dynamodb().put_item();
                let put = put.table_name(&config.exports_table);
                put.set_item(Some(item.unwrap())).send().await.unwrap();
            }
        }
        self.segments = segments;
        self.archive()
    }

    /// The archive, whether or not something was sealed.
    fn archive(&self) -> ArchiveStore {
        let config = self.app.stack.config.clone();
        let s3 = S3::new(&self.app.stack.sdk);
        let dynamodb = self.app.dynamodb();
        ArchiveStore::new(dynamodb, config.exports_table, s3, config.exports_bucket)
    }

    /// A question about a random range, with random conditions.
    fn filter(&mut self) -> Filter {
        let random = &mut self.random;
        let one = &self.activities[random.usize(0..self.activities.len())]
            .activity
            .content;
        let mut filter = Filter::default();
        match random.u8(0..11) {
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
            9 => filter.exclude_action = [one.action.clone()].into(),
            6 => filter.resource_type = one.resource.as_ref().map(|it| it.r#type.clone()),
            7 => filter.actor = one.actor.name.as_str().to_owned().try_into().ok(),
            8 => {
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
        erased_at,
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
        kept_until: stored.kept_until.map(|seconds| seconds * 1_000),
        erased_at: erased_at.map(Moment::as_millis),
        salt: erased_at.is_none().then_some([7; 16]),
        c: erased_at.map(|_| [9; 32]),
        details: content
            .details
            .as_ref()
            .map(|details| details.as_str().to_owned()),
        ..Row::default()
    }
}
