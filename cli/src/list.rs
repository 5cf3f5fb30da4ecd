//! `list` and `show`.

use std::{fs, io, path::Path, pin::pin, process::ExitCode, time::Duration};

use chrono::{DateTime, Utc};
use client::{Client, Follower, News};
use futures_util::{StreamExt, TryStreamExt};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    args::List,
    connect::{Failure, Output},
    table::{Lines, time},
    terminal::{plain, say},
};

/// The most activities that a page may have.
const PAGE: usize = 500;

pub(crate) async fn run(
    client: &Client,
    asked: &List,
    output: Output,
) -> Result<ExitCode, Failure> {
    if asked.follow {
        return follow(client, asked, output).await;
    }
    let limit = if asked.all { usize::MAX } else { asked.limit };
    let query = asked.filter.query().with("order", asked.order.name());
    let query = query.with("limit", limit.clamp(1, PAGE).to_string());
    let mut activities = pin!(client.list(query).take(limit));
    let mut lines = Lines::begin(output)?;
    while let Some(activity) = activities.try_next().await? {
        lines.write(&activity)?;
    }
    lines.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Shows what is recorded until somebody interrupts it, whatever goes wrong meanwhile.
async fn follow(client: &Client, asked: &List, output: Output) -> Result<ExitCode, Failure> {
    let kept = asked.position.as_deref().map(read_position).transpose()?;
    let from = match (kept.flatten(), asked.recorded_from()) {
        (Some(kept), _) => kept,
        (None, Some(given)) => given.parse().map_err(|_| {
            Failure::usage("with --follow, --recorded-from must be a time with a zone")
        })?,
        (None, None) => now(),
    };
    let mut query = asked.filter.query();
    query.remove("recorded_from");
    let query = query.with("order", "asc").with("limit", PAGE.to_string());
    let mut lines = Lines::begin(output)?;
    lines.flush()?;
    let pause = Duration::from_secs(asked.every.max(1));
    let mut follower = Follower::new(client.clone(), query, from, pause);
    loop {
        let news = match follower.next().await {
            Err(error) if error.is_passing() => {
                eprintln!("{}; trying again", plain(&error.to_string()));
                tokio::time::sleep(pause).await;
                continue;
            }
            news => news?,
        };
        for news in news {
            match news {
                News::Activity(activity) => lines.write(&activity)?,
                News::UpTo(moment) => {
                    lines.flush()?;
                    if let Some(path) = &asked.position {
                        keep_position(path, moment)?;
                    }
                }
            }
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "following begins at the clock's time"
)]
fn now() -> DateTime<Utc> {
    Utc::now()
}

/// Where a file says to go on; none if there is no such file.
fn read_position(path: &Path) -> Result<Option<DateTime<Utc>>, Failure> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::of(path)(error)),
    };
    let moment = text
        .trim()
        .parse()
        .map_err(|_| Failure::usage(format!("{}: it must hold a time", path.display())))?;
    Ok(Some(moment))
}

fn keep_position(path: &Path, moment: DateTime<Utc>) -> Result<(), Failure> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let kept = fs::write(&new, time(moment) + "\n").and_then(|()| fs::rename(&new, path));
    kept.map_err(Failure::of(path))
}

pub(crate) async fn show(client: &Client, id: Uuid) -> Result<ExitCode, Failure> {
    let activity = client.activity(id).await?;
    // Numbers would lose digits in other types of JSON; this one only indents.
    let indented = serde_json::from_str::<Value>(activity.json())
        .and_then(|value| serde_json::to_string_pretty(&value));
    let text = indented.unwrap_or_else(|_| activity.json().to_owned());
    text.lines().try_for_each(say)?;
    Ok(ExitCode::SUCCESS)
}
