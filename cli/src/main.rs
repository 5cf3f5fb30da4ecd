//! `activity-log`: a partner's log on the command line.
//!
//! Exit codes: 0 done, 1 something was refused or is not whole, 2 it could not be done.

mod args;
mod connect;
mod export;
mod import;
mod list;
mod operate;
mod record;
mod summary;
mod table;
mod terminal;

use std::{io, process::ExitCode};

use clap::{CommandFactory, Parser};

use crate::{
    args::{Cli, Command},
    connect::{Connection, Failure},
};

fn main() -> ExitCode {
    let cli = Cli::parse();
    // An outbox delivers while the program waits for a line.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        eprintln!("error: the program can't start");
        return ExitCode::from(2);
    };
    let done = match cli.command {
        Command::Completions { shell } => {
            let mut command = Cli::command();
            clap_complete::generate(shell, &mut command, "activity-log", &mut io::stdout());
            Ok(ExitCode::SUCCESS)
        }
        Command::Verify { command } => {
            let token = || cli.connection.token_now(&runtime);
            return verify::run(&command, &token);
        }
        command => runtime.block_on(run(&cli.connection, command)),
    };
    done.unwrap_or_else(|failure| {
        // Whoever reads the output may end before it does, as `head` does.
        if failure.is_closed_pipe() {
            return ExitCode::SUCCESS;
        }
        eprintln!("error: {}", terminal::plain(&failure.to_string()));
        failure.exit_code()
    })
}

async fn run(connection: &Connection, command: Command) -> Result<ExitCode, Failure> {
    let output = connection.output;
    let client = || connection.client();
    match command {
        Command::Record(asked) => record::run(client()?, &asked, output).await,
        Command::List(asked) => list::run(&client()?, &asked, output).await,
        Command::Show { id } => list::show(&client()?, id).await,
        Command::Summary(asked) => summary::run(&client()?, &asked, output).await,
        Command::Export(asked) => export::run(&client()?, &connection.url, &asked).await,
        Command::Import(asked) => import::run(connection, &asked).await,
        Command::Erase { customer_id, yes } => operate::erase(&client()?, &customer_id, yes).await,
        Command::Checkpoint { keep } => operate::checkpoint(&client()?, keep.as_deref()).await,
        Command::Keys => operate::keys(&client()?).await,
        // They need no runtime of ours.
        Command::Completions { .. } | Command::Verify { .. } => Ok(ExitCode::SUCCESS),
    }
}
