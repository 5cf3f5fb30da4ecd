//! What is measured of a subject, and in which kind of run.

use std::collections::BTreeMap;

use super::subject::Subject;
use crate::samples::Samples;

/// All that was measured.
pub(super) type Figures = BTreeMap<(Subject, Figure), Samples>;

/// A number that is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Figure {
    /// The time that it takes.
    Time(Stage),
    /// The instructions that it takes, as valgrind counts them.
    Instructions(Stage),
    /// The most memory that is resident, after all calls.
    PeakMemory,
}

/// A stage of a process's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// From its start until it asks for an event.
    Start,
    /// From its start until it has answered one event.
    FirstAnswer,
    /// A call after many others, in CPU time of all threads.
    WarmCall,
}

/// A kind of run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Run {
    /// Yields all times, and the memory.
    Timed,
    /// Yields the instructions of one stage.
    Counted(Stage),
}

impl Figure {
    /// The run that yields it.
    pub(super) fn run(self) -> Run {
        match self {
            Self::Time(_) | Self::PeakMemory => Run::Timed,
            Self::Instructions(stage) => Run::Counted(stage),
        }
    }

    /// Its name in the table.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Time(Stage::Start) | Self::Instructions(Stage::Start) => "start to first /next",
            Self::Time(Stage::FirstAnswer) | Self::Instructions(Stage::FirstAnswer) => {
                "start to first answer"
            }
            Self::Time(Stage::WarmCall) | Self::Instructions(Stage::WarmCall) => "warm call",
            Self::PeakMemory => "peak memory",
        }
    }

    /// The unit of its values.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::Time(Stage::Start | Stage::FirstAnswer) => "ms",
            Self::Time(Stage::WarmCall) => "CPU µs",
            Self::Instructions(_) => "M instr.",
            Self::PeakMemory => "MiB",
        }
    }
}
