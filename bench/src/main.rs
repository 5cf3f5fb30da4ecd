//! `bench`: measures and prints the table; `make bench` calls it.

use std::process::ExitCode;

use bench::{Error, calls::Looped, canned, plan::Plan, subject::Subject};
use clap::{Parser, Subcommand};

/// Measures the functions beside what one would write instead.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    plan: Plan,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the canned DynamoDB and S3 until standard input ends
    Canned {
        /// What they hold, as JSON
        options: canned::Options,
    },
    /// Be what is measured, against the servers that the environment names
    Subject {
        /// What to be
        subject: Subject,
    },
    /// Do the same call again and again, as often as standard input says
    Looped {
        /// What to do
        what: Looped,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", bench::chain(&error));
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<ExitCode, Error> {
    match cli.command {
        Some(Command::Canned { options }) => canned::run(&options).await?,
        Some(Command::Subject { subject }) => subject.run(|| None).await?,
        Some(Command::Looped { what }) => what.run().await?,
        None => return cli.plan.run().await,
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_flags_are_sound() {
        Cli::command().debug_assert();
    }
}
