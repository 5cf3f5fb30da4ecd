//! What one call of the worker knows, and why a worker stops before the file is ready.

use activity_log::Unproven;
use shared::{
    Error, Export, ExportId, Moment,
    model::{
        export::Progress,
        failure::{Failure, FailureCode},
        lease::{Lease, LeaseStatus},
    },
};
use tokio::sync::watch;

use crate::app::App;

/// What one call of the worker knows.
pub(crate) struct Context<'a> {
    pub(crate) app: &'a App,
    pub(crate) lease: &'a Lease<ExportId>,
    /// The export as it was when this worker took the lease.
    pub(crate) export: &'a Export,
    progress: watch::Sender<Progress>,
    /// When the worker must hand over to the next call.
    hand_over_at: Moment,
}

impl<'a> Context<'a> {
    pub(crate) fn new(
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

    /// Whether the worker must hand over now.
    pub(crate) fn is_time_up(&self) -> bool {
        self.app.clock.now() >= self.hand_over_at
    }

    pub(crate) fn progress(&self) -> Progress {
        *self.progress.borrow()
    }

    /// Sets the progress to that of a file without rows.
    pub(crate) fn reset_progress(&self) {
        self.progress.send_replace(Progress::default());
    }

    /// Notes how many rows there are, and which fraction of the range was read.
    ///
    /// The next write that renews the lease stores it.
    pub(crate) fn report_rows(&self, rows: u64, fraction: f64) {
        self.progress.send_modify(|progress| {
            progress.rows = rows;
            progress.fraction = fraction;
        });
    }

    /// Notes how many bytes of the file were sent to the bucket or are being sent.
    pub(crate) fn report_bytes(&self, bytes: u64) {
        self.progress.send_modify(|progress| progress.bytes = bytes);
    }
}

/// Why a worker stopped before the file was ready.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The worker no longer holds the lease of the export.
    Lost(LeaseStatus),
    /// The export can't have a file, however often it is tried.
    Impossible(Failure),
    /// The call's time is nearly up; the next call continues.
    OutOfTime,
    /// Something failed that may work in another call.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Why a worker stops if something can't be proven.
///
/// The range was sealed and kept when the export was requested.
pub(crate) fn unproven(unproven: Unproven) -> Stop {
    match unproven {
        Unproven::Failed(error) => Stop::Failed(error),
        Unproven::Absent | Unproven::NotSealed(_) => {
            Stop::Failed(Error::internal("making a proof", "the range is not sealed"))
        }
        Unproven::Ended(_) => Stop::Impossible(ended()),
    }
}

fn ended() -> Failure {
    FailureCode::GaveUp.because(
        "The retention of entries ended while the file was written, so it can't be proven. \
         Export the range again.",
    )
}

/// Stops the worker unless it held the lease.
pub(crate) fn require_held(status: LeaseStatus) -> Result<(), Stop> {
    match status {
        LeaseStatus::Held => Ok(()),
        lost => Err(Stop::Lost(lost)),
    }
}
