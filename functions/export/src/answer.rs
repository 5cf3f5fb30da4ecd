//! The JSON answers about exports.

use serde::Serialize;
use shared::{
    Actor, Export, ExportId, ExportKey, Filter, Moment, Page, TimeRange,
    aws::files::Link,
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
    settled: bool,
    filter: Filter,
    format: Format,
    #[serde(skip_serializing_if = "Option::is_none")]
    style: Option<Style>,
    compression: Compression,
    locale: Locale,
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
        Self {
            id: key.id,
            state: export.state(now),
            created_at: export.created_at,
            created_by: export.created_by,
            as_of: export.as_of,
            range: export.range,
            settled: export.settled,
            filter: export.request.filter,
            format: export.request.format,
            style: export.request.style,
            compression: export.request.compression,
            locale: export.request.locale,
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

/// A page of exports; it has no links to files.
#[derive(Debug, Serialize)]
pub(crate) struct Exports {
    items: Vec<Answer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

impl Exports {
    pub(crate) fn new(
        page: Page<(ExportKey, Export)>,
        next_cursor: Option<String>,
        now: Moment,
    ) -> Self {
        let items = page
            .items
            .into_iter()
            .map(|(key, export)| Answer::new(&key, export, now));
        Self {
            items: items.collect(),
            next_cursor,
        }
    }
}
