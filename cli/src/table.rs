//! Activities as lines: for people, as JSON, or as CSV.

use std::io::{self, StdoutLock, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use client::Activity;

use crate::{
    connect::Output,
    terminal::{fitted, plain, width},
};

/// The columns of a CSV.
const CSV: [&str; 14] = [
    "id",
    "occurred_at",
    "recorded_at",
    "action",
    "outcome",
    "customer_id",
    "customer_name",
    "actor_id",
    "actor_name",
    "resource_type",
    "resource_id",
    "correlation_id",
    "has_details",
    "erased_at",
];

/// The columns for people, with the parts of the width that they share beside the time.
const COLUMNS: [(&str, usize); 5] = [
    ("ACTION", 26),
    ("OUTCOME", 11),
    ("CUSTOMER", 22),
    ("ACTOR", 22),
    ("RESOURCE", 19),
];

/// Of the time, with milliseconds, in UTC.
const TIME_COLUMNS: usize = 24;

/// Writes activities one after the other.
pub(crate) enum Lines<'a> {
    Table {
        out: StdoutLock<'a>,
        widths: Vec<usize>,
    },
    Json(StdoutLock<'a>),
    Csv(Box<csv::Writer<StdoutLock<'a>>>),
}

impl Lines<'_> {
    /// Writes the header.
    pub(crate) fn begin(output: Output) -> io::Result<Self> {
        let mut out = io::stdout().lock();
        Ok(match output {
            Output::Json => Self::Json(out),
            Output::Csv => {
                let mut writer = csv::Writer::from_writer(out);
                writer.write_record(CSV).map_err(io_error)?;
                Self::Csv(Box::new(writer))
            }
            Output::Table => {
                let widths = widths(width());
                let names = COLUMNS.iter().map(|(name, _)| *name);
                write_line(&mut out, "TIME (UTC)", names, &widths)?;
                Self::Table { out, widths }
            }
        })
    }

    /// Writes an activity.
    pub(crate) fn write(&mut self, activity: &Activity) -> io::Result<()> {
        match self {
            Self::Json(out) => writeln!(out, "{}", activity.json()),
            Self::Csv(writer) => writer.write_record(record(activity)).map_err(io_error),
            Self::Table { out, widths } => {
                let resource = activity.resource();
                let resource = resource.map(|it| format!("{} {}", it.r#type, it.id));
                let texts = [
                    activity.action().to_owned(),
                    activity.outcome().to_owned(),
                    activity.customer().map_or("", |it| &it.name).to_owned(),
                    activity.actor().name.clone(),
                    resource.unwrap_or_default(),
                ];
                let texts = texts.iter().map(String::as_str);
                write_line(out, &time(activity.occurred_at()), texts, widths)
            }
        }
    }

    /// Lets whoever waits see what was written.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Json(out) | Self::Table { out, .. } => out.flush(),
            Self::Csv(writer) => writer.flush(),
        }
    }
}

/// The error of the output itself, which tells whether its reader has ended.
pub(crate) fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        kind => io::Error::other(format!("{kind:?}")),
    }
}

/// A moment as the service writes it.
pub(crate) fn time(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn widths(terminal: usize) -> Vec<usize> {
    let gaps = COLUMNS.len();
    let room = terminal.max(80).saturating_sub(TIME_COLUMNS + gaps);
    COLUMNS.iter().map(|(_, part)| room * part / 100).collect()
}

fn write_line<'a>(
    out: &mut impl Write,
    time: &str,
    texts: impl Iterator<Item = &'a str>,
    widths: &[usize],
) -> io::Result<()> {
    let mut line = fitted(time, TIME_COLUMNS);
    for (text, width) in texts.zip(widths) {
        line.push(' ');
        line.push_str(&fitted(&plain(text), *width));
    }
    writeln!(out, "{}", line.trim_end())
}

fn record(activity: &Activity) -> [String; 14] {
    let (customer, resource) = (activity.customer(), activity.resource());
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    [
        activity.id().to_string(),
        time(activity.occurred_at()),
        time(activity.recorded_at()),
        activity.action().to_owned(),
        activity.outcome().to_owned(),
        text(customer.map(|it| it.id.as_str())),
        text(customer.map(|it| it.name.as_str())),
        activity.actor().id.clone(),
        activity.actor().name.clone(),
        text(resource.map(|it| it.r#type.as_str())),
        text(resource.map(|it| it.id.as_str())),
        text(activity.correlation_id()),
        activity.has_details().to_string(),
        activity.erased_at().map(time).unwrap_or_default(),
    ]
}
