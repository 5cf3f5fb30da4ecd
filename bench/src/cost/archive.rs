//! What sealing uses, and what a million uses that is kept for years.

use std::time::Duration;

use super::{
    activities::Size,
    scenario::{Action, Age, Run, Scenario, TOO_OLD_AFTER},
    usage::Usage,
};
use crate::{Error, samples::float};

/// For how many days a table that forgets keeps what is sealed.
pub(super) const HOT_DAYS: u32 = 14;

/// Longer than the margin of a seal on one machine.
const MARGIN: Duration = Duration::from_mins(1);

const DAY: Duration = Duration::from_hours(24);

/// How many activities a partner with few has a day.
pub(super) const FEW: usize = 10;

/// The days that are counted of such a partner; before them nothing is sealed yet.
const COUNTED_DAYS: std::ops::Range<u32> = 10..15;

/// What keeping a million takes.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) size: Size,
    /// The average size of an item in the table.
    pub(super) item_bytes: usize,
    /// The average size of an activity in a segment.
    pub(super) segment_bytes: f64,
    pub(super) seal: Usage,
    /// With `HOT_DAYS`.
    pub(super) seal_and_forget: Usage,
}

impl Run<'_> {
    /// Seals so many activities, which are all that the log has.
    pub(super) async fn seal(&mut self, count: usize) -> Result<Scenario, Error> {
        // The first run closes the log, and the second one seals it.
        self.service.seal(0.0).await?;
        self.service.set_ahead(TOO_OLD_AFTER + MARGIN);
        self.service.take();
        let (assumed, forgets) = (&self.prices.assumed, self.service.forgets());
        let rows = float(count);
        let mut seconds = rows / assumed.seal_rows_per_second;
        if forgets {
            seconds += rows / assumed.copies_per_second;
        }
        self.service.seal(seconds).await?;
        self.age = Age::Sealed;
        Ok(self.scenario(Action::Seal { forgets }, count))
    }

    /// Records activities in batches, lets them get too old, and seals them.
    pub(super) async fn record_and_seal(mut self, count: usize) -> Result<Scenario, Error> {
        self.record_batches(100, count.div_ceil(100), 0.0).await?;
        self.service.set_ahead(TOO_OLD_AFTER);
        self.seal(count).await
    }

    /// How many bytes of segments an activity has.
    pub(super) fn segment_bytes(&self, count: usize) -> Result<f64, Error> {
        Ok(float(usize::try_from(self.service.archived_bytes()?)?) / float(count.max(1)))
    }

    /// What sealing uses on a day on which a partner had few activities.
    pub(super) async fn day(mut self) -> Result<Usage, Error> {
        let mut counted = Usage::default();
        let seconds = self.prices.assumed.seal_run_ms / 1e3;
        for day in 0..COUNTED_DAYS.end {
            self.service.set_ahead(DAY * day);
            self.activities.move_to(self.service.now());
            self.record_batches(FEW, 1, 0.0).await?;
            self.service.take();
            self.service.seal(seconds).await?;
            let used = self.service.take();
            // To ask who is due costs the same for any number of partners.
            self.service.seal(0.0).await?;
            let asked = self.service.take();
            if COUNTED_DAYS.contains(&day) {
                counted += used;
                counted += asked.times(-1.0);
            }
        }
        Ok(counted.times(1.0 / f64::from(COUNTED_DAYS.end - COUNTED_DAYS.start)))
    }
}
