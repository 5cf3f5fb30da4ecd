//! What the sealer is asked for, and what it answers.

use serde::{Deserialize, Serialize};
use shared::{
    Moment, TimeRange,
    aws::archive::{Head, SegmentItem},
};

use super::year::Details;
use crate::Error;

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

impl Answer {
    /// The head; there is one if anything was sealed.
    pub(crate) fn head(&self) -> Result<&Head, Error> {
        self.head
            .as_ref()
            .ok_or_else(|| "nothing was sealed".into())
    }

    /// From the first entry to the last one.
    pub(crate) fn range(&self) -> Result<TimeRange, Error> {
        let first = self.segments.first().ok_or("there are no segments")?;
        let to = self
            .head()?
            .extent()
            .ok_or("nothing was sealed")?
            .sealed_to
            .plus(std::time::Duration::from_millis(1));
        let range = TimeRange::new(first.first.occurred_at(), to);
        range.ok_or_else(|| "the range is reversed".into())
    }
}
