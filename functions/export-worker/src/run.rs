//! Drives one worker that has the export's lease: it writes the file, keeps the
//! lease meanwhile, and cleans up if it stops before the file is ready.

use std::ops::ControlFlow;

use activity_log::Signed;
use shared::{
    Error,
    aws::activities::Stamp,
    metrics,
    model::{
        export::{File, Progress, ProofFile, WorkerEvent},
        failure::Failure,
        lease::{self, LeaseStatus},
        trail,
    },
};
use tokio::sync::mpsc;

use crate::{
    activities::{self, Activities},
    context::{Context, Stop, require_held, unproven},
    part,
    parts::Parts,
    proof_lines::ProofLines,
    resumption::{Resumption, delete_partial_part, delete_partial_proof},
    upload::{Upload, WrittenFile},
};

/// Writes the file and sets the export to `ready`; cleans up if the worker stops early.
///
/// Returns an error if Lambda should call again.
pub(crate) async fn run(context: &Context<'_>) -> Result<(), Error> {
    match export_file(context).await {
        Ok(()) => Ok(()),
        Err(Stop::Failed(error)) => {
            let stop = release_after(context, error).await;
            clean_up_after(context, stop).await
        }
        Err(stop) => clean_up_after(context, stop).await,
    }
}

async fn export_file(context: &Context<'_>) -> Result<(), Stop> {
    // The file may only be written while the worker holds the lease.
    let written = tokio::select! {
        written = write_file(context) => written,
        lost = keep_lease(context) => Err(Stop::Lost(lost)),
    };
    finish(context, written?).await
}

/// Writes the file; continues what an earlier worker left, if it can.
async fn write_file(context: &Context<'_>) -> Result<WrittenFile, Stop> {
    match Resumption::load(context).await? {
        None => write_rest(context, None).await,
        resumption => match write_rest(context, resumption).await {
            // The upload no longer exists in the bucket; start the file again.
            Err(Stop::Failed(Error::NotFound)) => write_rest(context, None).await,
            written => written,
        },
    }
}

/// Reads, encodes and uploads what is missing of the file.
///
/// The three overlap: while a part is uploaded the next one is encoded, and while
/// a page is encoded the next one is read. Memory holds at most two parts and two
/// pages, so a slow bucket slows the reading down.
async fn write_rest(
    context: &Context<'_>,
    mut resumption: Option<Resumption>,
) -> Result<WrittenFile, Stop> {
    if resumption.is_none() {
        context.reset_progress();
        let files = &context.app.files;
        files.clear(&context.lease.key, context.export).await?;
    }
    let position = resumption
        .as_ref()
        .map(|resumption| resumption.checkpoint.position);
    let recorded = activities::recorded(context).await?;
    let question = activities::question(context, recorded.as_ref());
    let (page_sender, pages) = mpsc::channel(1);
    let activities = Activities::new(context, question, position, pages);
    let (free_buffers, buffers) = part::buffers();
    let proof = proof_lines(context, resumption.as_mut()).await?;
    let parts = Parts::new(context, resumption.as_ref(), activities, proof, buffers)?;
    let upload = match resumption {
        Some(resumption) => Upload::resume(context, free_buffers, resumption),
        None => Upload::start(context, free_buffers),
    };
    let reading = async {
        activities::read_pages(context, &question, position, page_sender).await;
        Ok(())
    };
    let ((), written) = tokio::try_join!(reading, upload.run(parts))?;
    Ok(written)
}

/// The lines of the proof, if it was asked for, where an earlier worker left them.
async fn proof_lines(
    context: &Context<'_>,
    resumption: Option<&mut Resumption>,
) -> Result<Option<ProofLines>, Stop> {
    let (export, key) = (context.export, &context.lease.key);
    let Some(note) = &export.proven_by else {
        return Ok(None);
    };
    if let Some(proof) = resumption.and_then(|it| it.proof.as_mut()) {
        let (order, rest) = (export.request.filter.order, proof.rest.clone());
        let lines = ProofLines::resume(order, rest, &mut proof.waiting)?;
        return Ok(Some(lines));
    }
    let signed = Signed::parse(note)?;
    let (partner, range) = (&key.partner_id, &export.range);
    let log = &context.app.log;
    let is_complete = export.request.filter.is_open();
    let frame = log.frame(partner, range, &signed, (export.as_of, is_complete));
    let frame = frame.await.map_err(unproven)?;
    let lines = ProofLines::start(key, export, (&frame, note.clone()))?;
    Ok(Some(lines))
}

/// Renews the lease until it is lost; returns how it was lost.
async fn keep_lease(context: &Context<'_>) -> LeaseStatus {
    let app = context.app;
    let lost = lease::keep(|| async {
        let (progress, now) = (context.progress(), app.clock.now());
        match app.exports.renew(context.lease, progress, now).await? {
            LeaseStatus::Held => Ok(ControlFlow::Continue(())),
            // The write that is under way notices the deletion itself. It must end
            // before the file is deleted: if it were dropped here, its request
            // could still reach the bucket after that.
            LeaseStatus::Cancelled => std::future::pending().await,
            lost @ (LeaseStatus::TakenOver | LeaseStatus::RanOut) => Ok(ControlFlow::Break(lost)),
        }
    });
    lost.await.unwrap_or(LeaseStatus::RanOut)
}

/// Records the export in the partner's log, then sets its state to `ready`.
async fn finish(context: &Context<'_>, written: WrittenFile) -> Result<(), Stop> {
    let partial_proof = written.proof.as_ref().and_then(|proof| proof.partial_part);
    let file = File {
        name: context.export.file_name(&context.lease.key.partner_id),
        rows: written.rows,
        bytes: written.bytes,
        sha256: written.sha256,
        truncated_cells: written.truncated_cells,
        proof: written.proof.map(|proof| ProofFile {
            name: context.export.proof_name(&context.lease.key.partner_id),
            bytes: proof.bytes,
            sha256: proof.sha256,
        }),
    };
    record(context, &file).await?;
    let (app, now) = (context.app, context.app.clock.now());
    let done = Progress {
        rows: file.rows,
        bytes: file.bytes,
        fraction: 1.0,
    };
    let finished = app.exports.finish(context.lease, &file, done, now);
    require_held(finished.await?)?;
    metrics::exported(file.rows, file.bytes);
    delete_partial_part(context, context.export.partial_part()).await;
    delete_partial_proof(context, partial_proof).await;
    Ok(())
}

/// Adds the entry to the partner's log; keeps the one that an earlier worker added.
async fn record(context: &Context<'_>, file: &File) -> Result<(), Error> {
    let key = &context.lease.key;
    let entry = trail::export_finished(key, context.export, file)?;
    let stamp = Stamp {
        recorded_at: context.app.clock.now(),
        request_id: format!("export-worker/{}", key.id),
    };
    match context.app.activities.append(entry, &stamp).await {
        Ok(_) | Err(Error::Conflict) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Releases the lease after an error, so that another worker can take it at once.
///
/// The error counts as a failure unless the export was deleted or another worker
/// took it meanwhile.
async fn release_after(context: &Context<'_>, error: Error) -> Stop {
    let app = context.app;
    match app.exports.release(context.lease, app.clock.now()).await {
        Ok(lost @ (LeaseStatus::Cancelled | LeaseStatus::TakenOver)) => Stop::Lost(lost),
        Ok(LeaseStatus::Held | LeaseStatus::RanOut) | Err(_) => Stop::Failed(error),
    }
}

/// Does what the reason to stop requires: deletes the file of a deleted export,
/// calls the next worker, or stores the failure.
async fn clean_up_after(context: &Context<'_>, stop: Stop) -> Result<(), Error> {
    let export_id = context.lease.key.id;
    match stop {
        Stop::Lost(LeaseStatus::Cancelled) => {
            tracing::info!(%export_id, "the export was deleted");
            delete_files(context).await
        }
        Stop::Lost(LeaseStatus::RanOut) => {
            tracing::error!(%export_id, "the lease has run out");
            Err(ran_out())
        }
        Stop::Lost(_) => {
            tracing::warn!(%export_id, "another worker has the export");
            Ok(())
        }
        Stop::OutOfTime => {
            tracing::info!(%export_id, "the time is nearly up; the next call continues");
            hand_over(context).await
        }
        Stop::Impossible(failure) => {
            tracing::error!(%export_id, failure = failure.detail, "the export has failed");
            store_failure(context, failure).await
        }
        Stop::Failed(error) => {
            tracing::error!(%export_id, error = error.chain(), "the export was interrupted");
            Err(error)
        }
    }
}

/// Deletes the file, its upload and the partial part of this worker.
async fn delete_files(context: &Context<'_>) -> Result<(), Error> {
    let (app, key) = (context.app, &context.lease.key);
    let files = &app.files;
    if let Some(export) = app.exports.get(key, app.clock.now()).await? {
        files.clear(key, &export).await?;
    }
    let partial_part = key.partial_part_object(context.lease.epoch);
    files.delete(&partial_part).await?;
    files.delete_files(key, context.export).await
}

/// Releases the lease and calls the next worker.
async fn hand_over(context: &Context<'_>) -> Result<(), Error> {
    let (app, lease) = (context.app, context.lease);
    match app.exports.release(lease, app.clock.now()).await? {
        LeaseStatus::Held => app.workers.call(&WorkerEvent::from(&lease.key)).await,
        LeaseStatus::RanOut => Err(ran_out()),
        LeaseStatus::TakenOver | LeaseStatus::Cancelled => Ok(()),
    }
}

async fn store_failure(context: &Context<'_>, failure: Failure) -> Result<(), Error> {
    let (app, lease) = (context.app, context.lease);
    match app.exports.fail(lease, failure, app.clock.now()).await? {
        LeaseStatus::RanOut => Err(ran_out()),
        LeaseStatus::Held | LeaseStatus::TakenOver | LeaseStatus::Cancelled => Ok(()),
    }
}

/// The error for which Lambda calls again.
fn ran_out() -> Error {
    Error::Unavailable("the lease has run out".into())
}
