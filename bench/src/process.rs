//! Processes that the bench starts, and what Linux says of them.

use std::{process::Stdio, time::Duration};

use procfs::process::Process;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::{Error, samples::float};

const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// Starts a process that neither reads nor prints, and that ends with the bench.
pub(crate) fn spawn(command: &mut Command) -> Result<Child, Error> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{command:?}: {error}").into())
}

/// CPU time so far of the threads that have not ended, to the nanosecond.
pub(crate) fn cpu_of_threads(child: &Child) -> Result<Duration, Error> {
    let mut nanos = 0;
    for task in process(child)?.tasks()? {
        nanos += task?.schedstat()?.sum_exec_runtime;
    }
    Ok(Duration::from_nanos(nanos))
}

/// CPU time so far of all threads, ended ones too, in seconds; to a hundredth.
pub(crate) fn cpu_seconds(child: &Child) -> Result<f64, Error> {
    let stat = process(child)?.stat()?;
    Ok(float(stat.utime + stat.stime) / float(procfs::ticks_per_second()))
}

/// The most memory that was resident at a time (`VmHWM`), in MiB.
pub(crate) fn peak_mebibytes(child: &Child) -> Result<f64, Error> {
    let kibibytes = process(child)?.status()?.vmhwm.ok_or("no VmHWM")?;
    Ok(float(kibibytes * 1024) / MEBIBYTE)
}

/// Asks a process to end and waits until it has; valgrind then writes its totals.
pub(crate) async fn terminate(child: &mut Child) -> Result<(), Error> {
    let pid = Pid::from_raw(id(child)?).ok_or("a process has no id")?;
    kill_process(pid, Signal::TERM)?;
    child.wait().await?;
    Ok(())
}

fn process(child: &Child) -> Result<Process, Error> {
    Ok(Process::new(id(child)?)?)
}

fn id(child: &Child) -> Result<i32, Error> {
    Ok(i32::try_from(child.id().ok_or("the process has ended")?)?)
}
