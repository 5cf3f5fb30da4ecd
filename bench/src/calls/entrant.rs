//! Who runs: ours, the least that could do it, and what one would write instead.

use std::path::Path;

use super::{Bench, workload::Workload};
use crate::{Error, measure::Program};

/// A program and what it is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Entrant {
    Record,
    Batch,
    List,
    ListOfShards,
    LongList,
    LongListOfShards,
    Export,
    Hot,
    HotOfShards,
    Hello,
    SdkRecord,
    SdkList,
    PutLoop,
    QueryLoop,
    Python,
    Node,
}

impl Entrant {
    /// As the table calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Batch => "record, 25 at once",
            Self::List | Self::LongList => "list",
            Self::ListOfShards | Self::LongListOfShards => "list, 4 shards",
            Self::Export => "export",
            Self::Hot => "record, 1 shard",
            Self::HotOfShards => "record, 4 shards",
            Self::Hello => "hello world",
            Self::SdkRecord => "plain SDK handler",
            Self::SdkList => "plain SDK handler of a list",
            Self::PutLoop => "SDK put loop",
            Self::QueryLoop => "SDK query loop",
            Self::Python => "boto3",
            Self::Node => "SDK for JavaScript",
        }
    }

    /// What each of its calls is.
    pub(super) fn workload(self) -> Workload {
        match self {
            Self::Record | Self::SdkRecord | Self::PutLoop | Self::Python | Self::Node => {
                Workload::Record
            }
            Self::Hot | Self::HotOfShards => Workload::Hot,
            Self::Batch => Workload::Batch,
            Self::List | Self::ListOfShards | Self::SdkList | Self::QueryLoop => {
                Workload::List { limit: 100 }
            }
            Self::LongList | Self::LongListOfShards => Workload::List { limit: 500 },
            // An export is started, and not called.
            Self::Hello | Self::Export => Workload::Hello,
        }
    }

    /// Whether it runs no events, but the same call again and again.
    pub(super) fn is_loop(self) -> bool {
        matches!(self, Self::PutLoop | Self::QueryLoop) || self.is_hot()
    }

    /// Whether it is not built here.
    pub(super) fn is_peer(self) -> bool {
        matches!(self, Self::Python | Self::Node)
    }

    /// Whether a partition takes no more than DynamoDB's does.
    pub(super) fn is_hot(self) -> bool {
        matches!(self, Self::Hot | Self::HotOfShards)
    }

    /// Over how many shards the partner's log is spread.
    pub(super) fn shards(self) -> u32 {
        match self {
            Self::ListOfShards | Self::LongListOfShards | Self::HotOfShards => 4,
            _ => 1,
        }
    }

    /// Why there is no figure of it.
    pub(super) fn failed(self, error: &Error) -> Error {
        format!("{}: {}", self.name(), crate::chain(error)).into()
    }

    pub(super) fn program(self, bench: &Bench<'_>) -> Result<Program, Error> {
        let built = |name: &str| program(&bench.functions.join(name), &[]);
        let stock =
            |name: &str, arguments: &[&str]| program(&bench.others.stock.join(name), arguments);
        Ok(match self {
            Self::Record | Self::Batch => built("record"),
            Self::List | Self::ListOfShards | Self::LongList | Self::LongListOfShards => {
                built("list")
            }
            Self::Hot | Self::HotOfShards => {
                program(&std::env::current_exe()?, &["looped", "record"])
            }
            Self::Export => built("export"),
            Self::Hello => program(&super::beside()?.join("hello"), &[]),
            Self::SdkRecord | Self::SdkList => stock("plain", &[]),
            Self::PutLoop => stock("bench", &["looped", "put"]),
            Self::QueryLoop => stock("bench", &["looped", "query"]),
            Self::Python => program(bench.others.python, &["-B", "bench/peers/record.py"]),
            Self::Node => program(bench.others.node, &["bench/peers/record.mjs"]),
        })
    }
}

fn program(path: &Path, arguments: &[&str]) -> Program {
    Program {
        path: path.to_owned(),
        arguments: arguments.iter().map(|&text| text.to_owned()).collect(),
    }
}
