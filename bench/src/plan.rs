//! What is measured: exports, each entrant at each number of entries, then into a
//! slow bucket; and starts and calls.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use crate::{
    Error,
    calls::{Others, Settings, beside},
    canned::Options,
    measure::{Program, measure},
    report::{self, Found, Line},
    subject::Subject,
};

/// How much is measured.
#[derive(Debug, clap::Args)]
pub struct Plan {
    /// Numbers of entries
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000])]
    entries: Vec<u64>,
    /// Entries of the export into a slow bucket; 0 leaves it out
    #[arg(long, default_value_t = 50_000)]
    slow_entries: u64,
    /// Bytes that the slow bucket takes each second
    #[arg(long, default_value_t = 1_000_000)]
    slow_bytes_per_second: u64,
    /// Rounds in which every export is measured once
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    export_rounds: u32,
    /// Only the lines whose name holds one of these texts, such as `worker` or `record`
    #[arg(long, value_delimiter = ',', default_value = "")]
    only: Vec<String>,
    /// The interpreter of the boto3 script
    #[arg(long, default_value = "bench/.venv/bin/python")]
    python: PathBuf,
    /// The interpreter of the JavaScript script
    #[arg(long, default_value = "bench/.venv/bin/node")]
    node: PathBuf,
    /// The binaries as cargo builds them by default; `stock` beside this one's folder unless told
    #[arg(long)]
    stock: Option<PathBuf>,
    /// The root certificates of a usual system, which the plain SDK reads
    #[arg(long, default_value = "/etc/ssl/certs/ca-certificates.crt")]
    roots: PathBuf,
    #[command(flatten)]
    calls: Settings,
}

/// What writes a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writer {
    Rust(Subject),
    Python,
    Node,
}

/// A row of the table for each number of entries.
#[derive(Debug)]
struct Entrant {
    name: &'static str,
    writer: Writer,
    /// What the export was asked to hold and how; only the worker reads it.
    request: &'static str,
    /// A larger number of entries is cut to this.
    entries_max: u64,
    /// Whether the entries have no details: rows of 0.3 kB, not of 1.4.
    is_small: bool,
}

/// Whom the ratios compare with.
pub const FLOOR: &str = "floor: Rust SDK and csv";

/// Whom the ratios compare with where rows are small.
pub const SMALL_FLOOR: &str = "floor, small rows";

/// What one would write with the same SDK.
pub const PLAIN: &str = "plain: Rust SDK's defaults and csv";
/// See [`PLAIN`].
pub const SMALL_PLAIN: &str = "plain, small rows";

/// Who has goals, to the other ones.
pub const RAW: &str = "worker: csv, raw";
/// See [`RAW`].
pub const SMALL_RAW: &str = "worker: csv, raw, small rows";
/// A peer.
pub const PYTHON: &str = "peer: boto3 and csv";
/// A peer.
pub const NODE: &str = "peer: SDK for JavaScript";

/// A workbook of more such entries is too large for the function's disk.
const WORKBOOK_ENTRIES_MAX: u64 = 1_000_000;

const ENTRANTS: [Entrant; 12] = [
    entrant(FLOOR, Writer::Rust(Subject::Floor)),
    entrant(PLAIN, Writer::Rust(Subject::Plain)),
    worker(RAW, r#"{"style":"raw"}"#),
    worker("worker: csv, spreadsheet", r#"{"style":"spreadsheet"}"#),
    worker("worker: jsonl", r#"{"format":"jsonl"}"#),
    worker(
        "worker: jsonl, gzip",
        r#"{"format":"jsonl","compression":"gzip"}"#,
    ),
    worker("worker: xlsx", r#"{"format":"xlsx"}"#).up_to(WORKBOOK_ENTRIES_MAX),
    entrant(PYTHON, Writer::Python),
    entrant(NODE, Writer::Node),
    entrant(SMALL_FLOOR, Writer::Rust(Subject::Floor)).small(),
    entrant(SMALL_PLAIN, Writer::Rust(Subject::Plain)).small(),
    worker(SMALL_RAW, r#"{"style":"raw"}"#).small(),
];

/// The one that also writes into a slow bucket.
const SLOWED: Entrant = worker("worker: csv, raw, slow S3", r#"{"style":"raw"}"#);

const fn worker(name: &'static str, request: &'static str) -> Entrant {
    Entrant {
        request,
        ..entrant(name, Writer::Rust(Subject::Worker))
    }
}

const fn entrant(name: &'static str, writer: Writer) -> Entrant {
    Entrant {
        name,
        writer,
        request: "{}",
        entries_max: u64::MAX,
        is_small: false,
    }
}

impl Entrant {
    const fn up_to(self, entries_max: u64) -> Self {
        Self {
            entries_max,
            ..self
        }
    }

    const fn small(self) -> Self {
        Self {
            is_small: true,
            ..self
        }
    }
}

/// An export that is measured, once in each round.
#[derive(Debug)]
struct Run {
    entrant: &'static Entrant,
    entries: u64,
    /// How fast the bucket is; measured in one round only.
    bytes_per_second: Option<u64>,
}

impl Run {
    fn line(&self) -> Line {
        Line {
            name: self.entrant.name,
            entries: self.entries,
            is_worker: self.entrant.writer == Writer::Rust(Subject::Worker),
            is_small: self.entrant.is_small,
            allocations: None,
            found: Found::default(),
        }
    }

    fn options(&self) -> Options {
        Options {
            entries: self.entries,
            request: self.entrant.request.into(),
            bytes_per_second: self.bytes_per_second,
            without_details: self.entrant.is_small,
            ..Options::default()
        }
    }

    /// The same again in the binary that counts; its times are not used.
    async fn allocations(&self, roots: &Path) -> Result<Option<u64>, Error> {
        let (Writer::Rust(subject), None) = (self.entrant.writer, self.bytes_per_second) else {
            return Ok(None);
        };
        eprintln!(
            "allocations: {}, {} entries",
            self.entrant.name, self.entries
        );
        let program = Program {
            path: std::env::current_exe()?.with_file_name("counted"),
            arguments: vec![name(subject)],
        };
        Ok(measure(&program, roots, &self.options()).await?.allocations)
    }
}

impl Plan {
    /// Measures everything, prints the tables and the checks; fails if a check does.
    pub async fn run(&self) -> Result<ExitCode, Error> {
        let code = self.exports().await?;
        let others = Others {
            python: &self.python,
            node: &self.node,
            stock: &self.stock()?,
            roots: &self.roots,
        };
        self.calls.run(&self.only, others).await?;
        Ok(code)
    }

    fn stock(&self) -> Result<PathBuf, Error> {
        let stock = || beside().map(|folder| folder.with_file_name("stock"));
        self.stock.clone().map_or_else(stock, Ok)
    }

    async fn exports(&self) -> Result<ExitCode, Error> {
        let runs = self.runs();
        let mut lines: Vec<_> = runs.iter().map(Run::line).collect();
        for round in 1..=self.export_rounds {
            // Those that are compared run one after the other, in the same weather.
            for (run, line) in runs.iter().zip(&mut lines) {
                if run.bytes_per_second.is_none() || round == 1 {
                    eprintln!("round {round}: {}, {} entries", line.name, line.entries);
                    let program = self.program(run.entrant.writer)?;
                    line.add(&measure(&program, &self.roots, &run.options()).await?);
                }
            }
        }
        for (run, line) in runs.iter().zip(&mut lines) {
            line.allocations = run.allocations(&self.roots).await?;
        }
        if !lines.is_empty() {
            println!("{}", report::table(&lines));
        }
        for goal in report::goals(&lines) {
            println!("{goal}");
        }
        let checks = report::checks(&lines);
        for check in &checks {
            println!("{check}");
        }
        if checks.iter().all(report::Check::passes) {
            Ok(ExitCode::SUCCESS)
        } else {
            Ok(ExitCode::FAILURE)
        }
    }

    fn runs(&self) -> Vec<Run> {
        let of = |&entries: &u64| ENTRANTS.iter().map(move |entrant| (entrant, entries, None));
        let slowed = (&SLOWED, self.slow_entries, Some(self.slow_bytes_per_second));
        let all = self.entries.iter().flat_map(of).chain([slowed]);
        all.filter(|(entrant, entries, _)| *entries > 0 && self.wants(entrant))
            .map(|(entrant, entries, bytes_per_second)| Run {
                entrant,
                entries: entries.min(entrant.entries_max),
                bytes_per_second,
            })
            .collect()
    }

    fn wants(&self, entrant: &Entrant) -> bool {
        is_wanted(entrant.name, &self.only)
    }

    fn program(&self, writer: Writer) -> Result<Program, Error> {
        let (path, arguments) = match writer {
            Writer::Rust(Subject::Worker) => (
                std::env::current_exe()?,
                vec!["subject".into(), name(Subject::Worker)],
            ),
            Writer::Rust(subject) => (
                self.stock()?.join("bench"),
                vec!["subject".into(), name(subject)],
            ),
            Writer::Python => (self.python.clone(), vec!["bench/peers/export.py".into()]),
            Writer::Node => (self.node.clone(), vec!["bench/peers/export.mjs".into()]),
        };
        Ok(Program { path, arguments })
    }
}

/// Whether a line's name holds one of the texts that were asked for.
pub(crate) fn is_wanted(name: &str, only: &[String]) -> bool {
    only.iter().any(|text| name.contains(text))
}

fn name(subject: Subject) -> String {
    match subject {
        Subject::Worker => "worker".into(),
        Subject::Floor => "floor".into(),
        Subject::Plain => "plain".into(),
    }
}
