//! `scale`: prints how far the service goes; `make scale` calls it.

use std::process::ExitCode;

use bench::{Error, scale::Options};
use clap::Parser;
use shared::model::error::chain;
use tokio::runtime::Builder;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

/// Only a runtime of one thread can simulate time.
fn run(options: &Options) -> Result<(), Error> {
    let simulated = Builder::new_current_thread().enable_all().build()?;
    simulated.block_on(options.record())?;
    let real = Builder::new_multi_thread().enable_all().build()?;
    real.block_on(options.seal_and_erase())
}
