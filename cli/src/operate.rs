//! `erase`, `checkpoint` and `keys`.

use std::{
    fs,
    io::{self, IsTerminal, Write},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use client::Client;
use indicatif::ProgressBar;
use serde_json::Value;

use crate::{
    connect::Failure,
    terminal::{plain, say},
};

/// How long is waited between two looks at an erasure.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) async fn erase(
    client: &Client,
    customer_id: &str,
    is_sure: bool,
) -> Result<ExitCode, Failure> {
    if !is_sure && !confirmed(customer_id)? {
        return Err(Failure::usage("nothing was erased"));
    }
    let mut erasure = client.erase(customer_id).await?;
    let bar = ProgressBar::new_spinner();
    while ["queued", "running"].contains(&erasure.state.as_str()) {
        let (read, erased) = (erasure.progress.read, erasure.progress.erased);
        bar.set_message(format!("{read} looked at, {erased} erased"));
        bar.tick();
        tokio::time::sleep(PAUSE).await;
        erasure = client.erasure(erasure.id).await?;
    }
    bar.finish_and_clear();
    let erased = erasure.progress.erased;
    let (id, state) = (erasure.id, &erasure.state);
    say(&format!("{id}: {state} ({erased} activities)"))?;
    Ok(if erasure.state == "done" {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

/// Asks a person; without one nothing is erased.
fn confirmed(customer_id: &str) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage("nobody can be asked; with --yes nobody is"));
    }
    print!(
        "Erase the customer {} from the log, for good? Type its id: ",
        plain(customer_id)
    );
    io::stdout().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer.trim() == customer_id)
}

pub(crate) async fn checkpoint(client: &Client, keep: Option<&Path>) -> Result<ExitCode, Failure> {
    let note = client.checkpoint().await?;
    note.lines().try_for_each(say)?;
    if let Some(path) = keep {
        fs::write(path, note).map_err(Failure::of(path))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The keys that sign; those that signed once have a mark.
pub(crate) async fn keys(client: &Client) -> Result<ExitCode, Failure> {
    let answer = client.get("/v1/keys").await?;
    let answer: Value = serde_json::from_str(answer.get()).unwrap_or_default();
    let keys = answer.get("keys").and_then(Value::as_array);
    for key in keys.into_iter().flatten() {
        let text = key.get("key").and_then(Value::as_str).unwrap_or_default();
        say(text)?;
        if let Some(retired) = key.get("retired_at").and_then(Value::as_str) {
            eprintln!("  it signs no more since {}", plain(retired));
        }
    }
    Ok(ExitCode::SUCCESS)
}
