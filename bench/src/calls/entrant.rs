//! Who runs: ours, the least that could do it, and what one would write instead.

use super::{Bench, workload::Workload};
use crate::{Error, measure::Program, plan::beside};

/// A program and what it is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entrant {
    /// As the table calls it.
    pub(super) name: &'static str,
    /// What each of its calls is.
    pub(super) workload: Workload,
    /// Over how many shards the partner's log is spread.
    pub(super) shards: u32,
    code: Code,
}

/// Where a program comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Code {
    /// A function, as it is deployed.
    Function(&'static str),
    /// The least function, built like ours.
    Hello,
    /// A handler's code in this program, called by many at once.
    Handler(&'static str),
    /// A function as cargo builds it by default.
    Stock(&'static str),
    /// The same call again and again without events, built like that.
    StockLoop(&'static str),
    /// A script for the interpreter of boto3's.
    Python(&'static str),
    /// A script with the SDK for JavaScript.
    Node(&'static str),
}

const PAGE: Workload = Workload::List { limit: 100 };
const LONG_PAGE: Workload = Workload::List { limit: 500 };

pub(super) const RECORD: Entrant = function("record", "record", Workload::Record);
pub(super) const BATCH: Entrant = function("record, 25 at once", "record", Workload::Batch);
pub(super) const LIST: Entrant = function("list", "list", PAGE);
pub(super) const SHARDED_LIST: Entrant = function("list, 4 shards", "list", PAGE).sharded();
pub(super) const LONG_LIST: Entrant = function("list", "list", LONG_PAGE);
pub(super) const SHARDED_LONG_LIST: Entrant =
    function("list, 4 shards", "list", LONG_PAGE).sharded();
/// It is started, and not called.
pub(super) const EXPORT: Entrant = function("export", "export", Workload::Hello);
pub(super) const HOT: Entrant = entrant("record, 1 shard", Workload::Hot, Code::Handler("record"));
pub(super) const SHARDED_HOT: Entrant =
    entrant("record, 4 shards", Workload::Hot, Code::Handler("record")).sharded();
pub(super) const HELLO: Entrant = entrant("hello world", Workload::Hello, Code::Hello);
pub(super) const SDK_RECORD: Entrant =
    entrant("plain SDK handler", Workload::Record, Code::Stock("plain"));
pub(super) const SDK_LIST: Entrant =
    entrant("plain SDK handler of a list", PAGE, Code::Stock("plain"));
pub(super) const PUT_LOOP: Entrant =
    entrant("SDK put loop", Workload::Record, Code::StockLoop("put"));
pub(super) const QUERY_LOOP: Entrant = entrant("SDK query loop", PAGE, Code::StockLoop("query"));
pub(super) const PYTHON: Entrant = entrant(
    "boto3",
    Workload::Record,
    Code::Python("bench/peers/record.py"),
);
pub(super) const NODE: Entrant = entrant(
    "SDK for JavaScript",
    Workload::Record,
    Code::Node("bench/peers/record.mjs"),
);

const fn function(name: &'static str, binary: &'static str, workload: Workload) -> Entrant {
    entrant(name, workload, Code::Function(binary))
}

const fn entrant(name: &'static str, workload: Workload, code: Code) -> Entrant {
    Entrant {
        name,
        workload,
        shards: 1,
        code,
    }
}

impl Entrant {
    const fn sharded(self) -> Self {
        Self { shards: 4, ..self }
    }

    /// Whether it runs no events, but the same call again and again.
    pub(super) fn is_loop(&self) -> bool {
        matches!(self.code, Code::Handler(_) | Code::StockLoop(_))
    }

    /// Whether it is not built here.
    pub(super) fn is_peer(&self) -> bool {
        self.is_python() || matches!(self.code, Code::Node(_))
    }

    /// Whether boto3's interpreter runs it.
    pub(super) fn is_python(&self) -> bool {
        matches!(self.code, Code::Python(_))
    }

    /// Why there is no figure of it.
    pub(super) fn failed(&self, error: &Error) -> Error {
        format!("{}: {}", self.name, crate::chain(error)).into()
    }

    pub(super) fn program(&self, bench: &Bench<'_>) -> Result<Program, Error> {
        let others = &bench.others;
        Ok(match self.code {
            Code::Function(name) => Program::new(&bench.functions.join(name), &[]),
            Code::Hello => Program::new(&beside()?.join("hello"), &[]),
            Code::Handler(name) => Program::new(&std::env::current_exe()?, &["looped", name]),
            Code::Stock(name) => Program::new(&others.stock.join(name), &[]),
            Code::StockLoop(name) => Program::new(&others.stock.join("bench"), &["looped", name]),
            Code::Python(script) => Program::new(others.python, &["-B", script]),
            Code::Node(script) => Program::new(others.node, &[script]),
        })
    }
}
