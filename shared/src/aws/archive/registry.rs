//! The partners who have a log, and when each is to be sealed next.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Error, Moment, PartnerId,
    aws::{
        sdk,
        table::{Item, Table, Update, Updated, from_item, moment, text, to_item},
    },
    model::seal::PARTITIONS,
};

/// The registry of partners.
///
/// Its partitions are read as a whole, each hour. For tens of millions of partners, items
/// that are sorted by the time at which they are due would have to replace them.
#[derive(Debug, Clone)]
pub struct Registry {
    table: Table,
}

/// A partner whose log is to be sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuePartner {
    /// The partner.
    pub partner: PartnerId,
    /// Since when it is due.
    pub due_at: Moment,
}

/// How many logs wait to be sealed.
#[derive(Debug, Default)]
pub struct Backlog {
    /// The partners who are due.
    pub partners: usize,
    /// Since when the first of them has been due.
    pub longest: Option<Moment>,
}

#[derive(Debug, Serialize, Deserialize)]
struct RegistryItem {
    sort_key: String,
    registered_at: Moment,
    due_at: Moment,
}

impl Registry {
    /// The registry in the archive's table.
    pub fn new(client: aws_sdk_dynamodb::Client, table: String) -> Self {
        let table = Table {
            client,
            name: table,
        };
        Self { table }
    }

    /// Whether a partner is registered.
    ///
    /// The read is not consistent, so a partner who was registered a moment ago may seem
    /// not to be.
    pub async fn has(&self, partner: &PartnerId) -> Result<bool, Error> {
        let found = self
            .table
            .client
            .get_item()
            .table_name(&self.table.name)
            .set_key(Some(key(partner)))
            .projection_expression("due_at")
            .send()
            .await
            .map_err(|error| sdk::failed("looking a partner up", error))?;
        Ok(found.item.is_some())
    }

    /// Registers a partner, unless it is registered.
    pub async fn add(&self, partner: &PartnerId, now: Moment, due_at: Moment) -> Result<(), Error> {
        let mut item = to_item(&RegistryItem {
            sort_key: partner.to_string(),
            registered_at: now,
            due_at,
        })?;
        item.extend(key(partner));
        self.table.put_new(item).await?;
        Ok(())
    }

    /// Stores when a partner is to be sealed next.
    pub async fn set_due(&self, partner: &PartnerId, due_at: Moment) -> Result<(), Error> {
        let update = Update::set("due_at = :due_at").value(":due_at", moment(due_at));
        match self.table.update(key(partner), update).await? {
            Updated::Done(_) => Ok(()),
            Updated::Refused(_) | Updated::Absent => {
                Err(Error::internal("registering a seal", "the partner is gone"))
            }
        }
    }

    /// The partners of a partition who are due, the longest first.
    pub async fn due(&self, partition: u8, now: Moment) -> Result<Vec<DuePartner>, Error> {
        let mut due = Vec::new();
        self.each_due(partition, now, |partner| due.push(partner))
            .await?;
        due.sort_by_key(|partner| partner.due_at);
        Ok(due)
    }

    /// All partners who have a log.
    pub async fn all(&self) -> Result<Vec<PartnerId>, Error> {
        let mut all = Vec::new();
        for partition in 0..PARTITIONS {
            let note = |due: DuePartner| all.push(due.partner);
            self.each_due(partition, Moment::MAX, note).await?;
        }
        Ok(all)
    }

    /// How many partners of a partition are due, however many there are.
    pub async fn backlog(&self, partition: u8, now: Moment) -> Result<Backlog, Error> {
        let mut backlog = Backlog::default();
        self.each_due(partition, now, |partner| {
            let longest = backlog.longest.get_or_insert(partner.due_at);
            *longest = partner.due_at.min(*longest);
            backlog.partners += 1;
        })
        .await?;
        Ok(backlog)
    }

    async fn each_due(
        &self,
        partition: u8,
        now: Moment,
        mut note: impl FnMut(DuePartner),
    ) -> Result<(), Error> {
        let mut items = self
            .table
            .client
            .query()
            .table_name(&self.table.name)
            .key_condition_expression("partition_key = :partition")
            .filter_expression("due_at <= :now")
            .expression_attribute_values(":partition", text(partition_key(partition)))
            .expression_attribute_values(":now", moment(now))
            .into_paginator()
            .items()
            .send();
        while let Some(item) = items.next().await {
            let item = item.map_err(|error| sdk::failed("reading the registry", error))?;
            let item: RegistryItem = from_item(item)?;
            let partner = PartnerId::parse(&item.sort_key)
                .ok_or_else(|| Error::internal("reading the registry", "no partner's id"))?;
            let due_at = item.due_at;
            note(DuePartner { partner, due_at });
        }
        Ok(())
    }
}

/// No partner's id contains `#`, so these partitions hold no partner's items.
fn partition_key(partition: u8) -> String {
    format!("#partners#{partition:x}")
}

/// The key of a partner's item; the partition follows from a hash of the partner's id.
fn key(partner: &PartnerId) -> Item {
    let [first, ..] = <[u8; 32]>::from(Sha256::digest(partner.as_str()));
    Item::from([
        (
            "partition_key".to_owned(),
            text(partition_key(first % PARTITIONS)),
        ),
        ("sort_key".to_owned(), text(partner.as_str())),
    ])
}
