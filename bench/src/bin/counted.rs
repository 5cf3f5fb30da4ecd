//! `counted`: the subjects of `bench` once more, with their allocations counted.
//!
//! A binary of its own, because counting costs a tenth of the time measured.

use std::{alloc::System, process::ExitCode};

use bench::subject::Subject;
use clap::Parser;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Counts a subject's allocations.
#[derive(Debug, Parser)]
struct Cli {
    /// What to be
    subject: Subject,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match Cli::parse().subject.run(|| Some(allocations())).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", bench::chain(&error));
            ExitCode::FAILURE
        }
    }
}

/// Growing an allocation counts as one.
fn allocations() -> u64 {
    let stats = ALLOCATOR.stats();
    (stats.allocations + stats.reallocations) as u64
}
