//! An event: a CloudEvent, and how EventBridge carries it.

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_with::skip_serializing_none;
use shared::{Error, Moment, PartnerId};

/// The `source` of all events, for the patterns of rules.
pub(crate) const SOURCE: &str = "partner-activity-log";

/// The most bytes of an event, and of all events of a call.
///
/// EventBridge took less than 256 KiB before 2026, and some targets still take no more; they get
/// an envelope around the event, for which 4 KiB are left.
pub(crate) const BYTES_MAX: usize = 252 * 1024;

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Recorded,
    Erased,
    CheckpointSigned,
    NotSent,
}

impl Kind {
    /// The `detail-type`, for the patterns of rules.
    fn detail_type(self) -> &'static str {
        match self {
            Self::Recorded => "Activity Recorded",
            Self::Erased => "Customer Erased",
            Self::CheckpointSigned => "Checkpoint Signed",
            Self::NotSent => "Not Sent",
        }
    }

    /// The type of the CloudEvent.
    fn name(self) -> &'static str {
        match self {
            Self::Recorded => "partner-activity-log.activity.recorded.v1",
            Self::Erased => "partner-activity-log.customer.erased.v1",
            Self::CheckpointSigned => "partner-activity-log.checkpoint.signed.v1",
            Self::NotSent => "partner-activity-log.not-sent.v1",
        }
    }
}

/// An event that is ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    kind: Kind,
    detail: String,
    /// The detail without an entry's details, if it has any.
    reduced: Option<String>,
}

/// What an event says, before it is written.
#[derive(Debug)]
pub(crate) struct Message<'a, T> {
    pub(crate) kind: Kind,
    pub(crate) id: String,
    pub(crate) log_name: &'a str,
    pub(crate) partner_id: Option<&'a PartnerId>,
    pub(crate) subject: Option<&'a str>,
    pub(crate) time: Moment,
    pub(crate) recorded_at: Option<Moment>,
    pub(crate) schema: Option<&'static str>,
    pub(crate) data: T,
}

/// A CloudEvent in JSON; the names of extensions have only small letters.
/// <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>
#[skip_serializing_none]
#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: &'a str,
    source: String,
    r#type: &'static str,
    subject: Option<&'a str>,
    time: Moment,
    datacontenttype: &'static str,
    dataschema: Option<&'static str>,
    partnerid: Option<&'a PartnerId>,
    recordedat: Option<Moment>,
    data: &'a RawValue,
}

impl Event {
    pub(crate) fn new<T: Serialize>(message: &Message<'_, T>) -> Result<Self, Error> {
        let failed = |error| Error::internal("writing an event", error);
        let data = serde_json::value::to_raw_value(&message.data).map_err(failed)?;
        let partner = message.partner_id.map_or("", PartnerId::as_str);
        let event = CloudEvent {
            specversion: "1.0",
            id: &message.id,
            source: format!("//{}/{partner}", message.log_name),
            r#type: message.kind.name(),
            subject: message.subject,
            time: message.time,
            datacontenttype: "application/json",
            dataschema: message.schema,
            partnerid: message.partner_id,
            recordedat: message.recorded_at,
            data: &data,
        };
        Ok(Self {
            kind: message.kind,
            detail: serde_json::to_string(&event).map_err(failed)?,
            reduced: None,
        })
    }

    /// The same event, which may also be sent as another one that says less.
    pub(crate) fn or(self, reduced: Self) -> Self {
        Self {
            reduced: Some(reduced.detail),
            ..self
        }
    }

    /// The event that says less.
    pub(crate) fn reduced(&self) -> Option<Self> {
        let detail = self.reduced.clone()?;
        Some(Self {
            kind: self.kind,
            detail,
            reduced: None,
        })
    }

    /// Its size, as EventBridge counts it.
    /// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>
    pub(crate) fn bytes(&self) -> usize {
        SOURCE.len() + self.kind.detail_type().len() + self.detail.len()
    }

    pub(crate) fn entry(&self, bus: &str) -> PutEventsRequestEntry {
        PutEventsRequestEntry::builder()
            .event_bus_name(bus)
            .source(SOURCE)
            .detail_type(self.kind.detail_type())
            .detail(&self.detail)
            .build()
    }

    /// An event of a size, for tests.
    #[cfg(test)]
    pub(crate) fn of_bytes(bytes: usize) -> Self {
        let kind = Kind::Recorded;
        let others = SOURCE.len() + kind.detail_type().len();
        Self {
            kind,
            detail: "x".repeat(bytes - others),
            reduced: None,
        }
    }
}
