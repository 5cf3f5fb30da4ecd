//! Who writes a file: the worker, and what one would write instead.

use crate::{canned::Details, workbench::Program};

/// A program that writes a file, and of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Writer {
    /// Its name in the table.
    pub(super) name: &'static str,
    pub(super) program: Program,
    /// The body of the request that asked for the export; only the worker reads it.
    pub(super) request: &'static str,
    /// Rows have 1.4 kB with details, and 0.3 kB without.
    pub(super) details: Details,
    /// The most entries that it can write.
    pub(super) entries_max: u64,
}

const WORKER: Program = Program::Function("export-worker");
const PLAIN_LOOP: Program = Program::Plain("plain-export");
const RAW_REQUEST: &str = r#"{"style":"raw"}"#;

/// A workbook of more entries with details is too large for the function's disk.
const WORKBOOK_ENTRIES_MAX: u64 = 1_000_000;

pub(super) const CSV: Writer = worker("csv, raw", RAW_REQUEST);
const SPREADSHEET_CSV: Writer = worker("csv, spreadsheet", r#"{"style":"spreadsheet"}"#);
const JSON_LINES: Writer = worker("jsonl", r#"{"format":"jsonl"}"#);
const GZIP: Writer = worker("jsonl, gzip", r#"{"format":"jsonl","compression":"gzip"}"#);
const WORKBOOK: Writer = Writer {
    entries_max: WORKBOOK_ENTRIES_MAX,
    ..worker("xlsx", r#"{"format":"xlsx"}"#)
};
const PLAIN: Writer = writer("plain loop", PLAIN_LOOP);
const BOTO3: Writer = writer("boto3", Program::Boto3("bench/peers/export.py"));
const SMALL_CSV: Writer = worker("csv, raw, small rows", RAW_REQUEST).without_details();
const SMALL_PLAIN: Writer = writer("plain loop, small rows", PLAIN_LOOP).without_details();

/// All writers; those that are compared run soon after each other, while the
/// machine is equally busy.
pub(super) const WRITERS: [Writer; 9] = [
    PLAIN,
    CSV,
    BOTO3,
    SPREADSHEET_CSV,
    JSON_LINES,
    GZIP,
    WORKBOOK,
    SMALL_PLAIN,
    SMALL_CSV,
];

/// Two writers that are compared.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) ours: Writer,
    pub(super) other: Writer,
    /// The largest ratio of CPU times that is good enough.
    pub(super) goal: Option<f64>,
}

pub(super) const PAIRS: [Pair; 7] = [
    pair(CSV, PLAIN, Some(1.0 / 2.0)),
    pair(CSV, BOTO3, Some(1.0 / 20.0)),
    pair(SPREADSHEET_CSV, PLAIN, None),
    pair(JSON_LINES, PLAIN, None),
    pair(GZIP, PLAIN, None),
    pair(WORKBOOK, PLAIN, None),
    pair(SMALL_CSV, SMALL_PLAIN, Some(1.0 / 2.0)),
];

const fn pair(ours: Writer, other: Writer, goal: Option<f64>) -> Pair {
    Pair { ours, other, goal }
}

/// Who writes the same rows as CSV.
pub(super) const SAME_FILE: [&[Writer]; 2] = [&[CSV, PLAIN, BOTO3], &[SMALL_CSV, SMALL_PLAIN]];

const fn worker(name: &'static str, request: &'static str) -> Writer {
    Writer {
        request,
        ..writer(name, WORKER)
    }
}

const fn writer(name: &'static str, program: Program) -> Writer {
    Writer {
        name,
        program,
        request: "{}",
        details: Details::Samples,
        entries_max: u64::MAX,
    }
}

impl Writer {
    const fn without_details(self) -> Self {
        Self {
            details: Details::None,
            ..self
        }
    }

    /// Whether it is the service's own worker.
    pub(super) fn is_worker(&self) -> bool {
        self.program == WORKER
    }
}
