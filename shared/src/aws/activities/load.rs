//! Items for filling a table without the API, for trials, tests and measurements.
//!
//! Compiled only with the feature `bulk-load`, which no function enables: only this
//! code bypasses the checks of `record` and makes a partner's id from a text.

use std::time::Duration;

use super::item;
use crate::{
    Activity, ActivityId, Content, Error, Moment, PartnerId, Shards, aws::activities::Item,
};

/// The item that an activity with this content is stored as.
///
/// `Invalid` if `partner_id` is not a partner's id.
pub fn loadable_item(
    partner_id: &str,
    content: Content,
    recorded_at: Moment,
    retention: Option<Duration>,
    shards: &Shards,
) -> Result<Item, Error> {
    let partner_id = PartnerId::parse(partner_id)
        .ok_or_else(|| Error::invalid("partner_id", "must be a partner's id"))?;
    let id = ActivityId::random(content.occurred_at);
    let activity = Activity {
        id,
        partner_id,
        recorded_at,
        erased_at: None,
        content,
    };
    item::to_item(&activity, shards.of(id), "import", retention)
}
