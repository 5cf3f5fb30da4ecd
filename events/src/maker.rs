//! Which events tell of what is stored.

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

/// How the entries of a log are told.
#[derive(Debug, Clone)]
pub struct Telling {
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

impl Telling {
    /// Tells in a format of the service that the configuration names.
    pub fn new(config: &Config, format: Format) -> Self {
        Self {
            log_name: config.log_name.clone(),
            format,
        }
    }

    /// The events of what is stored; several for the entry of an erasure that has succeeded.
    pub fn events(&self, streamed: Streamed) -> Result<Vec<Event>, Error> {
        match streamed {
            Streamed::Entry(stored) => self.of_entry(*stored),
            Streamed::Checkpoint(checkpoint) => Ok(vec![self.of_checkpoint(&checkpoint)?]),
        }
    }

    fn of_entry(&self, stored: Stored) -> Result<Vec<Event>, Error> {
        let erased = self.of_erasure(&stored).transpose()?;
        let recorded = self.recorded(stored)?;
        Ok([Some(recorded), erased].into_iter().flatten().collect())
    }

    /// An entry, without its details if they are more than an event can hold.
    fn recorded(&self, mut stored: Stored) -> Result<Event, Error> {
        let whole = self.of_activity(&stored)?;
        if whole.bytes() <= BYTES_MAX {
            return Ok(whole);
        }
        stored.activity.content.details = None;
        self.of_activity(&stored)
    }

    fn of_activity(&self, stored: &Stored) -> Result<Event, Error> {
        match self.format {
            Format::Activity => {
                self.with_entry(stored, None, Kind::Recorded, activity::Data::new(stored))
            }
            Format::Ocsf => {
                let data = ocsf::ApiActivity::new(stored, &self.log_name);
                self.with_entry(stored, Some(ocsf::SCHEMA), Kind::Recorded, data)
            }
        }
    }

    /// That a customer was erased, so that whoever keeps events can erase there too.
    fn of_erasure(&self, stored: &Stored) -> Option<Result<Event, Error>> {
        let customer_id = trail::erased_customer(&stored.activity.content)?;
        let data = ErasedData {
            customer_id,
            activity_id: stored.activity.id,
        };
        Some(self.with_entry(stored, None, Kind::Erased, data))
    }

    fn with_entry<T: Serialize>(
        &self,
        stored: &Stored,
        schema: Option<&'static str>,
        kind: Kind,
        data: T,
    ) -> Result<Event, Error> {
        let activity = &stored.activity;
        let ending = if kind == Kind::Erased { "/erased" } else { "" };
        let customer = activity.content.customer.as_ref();
        let erased = trail::erased_customer(&activity.content);
        let subject = customer.map(|customer| &customer.id).or(erased);
        Event::new(&Message {
            kind,
            id: format!("{}{ending}", activity.id),
            log_name: &self.log_name,
            partner_id: Some(&activity.partner_id),
            subject: subject.map(Identifier::as_str),
            time: activity.content.occurred_at,
            recorded_at: Some(activity.recorded_at),
            schema,
            data,
        })
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

    /// That something is stored of which nothing can be told, and why.
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
