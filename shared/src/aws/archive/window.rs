//! The window of an import in a partner's head.

use super::{
    head::{SealLease, SealStore, key},
    items::Head,
};
use crate::{
    Error, PartnerId,
    aws::table::{Update, Updated, from_item, text, to_value},
    model::import::{Closed, ImportId, Window},
};

impl SealStore {
    /// Stores an open window and lets the lease go; false if the lease is lost.
    ///
    /// If nothing is sealed yet, the log is no longer closed: the past may still enter.
    pub async fn open_window(
        &self,
        lease: &SealLease,
        head: &Head,
        window: &Window,
    ) -> Result<bool, Error> {
        let mut update = Update::set("import_window = :window")
            .and_remove("lease_until")
            .and_remove("lease_holder")
            .value(":window", to_value(window)?)
            .returning_it();
        if head.border.is_none() {
            update = update.and_remove("closed_to").and_remove("closed_at");
        }
        Ok(self.write(lease, update).await?.is_some())
    }

    /// Stores how a window was closed; returns the window as it is then, or none if it is
    /// gone. One that was closed before stays as it is.
    pub async fn close_window(
        &self,
        partner: &PartnerId,
        id: ImportId,
        closed: &Closed,
    ) -> Result<Option<Window>, Error> {
        let update = Update::set("import_window.#closed = :closed")
            .when("import_window.id = :id")
            .when("attribute_not_exists(import_window.#closed)")
            .name("#closed", "closed")
            .value(":id", text(id.to_string()))
            .value(":closed", to_value(closed)?)
            .returning_it();
        match self.archive.table.update(key(partner), update).await? {
            Updated::Done(item) | Updated::Refused(item) => {
                let head: Head = from_item(item)?;
                Ok(head.import_window.filter(|window| window.id == id))
            }
            Updated::Absent => Ok(None),
        }
    }

    /// Removes a window whose end is in the log; one that is gone already is no error.
    pub async fn forget_window(&self, partner: &PartnerId, id: ImportId) -> Result<(), Error> {
        let update = Update::remove("import_window")
            .when("import_window.id = :id")
            .value(":id", text(id.to_string()));
        self.archive.table.update(key(partner), update).await?;
        Ok(())
    }
}
