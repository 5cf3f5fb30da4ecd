//! `verify`: checks proofs of a partner's log; the exit code is 0 if all is whole, 1 if it is
//! not, and 2 if that can't be told.

use std::{fs, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use proof::VerifierKey;
use verify::{Entry, Finding, Growth, check_entry, check_growth};

/// Checks proofs of a partner's log, without the service and without a network.
///
/// Exit codes: 0 whole, 1 not whole, 2 could not tell.
#[derive(Debug, Parser)]
#[command(name = "verify", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check that an entry is in the log, and unchanged
    Entry {
        /// The answer of `GET /v1/activities/{id}/proof`, as JSON or as text
        proof: PathBuf,
        /// The answer of `GET /v1/activities/{id}`, which must be this entry
        #[arg(long)]
        activity: Option<PathBuf>,
        #[command(flatten)]
        keys: Keys,
    },
    /// Check that the log only grew between two checkpoints
    Growth {
        /// The checkpoint that you kept
        old: PathBuf,
        /// A later checkpoint
        new: PathBuf,
        /// The answer of `GET /v1/checkpoint/consistency`
        proof: PathBuf,
        #[command(flatten)]
        keys: Keys,
    },
}

#[derive(Debug, Args)]
struct Keys {
    /// A public key as `GET /v1/keys` has it, or a file with one in each line; repeatable
    #[arg(long = "key", required = true)]
    keys: Vec<String>,
}

fn main() -> ExitCode {
    let found = match Cli::parse().command {
        Command::Entry {
            proof,
            activity,
            keys,
        } => entry(&proof, activity.as_ref(), &keys),
        Command::Growth {
            old,
            new,
            proof,
            keys,
        } => growth([&old, &new, &proof], &keys),
    };
    match found {
        Ok(text) => {
            println!("whole: {text}");
            ExitCode::SUCCESS
        }
        Err(finding @ Finding::NotWhole(_)) => {
            eprintln!("not whole: {finding}");
            ExitCode::from(1)
        }
        Err(finding @ Finding::Unknown(_)) => {
            eprintln!("could not tell: {finding}");
            ExitCode::from(2)
        }
    }
}

fn entry(proof: &PathBuf, activity: Option<&PathBuf>, keys: &Keys) -> Result<String, Finding> {
    let activity = activity.map(read).transpose()?;
    let entry = check_entry(&read(proof)?, activity.as_deref(), &keys.read()?)?;
    let Entry {
        id,
        index,
        checkpoint,
        is_compared_whole,
    } = entry;
    let compared = match (activity, is_compared_whole) {
        (None, _) => "",
        (Some(_), true) => "; the activity is this entry, name and details included",
        (Some(_), false) => "; the activity is this entry, but name and details have no proof",
    };
    let sealed_to = checkpoint.sealed_to().unwrap_or("an unknown moment");
    Ok(format!(
        "entry {id} has place {index} of {} in the log {}, sealed up to {sealed_to}{compared}",
        checkpoint.size, checkpoint.origin
    ))
}

fn growth([old, new, proof]: [&PathBuf; 3], keys: &Keys) -> Result<String, Finding> {
    let growth = check_growth(&read(old)?, &read(new)?, &read(proof)?, &keys.read()?)?;
    let Growth {
        origin,
        from_size,
        to_size,
    } = growth;
    Ok(format!(
        "the log {origin} had {from_size} entries and has {to_size} now; \
         the first {from_size} are the same"
    ))
}

fn read(path: &PathBuf) -> Result<String, Finding> {
    fs::read_to_string(path)
        .map_err(|error| Finding::Unknown(format!("{} can't be read: {error}", path.display())))
}

impl Keys {
    fn read(&self) -> Result<Vec<VerifierKey>, Finding> {
        let mut keys = Vec::new();
        for given in &self.keys {
            let file = fs::read_to_string(given);
            let lines = file.as_deref().unwrap_or(given).lines();
            for line in lines.filter(|line| !line.trim().is_empty()) {
                let key = VerifierKey::parse(line.trim()).map_err(|error| {
                    Finding::Unknown(format!("--key {given}: {error}, or name a file of keys"))
                })?;
                keys.push(key);
            }
        }
        Ok(keys)
    }
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
