//! `cost`: prints what the service costs; `make cost` calls it.

use std::process::ExitCode;

use bench::cost::Options;
use clap::Parser;
use shared::model::error::chain;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match Options::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}
