//! A page of records, in the form of Partner Center's collections.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use shared::{Error, Filter, aws::activities::Stored, lambda::envelope};

use crate::{record::Client, request::PageRequest, token::TOKEN};

/// The most bytes of a page's records inside Lambda's answer; the rest is for the links,
/// each with a filter of up to 10 KB, percent-encoded.
const BYTES_MAX: usize = envelope::BODY_BYTES_MAX - 100_000;

/// The records of a page.
#[derive(Debug)]
pub(crate) struct Items {
    records: Vec<Box<RawValue>>,
    limit: usize,
    client: Client,
    /// How many bytes they have inside Lambda's answer.
    bytes: usize,
}

impl Items {
    pub(crate) fn new(limit: usize, client: Client) -> Self {
        Self {
            records: Vec::new(),
            limit,
            client,
            bytes: 0,
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.records.len()
    }

    /// Adds a record if there is room for it; for the first one there always is.
    pub(crate) fn take(&mut self, stored: Stored, filter: &Filter) -> Result<bool, Error> {
        let record = self.client.record(stored.activity)?;
        // Some records show no name, such as that of an erased customer: no name finds those.
        if filter.customer.is_some() && record.text("customerName").is_none() {
            return Ok(true);
        }
        if self.count() == self.limit {
            return Ok(false);
        }
        let record = to_raw_value(&record);
        let record = record.map_err(|error| Error::internal("writing a record", error))?;
        let bytes = self.bytes + envelope::bytes_inside(record.get()) + ",".len();
        if bytes > BYTES_MAX && self.count() > 0 {
            return Ok(false);
        }
        self.bytes = bytes;
        self.records.push(record);
        Ok(true)
    }
}

/// A page.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Collection {
    /// How many records the page has.
    total_count: usize,
    items: Vec<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    continuation_token: Option<String>,
    links: Links,
    attributes: Attributes,
}

#[derive(Debug, Serialize)]
struct Links {
    #[serde(rename = "self")]
    own: Link,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Link>,
}

#[derive(Debug, Serialize)]
struct Link {
    uri: String,
    method: &'static str,
    headers: Vec<Header>,
}

#[derive(Debug, Serialize)]
struct Header {
    key: &'static str,
    value: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Attributes {
    object_type: &'static str,
}

impl Collection {
    /// The page that was asked for, and the position of the next one.
    pub(crate) fn new(page: &PageRequest, items: Items, next: Option<String>) -> Self {
        let address = page.address();
        let link = |token: Option<String>| Link {
            uri: match token {
                None => address.clone(),
                Some(_) => format!("{address}&seekOperation=Next"),
            },
            method: "GET",
            headers: token
                .map(|value| Header { key: TOKEN, value })
                .into_iter()
                .collect(),
        };
        Self {
            total_count: items.count(),
            items: items.records,
            links: Links {
                own: link(page.token.clone()),
                next: next.clone().map(|token| link(Some(token))),
            },
            continuation_token: next,
            attributes: Attributes {
                object_type: "Collection",
            },
        }
    }
}
