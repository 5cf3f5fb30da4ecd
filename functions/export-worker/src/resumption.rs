//! What an earlier worker left: its checkpoint, its upload and its partial part.

use shared::{
    Error,
    aws::files::PartTag,
    model::export::{Checkpoint, Compression, PartialPart},
};

use crate::{context::Context, encoder::PartialPartBytes, hash::FileHash};

/// The work of an earlier worker that this worker continues.
pub(crate) struct Resumption {
    pub(crate) upload_id: Option<String>,
    pub(crate) checkpoint: Checkpoint,
    /// The tags of the parts that are in the bucket.
    pub(crate) tags: Vec<PartTag>,
    /// The hash of those parts.
    pub(crate) hash: FileHash,
    /// The partial part; empty if there is none.
    pub(crate) partial_part: PartialPartBytes,
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
            let Some(bytes) = read_partial_part(context, partial_part).await? else {
                return Ok(None);
            };
            resumption.partial_part = PartialPartBytes {
                bytes,
                packed_bytes: usize::try_from(partial_part.packed_bytes).unwrap_or(usize::MAX),
            };
        }
        Ok(Some(resumption))
    }

    fn from_checkpoint(context: &Context<'_>) -> Option<Self> {
        let checkpoint = context.export.checkpoint.clone()?;
        let hash = FileHash::load(&checkpoint.hash)?;
        let (tags, left_over) = checkpoint.etags.as_chunks::<16>();
        let tags = tags.to_vec();
        let upload_id = context.export.upload_id.clone();
        let is_gzip = context.export.request.compression == Compression::Gzip;
        let is_whole = left_over.is_empty()
            && (tags.is_empty() || upload_id.is_some())
            && is_gzip == checkpoint.unpacked.is_some();
        is_whole.then_some(Self {
            upload_id,
            checkpoint,
            tags,
            hash,
            partial_part: PartialPartBytes::default(),
        })
    }
}

async fn read_partial_part(
    context: &Context<'_>,
    partial_part: PartialPart,
) -> Result<Option<Vec<u8>>, Error> {
    let key = &context.lease.key;
    let object = key.partial_part_object(partial_part.epoch);
    let bytes = context.app.files.get(&object).await?;
    if bytes.is_none() {
        // The bucket's rule has deleted it, or the function has no right to read it.
        tracing::warn!(
            export_id = %key.id,
            "the partial part is missing; the file is written again from its start"
        );
    }
    Ok(bytes)
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
