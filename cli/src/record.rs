//! `record`: one activity, or many from a file, at once or through an outbox.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use client::{
    Actor, Client, Customer, NewActivity, Outbox, OutboxOptions, Recorded, Refusal, Resource,
};
use serde_json::value::RawValue;

use crate::{
    args::{One, Record},
    connect::{Failure, Output},
    table::Lines,
    terminal::{plain, say},
};

/// How many activities of a file are recorded together.
const AT_ONCE: usize = 100;

/// How often is looked whether an outbox is empty.
const LOOK: Duration = Duration::from_secs(5);

pub(crate) async fn run(
    client: Client,
    asked: &Record,
    output: Output,
) -> Result<ExitCode, Failure> {
    let given = match (&asked.file, &asked.one) {
        (Some(path), _) => Given::File(lines(path)?, 0),
        (None, Some(one)) => Given::One(Some(Box::new(activity(one)?))),
        (None, None) => {
            return Err(Failure::usage(
                "record needs --action and others, or --file",
            ));
        }
    };
    match &asked.outbox {
        Some(folder) => hand_over(client, folder, given).await,
        None => record(&client, given, output).await,
    }
}

/// Activities from the command line or from a file.
enum Given {
    One(Option<Box<NewActivity>>),
    /// The lines, and how many were read.
    File(Box<dyn BufRead>, usize),
}

impl Given {
    fn next(&mut self) -> Result<Option<NewActivity>, Failure> {
        match self {
            Self::One(one) => Ok(one.take().map(|one| *one)),
            Self::File(lines, count) => loop {
                let mut line = String::new();
                let length = lines.read_line(&mut line).map_err(Failure::of("--file"))?;
                if length == 0 {
                    return Ok(None);
                }
                *count += 1;
                if !line.trim().is_empty() {
                    let parsed = serde_json::from_str(&line).map(Some);
                    return parsed
                        .map_err(|error| Failure::usage(format!("line {count}: {error}")));
                }
            },
        }
    }
}

async fn record(client: &Client, mut given: Given, output: Output) -> Result<ExitCode, Failure> {
    let mut lines = Lines::begin(output)?;
    let mut are_all = true;
    loop {
        let mut some = Vec::new();
        while some.len() < AT_ONCE {
            let Some(activity) = given.next()? else { break };
            some.push(activity);
        }
        if some.is_empty() {
            break;
        }
        for (sent, result) in some.iter().zip(client.record_many(&some).await?) {
            are_all &= show(&mut lines, sent, result)?;
        }
    }
    lines.flush()?;
    Ok(if are_all {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

/// Writes what became of an activity; returns whether it is stored.
fn show(
    lines: &mut Lines<'_>,
    sent: &NewActivity,
    result: Result<Recorded, Refusal>,
) -> io::Result<bool> {
    match result {
        Ok(recorded) => lines.write(&recorded.activity).map(|()| true),
        Err(refusal) => {
            let refusal = format!("{}: {refusal}", sent.idempotency_key);
            eprintln!("{}", plain(&refusal));
            Ok(false)
        }
    }
}

/// Hands everything over, then waits until it is recorded.
async fn hand_over(client: Client, folder: &Path, mut given: Given) -> Result<ExitCode, Failure> {
    let outbox = Outbox::open(client, folder, OutboxOptions::default()).await?;
    let mut count = 0_u64;
    while let Some(activity) = given.next()? {
        outbox.hand_over(&activity).await?;
        count += 1;
        say(&activity.idempotency_key)?;
    }
    eprintln!("{count} handed over");
    while !outbox.flush(LOOK).await {
        let trouble = outbox
            .trouble()
            .unwrap_or_else(|| "still sending".to_owned());
        let waiting = outbox.waiting_bytes();
        eprintln!("{waiting} bytes wait: {}", plain(&trouble));
    }
    let refused = folder.join("refused.jsonl");
    if refused.exists() {
        eprintln!("some were refused, now or before: {}", refused.display());
        return Ok(ExitCode::from(1));
    }
    Ok(ExitCode::SUCCESS)
}

fn lines(path: &Path) -> Result<Box<dyn BufRead>, Failure> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let file = File::open(path).map_err(Failure::of(path))?;
    Ok(Box::new(BufReader::new(file)))
}

fn activity(one: &One) -> Result<NewActivity, Failure> {
    let customer = Customer {
        id: one.customer.clone(),
        name: one
            .customer_name
            .clone()
            .unwrap_or_else(|| one.customer.clone()),
    };
    let actor = Actor {
        id: one.actor.clone(),
        name: one.actor_name.clone().unwrap_or_else(|| one.actor.clone()),
        kind: one.actor_kind.into(),
    };
    let mut activity = NewActivity::new(&one.action, one.outcome.into(), customer, actor);
    if let Some(at) = one.occurred_at {
        activity.occurred_at = at;
    }
    if let Some(key) = &one.key {
        if one.occurred_at.is_none() {
            return Err(Failure::usage(
                "--key needs --occurred-at, the same in each attempt",
            ));
        }
        activity.idempotency_key.clone_from(key);
    }
    if let Some(resource) = &one.resource {
        let parts = resource.split_once('/');
        let (r#type, id) = parts.ok_or_else(|| {
            Failure::usage("--resource must be a type and an id, such as order/d51a052e")
        })?;
        activity.resource = Some(Resource {
            r#type: r#type.to_owned(),
            id: id.to_owned(),
        });
    }
    activity.correlation_id.clone_from(&one.correlation_id);
    if let Some(details) = &one.details {
        let details = RawValue::from_string(details.clone());
        activity.details = Some(
            details.map_err(|error| Failure::usage(format!("--details must be JSON: {error}")))?,
        );
    }
    Ok(activity)
}
