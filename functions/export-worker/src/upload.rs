//! Uploads the parts of a file as one object of the bucket.
//!
//! A file of one part is one put. A larger file is a multipart upload, with a
//! checkpoint after each part, after which another worker can resume. If the time
//! is up before a part is full, the part so far becomes an object of its own.

use bytes::Bytes;
use shared::{
    Error,
    aws::files::PartTag,
    model::{
        export::{Checkpoint, PartialPart},
        lease::LeaseStatus,
    },
};
use tokio::sync::mpsc;

use crate::{
    context::{Context, Stop, require_held},
    hash::FileHash,
    part::{Part, PartEnd},
    parts::Parts,
    resumption::{Resumption, delete_partial_part},
};

/// A file that is complete in the bucket.
#[derive(Debug)]
pub(crate) struct WrittenFile {
    pub(crate) rows: u64,
    pub(crate) truncated_cells: u64,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

/// The upload of one file.
pub(crate) struct Upload<'a> {
    context: &'a Context<'a>,
    object: String,
    /// Returns the buffers of parts that were sent.
    free_buffers: mpsc::Sender<Vec<u8>>,
    /// The id of the multipart upload; none until it has begun.
    id: Option<String>,
    tags: Vec<PartTag>,
    bytes: u64,
    hash: FileHash,
    /// The partial part that the last checkpoint names.
    partial_part: Option<PartialPart>,
    has_checkpoint: bool,
}

impl<'a> Upload<'a> {
    /// The upload of a new file.
    pub(crate) fn start(context: &'a Context<'a>, free_buffers: mpsc::Sender<Vec<u8>>) -> Self {
        Self {
            context,
            object: context.lease.key.object(),
            free_buffers,
            id: None,
            tags: Vec::new(),
            bytes: 0,
            hash: FileHash::new(),
            partial_part: None,
            has_checkpoint: false,
        }
    }

    /// The upload that an earlier worker began.
    pub(crate) fn resume(
        context: &'a Context<'a>,
        free_buffers: mpsc::Sender<Vec<u8>>,
        resumption: Resumption,
    ) -> Self {
        Self {
            id: resumption.upload_id,
            tags: resumption.tags,
            bytes: resumption.checkpoint.bytes,
            hash: resumption.hash,
            partial_part: resumption.checkpoint.partial_part,
            has_checkpoint: true,
            ..Self::start(context, free_buffers)
        }
    }

    /// Uploads all parts, in order.
    ///
    /// If there will be no file, it deletes what was uploaded.
    pub(crate) async fn run(mut self, mut parts: Parts<'_>) -> Result<WrittenFile, Stop> {
        let uploaded = self.upload_parts(&mut parts).await;
        if let Err(Stop::Lost(LeaseStatus::Cancelled) | Stop::Impossible(_)) = uploaded {
            // The end is only stored when nothing is left, so that Lambda calls again.
            self.abort().await?;
        }
        let last = uploaded?;
        Ok(WrittenFile {
            rows: last.rows,
            truncated_cells: last.truncated_cells,
            bytes: self.bytes,
            sha256: self.hash.finish(),
        })
    }

    /// Uploads all parts; returns the last one, without its bytes.
    async fn upload_parts(&mut self, parts: &mut Parts<'_>) -> Result<Part, Stop> {
        let mut part = parts.next().await?;
        loop {
            match part.end {
                PartEnd::Full => {
                    // If the next part fails, this one is still uploaded to its end.
                    let next = async { Ok(parts.next().await) };
                    let ((), next) = tokio::try_join!(self.upload_part(part), next)?;
                    part = next?;
                }
                PartEnd::File => return self.finish(part).await,
                PartEnd::OutOfTime { packed_bytes } => {
                    self.store_partial_part(part, packed_bytes).await?;
                    return Err(Stop::OutOfTime);
                }
            }
        }
    }

    /// Uploads a full part and stores a checkpoint after it.
    async fn upload_part(&mut self, mut part: Part) -> Result<(), Stop> {
        let upload_id = self.upload_id().await?;
        let bytes = Bytes::from(self.take_bytes(&mut part));
        self.put_part(&upload_id, bytes.clone()).await?;
        let superseded = self.partial_part.take();
        self.store_checkpoint(&part).await?;
        delete_partial_part(self.context, superseded).await;
        // It fails after the last part was made, when no buffer is needed any more.
        self.free_buffers.try_send(bytes.into()).ok();
        Ok(())
    }

    /// The id of the multipart upload; begins one if there is none.
    async fn upload_id(&mut self) -> Result<String, Stop> {
        if let Some(upload_id) = &self.id {
            return Ok(upload_id.clone());
        }
        let content_type = self.context.export.request.content_type();
        let files = &self.context.app.files;
        let upload_id = files.begin(&self.object, content_type).await?;
        // The id is stored before the first part, so that a deletion of the
        // export can abort the upload.
        if let Err(stop) = self.store_upload_id(&upload_id).await {
            files.abort(&self.object, &upload_id).await?;
            return Err(stop);
        }
        self.id = Some(upload_id.clone());
        Ok(upload_id)
    }

    async fn store_upload_id(&self, upload_id: &str) -> Result<(), Stop> {
        let (app, lease) = (self.context.app, self.context.lease);
        let (has_checkpoint, now) = (self.has_checkpoint, app.clock.now());
        let stored = app
            .exports
            .store_upload_id(lease, upload_id, has_checkpoint, now);
        require_held(stored.await?)
    }

    async fn put_part(&mut self, upload_id: &str, bytes: Bytes) -> Result<(), Error> {
        let number = i32::try_from(self.tags.len() + 1).unwrap_or(i32::MAX);
        let files = &self.context.app.files;
        let tag = files.part(&self.object, upload_id, number, bytes).await?;
        self.tags.push(tag);
        Ok(())
    }

    /// Takes the bytes out of a part and adds them to the file's size and hash.
    fn take_bytes(&mut self, part: &mut Part) -> Vec<u8> {
        let bytes = std::mem::take(&mut part.bytes);
        self.hash.update(&bytes);
        self.bytes += bytes.len() as u64;
        self.context.report_bytes(self.bytes);
        bytes
    }

    /// Stores what is in the bucket, unless no worker can resume after this part.
    async fn store_checkpoint(&mut self, part: &Part) -> Result<(), Stop> {
        let Some(position) = part.position else {
            return Ok(());
        };
        let checkpoint = Checkpoint {
            etags: self.tags.concat(),
            bytes: self.bytes,
            hash: self.hash.save(),
            unpacked: part.unpacked,
            partial_part: self.partial_part,
            position,
            rows: part.rows,
            truncated_cells: part.truncated_cells,
        };
        let (app, lease) = (self.context.app, self.context.lease);
        let (progress, now) = (self.context.progress(), app.clock.now());
        let stored = app.exports.checkpoint(lease, &checkpoint, progress, now);
        require_held(stored.await?)?;
        self.has_checkpoint = true;
        Ok(())
    }

    /// Uploads the last part; leaves a file that is already complete as it is.
    async fn finish(&mut self, mut part: Part) -> Result<Part, Stop> {
        let bytes = self.take_bytes(&mut part);
        let files = &self.context.app.files;
        let Some(upload_id) = self.id.clone() else {
            let content_type = self.context.export.request.content_type();
            files.put(&self.object, content_type, bytes).await?;
            return Ok(part);
        };
        let last = Bytes::from(bytes);
        match self.complete(&upload_id, last.clone()).await {
            // An earlier attempt may have completed the file before its answer
            // was lost or its worker died; then the upload no longer exists.
            Err(Error::NotFound) if self.is_complete(&last).await? => Ok(part),
            done => Ok(done.map(|()| part)?),
        }
    }

    /// Whether the object in the bucket is this file.
    ///
    /// The parts before the last one are those of the checkpoint. The last one
    /// may differ: the earlier worker may have read it before an erasure.
    async fn is_complete(&self, last: &Bytes) -> Result<bool, Error> {
        let files = &self.context.app.files;
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
        let files = &self.context.app.files;
        files.complete(&self.object, upload_id, &self.tags).await
    }

    /// Stores a part that is not full, for the next worker.
    async fn store_partial_part(
        &mut self,
        mut part: Part,
        packed_bytes: usize,
    ) -> Result<(), Stop> {
        let partial_part = PartialPart {
            epoch: self.context.lease.epoch,
            packed_bytes: packed_bytes as u64,
        };
        let object = self
            .context
            .lease
            .key
            .partial_part_object(partial_part.epoch);
        let bytes = std::mem::take(&mut part.bytes);
        let files = &self.context.app.files;
        files
            .put(&object, "application/octet-stream", bytes)
            .await?;
        let superseded = self.partial_part.replace(partial_part);
        let stored = self.store_checkpoint(&part).await;
        match &stored {
            Ok(()) => delete_partial_part(self.context, superseded).await,
            Err(Stop::Lost(_)) => delete_partial_part(self.context, Some(partial_part)).await,
            Err(_) => {}
        }
        stored
    }

    /// Deletes what was uploaded of a file that will not be completed.
    async fn abort(&mut self) -> Result<(), Error> {
        let (files, key) = (&self.context.app.files, &self.context.lease.key);
        if let Some(upload_id) = &self.id {
            files.abort(&self.object, upload_id).await?;
        }
        if let Some(partial_part) = self.partial_part {
            files
                .delete(&key.partial_part_object(partial_part.epoch))
                .await?;
        }
        Ok(())
    }
}
