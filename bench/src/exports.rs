//! What an export costs: each entrant at each number of entries, then into a slow
//! bucket.

mod entrant;
mod report;

use std::process::ExitCode;

use self::{
    entrant::{ALL, Entrant, Rows, SLOWED},
    report::{Check, Line},
};
use crate::{
    Error,
    canned::Options,
    measure::measure,
    plan::{Others, is_wanted},
};

/// How much is measured.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Settings {
    /// Numbers of entries
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000])]
    entries: Vec<u64>,
    /// Entries of the export into a slow bucket; 0 leaves it out
    #[arg(long, default_value_t = 50_000)]
    slow_entries: u64,
    /// Bytes that the slow bucket takes each second
    #[arg(long, default_value_t = 1_000_000)]
    slow_bytes_per_second: u64,
    /// Rounds in which every export is measured once
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    export_rounds: u32,
}

/// An export that is measured, once in each round.
#[derive(Debug)]
struct Run {
    entrant: Entrant,
    entries: u64,
    /// How fast the bucket is; measured in one round only.
    bytes_per_second: Option<u64>,
}

impl Run {
    fn options(&self) -> Options {
        Options {
            entries: self.entries,
            request: self.entrant.request.into(),
            bytes_per_second: self.bytes_per_second,
            without_details: self.entrant.rows == Rows::Small,
            ..Options::default()
        }
    }

    /// The same again in the binary that counts; its times are not used.
    async fn allocations(&self, others: &Others<'_>) -> Result<Option<u64>, Error> {
        let (Some(program), None) = (self.entrant.counted()?, self.bytes_per_second) else {
            return Ok(None);
        };
        let name = self.entrant.name;
        eprintln!("allocations: {name}, {} entries", self.entries);
        let measured = measure(&program, others.roots, &self.options()).await?;
        Ok(measured.allocations)
    }
}

impl Settings {
    /// Measures those whose name holds one of the texts in `only`, prints the table
    /// and the checks; fails if a check does.
    pub async fn run(&self, only: &[String], others: &Others<'_>) -> Result<ExitCode, Error> {
        let runs = self.runs(only);
        if runs.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        let lines = self.lines(&runs, others).await?;
        println!("{}", report::table(&lines));
        for goal in report::goals(&lines) {
            println!("{goal}");
        }
        let checks = report::checks(&lines);
        for check in &checks {
            println!("{check}");
        }
        if checks.iter().all(Check::passes) {
            Ok(ExitCode::SUCCESS)
        } else {
            Ok(ExitCode::FAILURE)
        }
    }

    fn runs(&self, only: &[String]) -> Vec<Run> {
        let at = |entries: u64| {
            ALL.map(move |entrant| Run {
                entrant,
                entries: entries.min(entrant.entries_max),
                bytes_per_second: None,
            })
        };
        let slowed = Run {
            entrant: SLOWED,
            entries: self.slow_entries,
            bytes_per_second: Some(self.slow_bytes_per_second),
        };
        let all = self.entries.iter().copied().flat_map(at).chain([slowed]);
        all.filter(|run| run.entries > 0 && is_wanted(run.entrant.name, only))
            .collect()
    }

    async fn lines(&self, runs: &[Run], others: &Others<'_>) -> Result<Vec<Line>, Error> {
        let line = |run: &Run| Line::new(run.entrant, run.entries);
        let mut lines: Vec<_> = runs.iter().map(line).collect();
        for round in 1..=self.export_rounds {
            for (run, line) in runs.iter().zip(&mut lines) {
                if run.bytes_per_second.is_none() || round == 1 {
                    let name = run.entrant.name;
                    eprintln!("round {round}: {name}, {} entries", run.entries);
                    let program = run.entrant.program(others)?;
                    line.add(&measure(&program, others.roots, &run.options()).await?);
                }
            }
        }
        for (run, line) in runs.iter().zip(&mut lines) {
            line.allocations = run.allocations(others).await?;
        }
        Ok(lines)
    }
}
