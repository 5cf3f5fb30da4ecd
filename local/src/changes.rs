//! Lambda's event source mapping on one machine: brings what was stored to `stream`.
//!
//! It reads the stream of the table of activities, calls the function, and goes on where
//! the function's answer says; what failed is brought again, after a pause.

use std::{fs, path::PathBuf, time::Duration};

use dynoxide::{
    Database, DynoxideError,
    actions::{
        get_records::GetRecordsRequest, get_shard_iterator::GetShardIteratorRequest,
        list_streams::ListStreamsRequest,
    },
    streams::shard_id,
};
use serde_json::{Value, json};

use crate::functions::Functions;

/// The function that is called.
const FUNCTION: &str = "stream";

/// The most changes of a call, as in the template.
const BATCH: usize = 100;

/// How often the stream is read while nothing happens.
const PAUSE: Duration = Duration::from_millis(100);

/// The longest pause before what failed is brought again.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// The stream of a table, and how far it was brought.
pub(crate) struct Changes {
    pub(crate) database: Database,
    pub(crate) table: String,
    pub(crate) functions: Functions,
    /// The file that keeps how far it is.
    pub(crate) position: PathBuf,
}

impl Changes {
    /// Brings all changes, for ever.
    pub(crate) async fn bring(self) {
        let mut after = self.kept();
        let mut pause = PAUSE;
        loop {
            match self.bring_next(after.as_deref()).await {
                Ok(Some(place)) => {
                    self.keep(&place);
                    after = Some(place);
                    pause = PAUSE;
                    continue;
                }
                Ok(None) => pause = PAUSE,
                Err(reason) => {
                    tracing::warn!(
                        reason,
                        ?pause,
                        "changes were not streamed; they are brought again"
                    );
                    pause = PAUSE_MAX.min(pause * 2);
                }
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Brings the next changes; returns the place up to which all is done, if it is further.
    async fn bring_next(&self, after: Option<&str>) -> Result<Option<String>, String> {
        let changes = self.read(after).map_err(|error| error.to_string())?;
        let places: Vec<_> = changes.iter().filter_map(place).collect();
        let Some(last) = places.last().cloned() else {
            return Ok(None);
        };
        let called = self.functions.call(FUNCTION, json!({ "Records": changes }));
        let answer = called.await.map_err(|error| error.to_string())?;
        let failures = answer["batchItemFailures"].as_array().into_iter().flatten();
        let failed = failures.filter_map(|failure| failure["itemIdentifier"].as_str());
        let Some(first_failed) = failed.min() else {
            return Ok(Some(last));
        };
        let mut done = places
            .into_iter()
            .filter(|place| place.as_str() < first_failed);
        match done.next_back() {
            Some(place) => Ok(Some(place)),
            None => Err("the function could not send the first of them".to_owned()),
        }
    }

    fn read(&self, after: Option<&str>) -> Result<Vec<Value>, DynoxideError> {
        let streams = self.database.list_streams(ListStreamsRequest {
            table_name: Some(self.table.clone()),
            ..ListStreamsRequest::default()
        })?;
        let Some(stream) = streams.streams.into_iter().next() else {
            return Ok(Vec::new());
        };
        let from = match after {
            None => "TRIM_HORIZON",
            Some(_) => "AFTER_SEQUENCE_NUMBER",
        };
        let iterator = self.database.get_shard_iterator(GetShardIteratorRequest {
            stream_arn: stream.stream_arn,
            shard_id: shard_id(&self.table),
            shard_iterator_type: from.to_owned(),
            sequence_number: after.map(str::to_owned),
        })?;
        let records = self.database.get_records(GetRecordsRequest {
            shard_iterator: iterator.shard_iterator.unwrap_or_default(),
            limit: Some(BATCH),
        })?;
        let records = records.records.iter().map(serde_json::to_value);
        let unwritable =
            |error: serde_json::Error| DynoxideError::InternalServerError(error.to_string());
        records.collect::<Result<_, _>>().map_err(unwritable)
    }

    /// How far it was brought before; none if that is not known.
    fn kept(&self) -> Option<String> {
        let kept = fs::read_to_string(&self.position).ok()?;
        let is_number = kept.len() == 21 && kept.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then_some(kept)
    }

    /// Keeps how far it is; otherwise events are sent again after the next start.
    fn keep(&self, place: &str) {
        let new = self.position.with_extension("new");
        let kept = fs::write(&new, place).and_then(|()| fs::rename(&new, &self.position));
        if let Err(error) = kept {
            tracing::warn!(%error, "how far the stream was brought is not kept");
        }
    }
}

/// Where a change is in the stream.
fn place(change: &Value) -> Option<String> {
    let place = change["dynamodb"]["SequenceNumber"].as_str();
    place.map(str::to_owned)
}
