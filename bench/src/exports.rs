//! What an export costs: by each writer for each number of entries, and into a slow
//! bucket.

mod checks;
mod export;
mod writer;

use shared::model::error::chain;

use self::{
    export::Export,
    writer::{CSV, PAIRS, WRITERS, Writer},
};
use crate::{
    Error,
    comparison::{Check, Comparison, Side},
    samples::Samples,
    settings::Settings,
    workbench::Workbench,
};

/// What all exports cost.
#[derive(Debug)]
pub struct Exports(Vec<Export>);

/// Measures all exports in turn, round by round.
pub async fn measure(bench: &Workbench<'_>) -> Result<Exports, Error> {
    let mut exports = planned(bench.settings);
    for round in 1..=bench.settings.export_rounds {
        for export in &mut exports {
            if export.is_slow && round > 1 {
                continue;
            }
            eprintln!("round {round}: {}", export.name());
            let measured = export.measure(bench).await;
            measured.map_err(|error| format!("{}: {}", export.name(), chain(&*error)))?;
        }
    }
    Ok(Exports(exports))
}

/// The exports, of which nothing is known yet.
fn planned(settings: &Settings) -> Vec<Export> {
    let mut exports = Vec::new();
    for &entries in &settings.entries {
        let writers = WRITERS.iter().filter(|it| entries <= it.entries_max);
        exports.extend(writers.map(|writer| Export::new(*writer, entries, false)));
    }
    if settings.slow_entries > 0 {
        exports.push(Export::new(CSV, settings.slow_entries, true));
    }
    exports
}

impl Exports {
    /// CPU time and memory of each pair, for each number of rows.
    pub fn comparisons(&self) -> Vec<Comparison> {
        let mut comparisons = Vec::new();
        for ours in self.0.iter().filter(|export| !export.is_slow) {
            for pair in PAIRS.iter().filter(|pair| pair.ours == ours.writer) {
                if let Some(other) = self.find(&pair.other, ours.entries) {
                    comparisons.extend(compare(ours, other, pair.goal));
                }
            }
        }
        comparisons
    }

    fn find(&self, writer: &Writer, entries: u64) -> Option<&Export> {
        let mut exports = self.0.iter().filter(|export| !export.is_slow);
        exports.find(|export| export.writer == *writer && export.entries == entries)
    }

    /// What must hold of memory and files.
    pub fn checks(&self) -> Vec<Check> {
        checks::of(&self.0)
    }
}

fn compare(ours: &Export, other: &Export, goal: Option<f64>) -> [Comparison; 2] {
    let comparison = |measure: &str, unit, samples: fn(&Export) -> &Samples, goal| Comparison {
        measure: format!("export of {} rows, {measure}", ours.entries),
        unit,
        ours: side(ours, samples),
        other: side(other, samples),
        goal,
    };
    [
        comparison(
            "time a row",
            "CPU µs",
            |it| &it.cpu_microseconds_a_row,
            goal,
        ),
        comparison("peak memory", "MiB", |it| &it.peak_mebibytes, None),
    ]
}

fn side(export: &Export, samples: fn(&Export) -> &Samples) -> Side {
    Side::new(export.writer.name, samples(export).clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_of_as_many_rows_are_compared() {
        let mut exports = Exports(Vec::new());
        for (entries, cpu) in [(100, 5.0), (1_000, 4.0)] {
            for (writer, times) in [(CSV, 1.0), (PAIRS[0].other, 2.0)] {
                let mut export = Export::new(writer, entries, false);
                export.cpu_microseconds_a_row.add(cpu * times);
                export.peak_mebibytes.add(30.0);
                exports.0.push(export);
            }
        }
        let table = crate::comparison::table(&exports.comparisons());
        let row = "| export of 1000 rows, time a row | CPU µs | csv, raw | 4.00 | plain loop | 8.00 | 0.500 |";
        assert!(table.contains(row), "{table}");
        assert!(
            table.ends_with("2 of 2 measured goals are held.\n"),
            "{table}"
        );
    }
}
