//! How far the service goes: its functions behind a network that is as slow as AWS's, and
//! partitions that take no more than DynamoDB's.
//!
//! It backs the figures of `docs/scale.md` that matter most.

mod activity;
mod erasing;
mod network;
mod partitions;
mod recording;
mod sealing;
mod site;

use std::time::Duration;

use self::{
    erasing::Erased,
    recording::{Load, Outcome},
    sealing::Sealed,
};
use crate::{
    Error, markdown,
    samples::{digits, float},
};

/// Simulates how far the service goes.
#[derive(Debug, clap::Parser)]
pub struct Options {
    /// How long each rate of records lasts, in seconds of the simulation
    #[arg(long, default_value_t = 5)]
    record_seconds: u64,
    /// How many partners are sealed
    #[arg(long, default_value_t = 150)]
    partners: usize,
    /// How long each number of workers seals, in seconds
    #[arg(long, default_value_t = 8)]
    seal_seconds: u64,
    /// How many activities an erasure looks at
    #[arg(long, default_value_t = 300_000)]
    erase_activities: usize,
}

/// The shards of a log, and how many activities come a second.
const LOADS: [(u32, u32); 6] = [
    (1, 500),
    (1, 950),
    (1, 1_500),
    (4, 3_800),
    (4, 6_000),
    (16, 12_000),
];

const WORKERS: [usize; 2] = [1, 4];

/// How long a worker begins runs in each hour: a call's 15 minutes but the last 4.
const SEAL_SECONDS_AN_HOUR: f64 = 11.0 * 60.0;

/// How long an erasure may take, in seconds.
const ERASURE_SECONDS: f64 = 12.0 * 3_600.0;

impl Options {
    /// Simulates records in time that only passes while the service waits.
    pub async fn record(&self) -> Result<(), Error> {
        let loads = LOADS.map(|(shards, per_second)| Load {
            shards,
            per_second,
            lasts: Duration::from_secs(self.record_seconds),
        });
        let outcomes = recording::simulate(&loads).await?;
        let header = [
            "shards",
            "records a second",
            "recorded",
            "503",
            "median, ms",
            "slowest, ms",
            "executions",
        ];
        let rows: Vec<_> = outcomes.iter().map(Outcome::row).collect();
        println!("{}", markdown::table(&header, &rows));
        Ok(())
    }

    /// Simulates seals and an erasure.
    pub async fn seal_and_erase(&self) -> Result<(), Error> {
        let lasts = Duration::from_secs(self.seal_seconds);
        let sealed = sealing::simulate(self.partners, &WORKERS, lasts).await?;
        let header = ["workers", "runs", "s a run", "partners a day"];
        let rows: Vec<_> = sealed.iter().map(Sealed::row).collect();
        println!("{}", markdown::table(&header, &rows));
        let erased = erasing::simulate(self.erase_activities).await?;
        let header = [
            "erased in",
            "s a million activities",
            "activities in 12 hours",
        ];
        println!("{}", markdown::table(&header, &erased.rows()));
        Ok(())
    }
}

impl Outcome {
    fn row(&self) -> Vec<String> {
        let time = |time: Option<f64>| time.map_or("–".into(), digits);
        vec![
            self.load.shards.to_string(),
            self.load.per_second.to_string(),
            digits(self.recorded_per_second),
            format!("{:.1} %", self.refused * 100.0),
            time(self.times.median()),
            time(self.times.highest()),
            self.executions.to_string(),
        ]
    }
}

impl Sealed {
    fn row(&self) -> Vec<String> {
        vec![
            self.workers.to_string(),
            self.runs.to_string(),
            digits(self.seconds_a_run()),
            digits(self.partners_a_day(SEAL_SECONDS_AN_HOUR)),
        ]
    }
}

impl Erased {
    fn rows(&self) -> Vec<Vec<String>> {
        let row = |place: &str, took: Duration| {
            let a_million = took.as_secs_f64() * 1e6 / float(self.activities);
            let millions = ERASURE_SECONDS / a_million;
            vec![
                place.to_owned(),
                digits(a_million),
                format!("{} million", digits(millions)),
            ]
        };
        vec![
            row("segments", self.in_segments),
            row("the table's copies", self.in_copies),
        ]
    }
}
