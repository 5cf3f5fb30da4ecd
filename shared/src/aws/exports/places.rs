//! How many exports of a partner are under way at once.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::KeysAndAttributes;

use super::id_of;
use crate::{
    Error, Export, ExportId, ExportKey, ExportStore, Moment, PartnerId,
    aws::{
        places::{Place, Places},
        sdk,
        table::{self, Item, from_item},
    },
    model::task::TaskId,
};

impl ExportStore {
    /// Takes one of a partner's `max` places; returns whether the export has one.
    ///
    /// An export that has a place keeps it, so a retry may call this again.
    pub async fn take_place(
        &self,
        key: &ExportKey,
        max: usize,
        now: Moment,
    ) -> Result<bool, Error> {
        let places = Places {
            table: &self.table,
            partner: &key.partner_id,
            max,
        };
        loop {
            let Place::Full(ids) = places.take(key.id, now).await? else {
                return Ok(true);
            };
            let ended = self.ended(&key.partner_id, &ids, now).await?;
            if ended.is_empty() {
                return Ok(false);
            }
            places.free(&ended).await?;
        }
    }

    /// Which of a partner's exports are no longer under way.
    async fn ended(
        &self,
        partner: &PartnerId,
        ids: &[ExportId],
        now: Moment,
    ) -> Result<Vec<ExportId>, Error> {
        let mut active = HashMap::new();
        for item in self.get_several(partner, ids).await? {
            let id = id_of(&item)?;
            active.insert(id, from_item::<Export>(item)?.state(now).is_active());
        }
        let is_active = |id: &ExportId| active.get(id).copied().unwrap_or_else(|| id.is_new(now));
        Ok(ids.iter().filter(|id| !is_active(id)).copied().collect())
    }

    async fn get_several(&self, partner: &PartnerId, ids: &[ExportId]) -> Result<Vec<Item>, Error> {
        let keys = ids.iter().map(|id| table::key(partner, id)).collect();
        let keys = KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .consistent_read(true)
            .build()
            .map_err(|error| Error::internal("reading exports", error))?;
        let output = self
            .table
            .client
            .batch_get_item()
            .request_items(&self.table.name, keys)
            .send()
            .await
            .map_err(|error| sdk::failed("reading exports", error))?;
        let unread = output.unprocessed_keys.unwrap_or_default();
        let mut unread = unread.values().flat_map(KeysAndAttributes::keys);
        if unread.next().is_some() {
            return Err(Error::Unavailable("some exports were not read".into()));
        }
        let found = output.responses.unwrap_or_default().into_values();
        Ok(found.flatten().collect())
    }
}
