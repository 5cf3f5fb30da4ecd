//! Makes the parts of a file, one at a time, when they are asked for.

use std::ops::Range;

use proof::Hash;
use shared::{
    Error,
    model::{
        export::Format,
        failure::{Failure, FailureCode},
    },
};
use tokio::sync::mpsc;

use crate::{
    activities::{Activities, Proven, Step},
    context::{Context, Stop, unproven},
    encoder::{Encoder, PartialPartBytes},
    part::{Part, PartEnd},
    proof_lines::ProofLines,
    resumption::Resumption,
    workbook::WorkbookParts,
};

/// The most parts that S3 accepts for one file.
const PARTS_MAX: usize = 10_000;

/// Makes the parts of one file.
pub(crate) enum Parts<'a> {
    /// CSV or JSON rows, which can continue where an earlier worker stopped.
    Rows(Box<RowParts<'a>>),
    /// A workbook, which can only be made as a whole.
    Workbook(Box<WorkbookParts<'a>>),
}

impl<'a> Parts<'a> {
    /// Each part is made in one of `buffers`; it waits until one is free.
    pub(crate) fn new(
        context: &'a Context<'a>,
        resumption: Option<&Resumption>,
        activities: Activities<'a>,
        proof: Option<ProofLines>,
        buffers: mpsc::Receiver<Vec<u8>>,
    ) -> Result<Self, Error> {
        Ok(match context.export.request.format {
            Format::Csv | Format::Jsonl => Self::Rows(Box::new(RowParts::new(
                context, resumption, activities, proof, buffers,
            )?)),
            Format::Xlsx => {
                Self::Workbook(Box::new(WorkbookParts::new(context, activities, buffers)?))
            }
        })
    }

    pub(crate) async fn next(&mut self) -> Result<Part, Stop> {
        match self {
            Self::Rows(rows) => rows.next().await,
            Self::Workbook(workbook) => workbook.next().await,
        }
    }
}

/// Makes the parts of a file of rows.
pub(crate) struct RowParts<'a> {
    context: &'a Context<'a>,
    activities: Activities<'a>,
    buffers: mpsc::Receiver<Vec<u8>>,
    encoder: Encoder,
    /// The proof of the rows; none if it was not asked for.
    proof: Option<ProofLines>,
    /// How many full parts there are, those of earlier workers included.
    parts: usize,
    rows: u64,
    /// The cells that earlier workers have cut.
    truncated_cells_before: u64,
}

impl<'a> RowParts<'a> {
    fn new(
        context: &'a Context<'a>,
        resumption: Option<&Resumption>,
        activities: Activities<'a>,
        proof: Option<ProofLines>,
        buffers: mpsc::Receiver<Vec<u8>>,
    ) -> Result<Self, Error> {
        let request = &context.export.request;
        let checkpoint = resumption.map(|resumption| &resumption.checkpoint);
        Ok(Self {
            context,
            activities,
            buffers,
            encoder: match resumption {
                Some(it) => Encoder::resume(request, &it.partial_part, it.checkpoint.unpacked),
                None => Encoder::start(request)?,
            },
            proof,
            parts: resumption.map_or(0, |resumption| resumption.sent.tags.len()),
            rows: checkpoint.map_or(0, |checkpoint| checkpoint.rows),
            truncated_cells_before: checkpoint.map_or(0, |checkpoint| checkpoint.truncated_cells),
        })
    }

    async fn next(&mut self) -> Result<Part, Stop> {
        let buffer = self.buffers.recv().await.ok_or_else(upload_ended)?;
        self.encoder.continue_in(buffer)?;
        loop {
            match self.activities.next().await? {
                Step::LeftOut(index, leaf) => self.leave_out(index, leaf).await?,
                Step::Activity(activity, proven) => {
                    if let Some(proven) = proven {
                        self.prove(proven).await?;
                    }
                    self.rows += 1;
                    if self.encoder.push(&activity)? {
                        return self.take_full_part();
                    }
                }
                Step::EndOfPage => {
                    let fraction = self.activities.fraction;
                    self.context.report_rows(self.rows, fraction);
                    if self.context.is_time_up() {
                        return self.take_partial_part();
                    }
                }
                Step::EndOfRange => {
                    self.end_proof().await?;
                    return self.take_last_part();
                }
            }
        }
    }

    /// Adds what proves the next row.
    async fn prove(&mut self, Proven { index, row }: Proven) -> Result<(), Stop> {
        if let Some(proof) = &mut self.proof {
            fill(self.context, proof, proof.missing_before(index)).await?;
            proof.row(index, row);
        }
        Ok(())
    }

    /// Adds an entry that is not in the file.
    async fn leave_out(&mut self, index: u64, leaf: Hash) -> Result<(), Stop> {
        if let Some(proof) = &mut self.proof {
            fill(self.context, proof, proof.missing_before(index)).await?;
            proof.leave_out_one(index, leaf)?;
        }
        Ok(())
    }

    async fn end_proof(&mut self) -> Result<(), Stop> {
        if let Some(proof) = &mut self.proof {
            fill(self.context, proof, proof.rest()).await?;
        }
        Ok(())
    }

    fn take_full_part(&mut self) -> Result<Part, Stop> {
        self.count_part()?;
        let bytes = self.encoder.take_full_part()?;
        Ok(self.part_of(bytes, PartEnd::Full))
    }

    fn take_last_part(&mut self) -> Result<Part, Stop> {
        self.count_part()?;
        let bytes = self.encoder.take_last_part()?;
        Ok(self.part_of(bytes, PartEnd::File))
    }

    fn count_part(&mut self) -> Result<(), Stop> {
        self.parts += 1;
        if self.parts > PARTS_MAX {
            return Err(Stop::Impossible(too_large()));
        }
        Ok(())
    }

    fn take_partial_part(&mut self) -> Result<Part, Stop> {
        let PartialPartBytes {
            bytes,
            packed_bytes,
        } = self.encoder.take_partial_part()?;
        Ok(self.part_of(bytes, PartEnd::OutOfTime { packed_bytes }))
    }

    fn part_of(&mut self, bytes: Vec<u8>, end: PartEnd) -> Part {
        Part {
            bytes,
            end,
            rows: self.rows,
            truncated_cells: self.truncated_cells_before + self.encoder.truncated_cells,
            unpacked: self.encoder.unpacked(),
            position: self.activities.position,
            proof: self.proof.as_mut().map(ProofLines::take),
        }
    }
}

/// Adds entries whose retention has ended, of which only the hashes of their tree are kept.
async fn fill(
    context: &Context<'_>,
    proof: &mut ProofLines,
    missing: Range<u64>,
) -> Result<(), Stop> {
    if missing.is_empty() {
        return Ok(());
    }
    let partner = &context.lease.key.partner_id;
    let entries = context.app.log.entries(partner, missing).await;
    Ok(proof.leave_out(entries.map_err(unproven)?)?)
}

fn upload_ended() -> Error {
    Error::internal("making a part", "the upload has ended")
}

fn too_large() -> Failure {
    FailureCode::TooLarge.because("The file would be larger than 80 GB. Export a shorter range.")
}
