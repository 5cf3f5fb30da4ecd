//! What is compared with what, and how large the ratio may be.

use super::{
    Figures,
    entrant::Entrant::{
        self, Batch, Export, Hello, Hot, HotOfShards, List, ListOfShards, LongList,
        LongListOfShards, Node, PutLoop, Python, QueryLoop, Record, SdkList, SdkRecord,
    },
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
    row(NEXT, NextInstructions, Record, Hello).at_most(1.5),
    row(NEXT, NextInstructions, List, Hello),
    row(NEXT, NextInstructions, Export, Hello),
    row(NEXT, NextInstructions, Record, SdkRecord),
    row(NEXT, Next, Record, Hello),
    row(NEXT, Next, Record, SdkRecord),
    row(NEXT, Next, Record, Python),
    row(NEXT, Next, Record, Node),
    row(FIRST, FirstInstructions, Record, SdkRecord).at_most(1.0 / 5.0),
    row(FIRST_TLS, FirstInstructionsTls, Record, SdkRecord).at_most(1.0 / 20.0),
    row(FIRST, First, Record, SdkRecord),
    row(FIRST, First, Record, Python),
    row(FIRST, First, Record, Node),
    row(FIRST_TLS, FirstTls, Record, SdkRecord),
    row(FIRST_TLS, FirstTls, Record, Python),
    row(FIRST_TLS, FirstTls, Record, Node),
    row(RECORD, CallCpu, Record, SdkRecord).at_most(1.15),
    row(RECORD, CallInstructions, Record, SdkRecord),
    row(RECORD, CallCpu, Record, PutLoop),
    row(RECORD, CallInstructions, Record, PutLoop),
    row(RECORD, CallCpu, Record, Hello),
    row(RECORD, CallCpu, Record, Python).at_most(1.0 / 10.0),
    row(RECORD, CallCpu, Record, Node).at_most(1.0 / 10.0),
    row(BATCHED, CallCpu, Batch, Record)
        .at_most(0.5)
        .for_calls(BATCH),
    row(BATCHED, CallInstructions, Batch, Record).for_calls(BATCH),
    row(LIST, CallCpu, List, SdkList).at_most(1.2),
    row(LIST, CallInstructions, List, SdkList),
    row(LIST, CallCpu, List, QueryLoop),
    row(LIST, CallInstructions, List, QueryLoop),
    row(HOT, Admitted, HotOfShards, Hot).at_most(1.0 / 3.6),
    row(SHARDED, CallCpu, ListOfShards, List).at_most(1.3),
    row(SHARDED, CallInstructions, ListOfShards, List),
    row(LONG_SHARDED, CallCpu, LongListOfShards, LongList).at_most(1.3),
    row(LONG_SHARDED, CallInstructions, LongListOfShards, LongList),
    row(MEMORY, Peak, Record, Hello),
    row(MEMORY, Peak, Record, SdkRecord),
    row(MEMORY, Peak, Record, Python),
    row(MEMORY, Peak, Record, Node),
    row(MEMORY, Peak, List, SdkList),
    row(MEMORY, Peak, Batch, Record),
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
            1 => self.against.name().to_owned(),
            calls => format!("{calls} × {}", self.against.name()),
        };
        Line {
            measure: self.name.to_owned(),
            figure: self.figure,
            who: self.ours.name().to_owned(),
            ours: found(self.ours),
            against,
            theirs: found(self.against).scaled(self.calls as f64),
            goal: self.goal,
        }
    }
}
