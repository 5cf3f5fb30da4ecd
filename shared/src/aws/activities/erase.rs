//! Removes a customer's name and details from a stored activity.

use aws_sdk_dynamodb::{error::SdkError, operation::update_item::UpdateItemError};

use crate::{
    ActivityId, ActivityStore, Error, Identifier, Moment, PartnerId,
    aws::{
        sdk,
        table::{moment, text},
    },
    model::activity::ERASED_NAME,
};

impl ActivityStore {
    /// Erases one activity; erasing it again changes nothing.
    ///
    /// An activity that no longer exists, or of another customer, is left as it is.
    pub async fn erase(
        &self,
        partner: &PartnerId,
        id: ActivityId,
        customer_id: &Identifier,
        now: Moment,
    ) -> Result<(), Error> {
        let sent = self
            .table
            .client
            .update_item()
            .table_name(&self.table.name)
            .set_key(Some(self.key(partner, id)))
            .update_expression(
                "SET customer_name = :erased, erased_at = if_not_exists(erased_at, :now) \
                 REMOVE details, details_bytes",
            )
            // Without it, the update would create an activity that was deleted meanwhile.
            .condition_expression("attribute_exists(partition_key) AND customer_id = :customer")
            .expression_attribute_values(":erased", text(ERASED_NAME))
            .expression_attribute_values(":now", moment(now))
            .expression_attribute_values(":customer", text(customer_id.as_str()))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error) if is_refused(&error) => Ok(()),
            Err(error) => Err(sdk::failed("erasing an activity", error)),
        }
    }
}

fn is_refused(error: &SdkError<UpdateItemError>) -> bool {
    let error = error.as_service_error();
    error.is_some_and(UpdateItemError::is_conditional_check_failed_exception)
}
