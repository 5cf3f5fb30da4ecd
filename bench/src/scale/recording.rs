//! Records of one partner at rising rates, in simulated time.
//!
//! Time passes only while the service waits, so the processor of this machine has no part in
//! the figures. As on Lambda, an execution has one request at a time, and a request that
//! finds none free gets a new one.

use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use aws_config::{Region, SdkConfig};
use futures_util::{StreamExt, stream::FuturesUnordered};
use local::{Options, Stack};
use shared::{Clock, Config, aws::sdk};
use tokio::time::{Instant, sleep_until};

use super::{
    activity::activity,
    network::{Behind, Network},
};
use crate::{
    Error,
    request::ApiRequest,
    samples::{Samples, float},
};

/// How one partner's activities come in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    /// Over how many shards the log is spread.
    pub(super) shards: u32,
    /// How many activities come a second, one a request.
    pub(super) per_second: u32,
    /// For how long.
    pub(super) lasts: Duration,
}

/// What became of them.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) load: Load,
    /// How many were recorded a second.
    pub(super) recorded_per_second: f64,
    /// The part of the requests that was answered with 503.
    pub(super) refused: f64,
    /// How long the answers took, in milliseconds.
    pub(super) times: Samples,
    /// The most requests that were under way at once; each has an execution.
    pub(super) executions: usize,
}

/// Simulates each load, with a service of its own.
pub(super) async fn simulate(loads: &[Load]) -> Result<Vec<Outcome>, Error> {
    let mut outcomes = Vec::new();
    for load in loads {
        eprintln!(
            "recording: {} a second, {} shards",
            load.per_second, load.shards
        );
        outcomes.push(Recording::start(*load).await?.run().await?);
    }
    Ok(outcomes)
}

struct Recording {
    load: Load,
    sdk: SdkConfig,
    config: Config,
    idle: RefCell<Vec<record::App>>,
    executions: Cell<usize>,
    /// Its servers are not asked, but its configuration is the service's.
    _stack: Stack,
}

impl Recording {
    async fn start(load: Load) -> Result<Self, Error> {
        let shards = ("WRITE_SHARDS".to_owned(), load.shards.to_string());
        let stack = Stack::start(Options {
            variables: [shards].into(),
            ..Options::in_memory()
        });
        let stack = stack.await?;
        let network = Network::new(Behind::Anything);
        network.slow_down();
        // A stack's own clients retry sooner than those on AWS.
        let functions_sdk = stack.sdk.to_builder().http_client(network.client());
        Ok(Self {
            load,
            sdk: functions_sdk
                .retry_config(sdk::retries_of_requests())
                .build(),
            config: stack.config.clone(),
            idle: RefCell::default(),
            executions: Cell::new(0),
            _stack: stack,
        })
    }

    async fn run(&self) -> Result<Outcome, Error> {
        tokio::time::pause();
        let (begin, pause) = (
            Instant::now(),
            Duration::from_secs(1) / self.load.per_second,
        );
        let count = float(self.load.per_second) * self.load.lasts.as_secs_f64();
        let (mut requests, mut answers) = (FuturesUnordered::new(), Vec::new());
        let mut number = 0;
        while float(number) < count {
            tokio::select! {
                () = sleep_until(begin + pause * number) => {
                    number += 1;
                    requests.push(self.record());
                }
                Some(answer) = requests.next() => answers.push(answer?),
            }
        }
        while let Some(answer) = requests.next().await {
            answers.push(answer?);
        }
        tokio::time::resume();
        Ok(self.outcome(&answers))
    }

    /// Records one activity; returns the status, and when and after how long it came.
    async fn record(&self) -> Result<Answer, Error> {
        let idle = self.idle.borrow_mut().pop();
        let app = idle.unwrap_or_else(|| self.new_execution());
        let request = ApiRequest {
            route: "POST /v1/activities",
            partner: "contoso",
            body: Some(activity(app.clock.now())),
            ..ApiRequest::default()
        };
        let request = lambda_http::request::from_str(&request.event()?.to_string())?;
        let begin = Instant::now();
        let status = record::handle(&app, &request).await.status().as_u16();
        self.idle.borrow_mut().push(app);
        match status {
            201 | 503 => Ok(Answer {
                is_recorded: status == 201,
                took: begin.elapsed(),
            }),
            _ => Err(format!("a record was answered with {status}").into()),
        }
    }

    /// A process of its own: one that saves up retries for itself, which the SDK counts for
    /// each region.
    fn new_execution(&self) -> record::App {
        self.executions.set(self.executions.get() + 1);
        let region = Region::new(format!("simulated-{}", self.executions.get()));
        let sdk = self.sdk.to_builder().region(region).build();
        record::App::new(&sdk, self.config.clone(), Clock::system())
    }

    fn outcome(&self, answers: &[Answer]) -> Outcome {
        let recorded = answers.iter().filter(|answer| answer.is_recorded).count();
        let mut times = Samples::default();
        for answer in answers {
            times.add(answer.took.as_secs_f64() * 1e3);
        }
        Outcome {
            load: self.load,
            recorded_per_second: float(recorded) / self.load.lasts.as_secs_f64(),
            refused: 1.0 - float(recorded) / float(answers.len().max(1)),
            times,
            executions: self.executions.get(),
        }
    }
}

/// The answer to a record.
struct Answer {
    is_recorded: bool,
    took: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_log_takes_what_its_shards_take() {
        let load = |shards, per_second| Load {
            shards,
            per_second,
            lasts: Duration::from_secs(2),
        };
        let loads = [load(1, 900), load(1, 2_000), load(2, 1_600)];
        let outcomes = simulate(&loads).await.unwrap();
        let [below, above, sharded] = outcomes.as_slice() else {
            panic!("an outcome for each load");
        };
        for within in [below, sharded] {
            assert!(within.refused == 0.0, "{within:?}");
        }
        // A second's units are there at the begin.
        assert!(above.recorded_per_second < 1_700.0, "{above:?}");
        assert!(above.refused > 0.1, "{above:?}");
    }
}
