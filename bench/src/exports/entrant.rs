//! Who writes a file: the worker, the least that could do it, and what one would
//! write instead.

use crate::{Error, measure::Program, plan::Others, subject::Subject};

/// A program that writes a file, and of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entrant {
    /// As the table calls it.
    pub(super) name: &'static str,
    pub(super) rows: Rows,
    /// What the export was asked to hold and how; only the worker reads it.
    pub(super) request: &'static str,
    /// A larger number of entries is cut to this.
    pub(super) entries_max: u64,
    code: Code,
}

/// How large the rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rows {
    /// 1.4 kB.
    Usual,
    /// 0.3 kB: the entries have no details.
    Small,
}

/// Where a program comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Code {
    /// This program, as the worker is deployed.
    Worker,
    /// This program as cargo builds it by default.
    Stock(Subject),
    /// A script for the interpreter of boto3's.
    Python(&'static str),
    /// A script with the SDK for JavaScript.
    Node(&'static str),
}

/// A workbook of more such entries is too large for the function's disk.
const WORKBOOK_ENTRIES_MAX: u64 = 1_000_000;

const RAW_REQUEST: &str = r#"{"style":"raw"}"#;

pub(super) const FLOOR: Entrant = stock("floor: Rust SDK and csv", Subject::Floor);
pub(super) const PLAIN: Entrant = stock("plain: Rust SDK's defaults and csv", Subject::Plain);
pub(super) const RAW: Entrant = worker("worker: csv, raw", RAW_REQUEST);
const SPREADSHEET: Entrant = worker("worker: csv, spreadsheet", r#"{"style":"spreadsheet"}"#);
const JSONL: Entrant = worker("worker: jsonl", r#"{"format":"jsonl"}"#);
const GZIP: Entrant = worker(
    "worker: jsonl, gzip",
    r#"{"format":"jsonl","compression":"gzip"}"#,
);
const WORKBOOK: Entrant = Entrant {
    entries_max: WORKBOOK_ENTRIES_MAX,
    ..worker("worker: xlsx", r#"{"format":"xlsx"}"#)
};
pub(super) const PYTHON: Entrant =
    entrant("peer: boto3 and csv", Code::Python("bench/peers/export.py"));
pub(super) const NODE: Entrant = entrant(
    "peer: SDK for JavaScript",
    Code::Node("bench/peers/export.mjs"),
);
pub(super) const SMALL_FLOOR: Entrant = stock("floor, small rows", Subject::Floor).small();
pub(super) const SMALL_PLAIN: Entrant = stock("plain, small rows", Subject::Plain).small();
pub(super) const SMALL_RAW: Entrant = worker("worker: csv, raw, small rows", RAW_REQUEST).small();

/// Whoever writes at each number of entries; those that are compared run one
/// after the other, in the same weather.
pub(super) const ALL: [Entrant; 12] = [
    FLOOR,
    PLAIN,
    RAW,
    SPREADSHEET,
    JSONL,
    GZIP,
    WORKBOOK,
    PYTHON,
    NODE,
    SMALL_FLOOR,
    SMALL_PLAIN,
    SMALL_RAW,
];

/// The one that also writes into a slow bucket.
pub(super) const SLOWED: Entrant = worker("worker: csv, raw, slow S3", RAW_REQUEST);

const fn worker(name: &'static str, request: &'static str) -> Entrant {
    Entrant {
        request,
        ..entrant(name, Code::Worker)
    }
}

const fn stock(name: &'static str, subject: Subject) -> Entrant {
    entrant(name, Code::Stock(subject))
}

const fn entrant(name: &'static str, code: Code) -> Entrant {
    Entrant {
        name,
        rows: Rows::Usual,
        request: "{}",
        entries_max: u64::MAX,
        code,
    }
}

impl Entrant {
    const fn small(self) -> Self {
        Self {
            rows: Rows::Small,
            ..self
        }
    }

    /// Whether it is the product's own.
    pub(super) fn is_worker(&self) -> bool {
        self.code == Code::Worker
    }

    pub(super) fn program(&self, others: &Others<'_>) -> Result<Program, Error> {
        Ok(match self.code {
            Code::Worker => Program::new(&std::env::current_exe()?, &["subject", "worker"]),
            Code::Stock(subject) => {
                Program::new(&others.stock.join("bench"), &["subject", subject.name()])
            }
            Code::Python(script) => Program::new(others.python, &["-B", script]),
            Code::Node(script) => Program::new(others.node, &[script]),
        })
    }

    /// The one that counts its allocations, where there is one.
    pub(super) fn counted(&self) -> Result<Option<Program>, Error> {
        let subject = match self.code {
            Code::Worker => Subject::Worker,
            Code::Stock(subject) => subject,
            Code::Python(_) | Code::Node(_) => return Ok(None),
        };
        let path = std::env::current_exe()?.with_file_name("counted");
        Ok(Some(Program::new(&path, &[subject.name()])))
    }
}
