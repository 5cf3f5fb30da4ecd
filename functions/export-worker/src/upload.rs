//! Uploads the parts of a file as one object of the bucket, with its proof beside it.
//!
//! A file of one part is one put. A larger file is a multipart upload, with a
//! checkpoint after each part, after which another worker can resume. If the time
//! is up before a part is full, the part so far becomes an object of its own.

use bytes::Bytes;
use shared::{
    Error,
    model::{
        export::{Checkpoint, PartialPart, PartialProof},
        lease::LeaseStatus,
    },
};
use tokio::sync::mpsc;

use crate::{
    context::{Context, Stop, require_held},
    object::{Object, Sent},
    part::{Part, PartEnd},
    parts::Parts,
    proof_lines::ProofPart,
    proof_upload::{ProofUpload, WrittenProof},
    resumption::{Resumption, delete_partial_part, delete_partial_proof},
};

/// A file that is complete in the bucket.
#[derive(Debug)]
pub(crate) struct WrittenFile {
    pub(crate) rows: u64,
    pub(crate) truncated_cells: u64,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    pub(crate) proof: Option<WrittenProof>,
}

/// The upload of one file.
pub(crate) struct Upload<'a> {
    context: &'a Context<'a>,
    object: Object<'a>,
    /// None if no proof was asked for.
    proof: Option<ProofUpload<'a>>,
    /// Returns the buffers of parts that were sent.
    free_buffers: mpsc::Sender<Vec<u8>>,
    /// The partial part that the last checkpoint names.
    partial_part: Option<PartialPart>,
    has_checkpoint: bool,
}

impl<'a> Upload<'a> {
    /// The upload of a new file.
    pub(crate) fn start(context: &'a Context<'a>, free_buffers: mpsc::Sender<Vec<u8>>) -> Self {
        let is_proven = context.export.request.proof;
        let proof = is_proven.then(|| ProofUpload::new(context, None));
        Self::new(context, free_buffers, Sent::nothing(), proof)
    }

    /// The upload that an earlier worker began.
    pub(crate) fn resume(
        context: &'a Context<'a>,
        free_buffers: mpsc::Sender<Vec<u8>>,
        resumption: Resumption,
    ) -> Self {
        let proof = resumption.proof;
        let proof = proof.map(|proof| ProofUpload::new(context, Some(proof)));
        Self {
            partial_part: resumption.checkpoint.partial_part,
            has_checkpoint: true,
            ..Self::new(context, free_buffers, resumption.sent, proof)
        }
    }

    fn new(
        context: &'a Context<'a>,
        free_buffers: mpsc::Sender<Vec<u8>>,
        sent: Sent,
        proof: Option<ProofUpload<'a>>,
    ) -> Self {
        let files = &context.app.files;
        let content_type = context.export.request.content_type();
        let key = context.lease.key.object();
        Self {
            context,
            object: Object::new(files, key, content_type, sent),
            proof,
            free_buffers,
            partial_part: None,
            has_checkpoint: false,
        }
    }

    /// Uploads all parts, in order.
    ///
    /// If there will be no file, or it is to be written again, it deletes what was uploaded.
    pub(crate) async fn run(mut self, mut parts: Parts<'_>) -> Result<WrittenFile, Stop> {
        let uploaded = self.upload_both(&mut parts).await;
        let is_given_up = matches!(
            uploaded,
            Err(Stop::Lost(LeaseStatus::Cancelled)
                | Stop::Impossible(_)
                | Stop::Failed(Error::NotFound))
        );
        if is_given_up {
            // The end is only stored when nothing is left, so that Lambda calls again.
            self.abort().await?;
        }
        uploaded
    }

    /// Uploads the file, then its proof, which names the file's hash.
    async fn upload_both(&mut self, parts: &mut Parts<'_>) -> Result<WrittenFile, Stop> {
        let mut last = self.upload_parts(parts).await?;
        let sha256 = self.object.sent.hash.clone().finish();
        let proof = match (&mut self.proof, last.proof.take()) {
            (Some(proof), Some(part)) => Some(proof.finish(part, &sha256).await?),
            _ => None,
        };
        Ok(WrittenFile {
            rows: last.rows,
            truncated_cells: last.truncated_cells,
            bytes: self.object.sent.bytes,
            sha256,
            proof,
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
        self.object.put_part(&upload_id, bytes.clone()).await?;
        let superseded = self.partial_part.take();
        let superseded_proof = self.add_proof(part.proof.take(), false).await?;
        self.store_checkpoint(&part).await?;
        delete_partial_part(self.context, superseded).await;
        delete_partial_proof(self.context, superseded_proof).await;
        // It fails after the last part was made, when no buffer is needed any more.
        self.free_buffers.try_send(bytes.into()).ok();
        Ok(())
    }

    /// Stores what proves a part; returns an object that the next checkpoint does not need.
    async fn add_proof(
        &mut self,
        part: Option<ProofPart>,
        is_handing_over: bool,
    ) -> Result<Option<PartialProof>, Stop> {
        match (&mut self.proof, part) {
            (Some(proof), Some(part)) => proof.add(part, is_handing_over).await,
            _ => Ok(None),
        }
    }

    /// The id of the multipart upload; begins one if there is none.
    async fn upload_id(&mut self) -> Result<String, Stop> {
        if let Some(upload_id) = &self.object.sent.upload_id {
            return Ok(upload_id.clone());
        }
        let upload_id = self.object.begin().await?;
        self.object.sent.upload_id = Some(upload_id.clone());
        // The id is stored before the first part, so that a deletion of the
        // export can abort the upload.
        if let Err(stop) = self.store_upload_id(&upload_id).await {
            self.object.abort().await?;
            return Err(stop);
        }
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

    /// Takes the bytes out of a part and adds them to the file's size and hash.
    fn take_bytes(&mut self, part: &mut Part) -> Vec<u8> {
        let bytes = std::mem::take(&mut part.bytes);
        self.object.count(&bytes);
        self.context.report_bytes(self.object.sent.bytes);
        bytes
    }

    /// Stores what is in the bucket, unless no worker can resume after this part.
    async fn store_checkpoint(&mut self, part: &Part) -> Result<(), Stop> {
        let Some(position) = part.position else {
            return Ok(());
        };
        let sent = &self.object.sent;
        let checkpoint = Checkpoint {
            etags: sent.tags.concat(),
            bytes: sent.bytes,
            hash: sent.hash.save(),
            unpacked: part.unpacked,
            partial_part: self.partial_part,
            position,
            rows: part.rows,
            truncated_cells: part.truncated_cells,
            proof: self.proof.as_ref().map(ProofUpload::checkpoint),
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
        self.object.finish(bytes).await?;
        Ok(part)
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
        let superseded_proof = self.add_proof(part.proof.take(), true).await?;
        let stored = self.store_checkpoint(&part).await;
        match &stored {
            Ok(()) => {
                delete_partial_part(self.context, superseded).await;
                delete_partial_proof(self.context, superseded_proof).await;
            }
            Err(Stop::Lost(_)) => delete_partial_part(self.context, Some(partial_part)).await,
            Err(_) => {}
        }
        stored
    }

    /// Deletes what was uploaded of files that will not be completed.
    async fn abort(&mut self) -> Result<(), Error> {
        let (files, key) = (&self.context.app.files, &self.context.lease.key);
        self.object.abort().await?;
        if let Some(partial_part) = self.partial_part {
            files
                .delete(&key.partial_part_object(partial_part.epoch))
                .await?;
        }
        match &self.proof {
            Some(proof) => proof.abort().await,
            None => Ok(()),
        }
    }
}
