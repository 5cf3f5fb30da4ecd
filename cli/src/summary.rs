//! `summary`: counts as bars, as JSON or as CSV.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use client::Client;
use serde_json::Value;

use crate::{
    args::{ByArg, Summary},
    connect::{Failure, Output},
    table::io_error,
    terminal::{fitted, plain, width},
};

/// How many columns of the terminal the texts of groups may take.
const LABEL_PERCENT: usize = 45;

/// How many columns the count of a group takes.
const COUNT_COLUMNS: usize = 11;

pub(crate) async fn run(
    client: &Client,
    asked: &Summary,
    output: Output,
) -> Result<ExitCode, Failure> {
    let by = asked.by.iter().map(|by| ("group_by", by.name()));
    let query = by.fold(asked.filter.query(), |query, (name, by)| {
        query.with(name, by)
    });
    let mut groups = client.summary(&query).await?.groups;
    // Days are in order; of everything else the most frequent is what is looked for.
    if !asked.by.iter().any(|by| matches!(by, ByArg::Day)) {
        groups.sort_by_key(|group| std::cmp::Reverse(count(group)));
    }
    match output {
        Output::Json => write_json(&groups)?,
        Output::Csv => write_csv(&asked.by, &groups)?,
        Output::Table => bars(&asked.by, &groups)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn count(group: &Value) -> u64 {
    group
        .get("count")
        .and_then(Value::as_u64)
        .unwrap_or_default()
}

/// What a group has of a property, for people: of a customer or an actor the name.
fn text(group: &Value, by: ByArg) -> String {
    let value = group.get(by.name());
    let value = value.map(|value| value.get("name").unwrap_or(value));
    value.and_then(Value::as_str).unwrap_or("-").to_owned()
}

fn write_json(groups: &[Value]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    groups.iter().try_for_each(|group| writeln!(out, "{group}"))
}

fn bars(by: &[ByArg], groups: &[Value]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let most = groups.iter().map(count).max().unwrap_or_default().max(1);
    let label = |group: &Value| {
        let texts: Vec<_> = by.iter().map(|by| text(group, *by)).collect();
        plain(&texts.join("  ")).into_owned()
    };
    let labels: Vec<_> = groups.iter().map(label).collect();
    let widest = labels
        .iter()
        .map(|label| console::measure_text_width(label))
        .max();
    let columns = widest
        .unwrap_or_default()
        .min(width() * LABEL_PERCENT / 100);
    let room = width().saturating_sub(columns + COUNT_COLUMNS + 3).max(10) as u64;
    for (group, label) in groups.iter().zip(&labels) {
        let count = count(group);
        let bar = usize::try_from((count * room).div_ceil(most)).unwrap_or_default();
        writeln!(
            out,
            "{} {count:>COUNT_COLUMNS$} {}",
            fitted(label, columns),
            "█".repeat(bar)
        )?;
    }
    let all: u64 = groups.iter().map(count).sum();
    writeln!(out, "{all} in {} groups", groups.len())
}

/// A customer and an actor have a column for the id and one for the name.
fn write_csv(by: &[ByArg], groups: &[Value]) -> Result<(), Failure> {
    let mut writer = csv::Writer::from_writer(io::stdout());
    let has_id = |by: ByArg| matches!(by, ByArg::Customer | ByArg::Actor);
    let mut header = Vec::new();
    for by in by {
        header.extend(has_id(*by).then(|| format!("{}_id", by.name())));
        header.push(if has_id(*by) {
            format!("{}_name", by.name())
        } else {
            by.name()
        });
    }
    header.push("count".to_owned());
    writer.write_record(&header).map_err(io_error)?;
    for group in groups {
        let mut record = Vec::new();
        for by in by {
            let id = group
                .pointer(&format!("/{}/id", by.name()))
                .and_then(Value::as_str);
            record.extend(has_id(*by).then(|| id.unwrap_or_default().to_owned()));
            let text = text(group, *by);
            record.push(if text == "-" { String::new() } else { text });
        }
        record.push(count(group).to_string());
        writer.write_record(&record).map_err(io_error)?;
    }
    Ok(writer.flush()?)
}
