//! Writes the file of one export: called asynchronously with the export's key.
//!
//! A worker takes the export's lease, streams Query pages through the encoder
//! into parts of 8 MiB and a row, uploads them, leaves its activity in the log
//! and says that the file is ready. Whatever it writes carries its lease's epoch.
//! After each part it writes down how far it is. Before its time is up it calls
//! the next worker for the rest. An error ends the call, and Lambda calls again;
//! a worker that dies leaves a lease that runs out, and the next one goes on
//! from the last part: the file is the same, byte by byte.

mod csv;
mod hash;
mod pipeline;
mod upload;

use std::time::Duration;

use aws_config::SdkConfig;
use jiff::SignedDuration;
use shared::{
    ActivityStore, Clock, Config, Error, Export, ExportStore, Files, Moment, Workers,
    export::{Failure, File, Progress, WorkerEvent},
    export_store::{self, Held, Lease, Taken},
    store::Stamp,
    trail,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::{pipeline::Written, upload::Begun};

/// What the function keeps between calls.
#[derive(Debug)]
pub struct App {
    /// The configuration.
    pub config: Config,
    /// The exports.
    pub exports: ExportStore,
    /// The activities, for the rows and for the trail.
    pub activities: ActivityStore,
    files: Files,
    workers: Workers,
    /// The clock.
    pub clock: Clock,
}

/// How often the lease of 45 s is renewed.
const RENEW_EVERY: Duration = Duration::from_secs(15);

impl App {
    /// Builds the clients, once.
    pub fn new(sdk: &SdkConfig, config: Config, clock: Clock) -> Self {
        let dynamodb = aws_sdk_dynamodb::Client::new(sdk);
        let activities = config.activities_table.clone();
        Self {
            exports: ExportStore::new(dynamodb.clone(), config.exports_table.clone()),
            activities: ActivityStore::new(dynamodb, activities, config.retention),
            files: Files::for_uploads(sdk, config.exports_bucket.clone()),
            workers: Workers::new(sdk, config.export_worker_function.clone()),
            config,
            clock,
        }
    }
}

/// Why a worker stopped before the file was ready.
#[derive(Debug)]
enum Stop {
    /// The export is no longer this worker's.
    Lost(Held),
    /// There can be no such file.
    Impossible(Failure),
    /// The function's time is nearly up; another call goes on.
    OutOfTime,
    /// Something failed; another call may do better.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// So long before the function's deadline the rest is left to the next call.
const HAND_ON_BEFORE: SignedDuration = SignedDuration::from_secs(45);

/// Carries out one call, which ends by `deadline`.
pub async fn handle(app: &App, event: &WorkerEvent, deadline: Moment) -> Result<(), Error> {
    let export_id = event.export_id;
    match app.exports.take_lease(event, app.clock.now()).await? {
        Taken::NotNow => tracing::info!(%export_id, "nothing to do"),
        Taken::GivenUp(key, upload_id) => {
            tracing::error!(%export_id, "given up: the export has failed");
            if let Some(upload_id) = upload_id {
                app.files
                    .abort(&Export::object_key(&key), &upload_id)
                    .await?;
            }
        }
        Taken::Lease(lease, export) => {
            let hand_on_at = deadline.minus(HAND_ON_BEFORE);
            if let Err(stop) = work(app, &lease, &export, hand_on_at).await {
                let stop = unless_lost(app, &lease, stop).await;
                after(app, &lease, stop).await?;
            }
        }
    }
    Ok(())
}

async fn work(app: &App, lease: &Lease, export: &Export, hand_on_at: Moment) -> Result<(), Stop> {
    let begun = Begun::of(export);
    let written = if begun.is_some() {
        match write(app, lease, export, begun, hand_on_at).await {
            // The bucket has let the upload go; the file is made anew.
            Err(Stop::Failed(Error::NotFound)) => {
                write(app, lease, export, None, hand_on_at).await?
            }
            written => written?,
        }
    } else {
        write(app, lease, export, None, hand_on_at).await?
    };
    finish(app, lease, export, written).await
}

/// Writes the file while the lease holds.
async fn write(
    app: &App,
    lease: &Lease,
    export: &Export,
    begun: Option<Begun>,
    hand_on_at: Moment,
) -> Result<Written, Stop> {
    let so_far = begun.as_ref().map(|begun| Progress {
        rows: begun.checkpoint.rows,
        bytes: begun.checkpoint.bytes,
        fraction: export.progress.fraction,
    });
    let (progress, _) = watch::channel(so_far.unwrap_or_default());
    tokio::select! {
        written = write_leased(app, lease, export, begun, &progress, hand_on_at) => written,
        lost = keep(app, lease, &progress) => Err(Stop::Lost(lost)),
    }
}

async fn write_leased(
    app: &App,
    lease: &Lease,
    export: &Export,
    begun: Option<Begun>,
    progress: &watch::Sender<Progress>,
    hand_on_at: Moment,
) -> Result<Written, Stop> {
    if let (None, Some(upload_id)) = (&begun, &export.upload_id) {
        app.files
            .abort(&Export::object_key(&lease.key), upload_id)
            .await?;
    }
    pipeline::write(app, lease, export, begun, progress, hand_on_at).await
}

async fn finish(app: &App, lease: &Lease, export: &Export, written: Written) -> Result<(), Stop> {
    let file = file(export, lease, written);
    record(app, lease, export, &file).await?;
    let done = Progress {
        rows: file.rows,
        bytes: file.bytes,
        fraction: 1.0,
    };
    match app
        .exports
        .finish(lease, &file, done, app.clock.now())
        .await?
    {
        Held::Yes => Ok(()),
        lost => Err(Stop::Lost(lost)),
    }
}

fn file(export: &Export, lease: &Lease, written: Written) -> File {
    let Written {
        rows,
        bytes,
        sha256,
    } = written;
    File {
        name: export.file_name(&lease.key.partner_id),
        rows,
        bytes,
        sha256,
    }
}

/// Renews the lease until it is lost, at the latest when it has run out.
///
/// A worker that wrote on without it could replace the file of the next one.
async fn keep(app: &App, lease: &Lease, progress: &watch::Sender<Progress>) -> Held {
    let mut renewed = Instant::now();
    loop {
        sleep(RENEW_EVERY).await;
        let (begun, so_far) = (Instant::now(), *progress.borrow());
        match app.exports.renew(lease, so_far, app.clock.now()).await {
            Ok(Held::Yes) => renewed = begun,
            // The write under way finds it out itself, and is over before the
            // file is removed; dropped here, it could still arrive after that.
            Ok(Held::Cancelled) => std::future::pending().await,
            Ok(Held::TakenOver) => return Held::TakenOver,
            Err(error) => tracing::warn!(error = error.chain(), "the lease was not renewed"),
        }
        if renewed.elapsed() + RENEW_EVERY > export_store::LEASE.unsigned_abs() {
            return Held::TakenOver;
        }
    }
}

/// A call that failed because the export was deleted meanwhile is no failure;
/// one that failed gives the lease back.
async fn unless_lost(app: &App, lease: &Lease, stop: Stop) -> Stop {
    let Stop::Failed(error) = stop else {
        return stop;
    };
    match app.exports.release(lease, app.clock.now()).await {
        Ok(lost @ (Held::Cancelled | Held::TakenOver)) => Stop::Lost(lost),
        Ok(Held::Yes) | Err(_) => Stop::Failed(error),
    }
}

/// Leaves the entry in the log; one that an earlier worker left stays as it is.
async fn record(app: &App, lease: &Lease, export: &Export, file: &File) -> Result<(), Error> {
    let entry = trail::finished(&lease.key, export, file)?;
    let request_id = format!("export-worker/{}", lease.key.id);
    let stamp = Stamp {
        recorded_at: app.clock.now(),
        request_id,
    };
    match app.activities.append(entry, &stamp).await {
        Ok(_) | Err(Error::Conflict) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Leaves nothing behind that the export's state does not tell of.
async fn after(app: &App, lease: &Lease, stop: Stop) -> Result<(), Error> {
    let export_id = lease.key.id;
    match stop {
        Stop::Lost(Held::Cancelled) => {
            tracing::info!(%export_id, "the export was deleted");
            app.files.delete(&Export::object_key(&lease.key)).await
        }
        Stop::Lost(_) => {
            tracing::warn!(%export_id, "another worker has the export");
            Ok(())
        }
        Stop::OutOfTime => {
            tracing::info!(%export_id, "the rest is left to the next call");
            match app.exports.hand_on(lease, app.clock.now()).await? {
                Held::Yes => app.workers.call(&lease.key).await,
                Held::TakenOver | Held::Cancelled => Ok(()),
            }
        }
        Stop::Impossible(failure) => {
            tracing::error!(%export_id, failure = failure.detail, "the export has failed");
            app.exports
                .fail(lease, failure, app.clock.now())
                .await
                .map(|_| ())
        }
        Stop::Failed(error) => {
            tracing::error!(%export_id, error = error.chain(), "the export was interrupted");
            Err(error)
        }
    }
}
