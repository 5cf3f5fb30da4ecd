//! What the stream of the table names: read again by its key, since the stream has only keys.
//!
//! A checkpoint also has an item for the stream, for some days. So everything that is told
//! of a log comes from one stream, and is told again until it has arrived.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use serde::Deserialize;

use super::{ActivityStore, Stored, attributes::BrokenAttribute, item};
use crate::{
    Error, Moment, PartnerId,
    aws::{
        sdk,
        table::{Item, text},
    },
};

/// What follows the partner's id in the partition of its checkpoints.
const CHECKPOINTS: &str = "#checkpoints";

/// How long the item of a checkpoint is kept; the stream keeps a key for a day.
const CHECKPOINT_KEPT_FOR: Duration = Duration::from_hours(72);

/// The key of an item, as the stream gives it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
pub struct ItemKey {
    partition_key: Text,
    sort_key: Text,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
struct Text {
    #[serde(rename = "S")]
    text: String,
}

/// What was stored under a key.
#[derive(Debug)]
pub enum Streamed {
    /// An entry of a partner's log, with its details.
    Entry(Box<Stored>),
    /// A checkpoint of a partner's log.
    Checkpoint(StreamedCheckpoint),
}

/// A checkpoint for the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamedCheckpoint {
    /// Whose log it is of.
    pub partner_id: PartnerId,
    /// How many entries are sealed.
    pub size: u64,
    /// Up to when the log is sealed.
    pub sealed_to: Moment,
    /// The signed note.
    pub note: String,
}

impl ItemKey {
    /// The partition key.
    pub fn partition(&self) -> &str {
        &self.partition_key.text
    }

    /// The sort key.
    pub fn sort(&self) -> &str {
        &self.sort_key.text
    }

    /// Whether the item only names a late entry, which has an item of its own.
    pub fn is_name(&self) -> bool {
        let (_, rest) = self.partition().split_once('#').unwrap_or_default();
        rest.split('#').next() == Some("late")
    }

    fn item(&self) -> Item {
        HashMap::from([
            ("partition_key".to_owned(), text(self.partition())),
            ("sort_key".to_owned(), text(self.sort())),
        ])
    }

    fn of(item: &Item) -> Option<Self> {
        let text = |name| {
            let text = item.get(name)?.as_s().ok()?.clone();
            Some(Text { text })
        };
        Some(Self {
            partition_key: text("partition_key")?,
            sort_key: text("sort_key")?,
        })
    }
}

impl ActivityStore {
    /// The most keys of one [`ActivityStore::read_streamed`].
    pub const STREAMED_MAX: usize = 100;

    /// Reads what is stored under some keys now, at most [`ActivityStore::STREAMED_MAX`].
    ///
    /// What is gone or whose retention has ended is left out. An item that can't be read is an
    /// error of its own: `Unavailable` if it can be read later.
    pub async fn read_streamed(
        &self,
        keys: impl IntoIterator<Item = &ItemKey>,
        now: Moment,
    ) -> Result<HashMap<ItemKey, Result<Streamed, Error>>, Error> {
        let keys = keys.into_iter().map(ItemKey::item).collect();
        let asked = KeysAndAttributes::builder().set_keys(Some(keys));
        let asked = asked.consistent_read(true).build();
        let output = self
            .table
            .client
            .batch_get_item()
            .request_items(
                &self.table.name,
                asked.map_err(|error| Error::internal("reading streamed items", error))?,
            )
            .send()
            .await
            .map_err(|error| sdk::failed("reading streamed items", error))?;
        let unread = output.unprocessed_keys.unwrap_or_default();
        let unread = unread.into_values().flat_map(|keys| keys.keys);
        let unread = unread.filter_map(|key| {
            let error = Error::Unavailable("it could not be read now".into());
            Some((ItemKey::of(&key)?, Err(error)))
        });
        let mut found = output.responses.unwrap_or_default();
        let items = found.remove(&self.table.name).unwrap_or_default();
        let read = items.into_iter().filter_map(|item| {
            let key = ItemKey::of(&item)?;
            let streamed = streamed(&key, item, now).transpose()?;
            Some((key, streamed))
        });
        Ok(read.chain(unread).collect())
    }

    /// Stores a checkpoint for the stream; again, it changes nothing.
    pub async fn stream_checkpoint(
        &self,
        checkpoint: &StreamedCheckpoint,
        now: Moment,
    ) -> Result<(), Error> {
        let StreamedCheckpoint {
            partner_id,
            size,
            sealed_to,
            note,
        } = checkpoint;
        let expires_at = now.plus(CHECKPOINT_KEPT_FOR).as_seconds();
        let partition = text(format!("{partner_id}{CHECKPOINTS}"));
        self.table
            .client
            .put_item()
            .table_name(&self.table.name)
            .item("partition_key", partition)
            .item("sort_key", text(format!("{sealed_to}#{size}")))
            .item("note", text(note))
            .item("expires_at", AttributeValue::N(expires_at.to_string()))
            .send()
            .await
            .map_err(|error| sdk::failed("storing a checkpoint for the stream", error))?;
        Ok(())
    }
}

fn streamed(key: &ItemKey, item: Item, now: Moment) -> Result<Option<Streamed>, Error> {
    if let Some(partner) = key.partition().strip_suffix(CHECKPOINTS) {
        let checkpoint = checkpoint(partner, key, &item);
        let checkpoint = checkpoint.map_err(|broken| Error::internal("reading an item", broken))?;
        return Ok(Some(Streamed::Checkpoint(checkpoint)));
    }
    let stored = item::whole(item.into())?;
    let is_kept = !stored.is_expired(now);
    Ok(is_kept.then(|| Streamed::Entry(Box::new(stored))))
}

fn checkpoint(
    partner: &str,
    key: &ItemKey,
    item: &Item,
) -> Result<StreamedCheckpoint, BrokenAttribute> {
    let broken = BrokenAttribute;
    let (sealed_to, size) = key.sort().split_once('#').ok_or(broken("sort_key"))?;
    let note = item.get("note").and_then(|note| note.as_s().ok());
    Ok(StreamedCheckpoint {
        partner_id: PartnerId::parse(partner).ok_or(broken("partition_key"))?,
        size: size.parse().map_err(|_| broken("sort_key"))?,
        sealed_to: sealed_to.parse().map_err(|_| broken("sort_key"))?,
        note: note.ok_or(broken("note"))?.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_late_entries_are_told_from_entries_and_checkpoints() {
        let is_name = |partition: &str| {
            let text = |text: &str| Text { text: text.into() };
            let key = ItemKey {
                partition_key: text(partition),
                sort_key: text("2026-01-01T00:00:00.000Z#1"),
            };
            key.is_name()
        };
        for partition in ["contoso#late", "contoso#late#3"] {
            assert!(is_name(partition), "{partition}");
        }
        for partition in [
            "contoso",
            "contoso#3",
            "late",
            "late#3",
            "contoso#checkpoints",
        ] {
            assert!(!is_name(partition), "{partition}");
        }
    }
}
