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

use std::{cmp::Reverse, collections::BTreeMap, io, process::ExitCode};

use client::NewActivity;

use crate::{
    args::Import,
    connect::{Connection, Failure},
    terminal::{plain, say},
};

/// How many activities a dry run shows.
const SHOWN: usize = 3;

/// How many faults a dry run shows.
const FAULTS_SHOWN: usize = 10;

/// How many actions a dry run counts by name.
const ACTIONS_SHOWN: usize = 30;

pub(crate) async fn run(connection: &Connection, asked: &Import) -> Result<ExitCode, Failure> {
    if asked.dry_run {
        return dry_run(asked);
    }
    run::run(connection, asked).await
}

/// Reads the whole file and tells what would be recorded.
fn dry_run(asked: &Import) -> Result<ExitCode, Failure> {
    let mut source = source::open(asked)?;
    let (mut good, mut faults) = (0, 0);
    let mut actions = BTreeMap::<String, usize>::new();
    while let Some(row) = source.next()? {
        match row.activity {
            Ok(activity) => {
                if good < SHOWN {
                    show(&activity)?;
                }
                good += 1;
                *actions.entry(activity.action).or_default() += 1;
            }
            Err(reason) => {
                if faults < FAULTS_SHOWN {
                    eprintln!("row {}: {}", row.number, plain(&reason));
                }
                faults += 1;
            }
        }
    }
    show_actions(actions)?;
    say(&format!(
        "{good} activities can be sent, {faults} rows can't; nothing was sent"
    ))?;
    Ok(if faults == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

fn show(activity: &NewActivity) -> io::Result<()> {
    let json = serde_json::to_string_pretty(activity).unwrap_or_default();
    json.lines().try_for_each(say)
}

/// Those that are most frequent: a name that no mapping knows is seen here.
fn show_actions(actions: BTreeMap<String, usize>) -> io::Result<()> {
    let mut actions: Vec<_> = actions.into_iter().collect();
    actions.sort_by_key(|(_, count)| Reverse(*count));
    for (action, count) in actions.iter().take(ACTIONS_SHOWN) {
        say(&format!("{count:>10} {action}"))?;
    }
    if actions.len() > ACTIONS_SHOWN {
        let others = actions.len() - ACTIONS_SHOWN;
        say(&format!("{others:>10} other actions"))?;
    }
    Ok(())
}
