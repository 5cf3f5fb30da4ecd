//! What a run sees of the archive itself: the tree only grows, and nothing else is stored.

use std::collections::BTreeMap;

use activity_log::pack::pack;
use archive::Row;
use aws_sdk_dynamodb::types::AttributeValue;
use proof::Hash;
use serde_json::Value;
use shared::{
    Moment, Order, PartnerId, TimeRange,
    aws::{
        activities::{RangeQuery, Stored},
        archive::SegmentItem,
    },
};

use super::run::Run;
use crate::{history::Shown, sealing::root};

/// What was seen of one partner's archive.
#[derive(Default)]
pub(super) struct Observed {
    /// The leaf of each activity that was sealed, in order.
    leaves: Vec<Hash>,
}

impl Run<'_> {
    pub(super) async fn observe_all(&self) {
        for partner in &self.partners {
            if let Some(id) = self.id(&partner.name).await {
                self.observe(&id).await;
            }
        }
    }

    /// Checks that what was sealed before is as it was; returns the rows of all segments.
    ///
    /// No worker may be at work.
    async fn observe(&self, id: &PartnerId) -> (Vec<SegmentItem>, Vec<Row>) {
        let store = &self.tools().store;
        let head = store.archive().head(id).await.unwrap().unwrap_or_default();
        let segments = store.segments(id).await.unwrap();
        let (mut leaves, mut rows, mut end) = (Vec::new(), Vec::new(), 0);
        for segment in &segments {
            assert_eq!(segment.first_index, end, "{id}'s segments have a gap");
            end = segment.end_index();
            if segment.is_pruned() {
                // It may have been pruned as soon as it was sealed.
                leaves.extend(self.leaves_in_table(id, segment).await);
                continue;
            }
            for row in self.app.rows_of(segment).await {
                leaves.push(row.leaf(id.as_str()).unwrap());
                rows.push(row);
            }
        }
        assert_eq!(head.size, end, "{id}'s head and segments");
        assert_eq!(leaves.len() as u64, end, "{id}'s segments and their rows");
        let mut all = self.days.observed.lock().unwrap();
        let seen = all.entry(id.to_string()).or_default();
        let is_same = leaves.starts_with(&seen.leaves);
        assert!(is_same, "{id}'s sealed activities have changed");
        seen.leaves = leaves;
        let tree = head.tree().unwrap();
        assert_eq!(tree.root().unwrap(), root(&seen.leaves), "{id}'s tree");
        (segments, rows)
    }

    /// The leaves of a segment's activities, from the table, which keeps them here.
    async fn leaves_in_table(&self, id: &PartnerId, segment: &SegmentItem) -> Vec<Hash> {
        let stored = self.stored(id).await.into_iter().rev();
        let of_segment = stored.filter(|stored| {
            let at = stored.activity.id;
            segment.first <= at && at <= segment.last
        });
        let leaf = |stored| pack(stored).unwrap().leaf(id.as_str()).unwrap();
        of_segment.map(leaf).collect()
    }

    /// Whether each of the partners' objects is named.
    pub(super) async fn has_all_named(&self) -> bool {
        for partner in &self.partners {
            let id = self.id(&partner.name).await.unwrap();
            let segments = self.tools().store.segments(&id).await.unwrap();
            let (objects, named) = self.app.objects_and_named(&id, &segments);
            if objects != named {
                return false;
            }
        }
        true
    }

    /// Checks the objects that nothing names when an erasure is done, and nobody else has
    /// worked on the archive since: only the erasure's own may be left, without the name.
    pub(super) async fn check_objects_left(&self, place: usize) {
        let id = self.id(&self.partners[place].name).await;
        let Some(id) = id.filter(|_| self.is_quiet()) else {
            return;
        };
        let segments = self.tools().store.segments(&id).await.unwrap();
        let (objects, named) = self.app.objects_and_named(&id, &segments);
        let head = self.app.dynamodb().get_item().table_name("archive");
        let head = head
            .key("partition_key", AttributeValue::S(id.to_string()))
            .key("sort_key", AttributeValue::S("head".into()))
            .consistent_read(true);
        let head = head.send().await.unwrap().item.unwrap();
        let epoch = head["lease_epoch"].as_n().unwrap();
        let own = format!("-{epoch}.parquet");
        for object in objects {
            let is_left = !named.contains(&object) && !object.ends_with(&own);
            assert!(!is_left, "{object} may have an erased name");
        }
    }

    /// Checks each archive when nothing is under way any more.
    pub(super) async fn check_ends(&self) {
        for partner in &self.partners {
            let id = self.id(&partner.name).await.unwrap();
            let (segments, rows) = self.observe(&id).await;
            let (objects, named) = self.app.objects_and_named(&id, &segments);
            assert_eq!(objects, named, "objects and the items that name them");
            let leaves = {
                let all = self.days.observed.lock().unwrap();
                all[id.as_str()].leaves.clone()
            };
            let checkpoints = self.app.check_checkpoints(&id, &leaves);
            let mut history = self.history.lock().unwrap();
            history.archive.checkpoints += checkpoints;
            history.archive.sealed += leaves.len();
            let pruned = segments.iter().filter(|it| it.is_pruned());
            history.archive.pruned += pruned.count();
            let rows = rows.into_iter().map(|row| (row.id.clone(), row));
            history.archive.rows.insert(id.to_string(), rows.collect());
        }
    }

    /// Adds a partner's whole log to the history, as it is listed and as it is stored.
    ///
    /// What has ended is not listed any more, but the local table keeps it.
    pub(super) async fn note_log(&self, partner: &str, listed: Vec<Value>, began_at: Moment) {
        let id = self.id(partner).await.unwrap();
        let stored = self.stored(&id).await.into_iter();
        let stored = stored.map(|stored| serde_json::to_value(stored.into_whole().unwrap()));
        let stored: Vec<Value> = stored.collect::<Result<_, _>>().unwrap();
        let kept = self.kept(began_at);
        let by_id = |item: &Value| (item["id"].to_string(), item.clone());
        let shown: BTreeMap<_, _> = listed.iter().map(by_id).collect();
        // A walk that was given up may have erased the one and not the other.
        let known = stored.iter().map(|item| {
            let shown = shown.get(&item["id"].to_string());
            shown.unwrap_or(item).clone()
        });
        let mut history = self.history.lock().unwrap();
        history.logs.insert(partner.to_owned(), known.collect());
        let shown = Shown {
            stored,
            listed,
            kept,
        };
        history.archive.shown.insert(partner.to_owned(), shown);
    }

    /// Every activity of a partner in the table, newest first.
    async fn stored(&self, id: &PartnerId) -> Vec<Stored> {
        let query = RangeQuery {
            range: TimeRange::ALL,
            order: Order::Desc,
            with_details: true,
            eventual: false,
        };
        let (mut stored, mut resume_after) = (Vec::new(), None);
        loop {
            let activities = &self.tools().activities;
            let page = activities.query(id, &query, resume_after, 1_000).await;
            let page = page.unwrap();
            resume_after = page.resume_after;
            stored.extend(page.activities().map(Result::unwrap));
            if resume_after.is_none() {
                return stored;
            }
        }
    }
}
