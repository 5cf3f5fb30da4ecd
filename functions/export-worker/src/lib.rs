//! Writes the file of one export: called asynchronously with the export's key.
//!
//! A worker takes the export's lease, streams Query pages through the encoder
//! into parts of 8 MiB and a row, uploads them, leaves its activity in the log
//! and says that the file is ready. Whatever it writes carries its lease's epoch.
//! After each part it writes down how far it is. Before its time is up it calls
//! the next worker for the rest. An error ends the call, and Lambda calls again;
//! a worker that dies leaves a lease that runs out, and the next one goes on
//! from the last part: the file is the same, byte by byte.

mod activities;
mod columns;
mod csv;
mod encoder;
mod hash;
mod parts;
mod upload;
mod workbook;

use aws_config::SdkConfig;
use shared::{
    ActivityStore, Clock, Config, Error, Export, ExportId, ExportStore, Files, Moment, Workers,
    aws::{activities::Stamp, exports::LeaseAttempt, sdk},
    metrics,
    model::{
        export::{File, Progress, WorkerEvent},
        failure::Failure,
        lease::{HAND_OVER_BEFORE, LEASE_TIME, Lease, LeaseStatus, RENEW_EVERY},
        trail,
    },
    observe,
};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep},
};

use crate::{
    activities::Activities,
    parts::Parts,
    upload::{Resumption, Upload, Written},
};

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

impl App {
    /// Builds the clients, once.
    pub fn new(sdk: &SdkConfig, config: Config, clock: Clock) -> Self {
        let dynamodb = sdk::dynamodb(sdk);
        Self {
            exports: ExportStore::new(dynamodb.clone(), config.exports_table.clone()),
            activities: ActivityStore::new(dynamodb, &config),
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
    Lost(LeaseStatus),
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

/// Carries out one call, which ends by `deadline`.
pub async fn handle(app: &App, event: &WorkerEvent, deadline: Moment) -> Result<(), Error> {
    let export_id = event.export_id;
    observe::partner(&event.partner_id);
    match app.exports.take_lease(event, app.clock.now()).await? {
        LeaseAttempt::NotNow => tracing::info!(%export_id, "nothing to do"),
        LeaseAttempt::GivenUp(key, export) => {
            tracing::error!(%export_id, "given up: the export has failed");
            app.files.clear(&key, &export).await?;
            // A worker may have died between the file and the state.
            app.files.delete(&key.object()).await?;
        }
        LeaseAttempt::Taken(lease, export) => {
            let run = Run::new(app, &lease, &export, deadline.minus(HAND_OVER_BEFORE));
            if let Err(stop) = run.work().await {
                let stop = run.unless_lost(stop).await;
                run.after(stop).await?;
            }
        }
    }
    Ok(())
}

/// One worker's hold on one export.
struct Run<'a> {
    app: &'a App,
    lease: &'a Lease<ExportId>,
    export: &'a Export,
    progress: watch::Sender<Progress>,
    hand_over_at: Moment,
}

impl<'a> Run<'a> {
    fn new(
        app: &'a App,
        lease: &'a Lease<ExportId>,
        export: &'a Export,
        hand_over_at: Moment,
    ) -> Self {
        Self {
            app,
            lease,
            export,
            progress: watch::channel(export.progress).0,
            hand_over_at,
        }
    }

    /// Whether the rest is for the next call.
    fn is_time_up(&self) -> bool {
        self.app.clock.now() >= self.hand_over_at
    }

    fn progress(&self) -> Progress {
        *self.progress.borrow()
    }

    /// Says how far the reading is, with the next renewal of the lease.
    fn show(&self, rows: u64, fraction: f64) {
        self.progress.send_modify(|progress| {
            progress.rows = rows;
            progress.fraction = fraction;
        });
    }

    /// Says how much is on its way to the bucket.
    fn show_bytes(&self, bytes: u64) {
        self.progress.send_modify(|progress| progress.bytes = bytes);
    }

    async fn work(&self) -> Result<(), Stop> {
        // The file is written while the lease holds.
        let written = tokio::select! {
            written = self.write() => written,
            lost = self.keep() => Err(Stop::Lost(lost)),
        };
        self.finish(written?).await
    }

    /// Goes on with what an earlier worker left, if anything.
    async fn write(&self) -> Result<Written, Stop> {
        match Resumption::load(self).await? {
            None => self.pipe(None).await,
            resumption => match self.pipe(resumption).await {
                // The bucket has let the upload go; the file is made anew.
                Err(Stop::Failed(Error::NotFound)) => self.pipe(None).await,
                written => written,
            },
        }
    }

    /// Pages into parts into the bucket: while a part is uploaded the next one is
    /// encoded, and while a page is encoded the next one is read.
    ///
    /// Memory holds at most two parts and two pages, and a slow bucket slows
    /// the reading.
    async fn pipe(&self, resumption: Option<Resumption>) -> Result<Written, Stop> {
        if resumption.is_none() {
            self.progress.send_replace(Progress::default());
            self.app.files.clear(&self.lease.key, self.export).await?;
        }
        let position = resumption
            .as_ref()
            .map(|resumption| resumption.checkpoint.position);
        let (sender, pages) = mpsc::channel(1);
        let activities = Activities::new(self, position, pages);
        let (sent, buffers) = parts::buffers();
        let parts = Parts::new(self, resumption.as_ref(), activities, buffers)?;
        let reading = async {
            activities::read(self, position, sender).await;
            Ok(())
        };
        let ((), written) =
            tokio::try_join!(reading, Upload::new(self, resumption, sent).run(parts))?;
        Ok(written)
    }

    async fn finish(&self, written: Written) -> Result<(), Stop> {
        let file = self.file(written);
        self.record(&file).await?;
        let done = Progress {
            rows: file.rows,
            bytes: file.bytes,
            fraction: 1.0,
        };
        let (app, now) = (self.app, self.app.clock.now());
        match app.exports.finish(self.lease, &file, done, now).await? {
            LeaseStatus::Held => {
                metrics::exported(file.rows, file.bytes);
                upload::delete_partial_part(self, self.export.partial_part()).await;
                Ok(())
            }
            lost => Err(Stop::Lost(lost)),
        }
    }

    fn file(&self, written: Written) -> File {
        File {
            name: self.export.file_name(&self.lease.key.partner_id),
            rows: written.rows,
            bytes: written.bytes,
            sha256: written.sha256,
            truncated_cells: written.truncated_cells,
        }
    }

    /// Renews the lease until it is lost, at the latest when it has run out.
    ///
    /// A worker that wrote on without it could replace the file of the next one.
    async fn keep(&self) -> LeaseStatus {
        let mut renewed = Instant::now();
        loop {
            sleep(RENEW_EVERY).await;
            let (started, now) = (Instant::now(), self.app.clock.now());
            let renewal = self.app.exports.renew(self.lease, self.progress(), now);
            match renewal.await {
                Ok(LeaseStatus::Held) => renewed = started,
                // The write under way finds it out itself, and is over before the
                // file is removed; dropped here, it could still arrive after that.
                Ok(LeaseStatus::Cancelled) => std::future::pending().await,
                Ok(lost @ (LeaseStatus::TakenOver | LeaseStatus::RanOut)) => return lost,
                Err(error) => tracing::warn!(error = error.chain(), "the lease was not renewed"),
            }
            if renewed.elapsed() + RENEW_EVERY > LEASE_TIME {
                return LeaseStatus::RanOut;
            }
        }
    }

    /// A call that failed because the export was deleted meanwhile is no failure;
    /// one that failed gives the lease back.
    async fn unless_lost(&self, stop: Stop) -> Stop {
        let Stop::Failed(error) = stop else {
            return stop;
        };
        let now = self.app.clock.now();
        match self.app.exports.release(self.lease, now).await {
            Ok(lost @ (LeaseStatus::Cancelled | LeaseStatus::TakenOver)) => Stop::Lost(lost),
            Ok(LeaseStatus::Held | LeaseStatus::RanOut) | Err(_) => Stop::Failed(error),
        }
    }

    /// Leaves the entry in the log; one that an earlier worker left stays as it is.
    async fn record(&self, file: &File) -> Result<(), Error> {
        let entry = trail::finished(&self.lease.key, self.export, file)?;
        let request_id = format!("export-worker/{}", self.lease.key.id);
        let stamp = Stamp {
            recorded_at: self.app.clock.now(),
            request_id,
        };
        match self.app.activities.append(entry, &stamp).await {
            Ok(_) | Err(Error::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Leaves nothing behind that the export's state does not tell of.
    async fn after(&self, stop: Stop) -> Result<(), Error> {
        let (app, lease) = (self.app, self.lease);
        let export_id = lease.key.id;
        match stop {
            Stop::Lost(LeaseStatus::Cancelled) => {
                tracing::info!(%export_id, "the export was deleted");
                let key = &lease.key;
                app.files
                    .delete(&key.partial_part_object(lease.epoch))
                    .await?;
                app.files.delete(&key.object()).await
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
                tracing::info!(%export_id, "the rest is left to the next call");
                match app.exports.release(lease, app.clock.now()).await? {
                    LeaseStatus::Held => app.workers.call(&WorkerEvent::from(&lease.key)).await,
                    LeaseStatus::RanOut => Err(ran_out()),
                    LeaseStatus::TakenOver | LeaseStatus::Cancelled => Ok(()),
                }
            }
            Stop::Impossible(failure) => {
                tracing::error!(%export_id, failure = failure.detail, "the export has failed");
                let failed = app.exports.fail(lease, failure, app.clock.now());
                match failed.await? {
                    LeaseStatus::RanOut => Err(ran_out()),
                    LeaseStatus::Held | LeaseStatus::TakenOver | LeaseStatus::Cancelled => Ok(()),
                }
            }
            Stop::Failed(error) => {
                tracing::error!(%export_id, error = error.chain(), "the export was interrupted");
                Err(error)
            }
        }
    }
}

/// Lambda calls again for it.
fn ran_out() -> Error {
    Error::Unavailable("the lease has run out".into())
}
