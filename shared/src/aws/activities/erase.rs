//! Removes a customer's name and details from a stored activity.

use aws_sdk_dynamodb::{
    error::SdkError, operation::update_item::UpdateItemError, primitives::Blob,
    types::AttributeValue,
};
use proof::Commitment;

use super::item::ErasureView;
use crate::{
    ActivityStore, Error, Identifier, Moment, PartnerId,
    aws::{
        sdk,
        table::{moment, text},
    },
    model::activity::ERASED_NAME,
};

impl ActivityStore {
    /// Erases one activity; erasing it again changes nothing.
    ///
    /// What was hashed of the name and the details stays, so that the rest of the
    /// activity can be proven. An activity that no longer exists, or of another
    /// customer, is left as it is.
    pub async fn erase(
        &self,
        partner: &PartnerId,
        view: ErasureView,
        customer_id: &Identifier,
        now: Moment,
    ) -> Result<(), Error> {
        let mut request = self
            .table
            .client
            .update_item()
            .table_name(&self.table.name)
            .set_key(Some(self.key(partner, view.id)));
        let mut update =
            "SET customer_name = :erased, erased_at = if_not_exists(erased_at, :now)".to_owned();
        if let Some(Commitment(hash)) = view.commitment() {
            update.push_str(", commitment = if_not_exists(commitment, :commitment)");
            let hash = AttributeValue::B(Blob::new(hash));
            request = request.expression_attribute_values(":commitment", hash);
        }
        update.push_str(" REMOVE details, details_bytes, salt");
        let sent = request
            .update_expression(update)
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

pub(super) fn is_refused(error: &SdkError<UpdateItemError>) -> bool {
    let error = error.as_service_error();
    error.is_some_and(UpdateItemError::is_conditional_check_failed_exception)
}
