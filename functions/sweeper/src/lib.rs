//! Looks after what must be done although nobody asks; two schedules call it.
//!
//! Every five minutes it finishes what nobody works on.
//! A worker is called when an export or an erasure is requested or read. If that
//! call fails, or the worker dies, and nobody reads, the work would never be done.
//! So the sweeper walks the open tasks of all partners, the oldest first, and calls
//! a worker for each that has none. A task that has taken too long also gets a
//! worker, which ends it as failed.
//!
//! It reports the age of the oldest open task. To sweep another kind of task, add it
//! in `tasks` and to [`handle`].
//!
//! Every hour it has the logs sealed that are due.

mod logs;
mod sweep;
mod tasks;

use aws_config::SdkConfig;
use serde::{Deserialize, Serialize};
use shared::{
    Clock, Config, ErasureStore, Error, ExportStore, Moment, Workers,
    aws::{archive::Registry, sdk},
    metrics,
};

use crate::{
    logs::Logs,
    sweep::{Swept, sweep},
    tasks::{Erasures, Exports},
};

/// What the function keeps between calls.
#[derive(Debug)]
pub struct App {
    exports: Exports,
    erasures: Erasures,
    logs: Logs,
    /// The clock.
    pub clock: Clock,
}

impl App {
    /// Builds the clients, once.
    pub fn new(sdk: &SdkConfig, config: Config, clock: Clock) -> Self {
        let dynamodb = sdk::dynamodb(sdk);
        Self {
            exports: Exports {
                store: ExportStore::new(dynamodb.clone(), config.exports_table),
                workers: Workers::new(sdk, config.export_worker_function),
            },
            erasures: Erasures {
                store: ErasureStore::new(dynamodb.clone(), config.erasures_table),
                workers: Workers::new(sdk, config.erasure_worker_function),
            },
            logs: Logs {
                registry: Registry::new(dynamodb, config.archive_table),
                workers: Workers::new(sdk, config.seal_worker_function),
            },
            clock,
        }
    }
}

/// What a schedule asks for: `{"sweep":"tasks"}` or `{"sweep":"logs"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "sweep", deny_unknown_fields)]
pub enum Event {
    /// The exports and erasures that nobody works on.
    Tasks,
    /// The logs that are to be sealed.
    Logs,
}

/// Carries out one call, which ends by `deadline`.
pub async fn handle(app: &App, event: &Event, deadline: Moment) -> Result<(), Error> {
    match event {
        Event::Tasks => sweep_tasks(app, deadline).await,
        Event::Logs => app.logs.sweep(app.clock.now()).await,
    }
}

/// Sweeps every kind of task; an error if a task could not be looked after.
///
/// One kind does not wait for another, and a task that fails does not stop the rest.
async fn sweep_tasks(app: &App, deadline: Moment) -> Result<(), Error> {
    let (exports, erasures) = tokio::join!(
        sweep(&app.exports, &app.clock, deadline),
        sweep(&app.erasures, &app.clock, deadline),
    );
    let Swept { oldest, failed } = exports.and(erasures);
    let now = app.clock.now();
    metrics::oldest_open_task(oldest.map_or(now, |oldest| oldest.min(now)), now);
    match failed {
        0 => Ok(()),
        _ => Err(Error::Unavailable(
            format!("{failed} tasks were not looked after").into(),
        )),
    }
}
