//! Lets the table's copy of a sealed activity end before its retention does.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};

use super::{erase::is_refused, item::KEPT_FOR_EVER};
use crate::{ActivityId, ActivityStore, Error, Moment, PartnerId, aws::sdk};

impl ActivityStore {
    /// Lets DynamoDB delete the copy of a sealed activity from `at` on; doing so again
    /// changes nothing.
    ///
    /// The end of its retention stays in the item. A copy that is gone, or that ends
    /// earlier, is left as it is. Answers the write units that it took.
    pub async fn end_copy(
        &self,
        partner: &PartnerId,
        id: ActivityId,
        at: Moment,
    ) -> Result<f64, Error> {
        let number = |number: i64| AttributeValue::N(number.to_string());
        let sent = self
            .table
            .client
            .update_item()
            .table_name(&self.table.name)
            .set_key(Some(self.key(partner, id)))
            .update_expression(
                "SET kept_until = if_not_exists(expires_at, :for_ever), expires_at = :at",
            )
            // Without the first one, the update would create an item that was deleted.
            .condition_expression(
                "attribute_exists(partition_key) AND attribute_not_exists(kept_until) \
                 AND (attribute_not_exists(expires_at) OR expires_at > :at)",
            )
            .expression_attribute_values(":for_ever", number(KEPT_FOR_EVER))
            .expression_attribute_values(":at", number(at.as_seconds()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match sent {
            Ok(output) => {
                let capacity = output.consumed_capacity;
                Ok(capacity.and_then(|it| it.capacity_units).unwrap_or(1.0))
            }
            Err(error) if is_refused(&error) => Ok(1.0),
            Err(error) => Err(sdk::failed("ending the copy of an activity", error)),
        }
    }
}
