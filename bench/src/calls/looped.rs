//! The same call again and again, without Lambda's protocol: the bare loops, and
//! `record` with many callers at once.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use lambda_http::{Request, request};
use record::App;
use shared::{Clock, Config, aws::sdk};
use tokio::{
    io::{AsyncBufReadExt, BufReader, stdin},
    time::sleep,
};

use super::workload::{self, Workload};
use crate::{Error, names::PARTNER, raw::Raw};

/// What is done again and again.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Looped {
    /// Put an activity.
    Put,
    /// Query a page of 100 and write it as JSON.
    Query,
    /// Record, with many callers at once who try until it is done.
    Record,
}

/// So many callers record at once: enough to ask for far more than is admitted.
pub(super) const CALLERS: usize = 400;

/// A caller who is refused waits so long: who asked again at once would only
/// measure how fast DynamoDB refuses.
const PATIENCE: Duration = Duration::from_millis(100);

impl Looped {
    /// Reads how many calls to do, line by line, and says when they are done.
    pub async fn run(self) -> Result<(), Error> {
        match self {
            Self::Put => {
                let (raw, form) = (Raw::load().await, workload::form()?);
                one_by_one(async || raw.put(PARTNER, &form).await).await
            }
            Self::Query => {
                let raw = Raw::load().await;
                one_by_one(async || raw.page(PARTNER).await).await
            }
            Self::Record => {
                let (app, event) = (app().await?, Workload::Record.event()?);
                let request = request::from_str(&event)?;
                each_line(async |calls| {
                    // Nobody waits for those who wait for their turn when it is over.
                    let recorded = stream::repeat(()).map(|()| until_recorded(&app, &request));
                    let recorded = recorded.buffer_unordered(CALLERS);
                    recorded.take(calls as usize).try_collect().await
                })
                .await
            }
        }
    }
}

async fn one_by_one(call: impl AsyncFn() -> Result<String, Error>) -> Result<(), Error> {
    each_line(async |calls| {
        for _ in 0..calls {
            call().await?;
        }
        Ok(())
    })
    .await
}

async fn each_line(work: impl AsyncFn(u32) -> Result<(), Error>) -> Result<(), Error> {
    let mut lines = BufReader::new(stdin()).lines();
    println!("0");
    while let Some(line) = lines.next_line().await? {
        let calls = line.parse()?;
        work(calls).await?;
        println!("{calls}");
    }
    Ok(())
}

async fn app() -> Result<App, Error> {
    let config = Config::from_env()?;
    let sdk = sdk::config(&config).await?;
    Ok(App::new(&sdk, config, Clock::system()))
}

/// Records an activity of its own, again if DynamoDB takes no more for now.
async fn until_recorded(app: &App, request: &Request) -> Result<(), Error> {
    loop {
        let answer = record::handle(app, request).await;
        match answer.status().as_u16() {
            201 => return Ok(()),
            503 => sleep(PATIENCE).await,
            other => return Err(format!("record answers {other}").into()),
        }
    }
}
