//! What is compared with what, and how large the ratio may be.

use super::{
    figure::{
        Figure::{self, Instructions, PeakMemory, Time},
        Figures, Run,
        Stage::{FirstAnswer, Start, WarmCall},
    },
    subject::{
        BATCH, BOTO3, BOTO3_TLS, EXPORT, HELLO, LIST, LONG_LIST, PLAIN_LIST, PLAIN_RECORD,
        PLAIN_RECORD_TLS, RECORD, RECORD_TLS, SHARDED_LIST, SHARDED_LONG_LIST, Subject,
    },
    workload::BATCH_SIZE,
};
use crate::comparison::{Comparison, Side};

/// A figure of ours beside that of another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    figure: Figure,
    ours: Subject,
    other: Subject,
    /// How many calls of the other are compared with one of ours.
    calls: u32,
    /// The largest ratio that is good enough; none if the row is there to inform.
    goal: Option<f64>,
}

pub(super) const ROWS: [Row; 30] = [
    row(Instructions(Start), RECORD, HELLO).goal(1.5),
    row(Instructions(Start), LIST, HELLO),
    row(Instructions(Start), EXPORT, HELLO),
    row(Instructions(Start), RECORD, PLAIN_RECORD),
    row(Time(Start), RECORD, HELLO),
    row(Time(Start), RECORD, PLAIN_RECORD),
    row(Time(Start), RECORD, BOTO3),
    row(Instructions(FirstAnswer), RECORD, PLAIN_RECORD).goal(1.0 / 5.0),
    row(Instructions(FirstAnswer), RECORD_TLS, PLAIN_RECORD_TLS).goal(1.0 / 20.0),
    row(Time(FirstAnswer), RECORD, PLAIN_RECORD),
    row(Time(FirstAnswer), RECORD, BOTO3),
    row(Time(FirstAnswer), RECORD_TLS, PLAIN_RECORD_TLS),
    row(Time(FirstAnswer), RECORD_TLS, BOTO3_TLS),
    row(Time(WarmCall), RECORD, PLAIN_RECORD).goal(1.15),
    row(Instructions(WarmCall), RECORD, PLAIN_RECORD),
    row(Time(WarmCall), RECORD, HELLO),
    row(Time(WarmCall), RECORD, BOTO3).goal(1.0 / 10.0),
    row(Time(WarmCall), BATCH, RECORD)
        .for_calls(BATCH_SIZE)
        .goal(0.5),
    row(Instructions(WarmCall), BATCH, RECORD).for_calls(BATCH_SIZE),
    row(Time(WarmCall), LIST, PLAIN_LIST).goal(1.2),
    row(Instructions(WarmCall), LIST, PLAIN_LIST),
    row(Time(WarmCall), SHARDED_LIST, LIST).goal(1.3),
    row(Instructions(WarmCall), SHARDED_LIST, LIST),
    row(Time(WarmCall), SHARDED_LONG_LIST, LONG_LIST).goal(1.3),
    row(Instructions(WarmCall), SHARDED_LONG_LIST, LONG_LIST),
    row(PeakMemory, RECORD, HELLO),
    row(PeakMemory, RECORD, PLAIN_RECORD),
    row(PeakMemory, RECORD, BOTO3),
    row(PeakMemory, LIST, PLAIN_LIST),
    row(PeakMemory, BATCH, RECORD),
];

const fn row(figure: Figure, ours: Subject, other: Subject) -> Row {
    Row {
        figure,
        ours,
        other,
        calls: 1,
        goal: None,
    }
}

impl Row {
    const fn goal(self, ratio: f64) -> Self {
        Self {
            goal: Some(ratio),
            ..self
        }
    }

    const fn for_calls(self, calls: u32) -> Self {
        Self { calls, ..self }
    }

    /// The runs that it needs.
    pub(super) fn runs(&self) -> [(Subject, Run); 2] {
        [self.ours, self.other].map(|subject| (subject, self.figure.run()))
    }

    pub(super) fn compare(&self, figures: &Figures) -> Comparison {
        let samples = |subject| {
            let samples = figures.get(&(subject, self.figure));
            samples.cloned().unwrap_or_default()
        };
        let other = match self.calls {
            1 => self.other.name.to_owned(),
            calls => format!("{calls} × {}", self.other.name),
        };
        Comparison {
            measure: self.figure.name().to_owned(),
            unit: self.figure.unit(),
            ours: Side {
                who: self.ours.name.to_owned(),
                samples: samples(self.ours),
            },
            other: Side {
                who: other,
                samples: samples(self.other).scaled(f64::from(self.calls)),
            },
            goal: self.goal,
        }
    }
}
