//! `local demo`: imports a year of sample activities through the public API.

use std::time::Duration;

use client::{Client, Error, NewActivity, Refusal, Retries, Token};
use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use shared::{Clock, Content, Moment};

use crate::{address::base_url, sample::Samples};

/// How many activities are recorded together.
const BATCH: usize = 100;

/// How many requests are under way at the same time.
const REQUESTS_AT_ONCE: usize = 4;

/// A service on this machine answers soon, or is not there.
const RETRIES: Retries = Retries {
    count: 4,
    first_pause: Duration::from_millis(500),
    pause_max: Duration::from_secs(5),
};

/// Whose log to fill, where it is, and with how many activities.
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// Address of the API
    #[arg(long, default_value = "http://127.0.0.1:3000", value_parser = base_url)]
    url: String,
    /// Whose log to fill
    #[arg(long, default_value = "contoso")]
    partner: String,
    /// How many activities to record
    #[arg(long, default_value_t = 2_000)]
    activities: usize,
}

/// Why the demo stopped.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain the variants")]
pub enum DemoError {
    #[error("the service failed; is `make run` running?")]
    Service(#[from] Error),
    #[error("the log of {0} is sealed up to now, so nothing can be imported")]
    Sealed(String),
    #[error("an activity was refused: {0}")]
    Refused(Refusal),
    #[error("a sample is no activity")]
    Sample(#[from] serde_json::Error),
}

impl Demo {
    /// Opens an import, records the activities with a bar that shows the progress, and
    /// closes it, so that they are sealed soon.
    pub async fn run(self) -> Result<(), DemoError> {
        let client = self.client()?;
        let bar = ProgressBar::new(self.activities as u64).with_style(style());
        let open = client.open_import(None).await?;
        let mut samples = Samples::new(Clock::system().now());
        let from = open.from.map(|from| from.timestamp_millis());
        if let Some(from) = from.and_then(Moment::from_millis) {
            let since = samples.since(from);
            samples = since.ok_or_else(|| DemoError::Sealed(self.partner.clone()))?;
        }
        let batches = (0..self.activities).step_by(BATCH).map(|start| {
            let count = BATCH.min(self.activities - start);
            (0..count).map(|_| samples.next()).collect::<Vec<_>>()
        });
        stream::iter(batches)
            .map(|batch| record(&client, batch, &bar))
            .buffer_unordered(REQUESTS_AT_ONCE)
            .try_collect::<()>()
            .await?;
        bar.finish();
        client.close_import(None).await?;
        println!(
            "Imported {} activities of {}; what is older than a week is sealed within a minute.",
            self.activities, self.partner
        );
        Ok(())
    }

    fn client(&self) -> Result<Client, DemoError> {
        let token = Token::Development {
            service: self.url.clone(),
            partner: self.partner.clone(),
            roles: "history_importer".to_owned(),
            name: "demo@localhost".to_owned(),
        };
        Ok(Client::new(&self.url, token)?.with_retries(RETRIES))
    }
}

/// Records a batch; a refused activity ends the demo.
async fn record(client: &Client, batch: Vec<Content>, bar: &ProgressBar) -> Result<(), DemoError> {
    let activities = batch.iter().map(activity).collect::<Result<Vec<_>, _>>()?;
    for result in client.record_many(&activities).await? {
        result.map_err(DemoError::Refused)?;
        bar.inc(1);
    }
    Ok(())
}

/// A sample as the client sends it, with a key of its own.
fn activity(content: &Content) -> serde_json::Result<NewActivity> {
    serde_json::from_str(&serde_json::to_string(content)?)
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:40} {pos}/{len} activities, {per_sec}, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
