//! How many partners workers seal: the function over the embedded services, slowed down.

use std::time::Duration;

use futures_util::future::try_join_all;
use serde_json::{Value, json};
use shared::aws::archive::Registry;
use tokio::time::Instant;

use super::{
    activity::activity,
    site::{Site, all_partitions},
};
use crate::{Error, request::ApiRequest, samples::float};

/// How many activities a partner records within a week.
const ACTIVITIES: usize = 20;

/// How long before the end of its call a worker begins no further run.
const STOPS_BEFORE: Duration = Duration::from_mins(4);

/// What so many workers sealed.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) workers: usize,
    pub(super) runs: usize,
    pub(super) took: Duration,
}

impl Sealed {
    /// How long a worker takes for a run.
    pub(super) fn seconds_a_run(&self) -> f64 {
        self.took.as_secs_f64() * float(self.workers) / float(self.runs.max(1))
    }

    /// How many partners are sealed a day, by workers of so many seconds an hour.
    pub(super) fn partners_a_day(&self, seconds_an_hour: f64) -> f64 {
        float(self.workers) * seconds_an_hour * 24.0 / self.seconds_a_run()
    }
}

/// Has so many partners sealed by each number of workers, one after another, each for so long.
pub(super) async fn simulate(
    partners: usize,
    workers: &[usize],
    lasts: Duration,
) -> Result<Vec<Sealed>, Error> {
    eprintln!("sealing: {partners} partners record");
    let site = Site::start(STOPS_BEFORE + lasts).await?;
    for partner in 0..partners {
        site.record(&format!("p{partner}"), ACTIVITIES).await?;
    }
    // What follows is a usual day only when the days before were sealed.
    for day in [3, 4] {
        eprintln!("sealing: day {day}");
        site.set_ahead(Duration::from_hours(24 * day));
        while site.due().await? > 0 {
            site.seal(&all_partitions()).await?;
        }
    }
    site.set_ahead(Duration::from_hours(24 * 5));
    site.network.slow_down();
    let mut sealed = Vec::new();
    for &workers in workers {
        eprintln!("sealing: {workers} workers");
        sealed.push(site.seal_with(workers).await?);
    }
    Ok(sealed)
}

impl Site {
    /// Records activities of the last days.
    async fn record(&self, partner: &str, count: usize) -> Result<(), Error> {
        let week = u64::try_from(Duration::from_hours(6 * 24).as_millis())?;
        let keyed = |_| {
            let age = Duration::from_millis(fastrand::u64(1..week));
            let mut activity = activity(self.now().minus(age));
            if let Some(fields) = activity.as_object_mut() {
                let key = fastrand::u64(..).to_string();
                fields.insert("idempotency_key".into(), key.into());
            }
            activity
        };
        let activities: Vec<Value> = (0..count).map(keyed).collect();
        let request = ApiRequest {
            function: "record",
            route: "POST /v1/activities/batch",
            partner,
            body: Some(json!({ "activities": activities })),
            ..ApiRequest::default()
        };
        self.send(&request).await?;
        Ok(())
    }

    /// How many partners are due.
    async fn due(&self) -> Result<usize, Error> {
        let registry = Registry::new(self.direct(), self.stack.config.archive_table.clone());
        let mut due = 0;
        for partition in all_partitions() {
            due += registry.due(partition, self.now()).await?.len();
        }
        Ok(due)
    }

    /// Seals with so many workers at once, until their time is up.
    async fn seal_with(&self, workers: usize) -> Result<Sealed, Error> {
        let partitions = all_partitions();
        let before = self.due().await?;
        let begin = Instant::now();
        let shares = partitions.chunks(partitions.len().div_ceil(workers));
        try_join_all(shares.map(|partitions| self.seal(partitions))).await?;
        let took = begin.elapsed();
        let left = self.due().await?;
        if left < before / 4 {
            return Err("there are too few partners for so many workers".into());
        }
        Ok(Sealed {
            workers,
            runs: before - left,
            took,
        })
    }
}
