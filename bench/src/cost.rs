//! What the service costs on AWS: requests, units and bytes counted in a real
//! run on this machine, times the prices of `bench/prices.toml`.
//!
//! Lambda's time is not measured but assumed, as the price file says.
//! `docs/cost.md` says how the figures are reckoned and what is left out of them.

mod activities;
mod archive;
mod bill;
mod meter;
mod prices;
mod scenario;
mod scenarios;
mod service;
mod table;
mod usage;

use self::{
    activities::Size,
    archive::{Kept, Years},
    prices::Prices,
    scenarios::Scenarios,
};
use crate::{
    Error,
    comparison::{Comparison, Side},
    samples::Samples,
};

/// Counts what the service uses in a run on this machine, and prices it.
#[derive(Debug, clap::Parser)]
pub struct Options {
    /// How many activities of each size are recorded, listed and exported
    #[arg(long, default_value_t = 20_000)]
    activities: usize,
}

/// How many times less than in the table alone a million small ones are to cost with
/// `HOT_DAYS`, by the years for which they are kept.
const GOALS: [(u32, f64); 2] = [(1, 5.0), (7, 30.0)];

/// Enough for one segment, and for what is the same for any number not to weigh.
const COMPARED: usize = 3_000;

/// What years cost beside the table alone.
pub(crate) async fn compare() -> Result<[Comparison; 2], Error> {
    let prices = Prices::read()?;
    let kept = Kept::count(Size::Small, COMPARED, &prices).await?;
    Ok(GOALS.map(|(years, times)| {
        let Years { alone, hot, .. } = kept.years(years, &prices);
        Comparison {
            measure: format!("a million small ones, kept for {years} years"),
            unit: "$",
            ours: Side::new("`HOT_DAYS` 14", Samples::one(hot)),
            other: Side::new("table", Samples::one(alone)),
            goal: Some(1.0 / times),
        }
    }))
}

impl Options {
    /// Runs the scenarios and prints the tables of dollars.
    pub async fn run(&self) -> Result<(), Error> {
        let prices = Prices::read()?;
        let scenarios = Scenarios::run(self.activities, &prices).await?;
        print!("{}", table::dollars(&scenarios, &prices));
        Ok(())
    }
}
