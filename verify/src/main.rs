//! `verify`: checks proofs of a partner's log; the exit code is 0 if all is whole, 1 if it is
//! not, and 2 if that can't be told.

use std::process::ExitCode;

use clap::Parser;

/// Checks proofs of a partner's log, without trusting the service.
///
/// All but `log` need no network. Exit codes: 0 whole, 1 not whole, 2 could not tell.
#[derive(Debug, Parser)]
#[command(name = "verify", version)]
struct Cli {
    #[command(subcommand)]
    command: verify::Command,
}

/// The variable with the token of a reader.
const TOKEN: &str = "ACTIVITY_LOG_TOKEN";

fn main() -> ExitCode {
    verify::run(&Cli::parse().command, &token)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a command line is no place for a token, and this crate shares no configuration"
)]
fn token() -> Result<String, String> {
    std::env::var(TOKEN).map_err(|error| format!("{TOKEN}: {error}"))
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
