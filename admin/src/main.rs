//! `admin`: the operators' commands, as the command line starts them.

use std::process::ExitCode;

use admin::{Error, Rebuild, Register, Replay};
use clap::{Parser, Subcommand};
use shared::{Clock, Config, aws::sdk, model::error::chain};

/// What the team that runs the service does by hand with the archive.
///
/// The commands read the variables of the functions, and region and credentials from
/// the SDK's own variables.
#[derive(Debug, Parser)]
#[command(name = "admin")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Register every partner who has a log, so that it is sealed
    Register(Register),
    /// Make the items of a partner's archive again from its objects
    Rebuild(Rebuild),
    /// Send again what logs have, as events on the bus
    Replay(Replay),
}

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { command } = Cli::parse();
    match run(command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<(), Error> {
    let config = Config::from_env()?;
    let (sdk, clock) = (sdk::config(&config).await?, Clock::system());
    match command {
        Command::Register(register) => register.run(&sdk, &config, &clock).await.map(drop),
        Command::Rebuild(rebuild) => rebuild.run(&sdk, &config, &clock).await.map(drop),
        Command::Replay(replay) => replay.run(&sdk, &config, &clock).await.map(drop),
    }
}
