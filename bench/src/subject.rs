//! What is measured in Rust: the worker, and the floor beneath it.

mod floor;
mod worker;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, stdin};

use self::floor::Loop;
use crate::Error;

/// What a process is measured for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Subject {
    /// The export worker itself.
    Worker,
    /// The least that writes such a file with the same SDK.
    Floor,
    /// The same with the SDK's own defaults.
    Plain,
}

/// What a subject says when its file is written.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Done {
    /// The file's rows; absent when the servers were told.
    pub rows: Option<u64>,
    /// Allocations since its start; absent when they were not counted.
    pub allocations: Option<u64>,
}

impl Subject {
    /// As [`Subject::run`]'s process is told.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Floor => "floor",
            Self::Plain => "plain",
        }
    }

    /// Writes a file, prints [`Done`], and stays until standard input ends, so
    /// that whoever measures can look at the process.
    pub async fn run(self, allocations: impl Fn() -> Option<u64>) -> Result<(), Error> {
        let rows = match self {
            Self::Worker => worker::run().await.map(|()| None)?,
            Self::Floor => floor::run(Loop::Least).await.map(Some)?,
            Self::Plain => floor::run(Loop::Usual).await.map(Some)?,
        };
        let done = Done {
            rows,
            allocations: allocations(),
        };
        println!("{}", serde_json::to_string(&done)?);
        stdin().read_to_end(&mut Vec::new()).await?;
        Ok(())
    }
}
