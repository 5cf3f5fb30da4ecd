//! What a start and a call of `record` and `list` cost.
//!
//! The binaries run as Lambda runs them: each a process that asks a runtime API
//! for events, here a canned one. Beside them run the least that could do it and
//! what one would write instead. Instructions are counted by valgrind.

mod counted;
mod entrant;
mod figure;
mod looped;
mod rows;
mod runtime;
mod session;
mod size;
mod table;
mod workload;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use tempfile::TempDir;

pub use self::looped::Looped;
use self::{
    entrant::Entrant,
    figure::{Figure, Transport, Way},
    rows::{ROWS, Row},
    session::Session,
};
use crate::{
    Error,
    plan::{Others, beside, is_wanted},
    samples::Samples,
};

/// How much is measured, and with what.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Settings {
    /// Rounds in which every start and its calls are measured once
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Rounds in which instructions are counted, which vary little
    #[arg(long, default_value_t = 3)]
    counted_rounds: u32,
    /// Calls of a round that are measured; half as many come before them
    #[arg(long, default_value_t = 1_000)]
    calls: u32,
    /// Where the functions' binaries are; beside this one unless told
    #[arg(long)]
    functions: Option<PathBuf>,
    /// What counts instructions
    #[arg(long, default_value = "/usr/bin/valgrind")]
    valgrind: PathBuf,
    /// Keep valgrind's profiles in this folder, for `callgrind_annotate`
    #[arg(long)]
    profiles: Option<PathBuf>,
}

/// What is measured with, once for all runs.
struct Bench<'a> {
    settings: &'a Settings,
    others: Others<'a>,
    functions: PathBuf,
    /// Files that a run writes.
    work: TempDir,
}

type Figures = BTreeMap<(Entrant, Figure), Samples>;

impl Settings {
    /// Measures the rows whose name holds one of the texts in `only`, and prints them.
    pub async fn run(&self, only: &[String], others: &Others<'_>) -> Result<(), Error> {
        let rows: Vec<_> = ROWS
            .iter()
            .filter(|row| is_wanted(row.name, only))
            .collect();
        let bench = Bench {
            functions: self.functions()?,
            settings: self,
            others: *others,
            work: TempDir::new()?,
        };
        let figures = bench.figures(&rows).await?;
        let mut lines: Vec<_> = rows.iter().map(|row| row.line(&figures)).collect();
        lines.extend(size::lines(&bench.functions, only)?);
        if !lines.is_empty() {
            println!("{}", table::of(&lines));
        }
        Ok(())
    }

    fn functions(&self) -> Result<PathBuf, Error> {
        self.functions.clone().map_or_else(beside, Ok)
    }

    fn rounds_of(&self, way: Way) -> u32 {
        if way.is_counted() {
            self.counted_rounds
        } else {
            self.rounds
        }
    }
}

fn add(figures: &mut Figures, entrant: Entrant, found: Vec<(Figure, f64)>) {
    for (figure, value) in found {
        figures.entry((entrant, figure)).or_default().add(value);
    }
}

impl Bench<'_> {
    async fn figures(&self, rows: &[&Row]) -> Result<Figures, Error> {
        let mut runs: BTreeSet<_> = rows.iter().flat_map(|row| row.runs()).collect();
        let valgrind = &self.settings.valgrind;
        if !valgrind.exists() && runs.iter().any(|(way, _)| way.is_counted()) {
            println!("There is no {}: no instructions.", valgrind.display());
            runs.retain(|(way, _)| !way.is_counted());
        }
        let mut figures = Figures::new();
        for round in 1..=self.settings.rounds.max(self.settings.counted_rounds) {
            // Not every peer trusts the bench's authority; such a one is not asked twice.
            let mut trusting = runs.clone();
            for &(way, entrant) in &runs {
                if round > self.settings.rounds_of(way) {
                    continue;
                }
                eprintln!("round {round}: {}, {way:?}", entrant.name);
                match self.measure(way, entrant).await {
                    Ok(found) => add(&mut figures, entrant, found),
                    Err(error) if way.transport() == Transport::Tls && entrant.is_peer() => {
                        println!("{}, {way:?}: {}", entrant.name, crate::chain(&error));
                        trusting.remove(&(way, entrant));
                    }
                    Err(error) => return Err(entrant.failed(&error)),
                }
            }
            runs = trusting;
        }
        Ok(figures)
    }

    async fn measure(&self, way: Way, entrant: Entrant) -> Result<Vec<(Figure, f64)>, Error> {
        match way {
            Way::Http => self.timed(entrant).await,
            Way::Tls => self.first(entrant).await,
            Way::Hot => self.admitted(entrant).await,
            Way::CountedNext => {
                self.started(Figure::NextInstructions, way, entrant, 0)
                    .await
            }
            Way::CountedFirst => {
                self.started(Figure::FirstInstructions, way, entrant, 1)
                    .await
            }
            Way::CountedFirstTls => {
                let figure = Figure::FirstInstructionsTls;
                self.started(figure, way, entrant, 1).await
            }
            Way::CountedCalls => {
                let few = self.count(entrant, Transport::Http, FEW).await?;
                let many = self.count(entrant, Transport::Http, MANY).await?;
                let each = (many - few) / f64::from(MANY - FEW);
                Ok(vec![(Figure::CallInstructions, each)])
            }
        }
    }

    /// The instructions of a start and so many calls.
    async fn started(
        &self,
        figure: Figure,
        way: Way,
        entrant: Entrant,
        calls: u32,
    ) -> Result<Vec<(Figure, f64)>, Error> {
        let count = self.count(entrant, way.transport(), calls).await?;
        Ok(vec![(figure, count)])
    }

    async fn first(&self, entrant: Entrant) -> Result<Vec<(Figure, f64)>, Error> {
        let mut session = Session::start(self, entrant, Transport::Tls, None).await?;
        let first = session.call().await?;
        session.end().await?;
        Ok(vec![(Figure::FirstTls, first.as_secs_f64())])
    }

    async fn admitted(&self, entrant: Entrant) -> Result<Vec<(Figure, f64)>, Error> {
        let mut session = Session::start(self, entrant, Transport::Http, None).await?;
        let every = session.timed(ADMITTED).await? / ADMITTED;
        session.end().await?;
        Ok(vec![(Figure::Admitted, every.as_secs_f64())])
    }

    async fn timed(&self, entrant: Entrant) -> Result<Vec<(Figure, f64)>, Error> {
        let calls = self.settings.calls;
        let mut session = Session::start(self, entrant, Transport::Http, None).await?;
        let next = session.started_within();
        let first = session.call().await?;
        session.calls(calls / 2).await?;
        let before = session.cpu()?;
        session.calls(calls).await?;
        let each = session.cpu()?.saturating_sub(before).as_secs_f64() / f64::from(calls.max(1));
        let peak = session.peak_mebibytes()?;
        session.end().await?;
        Ok(vec![
            (Figure::Next, next.as_secs_f64()),
            (Figure::First, first.as_secs_f64()),
            (Figure::CallCpu, each),
            (Figure::Peak, peak),
        ])
    }
}

/// So many writes of a hot partner are waited for.
const ADMITTED: u32 = 4_000;

/// A warm call's instructions are the difference between so many calls and so many.
const FEW: u32 = 5;
/// See [`FEW`].
const MANY: u32 = 25;
