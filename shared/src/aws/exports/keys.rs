//! Idempotency keys of exports: a retry finds the export of the first request.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Error, ExportId, ExportStore, Identifier, Moment, PartnerId,
    aws::table::{self, from_item, item_in_the_way, number, to_item},
};

/// How long an export's idempotency key is remembered.
const KEY_LIFETIME: Duration = Duration::from_hours(24);

/// The item that remembers an idempotency key.
#[derive(Debug, Serialize, Deserialize)]
struct KeyItem {
    partition_key: String,
    sort_key: String,
    export_id: ExportId,
    request_hash: String,
    expires_at: i64,
}

impl ExportStore {
    /// Claims `key` for `id`, or returns the export of an earlier claim.
    ///
    /// `Conflict` if the earlier claim was for a different request.
    pub async fn claim_key(
        &self,
        partner: &PartnerId,
        key: &Identifier,
        request_hash: String,
        id: ExportId,
        now: Moment,
    ) -> Result<ExportId, Error> {
        let claim = KeyItem {
            partition_key: format!("{partner}#keys"),
            sort_key: base16ct::lower::encode_string(&Sha256::digest(key.as_str())),
            export_id: id,
            request_hash,
            expires_at: now.plus(KEY_LIFETIME).as_seconds(),
        };
        let put = self
            .table
            .client
            .put_item()
            .table_name(&self.table.name)
            .set_item(Some(to_item(&claim)?))
            .condition_expression("attribute_not_exists(partition_key) OR expires_at < :now")
            .expression_attribute_values(":now", number(now.as_seconds()))
            .return_values_on_condition_check_failure(table::ALL_OLD)
            .send()
            .await;
        match put {
            Ok(_) => Ok(id),
            Err(error) => {
                let old: KeyItem = from_item(item_in_the_way(error)?)?;
                if old.request_hash == claim.request_hash {
                    Ok(old.export_id)
                } else {
                    Err(Error::Conflict)
                }
            }
        }
    }
}
