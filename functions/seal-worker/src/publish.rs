//! Signs and publishes the checkpoint of what is sealed.

use proof::Checkpoint;
use shared::{
    Error,
    aws::{
        activities::StreamedCheckpoint,
        archive::{Extent, Head},
    },
};

use crate::sealer::{Sealer, Stop, held};

/// Publishes the checkpoint of a committed head, unless that is done or there is no key.
///
/// It is stored and streamed before the head names it, so whoever is shown it can find it, and
/// a run that was interrupted does both again.
pub(crate) async fn publish(sealer: &Sealer<'_>, head: &Head) -> Result<(), Stop> {
    let app = sealer.app;
    let Some(extent) = head.extent().filter(|_| app.signer.has_keys()) else {
        return Ok(());
    };
    let text = text(sealer, head, &extent)?;
    let signed = head.checkpoint.as_ref();
    if signed.is_some_and(|note| note.starts_with(&format!("{text}\n"))) {
        return Ok(());
    }
    // Whoever is shown a checkpoint can find its key.
    let noted = app.keys_noted.get_or_try_init(|| note_keys(sealer));
    noted.await?;
    let Some(note) = app.signer.sign(&text).await? else {
        return Ok(());
    };
    let (note, partner) = (note.to_string(), &sealer.lease.partner);
    let store = &app.store;
    store
        .put_checkpoint(partner, extent.size, extent.sealed_to, &note)
        .await?;
    let now = app.clock.now();
    if app.config.stream.is_some() {
        let checkpoint = StreamedCheckpoint {
            partner_id: partner.clone(),
            size: extent.size,
            sealed_to: extent.sealed_to,
            note: note.clone(),
        };
        app.activities.stream_checkpoint(&checkpoint, now).await?;
    }
    held(store.keep_checkpoint(&sealer.lease, &note, now).await?)
}

async fn note_keys(sealer: &Sealer<'_>) -> Result<(), Error> {
    let app = sealer.app;
    let keys = app.signer.public_keys().await?;
    app.public_keys.note(&keys, app.clock.now()).await
}

/// The text of the note.
fn text(sealer: &Sealer<'_>, head: &Head, extent: &Extent) -> Result<String, Error> {
    let failed = |error: proof::Error| Error::internal("making a checkpoint", error);
    let sealed_to = Checkpoint::sealed_to_line(extent.sealed_to.as_millis());
    let checkpoint = Checkpoint {
        origin: Checkpoint::origin_of(sealer.app.signer.log_name(), sealer.lease.partner.as_str()),
        size: extent.size,
        root: head.tree()?.root().map_err(failed)?,
        extensions: vec![sealed_to.map_err(failed)?],
    };
    Ok(checkpoint.to_string())
}
