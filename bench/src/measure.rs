//! One measurement: fresh servers, a fresh process, and what Linux says of it.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tokio::{process::Command, time::timeout};

use crate::{
    Error,
    canned::{Addresses, Options, Totals},
    names,
    process::{self, Process},
    subject::Done,
};

/// A measurement that takes longer is given up.
const TIME_MAX: Duration = Duration::from_hours(1);

/// What a process cost.
#[derive(Debug)]
pub struct Measured {
    /// From its start until the file was there.
    pub wall: Duration,
    /// User and system time of all its threads, its start included.
    pub cpu_seconds: f64,
    /// The most memory that was resident at a time: `VmHWM`.
    pub peak_bytes: u64,
    /// Allocations, if it counts them.
    pub allocations: Option<u64>,
    /// Bytes that reached the bucket.
    pub file_bytes: u64,
}

/// How a subject is started.
#[derive(Debug, Clone)]
pub struct Program {
    /// The binary.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
}

impl Program {
    pub(crate) fn new(path: &Path, arguments: &[&str]) -> Self {
        Self {
            path: path.to_owned(),
            arguments: arguments.iter().map(|&text| text.to_owned()).collect(),
        }
    }
}

/// Starts servers and subject, and answers when the subject has written its file.
///
/// A file that lacks an entry is an error.
pub async fn measure(
    program: &Program,
    roots: &Path,
    options: &Options,
) -> Result<Measured, Error> {
    timeout(TIME_MAX, unbounded(program, roots, options)).await?
}

async fn unbounded(program: &Program, roots: &Path, options: &Options) -> Result<Measured, Error> {
    let mut servers = Process::start(&mut servers(options)?)?;
    let Addresses { dynamodb, s3 } = servers.line().await?;
    let begun = Instant::now();
    let mut subject = Process::start(&mut command(program, roots, &dynamodb, &s3))?;
    let done: Done = subject.line().await?;
    let wall = begun.elapsed();
    let cpu_seconds = process::cpu_seconds(subject.child())?;
    let peak_bytes = process::peak_bytes(subject.child())?;
    subject.end().await?;
    servers.finish();
    let totals: Totals = servers.line().await?;
    servers.end().await?;
    let rows = done.rows.unwrap_or(totals.rows_reported);
    if (rows, totals.entries_read) != (options.entries, options.entries) {
        return Err(format!("{rows} rows of {} entries", options.entries).into());
    }
    Ok(Measured {
        wall,
        cpu_seconds,
        peak_bytes,
        allocations: done.allocations,
        file_bytes: totals.file_bytes,
    })
}

/// This binary again, as the servers.
pub(crate) fn servers(options: &Options) -> Result<Command, Error> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("canned").arg(serde_json::to_string(options)?);
    Ok(command)
}

/// The subject, which sees no variable of this process; the plain SDK reads `roots`.
fn command(program: &Program, roots: &Path, dynamodb: &str, s3: &str) -> Command {
    let mut command = Command::new(&program.path);
    command
        .args(&program.arguments)
        .env_clear()
        .envs(names::environment(dynamodb, s3))
        .env("SSL_CERT_FILE", roots);
    command
}
