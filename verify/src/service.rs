//! The few requests that `verify log` sends to a service.

use std::{fmt::Display, fs::File, io::Write, path::Path, time::Duration};

use reqwest::{Client, Method, RequestBuilder, Response, header};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::finding::Finding;

/// How long is waited between two looks at an export that is not ready.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a connection may take.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);

/// How long an answer may pause.
const READ_TIME_MAX: Duration = Duration::from_mins(1);

/// How often a request is repeated that was throttled or not answered.
const REPEATED_MAX: usize = 5;

/// Where a log is read, and as whom.
#[derive(Debug, Clone)]
pub struct Service {
    client: Client,
    base: String,
    token: String,
}

/// What of an export is of use here.
#[derive(Deserialize)]
struct Export {
    id: String,
    state: String,
    download: Option<Download>,
}

#[derive(Deserialize)]
struct Download {
    url: String,
    proof_url: Option<String>,
}

impl Service {
    /// The service at this address, such as `https://api.example`, with a reader's token.
    pub fn new(base: &str, token: String) -> Result<Self, Finding> {
        let client = Client::builder()
            .connect_timeout(CONNECT_TIME_MAX)
            .read_timeout(READ_TIME_MAX)
            .build();
        Ok(Self {
            client: client.map_err(unanswered)?,
            base: base.trim_end_matches('/').to_owned(),
            token,
        })
    }

    /// The checkpoint that was published last, as a signed note.
    pub(crate) async fn checkpoint(&self) -> Result<String, Finding> {
        let get = self.request(Method::GET, "/v1/checkpoint");
        let answer = self.send(get.header(header::ACCEPT, "text/plain")).await?;
        answer.text().await.map_err(unanswered)
    }

    /// That the log only grew since it had so many entries.
    pub(crate) async fn consistency(&self, from_size: u64) -> Result<String, Finding> {
        let path = format!("/v1/checkpoint/consistency?from_size={from_size}");
        let answer = self.send(self.request(Method::GET, &path)).await?;
        answer.text().await.map_err(unanswered)
    }

    /// When the oldest entry before a moment happened; none if there is none.
    pub(crate) async fn first_moment(&self, to: &str) -> Result<Option<String>, Finding> {
        let path = format!("/v1/activities?from=1970-01-01&to={to}&order=asc&limit=1");
        let mut cursor = None;
        loop {
            let get = self.request(Method::GET, &path);
            let list: Value = self.json(get.query(&[("cursor", cursor)])).await?;
            if let Some(first) = list.pointer("/items/0/occurred_at").and_then(Value::as_str) {
                return Ok(Some(first.to_owned()));
            }
            // A page may be empty although entries follow it.
            cursor = list
                .get("next_cursor")
                .and_then(Value::as_str)
                .map(str::to_owned);
            if cursor.is_none() {
                return Ok(None);
            }
        }
    }

    /// Exports a range with its proof into two files; returns the export's id.
    pub(crate) async fn export(
        &self,
        (from, to): (&str, &str),
        (file, proof): (&Path, &Path),
    ) -> Result<String, Finding> {
        let body = json!({
            "from": from, "to": to, "order": "asc", "format": "jsonl", "proof": true,
        });
        let post = self.request(Method::POST, "/v1/exports");
        let post = post.header("prefer", "wait=5");
        // A request that is repeated finds the export of the first one.
        let post = post.header("idempotency-key", Uuid::new_v4().to_string());
        let mut export: Export = self.json(post.json(&body)).await?;
        while matches!(export.state.as_str(), "queued" | "running") {
            tokio::time::sleep(PAUSE).await;
            let path = format!("/v1/exports/{}", export.id);
            export = self.json(self.request(Method::GET, &path)).await?;
        }
        let Export {
            id,
            state,
            download,
        } = export;
        let links = download.and_then(|it| Some((it.url, it.proof_url?)));
        let Some((url, proof_url)) = links else {
            return Err(Finding::Unknown(format!(
                "the export {id} ended as {state}"
            )));
        };
        self.download(&url, file).await?;
        self.download(&proof_url, proof).await?;
        Ok(id)
    }

    /// Deletes an export that is not needed any more.
    pub(crate) async fn delete(&self, export_id: &str) -> Result<(), Finding> {
        let path = format!("/v1/exports/{export_id}");
        self.send(self.request(Method::DELETE, &path)).await?;
        Ok(())
    }

    async fn download(&self, url: &str, path: &Path) -> Result<(), Finding> {
        // The link itself is the right to read, so the token stays away from it.
        let mut answer = self.send(self.client.get(url)).await?;
        let unwritten = |error| Finding::Unknown(format!("{}: {error}", path.display()));
        let mut file = File::create(path).map_err(unwritten)?;
        while let Some(bytes) = answer.chunk().await.map_err(unanswered)? {
            file.write_all(&bytes).map_err(unwritten)?;
        }
        Ok(())
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.base);
        self.client.request(method, url).bearer_auth(&self.token)
    }

    async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Finding> {
        let answer = self.send(request).await?;
        answer.json().await.map_err(unanswered)
    }

    /// Sends a request, again if it was throttled or there was no answer.
    async fn send(&self, request: RequestBuilder) -> Result<Response, Finding> {
        for repeated in 0.. {
            let again = request.try_clone();
            let sent = again.ok_or_else(|| failed("the request can't be sent"))?;
            let answer = sent.send().await;
            let is_passing = answer.as_ref().map_or(true, |answer| {
                matches!(answer.status().as_u16(), 429 | 500..)
            });
            if !is_passing || repeated == REPEATED_MAX {
                return accepted(answer.map_err(unanswered)?).await;
            }
            tokio::time::sleep(PAUSE * (1 << repeated)).await;
        }
        Err(failed("there was no answer"))
    }
}

/// The answer, unless it is an error.
async fn accepted(answer: Response) -> Result<Response, Finding> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let text = answer.text().await.unwrap_or_default();
    Err(Finding::Unknown(format!(
        "the service answered {status}: {text}"
    )))
}

/// The address is left out: it may be a signed link.
fn unanswered(error: reqwest::Error) -> Finding {
    failed(error.without_url())
}

fn failed(reason: impl Display) -> Finding {
    Finding::Unknown(format!("the service did not answer: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_error_does_not_show_a_signed_link() {
        // Nothing listens at port 1.
        let link = "http://127.0.0.1:1/file?X-Amz-Signature=5d41";
        let error = Client::new().get(link).send().await.unwrap_err();
        assert!(error.to_string().contains("5d41"), "{error}");
        assert!(!unanswered(error).to_string().contains("5d41"));
    }
}
