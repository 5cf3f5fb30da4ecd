//! How many exports of a partner are under way at once.
//!
//! One item a partner holds the ids of those that took a place. Nobody gives a
//! place back, so none can be lost: one who finds none free looks which of the
//! exports have ended and takes the places of those.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    types::{AttributeValue, KeysAndAttributes, ReturnValuesOnConditionCheckFailure},
};
use jiff::SignedDuration;

use super::{id_of, item_key};
use crate::{
    Error, Export, ExportId, ExportKey, ExportStore, Moment, PartnerId,
    aws::{
        sdk,
        table::{Item, from_item, number, text},
    },
};

/// So long an export may be about to be stored after it took its place.
const CREATING: SignedDuration = SignedDuration::from_mins(1);

/// The item goes when no export took a place for so long; none is under way then.
const PLACES_LIFETIME: SignedDuration = SignedDuration::from_hours(48);

impl ExportStore {
    /// Takes one of a partner's `max` places; answers whether one was free.
    ///
    /// An export that has a place keeps it, so a retry may ask again.
    pub async fn take_place(
        &self,
        key: &ExportKey,
        max: usize,
        now: Moment,
    ) -> Result<bool, Error> {
        let Err(taken) = self.add_place(key, max, now).await? else {
            return Ok(true);
        };
        let ended = self.ended(&key.partner_id, &taken, now).await?;
        if ended.is_empty() {
            return Ok(false);
        }
        self.free_places(&key.partner_id, ended).await?;
        Ok(self.add_place(key, max, now).await?.is_ok())
    }

    /// The inner error is who has the places.
    async fn add_place(
        &self,
        key: &ExportKey,
        max: usize,
        now: Moment,
    ) -> Result<Result<(), Vec<ExportId>>, Error> {
        let id = key.id.to_string();
        let added = self
            .table
            .client
            .update_item()
            .table_name(&self.table.name)
            .set_key(Some(places_key(&key.partner_id)))
            .update_expression("SET expires_at = :expires_at ADD export_ids :ids")
            .condition_expression(
                "attribute_not_exists(export_ids) OR size(export_ids) < :max \
                 OR contains(export_ids, :id)",
            )
            .expression_attribute_values(":expires_at", expiry(now))
            .expression_attribute_values(":max", AttributeValue::N(max.to_string()))
            .expression_attribute_values(":id", text(&id))
            .expression_attribute_values(":ids", AttributeValue::Ss(vec![id]))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match added {
            Ok(_) => Ok(Ok(())),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Err(ids_in(failed.item())))
                }
                _ => Err(sdk::failed("taking an export's place", error)),
            },
        }
    }

    /// Which of a partner's exports are no longer under way.
    async fn ended(
        &self,
        partner: &PartnerId,
        ids: &[ExportId],
        now: Moment,
    ) -> Result<Vec<ExportId>, Error> {
        let key = |id| ExportKey {
            partner_id: partner.clone(),
            id,
        };
        let keys = ids.iter().map(|id| item_key(&key(*id))).collect();
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
        let found = output.responses.unwrap_or_default().into_values().flatten();
        let mut active = HashMap::new();
        for item in found {
            let id = id_of(&item)?;
            active.insert(id, from_item::<Export>(item)?.state(now).is_active());
        }
        let is_new = |id: &ExportId| id.created_at().is_some_and(|at| at.plus(CREATING) > now);
        let is_active = |id: &ExportId| active.get(id).copied().unwrap_or_else(|| is_new(id));
        Ok(ids.iter().filter(|id| !is_active(id)).copied().collect())
    }

    async fn free_places(&self, partner: &PartnerId, ids: Vec<ExportId>) -> Result<(), Error> {
        let ids = ids.iter().map(ExportId::to_string).collect();
        self.table
            .client
            .update_item()
            .table_name(&self.table.name)
            .set_key(Some(places_key(partner)))
            .update_expression("DELETE export_ids :ids")
            .expression_attribute_values(":ids", AttributeValue::Ss(ids))
            .send()
            .await
            .map_err(|error| sdk::failed("freeing an export's place", error))?;
        Ok(())
    }
}

/// `#` is in no partner's id, so no partner's exports are there.
fn places_key(partner: &PartnerId) -> Item {
    HashMap::from([
        (
            "partition_key".to_owned(),
            text(format!("{partner}#places")),
        ),
        ("sort_key".to_owned(), text("places")),
    ])
}

fn ids_in(item: Option<&Item>) -> Vec<ExportId> {
    let ids = item.and_then(|item| item.get("export_ids")?.as_ss().ok());
    let ids = ids.into_iter().flatten();
    ids.filter_map(|id| ExportId::try_from(id.as_str()).ok())
        .collect()
}

fn expiry(now: Moment) -> AttributeValue {
    number(now.plus(PLACES_LIFETIME).as_seconds())
}
