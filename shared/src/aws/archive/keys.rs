//! The public keys that sign checkpoints, as they are told to everybody.
//!
//! Whoever can write the table can write another key here, so a reader who does not want to
//! trust it gets the key in another way, once.

use proof::VerifierKey;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::{
    Error, Moment,
    aws::{
        sdk,
        table::{Item, Table, Update, from_item, moment, text, to_item},
    },
};

/// No partner's id contains `#`, so this partition holds no partner's items.
const PARTITION: &str = "#keys";

/// The public keys in the archive's table.
#[derive(Debug, Clone)]
pub struct PublicKeys {
    table: Table,
}

/// A key that has signed checkpoints.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    /// The key as a verifier reads it: name, id and key.
    pub key: String,
    /// When it signed first.
    pub since: Moment,
    /// When it was found to sign no more; absent while it signs.
    pub retired_at: Option<Moment>,
}

impl PublicKeys {
    /// The keys in this table.
    pub fn new(client: aws_sdk_dynamodb::Client, table: String) -> Self {
        let table = Table {
            client,
            name: table,
        };
        Self { table }
    }

    /// All of them, in no order that means anything.
    pub async fn all(&self) -> Result<Vec<PublicKey>, Error> {
        let mut items = self
            .table
            .client
            .query()
            .table_name(&self.table.name)
            .key_condition_expression("partition_key = :keys")
            .expression_attribute_values(":keys", text(PARTITION))
            .into_paginator()
            .items()
            .send();
        let mut keys = Vec::new();
        while let Some(item) = items.next().await {
            let item = item.map_err(|error| sdk::failed("reading the keys", error))?;
            keys.push(from_item(item)?);
        }
        Ok(keys)
    }

    /// Notes that these keys sign from now on, and no others.
    pub async fn note(&self, current: &[&VerifierKey], now: Moment) -> Result<(), Error> {
        let known = self.all().await?;
        let current: Vec<String> = current.iter().map(ToString::to_string).collect();
        for text in &current {
            match known.iter().find(|known| known.key == *text) {
                None => {
                    let mut item = to_item(&PublicKey {
                        key: text.clone(),
                        since: now,
                        retired_at: None,
                    })?;
                    item.extend(key(text));
                    self.table.put_new(item).await?;
                }
                Some(PublicKey {
                    retired_at: Some(_),
                    ..
                }) => {
                    let update = Update::set("since = since").and_remove("retired_at");
                    self.table.update(key(text), update).await?;
                }
                Some(_) => {}
            }
        }
        for gone in known {
            if gone.retired_at.is_none() && !current.contains(&gone.key) {
                let update = Update::set("retired_at = :now").value(":now", moment(now));
                self.table.update(key(&gone.key), update).await?;
            }
        }
        Ok(())
    }
}

fn key(text_of_key: &str) -> Item {
    Item::from([
        ("partition_key".to_owned(), text(PARTITION)),
        ("sort_key".to_owned(), text(text_of_key)),
    ])
}
