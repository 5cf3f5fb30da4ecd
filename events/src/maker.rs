//! Makes the events of what is stored.

use serde::Serialize;
use shared::{
    ActivityId, Config, Error, Identifier, Moment,
    aws::activities::{ItemKey, Stored, Streamed, StreamedCheckpoint},
    model::{stream::Format, trail},
};

use crate::{
    activity,
    event::{BYTES_MAX, Event, Kind, Message},
    ocsf,
};

/// Makes events in one format.
#[derive(Debug, Clone)]
pub struct EventMaker {
    log_name: String,
    format: Format,
}

#[derive(Serialize)]
struct ErasedData<'a> {
    customer_id: &'a Identifier,
    activity_id: ActivityId,
}

#[derive(Serialize)]
struct CheckpointData<'a> {
    size: u64,
    sealed_to: Moment,
    note: &'a str,
}

#[derive(Serialize)]
struct NotSentData<'a> {
    partition_key: &'a str,
    sort_key: &'a str,
    reason: &'a str,
}

impl EventMaker {
    /// Makes events of the service that the configuration describes.
    pub fn new(config: &Config, format: Format) -> Self {
        Self {
            log_name: config.log_name.clone(),
            format,
        }
    }

    /// The events of what is stored; several for the entry of an erasure that has succeeded.
    pub fn of(&self, streamed: Streamed) -> Result<Vec<Event>, Error> {
        match streamed {
            Streamed::Entry(stored) => self.of_entry(*stored),
            Streamed::Checkpoint(checkpoint) => Ok(vec![self.of_checkpoint(&checkpoint)?]),
        }
    }

    fn of_entry(&self, mut stored: Stored) -> Result<Vec<Event>, Error> {
        let erased = self.of_erasure(&stored)?;
        let whole = self.of_activity(&stored)?;
        if stored.activity.content.details.take().is_none() {
            return Ok([Some(whole), erased].into_iter().flatten().collect());
        }
        // Details may be too large, or JSON that the bus does not take.
        let reduced = self.of_activity(&stored)?;
        let is_small = whole.bytes() <= BYTES_MAX;
        let recorded = if is_small { whole.or(reduced) } else { reduced };
        Ok([Some(recorded), erased].into_iter().flatten().collect())
    }

    fn of_activity(&self, stored: &Stored) -> Result<Event, Error> {
        match self.format {
            Format::Activity => self.of_stored(stored, None, activity::Data::new(stored)),
            Format::Ocsf => {
                let data = ocsf::ApiActivity::new(stored, &self.log_name);
                self.of_stored(stored, Some(ocsf::SCHEMA), data)
            }
        }
    }

    fn of_stored<T: Serialize>(
        &self,
        stored: &Stored,
        schema: Option<&'static str>,
        data: T,
    ) -> Result<Event, Error> {
        let activity = &stored.activity;
        let customer = activity.content.customer.as_ref();
        Event::new(&Message {
            kind: Kind::Recorded,
            id: activity.id.to_string(),
            log_name: &self.log_name,
            partner_id: Some(&activity.partner_id),
            subject: customer.map(|customer| customer.id.as_str()),
            time: activity.content.occurred_at,
            recorded_at: Some(activity.recorded_at),
            schema,
            data,
        })
    }

    /// That a customer was erased, so that whoever keeps events can erase there too.
    fn of_erasure(&self, stored: &Stored) -> Result<Option<Event>, Error> {
        let activity = &stored.activity;
        let Some(customer_id) = trail::erased_customer(&activity.content) else {
            return Ok(None);
        };
        let event = Event::new(&Message {
            kind: Kind::Erased,
            id: format!("{}/erased", activity.id),
            log_name: &self.log_name,
            partner_id: Some(&activity.partner_id),
            subject: Some(customer_id.as_str()),
            time: activity.content.occurred_at,
            recorded_at: Some(activity.recorded_at),
            schema: None,
            data: ErasedData {
                customer_id,
                activity_id: activity.id,
            },
        });
        event.map(Some)
    }

    fn of_checkpoint(&self, checkpoint: &StreamedCheckpoint) -> Result<Event, Error> {
        let StreamedCheckpoint {
            partner_id,
            size,
            sealed_to,
            note,
        } = checkpoint;
        Event::new(&Message {
            kind: Kind::CheckpointSigned,
            id: format!("{partner_id}/{size}/{sealed_to}"),
            log_name: &self.log_name,
            partner_id: Some(partner_id),
            subject: None,
            time: *sealed_to,
            recorded_at: None,
            schema: None,
            data: CheckpointData {
                size: *size,
                sealed_to: *sealed_to,
                note,
            },
        })
    }

    /// That something is stored of which no event can be sent, and why.
    pub fn not_sent(&self, key: &ItemKey, reason: &str, now: Moment) -> Result<Event, Error> {
        Event::new(&Message {
            kind: Kind::NotSent,
            id: format!("{}/{}", key.partition(), key.sort()),
            log_name: &self.log_name,
            partner_id: None,
            subject: None,
            time: now,
            recorded_at: None,
            schema: None,
            data: NotSentData {
                partition_key: key.partition(),
                sort_key: key.sort(),
                reason,
            },
        })
    }
}
