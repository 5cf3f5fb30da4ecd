//! Sealing: what can no longer change moves into segments, and nothing else changes.

mod closed;
mod copies;
mod erased;
pub(crate) mod kills;
mod lost;
mod many;
mod pruned;
mod races;
mod seal;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use activity_log::pack::unpack;
use archive::Row;
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Datelike, Months};
use proof::{Checkpoint, Hash, Note};
use serde_json::{Value, json};
use shared::{
    Moment, PartnerId,
    aws::archive::{DuePartner, Head, Registry, SealStore, SegmentItem},
};

use crate::harness::TestApp;

/// A little longer than the margin of a seal on one machine.
const MARGIN: Duration = Duration::from_secs(31);

/// What the partition keys of the registry begin with.
const REGISTRY: &str = "#partners#";

/// Everything that a range of the API may have.
const EVERYTHING: &str = "from=2000-01-01&to=2999-12-31&limit=500";

impl TestApp {
    /// A service whose logs are sealed soon: a day and a margin after an entry's time.
    ///
    /// Its clock stands at the begin of the machine's next month. A segment has one month,
    /// and no test is to run from one into the next on some days only.
    pub(crate) async fn start_sealing(variables: &[(&str, &str)]) -> Self {
        let all = [&[("MAX_LATENESS_DAYS", "1")], variables].concat();
        let app = Self::start_with(&all).await;
        let today = DateTime::from_timestamp_millis(app.now().as_millis()).unwrap();
        let next_month = today.with_day(1).unwrap() + Months::new(1);
        app.advance((next_month - today).to_std().unwrap());
        app
    }

    pub(crate) fn registry(&self) -> Registry {
        Registry::new(self.dynamodb(), self.stack.config.archive_table.clone())
    }

    pub(crate) fn seal_store(&self) -> SealStore {
        SealStore::new(&self.stack.sdk, &self.stack.config)
    }

    /// The partitions of the registry that have partners, by one read: to ask each of the
    /// sixteen would take longer than all else that most tests do.
    async fn used_partitions(&self) -> BTreeSet<u8> {
        let scan = self
            .dynamodb()
            .scan()
            .table_name(&self.stack.config.archive_table)
            .filter_expression("begins_with(partition_key, :registry)")
            .expression_attribute_values(":registry", AttributeValue::S(REGISTRY.into()))
            .into_paginator()
            .items()
            .send();
        let items = scan.collect::<Result<Vec<_>, _>>().await.unwrap();
        let keys = items.iter().map(|item| item["partition_key"].as_s());
        let partitions = keys.map(|key| key.unwrap().strip_prefix(REGISTRY).unwrap());
        partitions
            .map(|digit| u8::from_str_radix(digit, 16).unwrap())
            .collect()
    }

    /// Every registered partner, and when each is to be sealed next.
    async fn all_due(&self) -> Vec<DuePartner> {
        let mut all = Vec::new();
        for partition in self.used_partitions().await {
            all.extend(self.registry().due(partition, Moment::MAX).await.unwrap());
        }
        all
    }

    /// The partners who are registered.
    pub(crate) async fn registered(&self) -> Vec<PartnerId> {
        let all = self.all_due().await.into_iter();
        all.map(|due| due.partner).collect()
    }

    /// When a partner is to be sealed next.
    pub(crate) async fn due(&self, id: &str) -> Moment {
        let all = self.all_due().await;
        let found = all.iter().find(|due| due.partner.as_str() == id);
        found.expect("the partner is registered").due_at
    }

    /// Makes every partner due, whenever the next seal would be.
    pub(crate) async fn make_due(&self) {
        for partner in self.registered().await {
            let set = self.registry().set_due(&partner, self.now()).await;
            set.unwrap();
        }
    }

    /// The event of the seal worker for all partners; the sweeper too names no partition
    /// without partners.
    pub(crate) async fn sealer_event(&self) -> Value {
        json!({ "partitions": self.used_partitions().await })
    }

    /// Calls the seal worker for all partners who are due.
    pub(crate) async fn call_sealer(&self) {
        let event = self.sealer_event().await;
        let called = self.stack.functions.call("seal-worker", event).await;
        called.unwrap();
    }

    /// Lets each partner have one run of the seal worker.
    pub(crate) async fn run_sealer(&self) {
        self.make_due().await;
        self.call_sealer().await;
    }

    /// Closes every log, and seals it a margin later.
    pub(crate) async fn seal(&self) {
        self.run_sealer().await;
        self.advance(MARGIN);
        self.run_sealer().await;
    }

    /// A registered partner.
    pub(crate) async fn registered_partner(&self, id: &str) -> PartnerId {
        let partners = self.registered().await;
        let found = partners.into_iter().find(|it| it.as_str() == id);
        found.expect("the partner is registered")
    }

    pub(crate) async fn seal_head(&self, partner: &PartnerId) -> Head {
        let head = self.seal_store().archive().head(partner).await.unwrap();
        head.unwrap_or_default()
    }

    pub(crate) async fn segments(&self, partner: &PartnerId) -> Vec<SegmentItem> {
        self.seal_store().segments(partner).await.unwrap()
    }

    /// Every row of a segment.
    pub(crate) async fn rows_of(&self, segment: &SegmentItem) -> Vec<Row> {
        let object = self.seal_store().segment_bytes(segment).await.unwrap();
        let mut rows = Vec::new();
        unpack(segment, object, |row| {
            rows.push(row);
            Ok(())
        })
        .await
        .unwrap();
        rows
    }

    /// Every file of a bucket by its key, of one partner.
    pub(crate) fn objects(&self, bucket: &str, partner: &PartnerId) -> BTreeMap<String, Vec<u8>> {
        let root = self.stack.s3_dir.join(bucket);
        let folder = format!("partner={partner}/");
        let mut objects = BTreeMap::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if let Ok(bytes) = std::fs::read(&path) {
                    let key = path.strip_prefix(&root).unwrap();
                    objects.insert(key.to_string_lossy().into_owned(), bytes);
                }
            }
        }
        objects.retain(|key, _| key.contains(&folder));
        objects
    }

    /// Puts another object in the place of one.
    pub(crate) fn put_object(&self, bucket: &str, key: &str, bytes: &[u8]) {
        let path = self.stack.s3_dir.join(bucket).join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// What is sealed of a log is whole: the leaves of the segments make the tree, each
    /// published checkpoint is a beginning of it, and no object is left that nothing names.
    ///
    /// Returns the sealed rows.
    pub(crate) async fn check_archive(&self, partner: &PartnerId) -> Vec<Row> {
        let (head, segments) = (self.seal_head(partner).await, self.segments(partner).await);
        let (mut rows, mut leaves) = (Vec::new(), Vec::new());
        for segment in &segments {
            assert_eq!(segment.first_index, leaves.len() as u64);
            for row in self.rows_of(segment).await {
                assert_eq!(row.index, leaves.len() as u64);
                leaves.push(row.leaf(partner.as_str()).unwrap());
                rows.push(row);
            }
            assert_eq!(segment.end_index(), leaves.len() as u64);
        }
        assert_eq!(head.size, leaves.len() as u64);
        assert_eq!(head.tree().unwrap().root().unwrap(), root(&leaves));
        let (objects, named) = self.objects_and_named(partner, &segments);
        assert_eq!(objects, named, "objects and the items that name them");
        self.check_checkpoints(partner, &leaves);
        rows
    }

    /// The keys of the partner's objects, and those that these segments name.
    pub(crate) fn objects_and_named(
        &self,
        partner: &PartnerId,
        segments: &[SegmentItem],
    ) -> (Vec<String>, Vec<String>) {
        let named = segments.iter().filter(|segment| !segment.is_pruned());
        let mut named: Vec<String> = named.map(|segment| segment.object.clone()).collect();
        named.sort();
        (
            self.objects("archive", partner).into_keys().collect(),
            named,
        )
    }

    /// Each published checkpoint is a beginning of the tree; returns how many there are.
    pub(crate) fn check_checkpoints(&self, partner: &PartnerId, leaves: &[Hash]) -> usize {
        let notes = self.objects("checkpoints", partner);
        for note in notes.values() {
            let note = Note::parse(std::str::from_utf8(note).unwrap()).unwrap();
            let checkpoint = Checkpoint::parse(note.unverified_text()).unwrap();
            let size = usize::try_from(checkpoint.size).unwrap();
            assert_eq!(checkpoint.root, root(&leaves[..size]));
        }
        notes.len()
    }

    /// The whole log through the API, with the details of each entry.
    pub(crate) async fn whole_log(&self) -> Vec<Value> {
        let mut whole = Vec::new();
        for item in self.list_all(EVERYTHING).await {
            let id = item["id"].as_str().unwrap();
            let answer = self.read(&format!("/v1/activities/{id}")).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            whole.push(answer.json());
        }
        whole
    }
}

/// The root of a tree with these leaves.
pub(crate) fn root(leaves: &[Hash]) -> Hash {
    let range = proof::CompactRange::of_leaves(0, leaves.iter().copied());
    range.unwrap().root().unwrap()
}
