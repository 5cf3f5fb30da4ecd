//! What the service costs on AWS: requests, units and bytes counted in a real
//! run on this machine, times the prices of `bench/prices.toml`.
//!
//! Lambda's time is not measured but assumed, as the price file says.
//! `docs/cost.md` holds the table and says what is left out of it.

mod activities;
mod bill;
mod meter;
mod prices;
mod scenario;
mod service;
mod table;
mod usage;

use self::{
    prices::{Architecture, Prices},
    scenario::Scenarios,
};
use crate::Error;

/// How long the run is.
#[derive(Debug, clap::Parser)]
pub struct Options {
    /// How many activities of each size are recorded, listed and exported
    #[arg(long, default_value_t = 20_000)]
    activities: usize,
    /// What the functions run on
    #[arg(long, value_enum, default_value_t = Architecture::Arm64)]
    architecture: Architecture,
    /// Print the calls of each request too
    #[arg(long)]
    operations: bool,
}

impl Options {
    /// Runs, counts and prints.
    pub async fn run(&self) -> Result<(), Error> {
        let prices = Prices::read()?;
        let found = Scenarios::run(self.activities, &prices).await?;
        print!("{}", table::dollars(&found, &prices, self.architecture));
        if self.operations {
            print!("{}", table::operations(&found));
        }
        Ok(())
    }
}
