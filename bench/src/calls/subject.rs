//! Who is measured: the functions, the least function, and what one would write instead.

use super::workload::Workload;
use crate::workbench::Program;

/// A program and the calls that it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Subject {
    /// Its name in the table.
    pub(super) name: &'static str,
    pub(super) program: Program,
    pub(super) workload: Workload,
    /// Over how many shards the partner's log is spread.
    pub(super) shards: u32,
    /// Whether DynamoDB is behind TLS.
    pub(super) over_tls: bool,
}

const PAGE: Workload = Workload::List { limit: 100 };
const LONG_PAGE: Workload = Workload::List { limit: 500 };

const RECORD_FUNCTION: Program = Program::Function("record");
const LIST_FUNCTION: Program = Program::Function("list");
const PLAIN_HANDLER: Program = Program::Plain("plain");
const BOTO3_HANDLER: Program = Program::Boto3("bench/peers/record.py");

pub(super) const RECORD: Subject = subject("record", RECORD_FUNCTION, Workload::Record);
pub(super) const RECORD_TLS: Subject =
    subject("record over TLS", RECORD_FUNCTION, Workload::Record).over_tls();
pub(super) const BATCH: Subject = subject("record, 25 at once", RECORD_FUNCTION, Workload::Batch);
pub(super) const LIST: Subject = subject("list of 100", LIST_FUNCTION, PAGE);
pub(super) const SHARDED_LIST: Subject =
    subject("list of 100, 4 shards", LIST_FUNCTION, PAGE).on_four_shards();
pub(super) const LONG_LIST: Subject = subject("list of 500", LIST_FUNCTION, LONG_PAGE);
pub(super) const SHARDED_LONG_LIST: Subject =
    subject("list of 500, 4 shards", LIST_FUNCTION, LONG_PAGE).on_four_shards();
/// It is started and never called.
pub(super) const EXPORT: Subject =
    subject("export", Program::Function("export"), Workload::Constant);
pub(super) const HELLO: Subject = subject(
    "hello world",
    Program::Function("hello"),
    Workload::Constant,
);
pub(super) const PLAIN_RECORD: Subject =
    subject("plain handler: record", PLAIN_HANDLER, Workload::Record);
pub(super) const PLAIN_RECORD_TLS: Subject = subject(
    "plain handler: record over TLS",
    PLAIN_HANDLER,
    Workload::Record,
)
.over_tls();
pub(super) const PLAIN_LIST: Subject = subject("plain handler: list of 100", PLAIN_HANDLER, PAGE);
pub(super) const BOTO3: Subject = subject("boto3: record", BOTO3_HANDLER, Workload::Record);
pub(super) const BOTO3_TLS: Subject =
    subject("boto3: record over TLS", BOTO3_HANDLER, Workload::Record).over_tls();

const fn subject(name: &'static str, program: Program, workload: Workload) -> Subject {
    Subject {
        name,
        program,
        workload,
        shards: 1,
        over_tls: false,
    }
}

impl Subject {
    const fn over_tls(self) -> Self {
        Self {
            over_tls: true,
            ..self
        }
    }

    const fn on_four_shards(self) -> Self {
        Self { shards: 4, ..self }
    }
}
