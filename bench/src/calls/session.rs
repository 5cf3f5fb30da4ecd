//! One run: fresh servers, a fresh process, and the calls that it answers.

use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use tokio::process::{Child, Command};

use super::{Bench, entrant::Entrant, figure::Transport, runtime::Runtime, workload::Workload};
use crate::{
    Error,
    canned::{Addresses, Options, Totals},
    measure, names,
    process::{self, Process},
};

/// How long the log is of which a list is a page.
const ENTRIES: u64 = 100_000;

/// A process under way.
pub(super) struct Session {
    workload: Workload,
    event: String,
    servers: Process,
    driven: Driven,
    begun: Instant,
    ready: Instant,
    /// When it last answered.
    answered: Instant,
    called: u64,
}

/// How the process is told to do something.
enum Driven {
    ByEvents { child: Child, runtime: Runtime },
    ByLines(Process),
}

impl Session {
    /// Starts a process and waits until it is ready; valgrind writes to `counts`.
    pub(super) async fn start(
        bench: &Bench<'_>,
        entrant: Entrant,
        transport: Transport,
        counts: Option<&Path>,
    ) -> Result<Self, Error> {
        let workload = entrant.workload;
        let authority = match transport {
            Transport::Http => None,
            Transport::Tls => Some(bench.work.path().join("authority.pem")),
        };
        let options = Options {
            entries: ENTRIES,
            shards: entrant.shards,
            units_per_second: workload.units_per_second(),
            authority: authority.clone(),
            ..Options::default()
        };
        let mut servers = Process::start(&mut measure::servers(&options)?)?;
        let Addresses { dynamodb, s3 } = servers.line().await?;
        let mut command = bench.command(entrant, counts)?;
        command.envs(names::environment(&dynamodb, &s3));
        command.env("WRITE_SHARDS", entrant.shards.to_string());
        command.envs(bench.trust(entrant, authority.as_deref())?);
        let begun = Instant::now();
        let (driven, ready) = if entrant.is_loop() {
            Driven::by_lines(&mut command).await?
        } else {
            Driven::by_events(&mut command).await?
        };
        Ok(Self {
            event: workload.event()?,
            workload,
            servers,
            driven,
            begun,
            ready,
            answered: ready,
            called: 0,
        })
    }

    /// Lets it do so many calls; answers how long that took.
    pub(super) async fn timed(&mut self, calls: u32) -> Result<Duration, Error> {
        let begun = Instant::now();
        self.calls(calls).await?;
        Ok(self.answered - begun)
    }

    /// From the start until it was ready.
    pub(super) fn started_within(&self) -> Duration {
        self.ready - self.begun
    }

    /// Lets it do one call; answers how long after the start that was done.
    pub(super) async fn call(&mut self) -> Result<Duration, Error> {
        self.calls(1).await?;
        Ok(self.answered - self.begun)
    }

    /// Lets it do so many calls.
    ///
    /// The answers are looked at when all are there: between two calls that
    /// would take the caches from what is measured.
    pub(super) async fn calls(&mut self, calls: u32) -> Result<(), Error> {
        match &mut self.driven {
            Driven::ByEvents { child, runtime } => {
                let mut answers = Vec::new();
                for _ in 0..calls {
                    let (answer, at) = alive(child, runtime.call(self.event.clone())).await?;
                    answers.push(answer);
                    self.answered = at;
                }
                for answer in answers {
                    self.workload.check(&answer)?;
                }
            }
            Driven::ByLines(process) => {
                process.say(&calls.to_string()).await?;
                process.line::<u32>().await?;
                self.answered = Instant::now();
            }
        }
        self.called += u64::from(calls);
        Ok(())
    }

    pub(super) fn cpu(&mut self) -> Result<Duration, Error> {
        process::cpu(self.driven.child())
    }

    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    pub(super) fn peak_mebibytes(&mut self) -> Result<f64, Error> {
        Ok(process::peak_bytes(self.driven.child())? as f64 / (1024.0 * 1024.0))
    }

    /// Ends it; fails if the servers were asked for more or less than the calls need.
    ///
    /// A page's entries are in each answer too, so what was read may vary.
    pub(super) async fn end(mut self) -> Result<(), Error> {
        match self.driven {
            Driven::ByEvents { mut child, .. } => process::terminate(&mut child).await?,
            Driven::ByLines(process) => process.end().await?,
        }
        self.servers.finish();
        let totals: Totals = self.servers.line().await?;
        self.servers.end().await?;
        let (puts, reads) = (
            self.workload.puts(self.called),
            self.workload.reads(self.called),
        );
        if puts.contains(&totals.items_put) && reads.contains(&totals.entries_read) {
            Ok(())
        } else {
            Err(format!("not the work of {} calls: {totals:?}", self.called).into())
        }
    }
}

impl Driven {
    async fn by_events(command: &mut Command) -> Result<(Self, Instant), Error> {
        let mut runtime = Runtime::serve().await?;
        command
            .envs([
                ("AWS_LAMBDA_RUNTIME_API", runtime.address.as_str()),
                ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
                ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/bench"),
                ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let mut child = process::spawn(command)?;
        let ready = alive(&mut child, runtime.asked()).await?;
        Ok((Self::ByEvents { child, runtime }, ready))
    }

    async fn by_lines(command: &mut Command) -> Result<(Self, Instant), Error> {
        let mut process = Process::start(command)?;
        process.line::<u32>().await?;
        Ok((Self::ByLines(process), Instant::now()))
    }

    fn child(&mut self) -> &Child {
        match self {
            Self::ByEvents { child, .. } => child,
            Self::ByLines(process) => process.child(),
        }
    }
}

/// Waits for something that a process does, as long as there is the process.
async fn alive<T>(
    child: &mut Child,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::select! {
        done = work => done,
        status = child.wait() => Err(format!("a process ended early: {}", status?).into()),
    }
}
