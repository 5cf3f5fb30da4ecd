//! The table of activities; no other code knows it.
//!
//! It appends, gets and queries. It updates only for an erasure, and to let the copy of a
//! sealed activity end early; it never scans or deletes.

mod attributes;
mod copies;
mod details;
mod erase;
mod item;
mod late;
#[cfg(feature = "bulk-load")]
mod load;
mod merge;
mod page;
mod streamed;
mod wire;

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use futures_util::future::try_join_all;

#[cfg(feature = "bulk-load")]
pub use self::load::loadable_item;
use self::{
    item::{ALIAS, PROJECTION},
    wire::CapturedBody,
};
pub use self::{
    item::{ErasureView, Stored},
    late::Late,
    page::QueryPage,
    streamed::{ItemKey, Streamed, StreamedCheckpoint},
};
pub use crate::aws::table::Item;
use crate::{
    Activity, ActivityId, Config, Content, Error, Moment, NewActivity, Order, PartnerId, Shards,
    TimeRange,
    aws::{
        archive::{Age, Gate},
        sdk,
        table::Table,
    },
    model::recorded::is_late,
};

/// The activities of all partners, in DynamoDB.
#[derive(Debug, Clone)]
pub struct ActivityStore {
    table: Table,
    retention: Option<Duration>,
    shards: Shards,
    gate: Gate,
}

/// A stored activity and whether it was there already.
#[derive(Debug)]
pub struct Recorded {
    /// The activity as it is stored.
    pub activity: Activity,
    /// Whether an earlier request with the same key stored it.
    pub replayed: bool,
}

/// Identifies the request that writes an item.
///
/// If the answer of a put is lost, the SDK repeats it and finds the item of the
/// first attempt. The request's id shows that this is not a client's replay.
#[derive(Debug, Clone)]
pub struct Stamp {
    /// The server's time of the request.
    pub recorded_at: Moment,
    /// The gateway's id of the request; in a batch also the item's position.
    pub request_id: String,
}

/// Which activities of a log to read, and how.
#[derive(Debug, Clone, Copy)]
pub struct RangeQuery {
    /// The range.
    pub range: TimeRange,
    /// Oldest or newest first.
    pub order: Order,
    /// Whether each activity comes with its details.
    pub with_details: bool,
    /// Whether the read need not be consistent, which costs half.
    ///
    /// It may be so if nothing new can enter the range.
    pub eventual: bool,
}

impl ActivityStore {
    /// The most items that one Query requests.
    pub const QUERY_PAGE_MAX: usize = 1_000;

    /// The table of activities, with its retention and shards.
    pub fn new(client: Client, config: &Config) -> Self {
        let gate = Gate::new(client.clone(), config);
        Self {
            table: Table {
                client,
                name: config.activities_table.clone(),
            },
            retention: config.retention,
            shards: config.write_shards.clone(),
            gate,
        }
    }

    /// Opens the connection; see [`sdk::open`].
    pub async fn open(&self) {
        self.table.open().await;
    }

    /// The same activities for one request, which reads a partner's state only once.
    #[must_use]
    pub fn for_one_request(&self) -> Self {
        Self {
            gate: self.gate.for_one_request(),
            ..self.clone()
        }
    }

    /// Stores an activity, once for each idempotency key, with one conditional put.
    ///
    /// `Conflict` if the key was used before for other content.
    /// `Unavailable` if the outcome is unknown.
    /// `Invalid` if the log is closed at its time, unless its key stored it before.
    pub async fn append(&self, new: NewActivity, stamp: &Stamp) -> Result<Recorded, Error> {
        self.append_aged(new, Age::Usual, stamp).await
    }

    /// As [`ActivityStore::append`], but also for the past, which the log may not accept.
    pub async fn append_aged(
        &self,
        new: NewActivity,
        age: Age,
        stamp: &Stamp,
    ) -> Result<Recorded, Error> {
        let (at, now) = (new.content.occurred_at, stamp.recorded_at);
        let refusal = self.gate.refusal(&new.partner_id, at, age, now).await?;
        if let Some(refusal) = refusal {
            let replay = match new.idempotency_key {
                Some(_) => self.find_replay(&new, now).await?,
                None => None,
            };
            return replay.ok_or(refusal);
        }
        let partner = new.partner_id.clone();
        let (recorded, registered) = tokio::join!(
            self.append_open(new, stamp),
            self.gate.register(&partner, now),
        );
        let recorded = recorded?;
        registered?;
        Ok(recorded)
    }

    /// Stores an activity of a time at which the log is not closed.
    async fn append_open(&self, new: NewActivity, stamp: &Stamp) -> Result<Recorded, Error> {
        let id = id_of(&new);
        let keyed = new.idempotency_key.is_some();
        let activity = Activity {
            id,
            partner_id: new.partner_id,
            recorded_at: stamp.recorded_at,
            erased_at: None,
            content: new.content,
        };
        if is_late(id.occurred_at(), stamp.recorded_at) {
            // Before the activity: who sees it must find its name, however this ends.
            self.name_late(&activity).await?;
        }
        match self.put(&activity, &stamp.request_id).await? {
            None => Ok(Recorded {
                activity,
                replayed: false,
            }),
            Some(own) if own.request_id == stamp.request_id && own.holds(&activity.content) => {
                Ok(Recorded {
                    activity: own.activity,
                    replayed: false,
                })
            }
            Some(old) if keyed => replay(old, &activity.content),
            Some(_) => Err(Error::internal("recording", "a random id was taken")),
        }
    }

    /// Stores an activity if its id is free; otherwise returns the one that exists.
    async fn put(&self, activity: &Activity, request_id: &str) -> Result<Option<Stored>, Error> {
        let shard = self.shards.of(activity.id);
        let item = item::to_item(activity, shard, request_id, self.retention)?;
        let in_the_way = self.table.put_new(item).await?;
        in_the_way.map(|old| item::whole(old.into())).transpose()
    }

    /// The activity that this key stored before, if any; writes nothing.
    pub async fn find_replay(
        &self,
        new: &NewActivity,
        now: Moment,
    ) -> Result<Option<Recorded>, Error> {
        let Some(old) = self.get(&new.partner_id, id_of(new), now).await? else {
            return Ok(None);
        };
        let found = replay(old, &new.content)?;
        self.gate.register(&new.partner_id, now).await?;
        Ok(Some(found))
    }

    /// The key of an activity's item, which follows from its id.
    fn key(&self, partner: &PartnerId, id: ActivityId) -> Item {
        item::key(partner, self.shards.of(id), id)
    }

    /// Reads one activity with its details; none if it is absent or has expired.
    pub async fn get(
        &self,
        partner: &PartnerId,
        id: ActivityId,
        now: Moment,
    ) -> Result<Option<Stored>, Error> {
        let output = self
            .table
            .client
            .get_item()
            .table_name(&self.table.name)
            .set_key(Some(self.key(partner, id)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| sdk::failed("reading an activity", error))?;
        let stored = output
            .item
            .map(|item| item::whole(item.into()))
            .transpose()?;
        Ok(stored.filter(|stored| !stored.is_expired(now)))
    }

    /// How many partitions hold a range: the Query calls of one page of it.
    pub fn partitions(&self, range: &TimeRange) -> usize {
        self.shards.of_range(range).len()
    }

    /// Reads about `limit` activities of a range, after `resume_after`.
    ///
    /// Expired items are included. With several shards, it reads one Query page of
    /// each at the same time.
    pub async fn query(
        &self,
        partner: &PartnerId,
        query: &RangeQuery,
        resume_after: Option<ActivityId>,
        limit: usize,
    ) -> Result<QueryPage, Error> {
        if query.range.is_empty() {
            return Ok(QueryPage::default());
        }
        let shards = self.shards.of_range(&query.range);
        let each = merge::share(limit, shards.len());
        let pages = shards.map(|shard| self.query_shard(partner, shard, query, resume_after, each));
        merge::merge(try_join_all(pages).await?, query.order)
    }

    async fn query_shard(
        &self,
        partner: &PartnerId,
        shard: u32,
        query: &RangeQuery,
        resume_after: Option<ActivityId>,
        limit: usize,
    ) -> Result<QueryPage, Error> {
        let [from, to] = item::sort_key_bounds(&query.range);
        let mut request = self
            .table
            .client
            .query()
            .table_name(&self.table.name)
            .key_condition_expression("partition_key = :partner AND sort_key BETWEEN :from AND :to")
            .expression_attribute_values(":partner", item::partition_key(partner, shard))
            .expression_attribute_values(":from", from)
            .expression_attribute_values(":to", to)
            .scan_index_forward(query.order == Order::Asc)
            .consistent_read(!query.eventual)
            .limit(i32::try_from(limit.min(Self::QUERY_PAGE_MAX)).unwrap_or(i32::MAX))
            .set_exclusive_start_key(resume_after.map(|id| item::key(partner, shard, id)));
        if !query.with_details {
            request = request
                .projection_expression(PROJECTION.as_str())
                .expression_attribute_names(ALIAS.0, ALIAS.1);
        }
        let body = CapturedBody::default();
        request
            .customize()
            .interceptor(body.clone())
            .send()
            .await
            .map_err(|error| sdk::failed("querying activities", error))?;
        body.page()
    }
}

fn id_of(new: &NewActivity) -> ActivityId {
    let at = new.content.occurred_at;
    match &new.idempotency_key {
        Some(key) => ActivityId::keyed(&new.partner_id, at, key),
        None => ActivityId::random(at),
    }
}

fn replay(old: Stored, content: &Content) -> Result<Recorded, Error> {
    if old.holds(content) {
        Ok(Recorded {
            activity: old.activity,
            replayed: true,
        })
    } else {
        Err(Error::Conflict)
    }
}
