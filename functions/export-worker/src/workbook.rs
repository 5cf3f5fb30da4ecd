//! Makes a workbook (Office Open XML), for people.
//!
//! The rows are collected on the function's disk, because a sheet can only be
//! saved as a whole; its bytes are uploaded in parts while it is saved. No worker
//! can resume a workbook: after an interruption it is made again, with the same
//! bytes.

use std::io::{self, Write};

use rust_xlsxwriter::XlsxError;
use shared::{
    Error,
    model::{
        error::Source,
        failure::{Failure, FailureCode},
    },
};
use tokio::{
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
};

use crate::{
    activities::{Activities, Step},
    columns,
    context::{Context, Stop},
    part::{PART_BYTES, Part, PartEnd},
    sheets::{LIMITS, Sheets},
};

/// Makes the parts of one workbook.
pub(crate) struct WorkbookParts<'a> {
    context: &'a Context<'a>,
    activities: Activities<'a>,
    /// None after a failure and after the last part.
    stage: Option<Stage>,
    rows: u64,
    truncated_cells: u64,
}

/// The two stages of a workbook.
enum Stage {
    /// The sheets collect rows; the buffers are for the bytes of the saved workbook.
    Filling(Box<Sheets>, mpsc::Receiver<Vec<u8>>),
    /// A thread saves the sheets.
    Saving(Saving),
}

/// The bytes from the thread that saves the sheets.
struct Saving {
    full_parts: mpsc::Receiver<Vec<u8>>,
    last_part: JoinHandle<Result<Vec<u8>, XlsxError>>,
}

impl<'a> WorkbookParts<'a> {
    pub(crate) fn new(
        context: &'a Context<'a>,
        activities: Activities<'a>,
        buffers: mpsc::Receiver<Vec<u8>>,
    ) -> Result<Self, Error> {
        let sheets = Sheets::new(&context.export.request, context.export.as_of, LIMITS);
        let sheets = Box::new(sheets.map_err(workbook_failed)?);
        Ok(Self {
            context,
            activities,
            stage: Some(Stage::Filling(sheets, buffers)),
            rows: 0,
            truncated_cells: 0,
        })
    }

    pub(crate) async fn next(&mut self) -> Result<Part, Stop> {
        let mut saving = match self.stage.take() {
            Some(Stage::Filling(sheets, buffers)) => {
                save_in_thread(*self.fill(sheets).await?, buffers)
            }
            Some(Stage::Saving(saving)) => saving,
            None => return Err(workbook_failed("no part follows the last one").into()),
        };
        self.check_time()?;
        if let Some(bytes) = saving.full_parts.recv().await {
            self.stage = Some(Stage::Saving(saving));
            return Ok(self.part_of(bytes, PartEnd::Full));
        }
        let last = saving.last_part.await.map_err(workbook_failed)?;
        Ok(self.part_of(last.map_err(workbook_failed)?, PartEnd::File))
    }

    /// Reads all activities into the sheets.
    async fn fill(&mut self, mut sheets: Box<Sheets>) -> Result<Box<Sheets>, Stop> {
        loop {
            match self.activities.next().await? {
                Step::LeftOut(..) => {}
                Step::Activity(activity, _) => {
                    let labels = self.context.export.request.action_labels.as_ref();
                    let row = columns::row(&activity, labels);
                    sheets.push(&row).map_err(workbook_failed)?;
                    self.rows = sheets.rows;
                    if sheets.is_too_large() {
                        return Err(Stop::Impossible(too_large()));
                    }
                }
                Step::EndOfPage => {
                    let fraction = self.activities.fraction;
                    self.context.report_rows(self.rows, fraction);
                    self.check_time()?;
                }
                Step::EndOfRange => {
                    self.truncated_cells = sheets.truncated_cells;
                    return Ok(sheets);
                }
            }
        }
    }

    /// Stops the worker when its time is up, because no other call can continue.
    fn check_time(&self) -> Result<(), Stop> {
        if self.context.is_time_up() {
            return Err(Stop::Impossible(too_slow()));
        }
        Ok(())
    }

    fn part_of(&self, bytes: Vec<u8>, end: PartEnd) -> Part {
        Part {
            bytes,
            end,
            rows: self.rows,
            truncated_cells: self.truncated_cells,
            unpacked: None,
            position: None,
            proof: None,
        }
    }
}

/// Saves the sheets in a thread of its own, which waits when no buffer is free.
fn save_in_thread(sheets: Sheets, buffers: mpsc::Receiver<Vec<u8>>) -> Saving {
    let (sender, full_parts) = mpsc::channel(1);
    let last_part = spawn_blocking(move || {
        let mut writer = PartWriter {
            bytes: Vec::new(),
            full_parts: sender,
            buffers,
        };
        writer.wait_for_buffer().map_err(io::Error::other)?;
        sheets.save(&mut writer)?;
        Ok(writer.bytes)
    });
    Saving {
        full_parts,
        last_part,
    }
}

/// Cuts the bytes that are written to it into parts.
struct PartWriter {
    bytes: Vec<u8>,
    full_parts: mpsc::Sender<Vec<u8>>,
    buffers: mpsc::Receiver<Vec<u8>>,
}

impl PartWriter {
    /// Sends the full part and waits for the buffer of the next one.
    fn send_part(&mut self) -> Result<(), Source> {
        let bytes = std::mem::take(&mut self.bytes);
        self.full_parts.blocking_send(bytes)?;
        self.wait_for_buffer()
    }

    /// Waits for an empty buffer; fails if the upload has ended.
    fn wait_for_buffer(&mut self) -> Result<(), Source> {
        let buffer = self.buffers.blocking_recv();
        self.bytes = buffer.ok_or("the upload has ended")?;
        self.bytes.clear();
        self.bytes.reserve(PART_BYTES);
        Ok(())
    }
}

impl Write for PartWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = PART_BYTES - self.bytes.len();
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.bytes.extend_from_slice(taken);
        if self.bytes.len() == PART_BYTES {
            self.send_part().map_err(io::Error::other)?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn workbook_failed(error: impl Into<Source>) -> Error {
    Error::internal("making a workbook", error)
}

fn too_large() -> Failure {
    FailureCode::TooLarge.because(format!(
        "A workbook can have at most {} rows and 4 GB of unpacked data. \
         Export a shorter range, or use the format csv, which has no limit of rows.",
        LIMITS.rows
    ))
}

fn too_slow() -> Failure {
    FailureCode::TooSlow.because(
        "A workbook must be written within 14 minutes. \
         Export a shorter range, or use the format csv, which may take longer.",
    )
}
