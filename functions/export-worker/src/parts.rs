//! The parts of a file, made one at a time, as they are asked for.

use shared::{
    ActivityId, Error,
    model::{export::Format, failure::Failure},
};
use tokio::sync::mpsc;

use crate::{
    Run, Stop,
    activities::{Activities, Found},
    encoder::{Encoder, Unfinished, unencodable},
    upload::Resumption,
    workbook::Workbook,
};

/// A part is cut after the row that reaches this many bytes: 8 MiB.
pub(crate) const PART_BYTES: usize = 8 * 1024 * 1024;

/// The most parts that S3 takes.
const PARTS_MAX: usize = 10_000;

/// So many parts are in memory: one is made while one is sent.
const BUFFERS: usize = 2;

/// The buffers, and where those that were sent go back: new ones would fragment the heap.
pub(crate) fn buffers() -> (mpsc::Sender<Vec<u8>>, mpsc::Receiver<Vec<u8>>) {
    let (sent, buffers) = mpsc::channel(BUFFERS);
    for _ in 0..BUFFERS {
        sent.try_send(Vec::new())
            .expect("the channel has room for every buffer");
    }
    (sent, buffers)
}

/// A part of the file.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) bytes: Vec<u8>,
    pub(crate) end: End,
    /// Rows of the file up to here.
    pub(crate) rows: u64,
    /// Cells of the file that were cut, up to here.
    pub(crate) truncated_cells: u64,
    /// The last activity that was looked at; none where nobody can go on.
    pub(crate) position: Option<ActivityId>,
}

/// Why a part ends where it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It is large enough; others follow.
    Full,
    /// The file ends with it; it may be empty.
    File,
    /// The function's time is nearly up; so many of its bytes are packed.
    Time {
        /// The rest are rows as they are.
        packed_bytes: usize,
    },
}

/// Makes the parts of one file.
pub(crate) enum Parts<'a> {
    /// Rows after rows, from wherever an earlier worker stopped.
    Rows(Box<RowParts<'a>>),
    /// A workbook, which can only be made as a whole.
    Workbook(Box<Workbook<'a>>),
}

impl<'a> Parts<'a> {
    /// Each part is made in one of `buffers`, which wait for those that were sent.
    pub(crate) fn new(
        run: &'a Run<'a>,
        resumption: Option<&Resumption>,
        activities: Activities<'a>,
        buffers: mpsc::Receiver<Vec<u8>>,
    ) -> Result<Self, Error> {
        Ok(match run.export.request.format {
            Format::Csv | Format::Jsonl => Self::Rows(Box::new(RowParts::new(
                run, resumption, activities, buffers,
            )?)),
            Format::Xlsx => Self::Workbook(Box::new(Workbook::new(run, activities, buffers)?)),
        })
    }

    pub(crate) async fn next(&mut self) -> Result<Part, Stop> {
        match self {
            Self::Rows(rows) => rows.next().await,
            Self::Workbook(workbook) => workbook.next().await,
        }
    }
}

/// The parts of a file of rows.
pub(crate) struct RowParts<'a> {
    run: &'a Run<'a>,
    activities: Activities<'a>,
    buffers: mpsc::Receiver<Vec<u8>>,
    encoder: Encoder,
    parts: usize,
    rows: u64,
    /// Of earlier workers.
    truncated_cells: u64,
}

impl<'a> RowParts<'a> {
    fn new(
        run: &'a Run<'a>,
        resumption: Option<&Resumption>,
        activities: Activities<'a>,
        buffers: mpsc::Receiver<Vec<u8>>,
    ) -> Result<Self, Error> {
        let request = &run.export.request;
        Ok(Self {
            run,
            activities,
            buffers,
            encoder: match resumption {
                Some(resumption) => resumption.encoder(request),
                None => Encoder::begin(request)?,
            },
            parts: resumption.map_or(0, Resumption::parts),
            rows: resumption.map_or(0, |resumption| resumption.checkpoint.rows),
            truncated_cells: resumption
                .map_or(0, |resumption| resumption.checkpoint.truncated_cells),
        })
    }

    async fn next(&mut self) -> Result<Part, Stop> {
        let buffer = self.buffers.recv().await;
        let buffer = buffer.ok_or_else(|| unencodable("nobody takes parts any more"))?;
        self.encoder.go_on_in(buffer)?;
        loop {
            match self.activities.next().await? {
                Found::Activity(activity) => {
                    self.rows += 1;
                    if self.encoder.push(&activity)? {
                        return self.part(End::Full);
                    }
                }
                Found::EndOfPage => {
                    self.run.show(self.rows, self.activities.fraction);
                    if self.run.is_time_up() {
                        return self.unfinished();
                    }
                }
                Found::End => return self.part(End::File),
            }
        }
    }

    fn part(&mut self, end: End) -> Result<Part, Stop> {
        self.parts += 1;
        if self.parts > PARTS_MAX {
            return Err(Stop::Impossible(too_large()));
        }
        let bytes = self.encoder.part(self.parts == 1)?;
        Ok(self.part_of(bytes, end))
    }

    fn unfinished(&mut self) -> Result<Part, Stop> {
        let Unfinished {
            bytes,
            packed_bytes,
        } = self.encoder.unfinished()?;
        Ok(self.part_of(bytes, End::Time { packed_bytes }))
    }

    fn part_of(&self, bytes: Vec<u8>, end: End) -> Part {
        Part {
            bytes,
            end,
            rows: self.rows,
            truncated_cells: self.truncated_cells + self.encoder.truncated_cells,
            position: self.activities.position,
        }
    }
}

fn too_large() -> Failure {
    Failure {
        code: "too_large".into(),
        detail: "The file would have more than 80 GB. Export a shorter range.".into(),
    }
}
