//! The command line.

use std::{fs, path::PathBuf};

use clap::{Args, Subcommand};
use proof::VerifierKey;

use crate::finding::Finding;

/// What to check.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check that an entry is in the log, and unchanged
    Entry {
        /// The answer of `GET /v1/activities/{id}/proof`, as JSON or as text
        proof: PathBuf,
        /// The answer of `GET /v1/activities/{id}`, which must be this entry
        #[arg(long)]
        activity: Option<PathBuf>,
        /// The keys that may have signed
        #[command(flatten)]
        keys: Keys,
    },
    /// Check that an exported file has every entry of its range, in order, unchanged
    Export(ExportFiles),
    /// Check a whole log over the network: that it grew out of a checkpoint, and has every entry
    ///
    /// It exports each month with a proof and deletes the export again; each leaves its entries
    /// in the log. The variable `ACTIVITY_LOG_TOKEN` must hold a token of a reader.
    Log(WholeLog),
    /// Check that the log only grew between two checkpoints
    Growth {
        /// The checkpoint that you kept
        old: PathBuf,
        /// A later checkpoint
        new: PathBuf,
        /// The answer of `GET /v1/checkpoint/consistency`
        proof: PathBuf,
        /// The keys that may have signed
        #[command(flatten)]
        keys: Keys,
    },
}

/// An exported file and its proof.
#[derive(Debug, Args)]
pub struct ExportFiles {
    /// The exported file, as it was downloaded
    pub(crate) file: PathBuf,
    /// Its proof
    pub(crate) proof: PathBuf,
    /// The first moment that the file must cover, as the request had it, in UTC with milliseconds
    #[arg(long)]
    pub(crate) from: Option<String>,
    /// The moment before which the file's range must end, in the same form
    #[arg(long)]
    pub(crate) to: Option<String>,
    /// The export had a condition: check each row, although others of the range are left out
    #[arg(long)]
    pub(crate) filtered: bool,
    /// Entries whose retention is said to have ended may be left out
    #[arg(long)]
    pub(crate) ended: bool,
    /// Rows that are marked as erased may lack a proof of name and details
    #[arg(long)]
    pub(crate) erased: bool,
    #[command(flatten)]
    pub(crate) keys: Keys,
}

/// A log of a service.
#[derive(Debug, Args)]
pub struct WholeLog {
    /// The service's address, such as `https://api.example`
    pub(crate) url: String,
    /// A checkpoint that you kept; without one the log is checked from its beginning
    #[arg(long)]
    pub(crate) since: Option<PathBuf>,
    /// Write the checkpoint of now into this file if all is whole, to be kept
    #[arg(long)]
    pub(crate) keep: Option<PathBuf>,
    /// Entries whose retention is said to have ended may be left out
    #[arg(long)]
    pub(crate) ended: bool,
    #[command(flatten)]
    pub(crate) keys: Keys,
}

/// The keys that may have signed.
#[derive(Debug, Args)]
pub struct Keys {
    /// A public key as `GET /v1/keys` has it, or a file with one in each line; repeatable
    #[arg(long = "key", required = true)]
    pub(crate) keys: Vec<String>,
}

impl Keys {
    /// The keys themselves.
    pub(crate) fn read(&self) -> Result<Vec<VerifierKey>, Finding> {
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
        if keys.is_empty() {
            return Err(Finding::Unknown("--key: there is no key".to_owned()));
        }
        Ok(keys)
    }
}
