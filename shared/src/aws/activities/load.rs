//! Items for filling a table without the API, for trials, tests and measurements.
//!
//! Compiled only with the feature `bulk-load`, which no function asks for: this is
//! the one way past the checks of `record`, and it names a partner by a text.

use std::time::Duration;

use super::item;
use crate::{
    Activity, ActivityId, Content, Error, Moment, PartnerId, Shards, aws::activities::Item,
};

/// The item under which an activity of this content would be stored.
///
/// `Invalid` when the text is no partner's id.
pub fn loadable_item(
    partner_id: &str,
    content: Content,
    recorded_at: Moment,
    retention: Option<Duration>,
    shards: &Shards,
) -> Result<Item, Error> {
    let partner_id = PartnerId::parse(partner_id)
        .ok_or_else(|| Error::invalid("partner_id", "is no partner's id"))?;
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
