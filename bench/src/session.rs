//! One run of a program: fresh servers, a fresh process, and the events that it answers.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use tokio::process::Child;

use crate::{
    Error,
    canned::{Counts, Options, Servers},
    process,
    runtime::{Answer, RuntimeApi},
    workbench::{ENVIRONMENT, Program, Workbench},
};

/// A program that runs.
#[derive(Debug)]
pub(crate) struct Session {
    servers: Servers,
    api: RuntimeApi,
    pub(crate) process: Child,
    started_at: Instant,
    /// When it asked for its first event.
    ready_at: Instant,
}

impl Session {
    /// Starts a program and waits until it asks for an event; valgrind counts its
    /// instructions if there is a `profile` to write.
    pub(crate) async fn start(
        bench: &Workbench<'_>,
        program: Program,
        options: Options,
        profile: Option<&Path>,
    ) -> Result<Self, Error> {
        let (shards, authority) = (options.shards, options.authority.clone());
        let servers = Servers::start(options).await?;
        let mut api = RuntimeApi::serve().await?;
        let mut command = bench.command(program, profile);
        command
            .envs(ENVIRONMENT)
            .env("AWS_LAMBDA_RUNTIME_API", api.address())
            .env("AWS_ENDPOINT_URL_DYNAMODB", servers.dynamodb.url())
            .env("AWS_ENDPOINT_URL_S3", servers.s3.url())
            .env("WRITE_SHARDS", shards.to_string())
            .envs(bench.trust(program, authority.as_deref())?);
        let started_at = Instant::now();
        let mut process = process::spawn(&mut command)?;
        let ready_at = while_alive(&mut process, api.ready()).await?;
        Ok(Self {
            servers,
            api,
            process,
            started_at,
            ready_at,
        })
    }

    /// Time from the start until the program asked for its first event.
    pub(crate) fn start_time(&self) -> Duration {
        self.ready_at - self.started_at
    }

    /// Time from the start until this answer came.
    pub(crate) fn time_to(&self, answer: &Answer) -> Duration {
        answer.at - self.started_at
    }

    /// Has an event answered.
    pub(crate) async fn call(&mut self, event: String) -> Result<Answer, Error> {
        while_alive(&mut self.process, self.api.call(event)).await
    }

    /// Ends the program; answers what it asked of the servers.
    pub(crate) async fn end(mut self) -> Result<Counts, Error> {
        process::terminate(&mut self.process).await?;
        Ok(self.servers.counts())
    }
}

/// Waits for what a process does; an error if the process ends before.
async fn while_alive<T>(
    process: &mut Child,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::select! {
        done = work => done,
        status = process.wait() => Err(format!("the process ended early: {}", status?).into()),
    }
}
