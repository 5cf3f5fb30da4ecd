//! An export by one writer, of one number of entries, and what it cost.

use serde_json::json;

use super::writer::Writer;
use crate::{
    Error, canned,
    names::{EXPORT, PARTNER},
    process::{cpu_seconds, peak_mebibytes},
    samples::{Samples, float},
    session::Session,
    workbench::Workbench,
};

/// How many bytes the slow bucket takes each second.
const SLOW_BYTES_PER_SECOND: u64 = 1_000_000;

/// An export, and what it cost in each round.
#[derive(Debug)]
pub(super) struct Export {
    pub(super) writer: Writer,
    /// How many rows the file has.
    pub(super) entries: u64,
    /// Whether the bucket is the slow one; measured in one round only.
    pub(super) is_slow: bool,
    pub(super) cpu_microseconds_a_row: Samples,
    pub(super) peak_mebibytes: Samples,
    pub(super) file_bytes: u64,
}

impl Export {
    pub(super) fn new(writer: Writer, entries: u64, is_slow: bool) -> Self {
        Self {
            writer,
            entries,
            is_slow,
            cpu_microseconds_a_row: Samples::default(),
            peak_mebibytes: Samples::default(),
            file_bytes: 0,
        }
    }

    pub(super) fn name(&self) -> String {
        let bucket = if self.is_slow { ", slow bucket" } else { "" };
        format!("{}{bucket}, {} rows", self.writer.name, self.entries)
    }

    /// Writes the file once; an error unless all entries were read for it.
    pub(super) async fn measure(&mut self, bench: &Workbench<'_>) -> Result<(), Error> {
        let options = canned::Options {
            entries: self.entries,
            details: self.writer.details,
            export_request: self.writer.request,
            s3_bytes_per_second: self.is_slow.then_some(SLOW_BYTES_PER_SECOND),
            ..canned::Options::default()
        };
        let mut session = Session::start(bench, self.writer.program, options, None).await?;
        let event = json!({ "partner_id": PARTNER, "export_id": EXPORT });
        session.call(event.to_string()).await?;
        let cpu = cpu_seconds(&session.process)?;
        let peak = peak_mebibytes(&session.process)?;
        let counts = session.end().await?;
        if counts.entries_read != self.entries {
            return Err(format!("{} entries were read", counts.entries_read).into());
        }
        self.file_bytes = counts.file_bytes;
        self.cpu_microseconds_a_row
            .add(cpu * 1e6 / float(self.entries));
        self.peak_mebibytes.add(peak);
        Ok(())
    }
}
