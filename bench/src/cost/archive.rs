//! What sealing uses, and what a million uses that is kept for years.

use std::time::Duration;

use super::{
    activities::Size,
    bill::{self, Bill},
    prices::Prices,
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

/// What a million costs for some years, without what recording costs.
#[derive(Debug)]
pub(super) struct Years {
    /// In the table of activities alone.
    pub(super) alone: f64,
    /// With an archive beside a table that keeps everything.
    pub(super) beside: f64,
    /// With `HOT_DAYS`.
    pub(super) hot: f64,
}

/// How many days after it was recorded an activity is sealed, or a little less.
const SEALED_AFTER_DAYS: f64 = 9.0;

const DAYS_OF_MONTH: f64 = 365.0 / 12.0;

impl Kept {
    /// Counts what so many activities take, on two services of their own.
    pub(super) async fn count(
        size: Size,
        activities: usize,
        prices: &Prices,
    ) -> Result<Self, Error> {
        let mut run = Run::start(1, 0, size, prices).await?;
        run.record_batches(100, activities.div_ceil(100), 0.0)
            .await?;
        run.get_too_old();
        let seal = run.seal(activities).await?;
        let forgets = Run::start(1, HOT_DAYS, size, prices).await?;
        let forgets = forgets.record_and_seal(activities).await?;
        Ok(Self {
            size,
            item_bytes: run.service.meter.item_bytes(size.partner()),
            segment_bytes: run.segment_bytes(activities)?,
            seal: seal.per_million,
            seal_and_forget: forgets.per_million,
        })
    }

    /// What they cost for so many years.
    pub(super) fn years(&self, years: u32, prices: &Prices) -> Years {
        let months = f64::from(years * 12);
        let table: f64 = bill::storage(self.item_bytes, prices).iter().sum();
        let archive = bill::archived(self.segment_bytes, prices) * months;
        let [seal, forget] =
            [&self.seal, &self.seal_and_forget].map(|usage| Bill::new(usage, prices).total());
        let hot_months = (SEALED_AFTER_DAYS + f64::from(HOT_DAYS)) / DAYS_OF_MONTH;
        let alone = table * months;
        Years {
            alone,
            beside: alone + seal + archive,
            hot: table * hot_months + forget + archive,
        }
    }
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
            // Who is due is asked for all partners together.
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

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "counts are whole")]
mod tests {
    use super::*;
    use crate::cost::scenario::Filter;

    const MILLION: f64 = 1e6;

    #[tokio::test]
    async fn sealing_and_reading_what_is_sealed_are_counted() {
        let prices = Prices::read().unwrap();
        let mut run = Run::start(1, 0, Size::Large, &prices).await.unwrap();
        run.record_batches(50, 1, 0.0).await.unwrap();
        run.get_too_old();
        let seal = run.seal(51).await.unwrap().per_million;
        // The segment, its checkpoint, and a list of objects.
        assert_eq!(seal.s3_writes, 3.0 * MILLION / 51.0);
        assert_eq!(seal.signatures, MILLION / 51.0);
        assert!(run.segment_bytes(51).unwrap() > 100.0);
        let page = run.list(Filter::None).await.unwrap().per_million;
        assert!(page.read_units < 2.0 * MILLION, "{page:?}");
        assert!(page.s3_reads > 0.0);
    }

    #[tokio::test]
    async fn an_update_of_each_copy_is_all_that_forgetting_adds() {
        let prices = Prices::read().unwrap();
        let start = async |hot_days| {
            let run = Run::start(1, hot_days, Size::Small, &prices).await.unwrap();
            run.record_and_seal(100).await.unwrap().per_million
        };
        let (kept, forgotten) = (start(0).await, start(HOT_DAYS).await);
        let added = (forgotten.write_units - kept.write_units) / MILLION;
        // 101 activities, and three times how far it is.
        assert!((1.01..=1.1).contains(&added), "{added}");
    }
}
