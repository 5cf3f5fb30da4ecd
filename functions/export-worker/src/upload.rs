//! Parts into one object of the bucket.
//!
//! A file of one part is one put; a larger one is a multipart upload, with a
//! checkpoint after each part from which another worker can go on. The start of
//! a part, when the time is up before it is full, becomes an object of its own.

use bytes::Bytes;
use shared::{
    Error, ExportRequest,
    aws::files::PartTag,
    model::{
        export::{Checkpoint, PartialPart},
        lease::LeaseStatus,
    },
};
use tokio::sync::mpsc;

use crate::{
    Run, Stop,
    encoder::Encoder,
    hash::FileHash,
    parts::{End, Part, Parts},
};

/// A file that is wholly in the bucket.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) rows: u64,
    pub(crate) truncated_cells: u64,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

/// What an earlier worker left.
pub(crate) struct Resumption {
    upload_id: Option<String>,
    pub(crate) checkpoint: Checkpoint,
    tags: Vec<PartTag>,
    hash: FileHash,
    /// The start of the next part.
    partial_part: Vec<u8>,
}

impl Resumption {
    /// What can be gone on with; nothing when an earlier version left it, or
    /// the bucket has let go of it.
    pub(crate) async fn load(run: &Run<'_>) -> Result<Option<Self>, Error> {
        let Some(mut resumption) = Self::of(run) else {
            return Ok(None);
        };
        if let Some(partial_part) = resumption.checkpoint.partial_part {
            let found = run
                .app
                .files
                .get(&run.lease.key.partial_part_object(partial_part.epoch))
                .await?;
            let Some(bytes) = found else {
                // Either the bucket's rule has removed it or the right to read is missing.
                tracing::warn!(export_id = %run.lease.key.id, "the start of a part is not there");
                return Ok(None);
            };
            resumption.partial_part = bytes;
        }
        Ok(Some(resumption))
    }

    fn of(run: &Run<'_>) -> Option<Self> {
        let checkpoint = run.export.checkpoint.clone()?;
        let hash = FileHash::load(&checkpoint.hash)?;
        let (tags, left_over) = checkpoint.etags.as_chunks::<16>();
        let tags = tags.to_vec();
        let upload_id = run.export.upload_id.clone();
        let is_whole = left_over.is_empty() && (tags.is_empty() || upload_id.is_some());
        is_whole.then_some(Self {
            upload_id,
            checkpoint,
            tags,
            hash,
            partial_part: Vec::new(),
        })
    }

    pub(crate) fn parts(&self) -> usize {
        self.tags.len()
    }

    /// An encoder that goes on where the rows end.
    pub(crate) fn encoder(&self, request: &ExportRequest) -> Encoder {
        let packed_bytes = self
            .checkpoint
            .partial_part
            .map_or(0, |partial_part| partial_part.packed_bytes);
        let packed_bytes = usize::try_from(packed_bytes).unwrap_or(usize::MAX);
        Encoder::go_on(request, &self.partial_part, packed_bytes)
    }
}

/// One file on its way into the bucket.
pub(crate) struct Upload<'a> {
    run: &'a Run<'a>,
    object: String,
    /// Takes the buffers of parts that were sent.
    sent: mpsc::Sender<Vec<u8>>,
    /// The upload's, once it has begun.
    id: Option<String>,
    tags: Vec<PartTag>,
    bytes: u64,
    hash: FileHash,
    /// The start of a part that the last checkpoint tells of.
    partial_part: Option<PartialPart>,
    has_checkpoint: bool,
}

impl<'a> Upload<'a> {
    pub(crate) fn new(
        run: &'a Run<'a>,
        resumption: Option<Resumption>,
        sent: mpsc::Sender<Vec<u8>>,
    ) -> Self {
        let object = run.lease.key.object();
        match resumption {
            Some(resumption) => Self {
                run,
                object,
                sent,
                id: resumption.upload_id,
                tags: resumption.tags,
                bytes: resumption.checkpoint.bytes,
                hash: resumption.hash,
                partial_part: resumption.checkpoint.partial_part,
                has_checkpoint: true,
            },
            None => Self {
                run,
                object,
                sent,
                id: None,
                tags: Vec::new(),
                bytes: 0,
                hash: FileHash::new(),
                partial_part: None,
                has_checkpoint: false,
            },
        }
    }

    /// Uploads every part, in order, after those that are there.
    pub(crate) async fn run(mut self, mut parts: Parts<'_>) -> Result<Written, Stop> {
        let sent = self.send(&mut parts).await;
        if let Err(Stop::Lost(LeaseStatus::Cancelled) | Stop::Impossible(_)) = sent {
            self.abandon().await;
        }
        let last = sent?;
        Ok(Written {
            rows: last.rows,
            truncated_cells: last.truncated_cells,
            bytes: self.bytes,
            sha256: self.hash.finish(),
        })
    }

    /// Answers the last part, without its bytes.
    async fn send(&mut self, parts: &mut Parts<'_>) -> Result<Part, Stop> {
        let mut part = parts.next().await?;
        loop {
            match part.end {
                End::Full => {
                    // A worker that lost its export finishes the part under way.
                    let next = async { Ok(parts.next().await) };
                    let ((), next) = tokio::try_join!(self.part(part), next)?;
                    part = next?;
                }
                End::File => return self.last(part).await,
                End::Time { packed_bytes } => {
                    self.suspend(part, packed_bytes).await?;
                    return Err(Stop::OutOfTime);
                }
            }
        }
    }

    /// Uploads a full part and writes down that it is there.
    async fn part(&mut self, mut part: Part) -> Result<(), Stop> {
        let upload_id = self.upload_id().await?;
        let bytes = Bytes::from(self.count(&mut part));
        self.put_part(&upload_id, bytes.clone()).await?;
        let superseded = self.partial_part.take();
        self.checkpoint(&part).await?;
        delete_partial_part(self.run, superseded).await;
        // Whoever has made the last part takes none.
        self.sent.try_send(bytes.into()).ok();
        Ok(())
    }

    /// The upload's id; one is begun when there is none.
    async fn upload_id(&mut self) -> Result<String, Stop> {
        if let Some(upload_id) = &self.id {
            return Ok(upload_id.clone());
        }
        let (app, lease) = (self.run.app, self.run.lease);
        let content_type = self.run.export.request.content_type();
        let upload_id = app.files.begin(&self.object, content_type).await?;
        // Known before the first part is there, so that a deletion can end it.
        let now = app.clock.now();
        let known = app
            .exports
            .begin(lease, &upload_id, self.has_checkpoint, now);
        let stop = match known.await {
            Ok(LeaseStatus::Held) => {
                self.id = Some(upload_id.clone());
                return Ok(upload_id);
            }
            Ok(lost) => Stop::Lost(lost),
            Err(error) => error.into(),
        };
        app.files.abort(&self.object, &upload_id).await?;
        Err(stop)
    }

    async fn put_part(&mut self, upload_id: &str, bytes: Bytes) -> Result<(), Error> {
        let number = i32::try_from(self.tags.len() + 1).unwrap_or(i32::MAX);
        let files = &self.run.app.files;
        let tag = files.part(&self.object, upload_id, number, bytes).await?;
        self.tags.push(tag);
        Ok(())
    }

    /// Takes a part's bytes into account, and out of it.
    fn count(&mut self, part: &mut Part) -> Vec<u8> {
        let bytes = std::mem::take(&mut part.bytes);
        self.hash.update(&bytes);
        self.bytes += bytes.len() as u64;
        self.run.show_bytes(self.bytes);
        bytes
    }

    /// Writes down what is in the bucket, where another worker can go on from it.
    async fn checkpoint(&mut self, part: &Part) -> Result<(), Stop> {
        let Some(position) = part.position else {
            return Ok(());
        };
        let checkpoint = Checkpoint {
            etags: self.tags.concat(),
            bytes: self.bytes,
            hash: self.hash.save(),
            partial_part: self.partial_part,
            position,
            rows: part.rows,
            truncated_cells: part.truncated_cells,
        };
        let (app, progress) = (self.run.app, self.run.progress());
        let now = app.clock.now();
        let kept = app
            .exports
            .checkpoint(self.run.lease, &checkpoint, progress, now);
        match kept.await? {
            LeaseStatus::Held => {
                self.has_checkpoint = true;
                Ok(())
            }
            lost => Err(Stop::Lost(lost)),
        }
    }

    /// Completes the file; one that is complete already stays as it is.
    async fn last(&mut self, mut part: Part) -> Result<Part, Stop> {
        let bytes = self.count(&mut part);
        let files = &self.run.app.files;
        let Some(upload_id) = self.id.clone() else {
            let content_type = self.run.export.request.content_type();
            files.put(&self.object, content_type, bytes).await?;
            return Ok(part);
        };
        let last = Bytes::from(bytes);
        match self.complete(&upload_id, last.clone()).await {
            // The upload may be gone because an answer was lost, or a worker
            // died, after it was complete.
            Err(Error::NotFound) if self.is_there(&last).await? => Ok(part),
            done => Ok(done.map(|()| part)?),
        }
    }

    /// Whether the object is this file: the parts before the last are those of
    /// the checkpoint, but the last may have been read before an erasure.
    async fn is_there(&self, last: &Bytes) -> Result<bool, Error> {
        let files = &self.run.app.files;
        if files.size(&self.object).await? != Some(self.bytes) {
            return Ok(false);
        }
        let before = self.bytes - last.len() as u64;
        Ok(last.is_empty() || files.tail(&self.object, before).await? == *last)
    }

    async fn complete(&mut self, upload_id: &str, last: Bytes) -> Result<(), Error> {
        if !last.is_empty() {
            self.put_part(upload_id, last).await?;
        }
        let files = &self.run.app.files;
        files.complete(&self.object, upload_id, &self.tags).await
    }

    /// Keeps the start of a part for the next worker.
    async fn suspend(&mut self, mut part: Part, packed_bytes: usize) -> Result<(), Stop> {
        let partial_part = PartialPart {
            epoch: self.run.lease.epoch,
            packed_bytes: packed_bytes as u64,
        };
        let object = self.run.lease.key.partial_part_object(partial_part.epoch);
        let bytes = std::mem::take(&mut part.bytes);
        let files = &self.run.app.files;
        files
            .put(&object, "application/octet-stream", bytes)
            .await?;
        let superseded = self.partial_part.replace(partial_part);
        let kept = self.checkpoint(&part).await;
        match &kept {
            Ok(()) => delete_partial_part(self.run, superseded).await,
            Err(Stop::Lost(_)) => delete_partial_part(self.run, Some(partial_part)).await,
            Err(_) => {}
        }
        kept
    }

    /// Removes what was uploaded of a file that there will not be.
    async fn abandon(&mut self) {
        if let Some(upload_id) = &self.id {
            // The bucket's one-day rule removes what this can't.
            if let Err(error) = self.run.app.files.abort(&self.object, upload_id).await {
                tracing::warn!(error = error.chain(), "an upload was not ended");
            }
        }
        delete_partial_part(self.run, self.partial_part).await;
    }
}

/// Removes the start of a part; the bucket's seven-day rule removes what this can't.
pub(crate) async fn delete_partial_part(run: &Run<'_>, partial_part: Option<PartialPart>) {
    let Some(partial_part) = partial_part else {
        return;
    };
    let object = run.lease.key.partial_part_object(partial_part.epoch);
    if let Err(error) = run.app.files.delete(&object).await {
        tracing::warn!(error = error.chain(), "the start of a part was not removed");
    }
}
