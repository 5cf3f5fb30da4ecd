//! `import`: brings the past of another system into the log.
//!
//! Each row has a key that follows from the file, so a row is recorded once, however often
//! the file is imported. How far an import was is kept beside the file.

mod auditrecords;
mod key;
mod mapping;
mod progress;
mod rejects;
mod run;
mod source;
mod time;

use std::process::ExitCode;

use crate::{Connects, args::Import, connect::Failure};

/// How many activities a dry run shows.
const SHOWN: usize = 3;

/// How many faults a dry run shows.
const FAULTS_SHOWN: usize = 10;

pub(crate) async fn run(connect: impl Connects, asked: &Import) -> Result<ExitCode, Failure> {
    if asked.dry_run {
        return dry_run(asked);
    }
    run::run(connect()?, asked).await
}

/// Reads the whole file and tells what would be recorded.
fn dry_run(asked: &Import) -> Result<ExitCode, Failure> {
    let mut source = source::open(asked)?;
    let (mut good, mut faults) = (0_u64, 0_u64);
    while let Some(row) = source.next()? {
        match row.activity {
            Ok(activity) => {
                good += 1;
                if good <= SHOWN as u64 {
                    let json = serde_json::to_string_pretty(&activity).unwrap_or_default();
                    println!(
                        "{}",
                        json.lines()
                            .map(crate::terminal::plain)
                            .collect::<Vec<_>>()
                            .join("\n")
                    );
                }
            }
            Err(reason) => {
                faults += 1;
                if faults <= FAULTS_SHOWN as u64 {
                    let reason = crate::terminal::plain(&reason).into_owned();
                    eprintln!("row {}: {reason}", row.number);
                }
            }
        }
    }
    println!("{good} activities can be sent, {faults} rows can't; nothing was sent");
    Ok(if faults == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}
