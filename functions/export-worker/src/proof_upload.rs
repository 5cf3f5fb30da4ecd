//! Uploads the proof beside the file.
//!
//! Its lines are much shorter than the rows, so they wait until they fill a part. With each
//! checkpoint of the file those that wait are stored as an object of their own, from which
//! the next worker continues.

use std::{mem, ops::Range};

use bytes::Bytes;
use proof::ExportLine;
use shared::{
    Error,
    model::export::{PartialProof, ProofCheckpoint},
};

use crate::{
    context::{Context, Stop, require_held},
    object::{Object, Sent},
    part::PART_BYTES,
    proof_lines::ProofPart,
};

/// The media type of a proof.
const CONTENT_TYPE: &str = "text/plain; charset=utf-8";

/// What an earlier worker has left of a proof.
pub(crate) struct ProofResumption {
    pub(crate) sent: Sent,
    /// The lines that no part has yet.
    pub(crate) waiting: Vec<u8>,
    pub(crate) partial_part: Option<PartialProof>,
    /// The indexes of the entries that no line covers yet.
    pub(crate) rest: Range<u64>,
}

/// The upload of one proof.
pub(crate) struct ProofUpload<'a> {
    context: &'a Context<'a>,
    object: Object<'a>,
    /// The lines that no part has yet.
    waiting: Vec<u8>,
    /// The object with those that the last checkpoint covers.
    partial_part: Option<PartialProof>,
    rest: Range<u64>,
}

/// A proof that is complete in the bucket.
#[derive(Debug)]
pub(crate) struct WrittenProof {
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    /// An object that is not needed any more.
    pub(crate) partial_part: Option<PartialProof>,
}

impl<'a> ProofUpload<'a> {
    pub(crate) fn new(context: &'a Context<'a>, resumption: Option<ProofResumption>) -> Self {
        let resumption = resumption.unwrap_or_else(|| ProofResumption {
            sent: Sent::nothing(),
            waiting: Vec::new(),
            partial_part: None,
            rest: 0..0,
        });
        let key = context.lease.key.proof_object();
        let files = &context.app.files;
        Self {
            context,
            object: Object::new(files, key, CONTENT_TYPE, resumption.sent),
            waiting: resumption.waiting,
            partial_part: resumption.partial_part,
            rest: resumption.rest,
        }
    }

    /// Adds the lines of a part of the file and stores them.
    ///
    /// Returns an object that is not needed once the next checkpoint is stored.
    /// If the worker `is_handing_over`, nothing is sent as a part: the next worker may have to
    /// continue the last line.
    pub(crate) async fn add(
        &mut self,
        part: ProofPart,
        is_handing_over: bool,
    ) -> Result<Option<PartialProof>, Stop> {
        self.waiting.extend_from_slice(&part.bytes);
        self.rest = part.rest;
        if self.waiting.len() >= PART_BYTES && !is_handing_over {
            let upload_id = self.upload_id().await?;
            let bytes = mem::take(&mut self.waiting);
            self.object.count(&bytes);
            self.object.put_part(&upload_id, Bytes::from(bytes)).await?;
            return Ok(self.partial_part.take());
        }
        let (epoch, bytes) = (self.context.lease.epoch, self.waiting.len() as u64);
        let object = self.context.lease.key.partial_proof_object(epoch);
        let (files, waiting) = (&self.context.app.files, self.waiting.clone());
        files.put(&object, CONTENT_TYPE, waiting).await?;
        let before = self.partial_part.replace(PartialProof { epoch, bytes });
        Ok(before.filter(|before| before.epoch != epoch))
    }

    /// The id of the multipart upload; begins one if there is none.
    async fn upload_id(&mut self) -> Result<String, Stop> {
        if let Some(upload_id) = &self.object.sent.upload_id {
            return Ok(upload_id.clone());
        }
        let (app, lease) = (self.context.app, self.context.lease);
        let upload_id = self.object.begin().await?;
        self.object.sent.upload_id = Some(upload_id.clone());
        let now = app.clock.now();
        let stored = app.exports.store_proof_upload_id(lease, &upload_id, now);
        if let Err(stop) = stored.await.map_err(Stop::from).and_then(require_held) {
            self.object.abort().await?;
            return Err(stop);
        }
        Ok(upload_id)
    }

    /// What the bucket holds, for the next worker.
    pub(crate) fn checkpoint(&self) -> ProofCheckpoint {
        let sent = &self.object.sent;
        ProofCheckpoint {
            etags: sent.tags.concat(),
            bytes: sent.bytes,
            hash: sent.hash.save(),
            partial_part: self.partial_part,
            rest_from: self.rest.start,
            rest_to: self.rest.end,
        }
    }

    /// Sends what is left, and the hash of the file as the last line.
    pub(crate) async fn finish(
        &mut self,
        part: ProofPart,
        file_sha256: &str,
    ) -> Result<WrittenProof, Error> {
        let sha256 = file_sha256.to_owned();
        let last = format!("{}\n", ExportLine::File { sha256 });
        let mut bytes = mem::take(&mut self.waiting);
        bytes.extend_from_slice(&part.bytes);
        bytes.extend_from_slice(last.as_bytes());
        self.object.count(&bytes);
        self.object.finish(bytes).await?;
        Ok(WrittenProof {
            bytes: self.object.sent.bytes,
            sha256: self.object.sent.hash.clone().finish(),
            partial_part: self.partial_part,
        })
    }

    /// Deletes what was uploaded of a proof that will not be completed.
    pub(crate) async fn abort(&self) -> Result<(), Error> {
        self.object.abort().await?;
        if let Some(partial_part) = self.partial_part {
            delete(self.context, partial_part).await?;
        }
        Ok(())
    }
}

/// Deletes lines that a worker stored as an object of their own.
pub(crate) async fn delete(context: &Context<'_>, partial_part: PartialProof) -> Result<(), Error> {
    let object = context.lease.key.partial_proof_object(partial_part.epoch);
    context.app.files.delete(&object).await
}
