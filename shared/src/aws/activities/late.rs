//! The names of what was recorded late, in the order of recording.
//!
//! Activities are stored in the order in which they happened. Who asks what is new would
//! have to read as far back as anything may be late. So each late activity also has an item
//! with its name, in a partition of its own, which holds nothing of a person.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;

use super::{ActivityStore, item};
use crate::{
    Activity, ActivityId, Error, Moment, PartnerId,
    aws::{
        sdk,
        table::{Item, text},
    },
    model::recorded::RecordedRange,
};

/// What was recorded late in a range, or in the first part of it.
#[derive(Debug)]
pub struct Late {
    /// When it happened, in no order; something may not have been stored.
    pub occurred_at: Vec<Moment>,
    /// The range, or the part of it that was read.
    pub read: RecordedRange,
}

/// The late names of one shard.
struct Names {
    ids: Vec<(Moment, ActivityId)>,
    /// The moment of the last one, if others may follow.
    cut_at: Option<Moment>,
}

impl ActivityStore {
    /// Stores the name of an activity that is about to be stored.
    pub(super) async fn name_late(&self, activity: &Activity) -> Result<(), Error> {
        let (id, recorded_at) = (activity.id, activity.recorded_at);
        let shard = self.shards.of_recorded(id, recorded_at);
        let mut item = HashMap::from([
            (
                "partition_key".to_owned(),
                partition_key(&activity.partner_id, shard),
            ),
            ("sort_key".to_owned(), text(format!("{recorded_at}#{id}"))),
        ]);
        if let Some(end) = item::expires_at(id.occurred_at(), self.retention) {
            item.insert("expires_at".to_owned(), end);
        }
        self.table
            .client
            .put_item()
            .table_name(&self.table.name)
            .set_item(Some(item))
            .send()
            .await
            .map_err(|error| sdk::failed("naming a late activity", error))?;
        Ok(())
    }

    /// When that happened which was recorded late in a range: all of it, or as much as some
    /// Query pages of each shard hold.
    pub async fn late(
        &self,
        partner: &PartnerId,
        range: RecordedRange,
        pages_max: usize,
    ) -> Result<Late, Error> {
        let shards = self.shards.of_range(range.moments());
        let names = shards.map(|shard| self.late_of_shard(partner, shard, range, pages_max));
        let names = try_join_all(names).await?;
        // What a shard holds behind a cut was not read.
        let cuts = names.iter().filter_map(|names| names.cut_at);
        let read = cuts.min().and_then(|cut| range.ending_at(cut));
        let read = read.unwrap_or(range);
        let ids = names.into_iter().flat_map(|names| names.ids);
        let ids = ids.filter(|(recorded_at, _)| read.contains(*recorded_at));
        Ok(Late {
            occurred_at: ids.map(|(_, id)| id.occurred_at()).collect(),
            read,
        })
    }

    /// Reads the names of a shard, page by page: at least until one is of a later moment
    /// than the range's first, so that whoever continues there gets further.
    async fn late_of_shard(
        &self,
        partner: &PartnerId,
        shard: u32,
        range: RecordedRange,
        pages_max: usize,
    ) -> Result<Names, Error> {
        let mut ids = Vec::new();
        let mut resume_after = None;
        for page in 1.. {
            let output = self
                .table
                .client
                .query()
                .table_name(&self.table.name)
                .key_condition_expression(
                    "partition_key = :late AND sort_key BETWEEN :from AND :to",
                )
                .expression_attribute_values(":late", partition_key(partner, shard))
                .expression_attribute_values(":from", text(range.from().to_string()))
                .expression_attribute_values(":to", text(range.to().to_string()))
                .projection_expression("sort_key")
                .consistent_read(true)
                .set_exclusive_start_key(resume_after)
                .send()
                .await
                .map_err(|error| sdk::failed("querying late activities", error))?;
            for item in output.items.unwrap_or_default() {
                ids.push(name_of(&item)?);
            }
            resume_after = output.last_evaluated_key;
            let last = ids.last().map(|(recorded_at, _)| *recorded_at);
            let cut_at = last.filter(|_| resume_after.is_some());
            let is_enough = page >= pages_max && last > Some(range.from());
            if resume_after.is_none() || is_enough {
                return Ok(Names { ids, cut_at });
            }
        }
        Err(Error::internal(
            "querying late activities",
            "no page is the last one",
        ))
    }
}

/// The partition of a log's late names; the first shard's has no number.
fn partition_key(partner: &PartnerId, shard: u32) -> AttributeValue {
    match shard {
        0 => text(format!("{partner}#late")),
        _ => text(format!("{partner}#late#{shard}")),
    }
}

fn name_of(item: &Item) -> Result<(Moment, ActivityId), Error> {
    let sort_key = item.get("sort_key").and_then(|value| value.as_s().ok());
    let name = sort_key.and_then(|key| {
        let (recorded_at, id) = key.split_once('#')?;
        Some((recorded_at.parse().ok()?, ActivityId::try_from(id).ok()?))
    });
    let malformed = || {
        let sort_key = sort_key.map_or("none", String::as_str);
        Error::internal(
            "reading a late activity's name",
            format!("its sort_key is {sort_key}"),
        )
    };
    name.ok_or_else(malformed)
}
