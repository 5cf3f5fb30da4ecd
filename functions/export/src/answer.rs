//! The JSON answers about exports.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use shared::{
    Actor, Error, Export, ExportId, ExportKey, Filter, Moment, Page, TimeRange,
    aws::files::Link,
    lambda::envelope,
    model::{
        export::{Compression, File, Format, Locale, Progress, State, Style},
        failure::Failure,
    },
};

/// An export as its partner sees it.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    id: ExportId,
    state: State,
    created_at: Moment,
    created_by: Actor,
    as_of: Moment,
    #[serde(flatten)]
    range: TimeRange,
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded_to: Option<Moment>,
    settled: bool,
    filter: Filter,
    format: Format,
    #[serde(skip_serializing_if = "Option::is_none")]
    style: Option<Style>,
    compression: Compression,
    locale: Locale,
    proof: bool,
    attempts: u32,
    progress: Progress,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<File>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    download: Option<Link>,
}

impl Answer {
    pub(crate) fn new(key: &ExportKey, export: Export, now: Moment) -> Self {
        let failure = export.failure(now);
        let recorded_to = export.recorded().map(|recorded| recorded.to());
        Self {
            id: key.id,
            state: export.state(now),
            created_at: export.created_at,
            created_by: export.created_by,
            as_of: export.as_of,
            range: export.range,
            recorded_to,
            settled: export.settled,
            filter: export.request.filter,
            format: export.request.format,
            style: export.request.style,
            compression: export.request.compression,
            locale: export.request.locale,
            proof: export.request.proof,
            attempts: export.lease.attempts,
            progress: export.progress,
            file: export.file,
            finished_at: export.finished_at,
            failure,
            download: None,
        }
    }

    pub(crate) fn with_download(self, download: Link) -> Self {
        Self {
            download: Some(download),
            ..self
        }
    }
}

/// The most bytes of the exports in an answer; the rest is for the cursor.
const EXPORTS_BYTES_MAX: usize = envelope::BODY_BYTES_MAX - 1_000;

/// A page of exports as JSON texts; it has no links to files.
#[derive(Debug, Serialize)]
pub(crate) struct Exports {
    items: Vec<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

impl Exports {
    pub(crate) fn new(page: Page<Shown>, next_cursor: Option<String>) -> Self {
        Self {
            items: page.items.into_iter().map(|shown| shown.json).collect(),
            next_cursor,
        }
    }
}

/// One export of a page.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) id: ExportId,
    json: Box<RawValue>,
}

/// As many exports of a page as fit into an answer.
///
/// An export repeats its filter, which may have 64 kB.
pub(crate) fn fitting(page: Page<(ExportKey, Export)>, now: Moment) -> Result<Page<Shown>, Error> {
    let mut items = Vec::new();
    let mut bytes_left = EXPORTS_BYTES_MAX;
    for (key, export) in page.items {
        let json = to_raw_value(&Answer::new(&key, export, now))
            .map_err(|error| Error::internal("answering", error))?;
        let bytes = envelope::bytes_inside(json.get()) + ",".len();
        if bytes > bytes_left {
            return Ok(Page { items, more: true });
        }
        bytes_left -= bytes;
        items.push(Shown { id: key.id, json });
    }
    Ok(Page {
        items,
        more: page.more,
    })
}
