//! The command line.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::{Args, Parser, Subcommand, ValueEnum};
use client::{ActorKind, Outcome, Query};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::connect::Connection;

/// A partner's activity log on the command line.
///
/// Without any setting it works with a service that `make run` started on this machine.
///
/// Exit codes: 0 done, 1 something was refused or is not whole, 2 it could not be done.
#[derive(Debug, Parser)]
#[command(name = "activity-log", version, after_long_help = SETTINGS)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) connection: Connection,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Record one activity, or many from a file
    #[command(after_help = RECORD_EXAMPLES)]
    Record(Record),
    /// List activities, or follow what is recorded
    #[command(after_help = LIST_EXAMPLES)]
    List(List),
    /// Show one activity with its details
    Show {
        /// Its id
        id: Uuid,
    },
    /// Count activities
    #[command(after_help = SUMMARY_EXAMPLES)]
    Summary(Summary),
    /// Export activities into a file
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(Export),
    /// Import the past of another system
    #[command(after_help = IMPORT_EXAMPLES)]
    Import(Import),
    /// Erase a customer's name and details from the log, for good
    Erase {
        /// The customer's id
        customer_id: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Show the signed checkpoint that was published last
    Checkpoint {
        /// Also keep it in this file
        #[arg(long, value_name = "FILE")]
        keep: Option<PathBuf>,
    },
    /// Show the public keys that sign checkpoints
    Keys,
    /// Check proofs, without trusting the service
    Verify {
        #[command(subcommand)]
        command: verify::Command,
    },
    /// Write a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

const SETTINGS: &str = "\
Settings:
  ACTIVITY_LOG_URL         the service's address, as --url
  ACTIVITY_LOG_TOKEN       the token
  ACTIVITY_LOG_TOKEN_FILE  or a file with it, as --token-file
  ACTIVITY_LOG_TOKEN_URL   or the token endpoint of an issuer with the client-credentials flow, with
                           ACTIVITY_LOG_CLIENT_ID, ACTIVITY_LOG_CLIENT_SECRET (or the name of a file
                           with it in ACTIVITY_LOG_CLIENT_SECRET_FILE), and ACTIVITY_LOG_SCOPE if it
                           needs one";

const RECORD_EXAMPLES: &str = "\
Examples:
  activity-log record --action create_order --customer c-1 --actor u-17 --resource order/o-1
  activity-log record --file activities.jsonl
  activity-log record --file activities.jsonl --outbox outbox";

const LIST_EXAMPLES: &str = "\
Examples:
  activity-log list --from 2026-11-01 --customer-name relecloud --outcome failed
  activity-log list --follow --output json
  activity-log list --limit 1000 --output csv";

const SUMMARY_EXAMPLES: &str = "\
Examples:
  activity-log summary --by action
  activity-log summary --by day --by outcome --time-zone Asia/Seoul --output json";

const EXPORT_EXAMPLES: &str = "\
Examples:
  activity-log export --from 2026-01-01 --to 2026-06-30
  activity-log export --format jsonl --file november.jsonl
  activity-log export --from 2026-01-01 --to 2026-06-30 --format jsonl --proof";

const IMPORT_EXAMPLES: &str = "\
Examples:
  activity-log import history.csv --mapping mapping.toml --dry-run
  activity-log import history.csv --mapping mapping.toml
  activity-log import records.json --format auditrecords";

/// What `record` records.
#[derive(Debug, Args)]
pub(crate) struct Record {
    /// A file with an activity as JSON in each line; `-` is the standard input
    #[arg(long, value_name = "FILE", conflicts_with = "one")]
    pub(crate) file: Option<PathBuf>,
    /// Hand over to an outbox in this folder, and wait until it is empty
    ///
    /// What is there is on the disk: killed at any moment, it is recorded, once, when an outbox
    /// of the same folder is opened again.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) outbox: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) one: Option<One>,
}

/// One activity.
#[derive(Debug, Args)]
#[group(id = "one", multiple = true)]
pub(crate) struct One {
    /// What was done: 1 to 64 of `a-z 0-9 . _ -`
    #[arg(long, required = false)]
    pub(crate) action: String,
    /// How it ended
    #[arg(long, value_enum, default_value_t = OutcomeArg::Succeeded)]
    pub(crate) outcome: OutcomeArg,
    /// The customer's id
    #[arg(long, value_name = "ID", required = false)]
    pub(crate) customer: String,
    /// The customer's name; default its id
    #[arg(long, value_name = "NAME")]
    pub(crate) customer_name: Option<String>,
    /// The id of who did it
    #[arg(long, value_name = "ID", required = false)]
    pub(crate) actor: String,
    /// The name of who did it; default the id
    #[arg(long, value_name = "NAME")]
    pub(crate) actor_name: Option<String>,
    /// A person or a program
    #[arg(long, value_enum, default_value_t = KindArg::User)]
    pub(crate) actor_kind: KindArg,
    /// What it was done to, as `order/d51a052e`
    #[arg(long, value_name = "TYPE/ID")]
    pub(crate) resource: Option<String>,
    /// What it has in common with other activities
    #[arg(long, value_name = "ID")]
    pub(crate) correlation_id: Option<String>,
    /// When it happened; default now
    #[arg(long, value_name = "TIME")]
    pub(crate) occurred_at: Option<DateTime<Utc>>,
    /// The idempotency key; default a new one
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// A JSON object
    #[arg(long, value_name = "JSON")]
    pub(crate) details: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum OutcomeArg {
    Succeeded,
    Failed,
    InProgress,
    Declined,
}

impl From<OutcomeArg> for Outcome {
    fn from(outcome: OutcomeArg) -> Self {
        match outcome {
            OutcomeArg::Succeeded => Self::Succeeded,
            OutcomeArg::Failed => Self::Failed,
            OutcomeArg::InProgress => Self::InProgress,
            OutcomeArg::Declined => Self::Declined,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum KindArg {
    User,
    Application,
}

impl From<KindArg> for ActorKind {
    fn from(kind: KindArg) -> Self {
        match kind {
            KindArg::User => Self::User,
            KindArg::Application => Self::Application,
        }
    }
}

/// Which activities; the service knows what each means, and refuses what it can't read.
#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// The first instant or day
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// The end of the range: an instant, or the last day
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// The time zone of days; default UTC
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// The customer's id
    #[arg(long, value_name = "ID")]
    customer: Option<String>,
    /// A part of the customer's name
    #[arg(long, value_name = "TEXT")]
    customer_name: Option<String>,
    /// One of these actions; repeatable
    #[arg(long)]
    action: Vec<String>,
    /// None of these actions; repeatable
    #[arg(long, value_name = "ACTION")]
    exclude_action: Vec<String>,
    /// The actor's id
    #[arg(long, value_name = "ID")]
    actor: Option<String>,
    /// A part of the actor's name
    #[arg(long, value_name = "TEXT")]
    actor_name: Option<String>,
    /// The resource's type
    #[arg(long, value_name = "TYPE")]
    resource_type: Option<String>,
    /// The resource's id
    #[arg(long, value_name = "ID")]
    resource: Option<String>,
    /// One of these outcomes; repeatable
    #[arg(long, value_enum)]
    outcome: Vec<OutcomeArg>,
    /// The correlation id
    #[arg(long, value_name = "ID")]
    correlation_id: Option<String>,
    /// Only what was recorded from this instant or day on, up to a minute ago
    #[arg(long, value_name = "TIME")]
    recorded_from: Option<String>,
}

impl Filter {
    /// The names and values, as the API has them.
    fn parameters(&self) -> Vec<(&'static str, String)> {
        let once = [
            ("from", &self.from),
            ("to", &self.to),
            ("time_zone", &self.time_zone),
            ("customer_id", &self.customer),
            ("customer", &self.customer_name),
            ("actor_id", &self.actor),
            ("actor", &self.actor_name),
            ("resource_type", &self.resource_type),
            ("resource_id", &self.resource),
            ("correlation_id", &self.correlation_id),
            ("recorded_from", &self.recorded_from),
        ];
        let once = once.into_iter();
        let mut all: Vec<_> = once
            .filter_map(|(name, value)| Some((name, value.clone()?)))
            .collect();
        all.extend(self.action.iter().map(|it| ("action", it.clone())));
        all.extend(
            self.exclude_action
                .iter()
                .map(|it| ("exclude_action", it.clone())),
        );
        all.extend(self.outcome.iter().map(|it| ("outcome", name(it))));
        all
    }

    /// As the query of a list or a summary.
    pub(crate) fn query(&self) -> Query {
        let parameters = self.parameters().into_iter();
        parameters.fold(Query::default(), |query, (name, value)| {
            query.with(name, value)
        })
    }

    /// As the body of an export.
    pub(crate) fn body(&self) -> Map<String, Value> {
        let mut body = Map::new();
        for (name, value) in self.parameters() {
            let is_list = ["action", "exclude_action", "outcome"].contains(&name);
            match body.get_mut(name).and_then(Value::as_array_mut) {
                Some(values) => values.push(value.into()),
                None if is_list => drop(body.insert(name.into(), Value::Array(vec![value.into()]))),
                None => drop(body.insert(name.into(), value.into())),
            }
        }
        body
    }
}

/// The name of an option's value.
fn name(value: &impl ValueEnum) -> String {
    let value = value.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum OrderArg {
    Asc,
    Desc,
}

impl OrderArg {
    pub(crate) fn name(self) -> String {
        name(&self)
    }
}

/// What `list` shows.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// Oldest or newest first
    #[arg(long, value_enum, default_value_t = OrderArg::Desc)]
    pub(crate) order: OrderArg,
    /// The most activities; default 50, and with --all every one
    #[arg(long, default_value_t = 50, conflicts_with_all = ["all", "follow"])]
    pub(crate) limit: usize,
    /// Every activity of the range
    #[arg(long, conflicts_with = "follow")]
    pub(crate) all: bool,
    /// Show what is recorded from now on, or from --recorded-from on, until it is interrupted
    ///
    /// An activity is shown a minute after it was recorded.
    #[arg(long, conflicts_with = "order")]
    pub(crate) follow: bool,
    /// With --follow: how many seconds to wait before asking again
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    pub(crate) every: u64,
    /// With --follow: go on where this file says, and keep in it how far was read
    #[arg(long, value_name = "FILE", requires = "follow")]
    pub(crate) position: Option<PathBuf>,
}

impl List {
    /// Since when `--recorded-from` says it should be followed.
    pub(crate) fn recorded_from(&self) -> Option<&str> {
        self.filter.recorded_from.as_deref()
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ByArg {
    Day,
    Action,
    Customer,
    Actor,
    Outcome,
}

impl ByArg {
    pub(crate) fn name(self) -> String {
        name(&self)
    }
}

/// What `summary` counts.
#[derive(Debug, Args)]
pub(crate) struct Summary {
    /// What to count by, once or twice
    #[arg(long, value_enum, required = true)]
    pub(crate) by: Vec<ByArg>,
    #[command(flatten)]
    pub(crate) filter: Filter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatArg {
    /// For people, in a spreadsheet
    Csv,
    /// For programs
    RawCsv,
    /// For programs, with all details
    Jsonl,
    /// A workbook
    Xlsx,
}

/// What `export` writes.
#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// Oldest or newest first
    #[arg(long, value_enum, default_value_t = OrderArg::Desc)]
    pub(crate) order: OrderArg,
    /// The kind of file
    #[arg(long, value_enum, default_value_t = FormatArg::Csv)]
    pub(crate) format: FormatArg,
    /// Compress with gzip; only of raw-csv and jsonl
    #[arg(long)]
    pub(crate) gzip: bool,
    /// Also write the file that proves it; only of raw-csv and jsonl, and of a sealed range
    #[arg(long)]
    pub(crate) proof: bool,
    /// Where to; default the name that the service gives, in this folder
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SourceArg {
    /// Comma-separated values with a header
    Csv,
    /// An activity in each line, as the API takes it, or as an export in JSON Lines has it
    Jsonl,
    /// The CSV that Partner Center's activity log page downloads
    PartnerCenter,
    /// Records of Partner Center's API `auditrecords`: a page, an array, or one in each line
    Auditrecords,
}

/// What `import` reads.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The file
    pub(crate) file: PathBuf,
    /// What the file is; default by its name: `.csv`, `.jsonl`
    #[arg(long, value_enum)]
    pub(crate) format: Option<SourceArg>,
    /// Of a CSV: which column is which field; the documentation describes the file
    ///
    /// Without it the columns have the names of the fields.
    #[arg(long, value_name = "FILE")]
    pub(crate) mapping: Option<PathBuf>,
    /// Read and check the whole file, show some activities, and send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not open the log for its past: everything is recent
    #[arg(long)]
    pub(crate) recent: bool,
    /// Leave the log open for its past at the end, for another file
    #[arg(long, conflicts_with = "recent")]
    pub(crate) keep_open: bool,
    /// Whose log, if the token is for several partners
    #[arg(long, value_name = "ID")]
    pub(crate) into: Option<String>,
    /// How many requests are under way at once
    #[arg(long, default_value_t = 4, value_name = "N")]
    pub(crate) at_once: usize,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_flags_are_sound() {
        Cli::command().debug_assert();
    }
}
