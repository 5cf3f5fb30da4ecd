//! Writes the file of one export; it is called asynchronously with the export's key.
//!
//! A worker takes the export's lease, reads activities in pages, encodes them into
//! parts of at least 8 MiB, and uploads the parts. Then it records the export in
//! the partner's log and sets its state to `ready`. If a proof was asked for, it is
//! written beside the file in the same pass. Each of its writes to the
//! export has the lease's epoch as a condition.
//!
//! After each part it stores a checkpoint. Before its time is up it hands over to
//! the next call. After an error Lambda calls again; when a worker dies, its lease
//! runs out. The next worker resumes at the checkpoint, and the file has the same
//! bytes as without the interruption.

mod activities;
mod app;
mod columns;
mod context;
mod csv_rows;
mod encoder;
mod gzip;
mod hash;
mod inert;
mod json_lines;
mod object;
mod part;
mod parts;
mod proof_lines;
mod proof_upload;
mod resumption;
mod run;
mod sheets;
mod upload;
mod workbook;

use shared::{
    Error, Moment,
    aws::exports::LeaseAttempt,
    model::{export::WorkerEvent, lease::HAND_OVER_BEFORE},
    observe,
};

pub use crate::app::App;
use crate::context::Context;

/// Carries out one call, which ends by `deadline`.
pub async fn handle(app: &App, event: &WorkerEvent, deadline: Moment) -> Result<(), Error> {
    let export_id = event.export_id;
    observe::partner(&event.partner_id);
    match app.exports.take_lease(event, app.clock.now()).await? {
        LeaseAttempt::NotNow => {
            tracing::info!(%export_id, "nothing to do: no such export waits for a worker");
        }
        LeaseAttempt::Ended(key, export) => {
            tracing::warn!(%export_id, "the export ended without a file; what it left is removed");
            app.files.clear(&key, &export).await?;
            // A worker may have died after it wrote the file and before it set the state.
            app.files.delete_files(&key, &export).await?;
        }
        LeaseAttempt::Taken(lease, export) => {
            let hand_over_at = deadline.minus(HAND_OVER_BEFORE);
            run::run(&Context::new(app, &lease, &export, hand_over_at)).await?;
        }
    }
    Ok(())
}
