//! What operators do: erase customers, and open a log for its past.

use chrono::{DateTime, Utc};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::{
    client::{Client, Request},
    error::Error,
};

/// The erasure of a customer's name and details.
#[derive(Debug, Clone, Deserialize)]
pub struct Erasure {
    /// Its id.
    pub id: Uuid,
    /// `queued`, `running`, `done` or `failed`.
    pub state: String,
    /// How far it is.
    pub progress: ErasureProgress,
}

/// How much of a log an erasure has read.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct ErasureProgress {
    /// The activities that were looked at.
    pub read: u64,
    /// The activities of the customer.
    pub erased: u64,
}

/// The time in which a log accepts the past.
#[derive(Debug, Clone, Deserialize)]
pub struct ImportWindow {
    /// Its id, which another import does not have.
    pub id: Uuid,
    /// `open` or `closed`.
    pub state: String,
    /// When it ends if nobody closes it.
    pub ends_at: DateTime<Utc>,
    /// Nothing that happened before is accepted, if there is such a limit.
    pub from: Option<DateTime<Utc>>,
}

impl Client {
    /// Asks for the erasure of a customer; to ask twice erases no more than once.
    pub async fn erase(&self, customer_id: &str) -> Result<Erasure, Error> {
        let body = json!({ "customer_id": customer_id });
        let request = Request::post("/v1/erasures", body.to_string());
        self.json(&request).await
    }

    /// Looks at an erasure.
    pub async fn erasure(&self, id: Uuid) -> Result<Erasure, Error> {
        self.json(&Request::get(format!("/v1/erasures/{id}"))).await
    }

    /// Opens a log for its past, for at most 7 days; `partner` for who imports for several.
    ///
    /// A log that is being sealed is waited for.
    pub async fn open_import(&self, partner: Option<&str>) -> Result<ImportWindow, Error> {
        self.json(&import(Method::PUT, partner)).await
    }

    /// The import that is open; none if none is.
    pub async fn import(&self, partner: Option<&str>) -> Result<Option<ImportWindow>, Error> {
        match self
            .json::<ImportWindow>(&import(Method::GET, partner))
            .await
        {
            Ok(window) => Ok(Some(window).filter(|window| window.state == "open")),
            Err(Error::Refused(refusal)) if refusal.status == 404 => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Closes a log for its past.
    pub async fn close_import(&self, partner: Option<&str>) -> Result<ImportWindow, Error> {
        self.json(&import(Method::DELETE, partner)).await
    }
}

fn import(method: Method, partner: Option<&str>) -> Request {
    let path = match partner {
        // A partner's id needs no encoding.
        Some(partner) => format!("/v1/import?partner_id={partner}"),
        None => "/v1/import".to_owned(),
    };
    Request {
        method,
        ..Request::get(path)
    }
}
