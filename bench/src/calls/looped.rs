//! The bare loops: the same call again and again, without Lambda's protocol.

use tokio::io::{AsyncBufReadExt, BufReader, stdin};

use super::workload;
use crate::{Error, names::PARTNER, raw::Raw};

/// What is done again and again.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Looped {
    /// Put an activity.
    Put,
    /// Query a page of 100 and write it as JSON.
    Query,
}

impl Looped {
    /// Reads how many calls to do, line by line, and says when they are done.
    pub async fn run(self) -> Result<(), Error> {
        let (raw, form) = (Raw::load().await, workload::form()?);
        let mut lines = BufReader::new(stdin()).lines();
        println!("0");
        while let Some(line) = lines.next_line().await? {
            let calls: u32 = line.parse()?;
            for _ in 0..calls {
                match self {
                    Self::Put => raw.put(PARTNER, &form).await?,
                    Self::Query => raw.page(PARTNER).await?,
                };
            }
            println!("{calls}");
        }
        Ok(())
    }
}
