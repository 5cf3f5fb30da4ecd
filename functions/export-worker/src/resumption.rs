//! What an earlier worker left: its checkpoint, its upload and its partial part.

use shared::{
    Error, Export,
    model::export::{Checkpoint, Compression, PartialPart, PartialProof, ProofCheckpoint},
};

use crate::{
    context::Context,
    encoder::PartialPartBytes,
    object::Sent,
    proof_upload::{self, ProofResumption},
};

/// The work of an earlier worker that this worker continues.
pub(crate) struct Resumption {
    pub(crate) checkpoint: Checkpoint,
    /// The parts of the file that are in the bucket.
    pub(crate) sent: Sent,
    /// The partial part; empty if there is none.
    pub(crate) partial_part: PartialPartBytes,
    /// What there is of the proof; none if it was not asked for.
    pub(crate) proof: Option<ProofResumption>,
}

impl Resumption {
    /// Loads resumable work.
    ///
    /// There is none if no checkpoint was stored, if an older version stored it,
    /// or if the bucket has deleted the partial part.
    pub(crate) async fn load(context: &Context<'_>) -> Result<Option<Self>, Error> {
        let Some(mut resumption) = Self::from_checkpoint(context) else {
            return Ok(None);
        };
        if let Some(partial_part) = resumption.checkpoint.partial_part {
            let object = context.lease.key.partial_part_object(partial_part.epoch);
            let Some(bytes) = read_partial_part(context, &object).await? else {
                return Ok(None);
            };
            resumption.partial_part = PartialPartBytes {
                bytes,
                packed_bytes: usize::try_from(partial_part.packed_bytes).unwrap_or(usize::MAX),
            };
        }
        let Some(proof) = &mut resumption.proof else {
            return Ok(Some(resumption));
        };
        if let Some(PartialProof { epoch, bytes }) = proof.partial_part {
            let object = context.lease.key.partial_proof_object(epoch);
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            let stored = read_partial_part(context, &object).await?;
            let Some(mut stored) = stored.filter(|stored| stored.len() >= bytes) else {
                return Ok(None);
            };
            // The worker may have added more after its last checkpoint.
            stored.truncate(bytes);
            proof.waiting = stored;
        }
        Ok(Some(resumption))
    }

    fn from_checkpoint(context: &Context<'_>) -> Option<Self> {
        let export = context.export;
        let checkpoint = export.checkpoint.clone()?;
        let (etags, hash) = (&checkpoint.etags, &checkpoint.hash);
        let sent = Sent::load(export.upload_id.as_ref(), etags, checkpoint.bytes, hash)?;
        let proof = match &checkpoint.proof {
            None => None,
            Some(proof) => Some(of_proof(export, proof)?),
        };
        let is_gzip = export.request.compression == Compression::Gzip;
        let is_whole =
            is_gzip == checkpoint.unpacked.is_some() && export.request.proof == proof.is_some();
        is_whole.then_some(Self {
            checkpoint,
            sent,
            partial_part: PartialPartBytes::default(),
            proof,
        })
    }
}

fn of_proof(export: &Export, proof: &ProofCheckpoint) -> Option<ProofResumption> {
    let upload_id = export.proof_upload_id.as_ref();
    Some(ProofResumption {
        sent: Sent::load(upload_id, &proof.etags, proof.bytes, &proof.hash)?,
        waiting: Vec::new(),
        partial_part: proof.partial_part,
        rest: proof.rest_from..proof.rest_to,
    })
}

async fn read_partial_part(context: &Context<'_>, object: &str) -> Result<Option<Vec<u8>>, Error> {
    let bytes = context.app.files.get(object).await?;
    if bytes.is_none() {
        // The bucket's rule has deleted it, or the function has no right to read it.
        tracing::warn!(
            export_id = %context.lease.key.id,
            "the partial part is missing; the file is written again from its start"
        );
    }
    Ok(bytes)
}

/// Deletes waiting lines of a proof that are no longer needed, like a partial part.
pub(crate) async fn delete_partial_proof(
    context: &Context<'_>,
    partial_part: Option<PartialProof>,
) {
    let Some(partial_part) = partial_part else {
        return;
    };
    if let Err(error) = proof_upload::delete(context, partial_part).await {
        tracing::warn!(
            error = error.chain(),
            "lines of the proof could not be deleted"
        );
    }
}

/// Deletes a partial part that is no longer needed.
///
/// A failure is only logged, because the bucket deletes the object after 7 days.
pub(crate) async fn delete_partial_part(context: &Context<'_>, partial_part: Option<PartialPart>) {
    let Some(partial_part) = partial_part else {
        return;
    };
    let object = context.lease.key.partial_part_object(partial_part.epoch);
    if let Err(error) = context.app.files.delete(&object).await {
        tracing::warn!(
            error = error.chain(),
            "the partial part could not be deleted"
        );
    }
}
