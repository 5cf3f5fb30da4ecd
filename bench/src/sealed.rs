//! What it costs to seal a year, and to ask a log that is sealed.

mod ask;
mod export;
mod question;
mod seal;
mod year;

use std::time::Duration;

use activity_log::Log;
use aws_config::SdkConfig;
use aws_sdk_s3::Client as S3;
use serde::{Deserialize, Serialize};
use shared::{
    ActivityStore, Config, Moment,
    aws::{
        archive::{ArchiveStore, Head, SegmentItem},
        sdk,
    },
};

pub(crate) use self::year::change;
pub use self::year::{Details, Year};
use crate::{
    Error,
    comparison::{Comparison, Side},
    names::{ARCHIVE, BUCKET},
    samples::Samples,
    workbench::Workbench,
};

/// What the sealer is asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    /// The end of the year.
    pub to: Moment,
    /// How many entries it has.
    pub entries: u64,
    /// How large their details are.
    pub details: Details,
    /// Whether segments are written, or their rows made only.
    pub seal: bool,
}

/// What the sealer answers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Answer {
    /// How much is sealed.
    pub head: Option<Head>,
    /// The segments.
    pub segments: Vec<SegmentItem>,
    /// The customer with the fewest entries.
    pub rare_customer: String,
    /// The activity in the middle of the year.
    pub activity_id: String,
    /// What it was done to.
    pub resource_id: String,
}

/// The log in the table and the archive.
pub fn log(sdk: &SdkConfig, config: &Config) -> Log {
    let dynamodb = sdk::dynamodb(sdk);
    let archive = ArchiveStore::new(
        dynamodb.clone(),
        ARCHIVE.to_owned(),
        S3::new(sdk),
        BUCKET.to_owned(),
    );
    Log::new(ActivityStore::new(dynamodb, config), Some(archive))
}

/// A range ends a millisecond behind its last entry.
const MILLISECOND: Duration = Duration::from_millis(1);

/// Seals years, and asks the one whose activities have 0.7 kB of JSON.
pub async fn compare(bench: &Workbench<'_>) -> Result<Vec<Comparison>, Error> {
    let sealed = seal::measure(bench).await?;
    let mut comparisons = sealed.comparisons;
    comparisons.extend(ask::measure(bench, &sealed.archive, &sealed.answer).await?);
    comparisons.extend(export::measure(bench, &sealed.archive, &sealed.answer).await?);
    Ok(comparisons)
}

/// A figure beside the most that it may be.
fn limited(
    measure: &str,
    unit: &'static str,
    who: &str,
    samples: Samples,
    limit: f64,
) -> Comparison {
    let side = |who: &str, samples| Side {
        who: who.to_owned(),
        samples,
    };
    Comparison {
        measure: measure.to_owned(),
        unit,
        ours: side(who, samples),
        other: side("limit", Samples::one(limit)),
        goal: Some(1.0),
    }
}
