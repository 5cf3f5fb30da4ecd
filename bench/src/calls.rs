//! What starts and calls of `record` and `list` cost, beside the least function,
//! the plain handler and boto3's.

mod figure;
mod measure;
mod rows;
mod subject;
mod workload;

use std::collections::BTreeSet;

use shared::model::error::chain;

use self::{
    figure::{Figures, Run},
    rows::{ROWS, Row},
    subject::Subject,
};
use crate::{Error, comparison::Comparison, workbench::Workbench};

/// Measures all subjects in turn, round by round, and compares them.
pub async fn compare(bench: &Workbench<'_>) -> Result<Vec<Comparison>, Error> {
    let runs = runs(bench);
    let mut figures = Figures::new();
    let settings = bench.settings;
    for round in 1..=settings.rounds.max(settings.counted_rounds) {
        for &(subject, run) in &runs {
            let rounds = match run {
                Run::Timed => settings.rounds,
                Run::Counted(_) => settings.counted_rounds,
            };
            if round > rounds {
                continue;
            }
            eprintln!("round {round}: {}, {run:?}", subject.name);
            let found = measure::measure(bench, &subject, run).await;
            let found = found.map_err(|error| format!("{}: {}", subject.name, chain(&*error)))?;
            for (figure, value) in found {
                figures.entry((subject, figure)).or_default().add(value);
            }
        }
    }
    Ok(ROWS.iter().map(|row| row.compare(&figures)).collect())
}

/// The runs that yield the figures of all rows.
fn runs(bench: &Workbench<'_>) -> BTreeSet<(Subject, Run)> {
    let mut runs: BTreeSet<_> = ROWS.iter().flat_map(Row::runs).collect();
    let valgrind = &bench.settings.valgrind;
    if !valgrind.exists() {
        println!(
            "There is no {}: instructions are not counted.\n",
            valgrind.display()
        );
        runs.retain(|(_, run)| *run == Run::Timed);
    }
    runs
}
