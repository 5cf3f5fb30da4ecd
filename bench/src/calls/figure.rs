//! What is measured of an entrant, and the runs in which it is.

/// A number that a run yields; seconds unless named otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Figure {
    /// From the start until it asked for an event.
    Next,
    /// From the start until it had answered one.
    First,
    /// The same with DynamoDB behind TLS.
    FirstTls,
    /// CPU time of a call, all threads.
    CallCpu,
    /// From one admitted write to the next, with as many callers as it takes.
    Admitted,
    /// The most resident memory, in MiB.
    Peak,
    /// Instructions from the start until it asked for an event.
    NextInstructions,
    /// Instructions from the start until it had answered one.
    FirstInstructions,
    /// The same with DynamoDB behind TLS.
    FirstInstructionsTls,
    /// Instructions of a call that is not the first.
    CallInstructions,
    /// The size of the zipped binary, in MB.
    Zipped,
}

/// How DynamoDB is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    Http,
    Tls,
}

/// A kind of run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    Http,
    Tls,
    Hot,
    CountedNext,
    CountedFirst,
    CountedFirstTls,
    CountedCalls,
}

impl Figure {
    /// The kind of run that yields it; none if it is the file's alone.
    pub(super) fn way(self) -> Option<Way> {
        match self {
            Self::Next | Self::First | Self::CallCpu | Self::Peak => Some(Way::Http),
            Self::FirstTls => Some(Way::Tls),
            Self::Admitted => Some(Way::Hot),
            Self::NextInstructions => Some(Way::CountedNext),
            Self::FirstInstructions => Some(Way::CountedFirst),
            Self::FirstInstructionsTls => Some(Way::CountedFirstTls),
            Self::CallInstructions => Some(Way::CountedCalls),
            Self::Zipped => None,
        }
    }

    /// The unit in which it is shown, and how many of it are one of the figure's.
    pub(super) fn unit(self) -> (&'static str, f64) {
        match self {
            Self::Next | Self::First | Self::FirstTls | Self::Admitted => ("ms", 1e3),
            Self::CallCpu => ("µs", 1e6),
            Self::Peak => ("MiB", 1.0),
            Self::Zipped => ("MB", 1.0),
            Self::NextInstructions
            | Self::FirstInstructions
            | Self::FirstInstructionsTls
            | Self::CallInstructions => ("M instr.", 1e-6),
        }
    }
}

impl Way {
    /// Whether valgrind runs it.
    pub(super) fn is_counted(self) -> bool {
        !matches!(self, Self::Http | Self::Tls | Self::Hot)
    }

    pub(super) fn transport(self) -> Transport {
        match self {
            Self::Tls | Self::CountedFirstTls => Transport::Tls,
            Self::Http
            | Self::Hot
            | Self::CountedNext
            | Self::CountedFirst
            | Self::CountedCalls => Transport::Http,
        }
    }
}
