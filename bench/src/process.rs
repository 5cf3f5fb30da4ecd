//! Processes that the bench starts, and what Linux says of them.

use std::{process::Stdio, time::Duration};

use procfs::process::Process as Proc;
use rustix::process::{Pid, Signal, kill_process};
use serde::de::DeserializeOwned;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::Error;

/// A process that says things in lines of JSON and ends with its standard input.
pub(crate) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Result<Self, Error> {
        let mut child = spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let stdout = child.stdout.take().ok_or("no standard output")?;
        Ok(Self {
            stdin: child.stdin.take(),
            lines: BufReader::new(stdout).lines(),
            child,
        })
    }

    /// Writes a line that the process waits for.
    pub(crate) async fn say(&mut self, line: &str) -> Result<(), Error> {
        let stdin = self.stdin.as_mut().ok_or("standard input is closed")?;
        Ok(stdin.write_all(format!("{line}\n").as_bytes()).await?)
    }

    pub(crate) async fn line<T: DeserializeOwned>(&mut self) -> Result<T, Error> {
        match self.lines.next_line().await? {
            Some(line) => Ok(serde_json::from_str(&line)?),
            None => Err(format!("a process ended early: {}", self.child.wait().await?).into()),
        }
    }

    /// Closes standard input; what the process says at its end can still be read.
    pub(crate) fn finish(&mut self) {
        self.stdin = None;
    }

    pub(crate) async fn end(mut self) -> Result<(), Error> {
        self.finish();
        let status = self.child.wait().await?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("a process failed: {status}").into())
        }
    }

    /// The process itself, for [`cpu`], [`peak_bytes`] and [`terminate`].
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }
}

/// Starts a process that does not outlive this one's interest in it.
pub(crate) fn spawn(command: &mut Command) -> Result<Child, Error> {
    command
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{command:?}: {error}").into())
}

/// What all threads that are still there have run so far, to the nanosecond.
pub(crate) fn cpu(child: &Child) -> Result<Duration, Error> {
    let mut nanos = 0;
    for task in looked_at(child)?.tasks()? {
        nanos += task?.schedstat()?.sum_exec_runtime;
    }
    Ok(Duration::from_nanos(nanos))
}

/// User and system time so far, ended threads included, in hundredths of a second.
pub(crate) fn cpu_seconds(child: &Child) -> Result<f64, Error> {
    let stat = looked_at(child)?.stat()?;
    Ok(Duration::from_secs(stat.utime + stat.stime).as_secs_f64()
        / Duration::from_secs(procfs::ticks_per_second()).as_secs_f64())
}

/// The most memory that was resident at a time: `VmHWM`.
pub(crate) fn peak_bytes(child: &Child) -> Result<u64, Error> {
    let status = looked_at(child)?.status()?;
    Ok(status.vmhwm.ok_or("no VmHWM")? * 1024)
}

/// Asks a process to end and waits until it has; valgrind then writes its totals.
pub(crate) async fn terminate(child: &mut Child) -> Result<(), Error> {
    let pid = Pid::from_raw(id(child)?).ok_or("a process has no id")?;
    kill_process(pid, Signal::TERM)?;
    child.wait().await?;
    Ok(())
}

fn looked_at(child: &Child) -> Result<Proc, Error> {
    Ok(Proc::new(id(child)?)?)
}

fn id(child: &Child) -> Result<i32, Error> {
    Ok(i32::try_from(child.id().ok_or("the process has ended")?)?)
}
