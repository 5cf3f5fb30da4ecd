//! What it costs to seal a year, and to ask a log that is sealed.

mod ask;
mod question;
mod seal;
mod year;

use serde::{Deserialize, Serialize};
use shared::{
    Moment,
    aws::archive::{Head, SegmentItem},
};

pub use self::year::{Details, Year};
use crate::{
    Error,
    comparison::{Comparison, Side},
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

/// Seals years, and asks the one whose activities have 0.7 kB of JSON.
pub async fn compare(bench: &Workbench<'_>) -> Result<Vec<Comparison>, Error> {
    let sealed = seal::measure(bench).await?;
    let mut comparisons = sealed.comparisons;
    comparisons.extend(ask::measure(bench, &sealed.archive, &sealed.answer).await?);
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
