//! What is compared with what, and how large the ratio may be.

use super::{
    Figures,
    entrant::{self as who, Entrant},
    figure::{
        Figure::{
            self, Admitted, CallCpu, CallInstructions, First, FirstInstructions,
            FirstInstructionsTls, FirstTls, Next, NextInstructions, Peak,
        },
        Way,
    },
    table::Line,
    workload::BATCH,
};

/// A figure of ours beside that of another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) name: &'static str,
    figure: Figure,
    ours: Entrant,
    against: Entrant,
    /// So many calls of the other are compared with one of ours.
    calls: usize,
    /// The largest ratio that is good enough; none if the row is there to inform.
    goal: Option<f64>,
}

const NEXT: &str = "start to first /next";
const FIRST: &str = "start to first answered record";
const FIRST_TLS: &str = "start to first answered record, TLS";
const RECORD: &str = "record, warm";
const BATCHED: &str = "record, 25 at once or alone";
const LIST: &str = "list page of 100, warm";
const HOT: &str = "hot partner, from one admitted write to the next";
const SHARDED: &str = "list page of 100, with shards";
const LONG_SHARDED: &str = "list page of 500, with shards";
const MEMORY: &str = "peak memory";

pub(super) const ROWS: [Row; 40] = [
    row(NEXT, NextInstructions, who::RECORD, who::HELLO).at_most(1.5),
    row(NEXT, NextInstructions, who::LIST, who::HELLO),
    row(NEXT, NextInstructions, who::EXPORT, who::HELLO),
    row(NEXT, NextInstructions, who::RECORD, who::SDK_RECORD),
    row(NEXT, Next, who::RECORD, who::HELLO),
    row(NEXT, Next, who::RECORD, who::SDK_RECORD),
    row(NEXT, Next, who::RECORD, who::PYTHON),
    row(NEXT, Next, who::RECORD, who::NODE),
    row(FIRST, FirstInstructions, who::RECORD, who::SDK_RECORD).at_most(1.0 / 5.0),
    row(
        FIRST_TLS,
        FirstInstructionsTls,
        who::RECORD,
        who::SDK_RECORD,
    )
    .at_most(1.0 / 20.0),
    row(FIRST, First, who::RECORD, who::SDK_RECORD),
    row(FIRST, First, who::RECORD, who::PYTHON),
    row(FIRST, First, who::RECORD, who::NODE),
    row(FIRST_TLS, FirstTls, who::RECORD, who::SDK_RECORD),
    row(FIRST_TLS, FirstTls, who::RECORD, who::PYTHON),
    row(FIRST_TLS, FirstTls, who::RECORD, who::NODE),
    row(RECORD, CallCpu, who::RECORD, who::SDK_RECORD).at_most(1.15),
    row(RECORD, CallInstructions, who::RECORD, who::SDK_RECORD),
    row(RECORD, CallCpu, who::RECORD, who::PUT_LOOP),
    row(RECORD, CallInstructions, who::RECORD, who::PUT_LOOP),
    row(RECORD, CallCpu, who::RECORD, who::HELLO),
    row(RECORD, CallCpu, who::RECORD, who::PYTHON).at_most(1.0 / 10.0),
    row(RECORD, CallCpu, who::RECORD, who::NODE).at_most(1.0 / 10.0),
    row(BATCHED, CallCpu, who::BATCH, who::RECORD)
        .at_most(0.5)
        .for_calls(BATCH),
    row(BATCHED, CallInstructions, who::BATCH, who::RECORD).for_calls(BATCH),
    row(LIST, CallCpu, who::LIST, who::SDK_LIST).at_most(1.2),
    row(LIST, CallInstructions, who::LIST, who::SDK_LIST),
    row(LIST, CallCpu, who::LIST, who::QUERY_LOOP),
    row(LIST, CallInstructions, who::LIST, who::QUERY_LOOP),
    row(HOT, Admitted, who::SHARDED_HOT, who::HOT).at_most(1.0 / 3.6),
    row(SHARDED, CallCpu, who::SHARDED_LIST, who::LIST).at_most(1.3),
    row(SHARDED, CallInstructions, who::SHARDED_LIST, who::LIST),
    row(
        LONG_SHARDED,
        CallCpu,
        who::SHARDED_LONG_LIST,
        who::LONG_LIST,
    )
    .at_most(1.3),
    row(
        LONG_SHARDED,
        CallInstructions,
        who::SHARDED_LONG_LIST,
        who::LONG_LIST,
    ),
    row(MEMORY, Peak, who::RECORD, who::HELLO),
    row(MEMORY, Peak, who::RECORD, who::SDK_RECORD),
    row(MEMORY, Peak, who::RECORD, who::PYTHON),
    row(MEMORY, Peak, who::RECORD, who::NODE),
    row(MEMORY, Peak, who::LIST, who::SDK_LIST),
    row(MEMORY, Peak, who::BATCH, who::RECORD),
];

const fn row(name: &'static str, figure: Figure, ours: Entrant, against: Entrant) -> Row {
    Row {
        name,
        figure,
        ours,
        against,
        calls: 1,
        goal: None,
    }
}

impl Row {
    const fn at_most(self, ratio: f64) -> Self {
        Self {
            goal: Some(ratio),
            ..self
        }
    }

    const fn for_calls(self, calls: usize) -> Self {
        Self { calls, ..self }
    }

    /// The runs that it needs.
    pub(super) fn runs(&self) -> impl Iterator<Item = (Way, Entrant)> {
        let entrants = [self.ours, self.against];
        let way = self.figure.way();
        way.into_iter()
            .flat_map(move |way| entrants.map(|entrant| (way, entrant)))
    }

    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    pub(super) fn line(&self, figures: &Figures) -> Line {
        let found = |entrant| {
            let found = figures.get(&(entrant, self.figure));
            found.cloned().unwrap_or_default()
        };
        let against = match self.calls {
            1 => self.against.name.to_owned(),
            calls => format!("{calls} × {}", self.against.name),
        };
        Line {
            measure: self.name.to_owned(),
            figure: self.figure,
            who: self.ours.name.to_owned(),
            ours: found(self.ours),
            against,
            theirs: found(self.against).scaled(self.calls as f64),
            goal: self.goal,
        }
    }
}
