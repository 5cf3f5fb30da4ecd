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
mod service;
mod table;
mod usage;

use self::{prices::Prices, scenario::Scenarios};
use crate::Error;

/// Counts what the service uses in a run on this machine, and prices it.
#[derive(Debug, clap::Parser)]
pub struct Options {
    /// How many activities of each size are recorded, listed and exported
    #[arg(long, default_value_t = 20_000)]
    activities: usize,
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
