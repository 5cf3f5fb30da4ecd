//! What was recorded in a time, so that who asks again and again sees each activity once.

use std::time::Duration;

use serde::Serialize;

use crate::model::{Moment, TimeRange};

/// How far a client's clock may be ahead of the server's.
pub const AHEAD_MAX: Duration = Duration::from_mins(5);

/// How long after it happened an activity is recorded late.
const LATE_AFTER: Duration = Duration::from_hours(1);

/// How long it takes at most until an activity is stored, after the moment with which it is
/// recorded.
///
/// `record` gives up after 15 s. The rest is for machines whose clocks differ.
const WRITE_TIME_MAX: Duration = Duration::from_mins(1);

/// Whether an activity is recorded so late that its name is stored too.
pub fn is_late(occurred_at: Moment, recorded_at: Moment) -> bool {
    occurred_at < recorded_at.minus(LATE_AFTER)
}

/// A range of moments with which activities were recorded: none can be added to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RecordedRange(TimeRange);

impl RecordedRange {
    /// From a moment on, to a minute ago; what was recorded later may not be stored yet.
    pub fn since(from: Moment, now: Moment) -> Self {
        let to = now.minus(WRITE_TIME_MAX).max(from);
        Self(TimeRange::new(from, to).unwrap_or(TimeRange::EMPTY))
    }

    /// The same range with another start; none if that is behind its end.
    pub fn beginning_at(self, from: Moment) -> Option<Self> {
        TimeRange::new(from, self.to()).map(Self)
    }

    /// The same range with another end; none if that is before its start.
    pub fn ending_at(self, to: Moment) -> Option<Self> {
        TimeRange::new(self.from(), to).map(Self)
    }

    /// The first moment inside.
    pub fn from(&self) -> Moment {
        self.0.from()
    }

    /// The first moment after the range.
    pub fn to(&self) -> Moment {
        self.0.to()
    }

    /// Whether no moment is inside.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether what was recorded at a moment is inside.
    pub fn contains(&self, recorded_at: Moment) -> bool {
        self.0.contains(recorded_at)
    }

    /// The moments as a range.
    pub(crate) fn moments(&self) -> &TimeRange {
        &self.0
    }

    /// When that happened which was not recorded late.
    pub fn in_time(&self) -> TimeRange {
        if self.is_empty() {
            return TimeRange::EMPTY;
        }
        let from = self.from().minus(LATE_AFTER);
        TimeRange::new(from, self.to().plus(AHEAD_MAX)).unwrap_or(TimeRange::EMPTY)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::arbitrary;

    fn moment(text: &str) -> Moment {
        text.parse().unwrap()
    }

    #[test]
    fn a_range_ends_a_minute_ago_and_never_before_it_begins() {
        let now = moment("2026-11-28T12:00:00Z");
        let range = RecordedRange::since(moment("2026-11-28T11:00:00Z"), now);
        assert_eq!(range.to(), moment("2026-11-28T11:59:00Z"));
        for from in [
            "2026-11-28T11:59:00Z",
            "2026-11-28T11:59:30Z",
            "2027-01-01T00:00:00Z",
        ] {
            let range = RecordedRange::since(moment(from), now);
            assert_eq!((range.to(), range.is_empty()), (moment(from), true));
            assert!(range.in_time().is_empty());
        }
    }

    proptest! {
        #[test]
        fn what_is_recorded_happened_in_time_or_is_late(
            from in arbitrary::moment(),
            length in 60_001..10_000_000_u64,
            at in 0..10_000_000_u64,
            ahead in -10_000_000..=300_000_i64,
        ) {
            let now = from.plus(Duration::from_millis(length));
            let recorded_at = from.plus(Duration::from_millis(at));
            let range = RecordedRange::since(from, now);
            prop_assume!(range.contains(recorded_at));
            let occurred_at = Moment::from_millis(recorded_at.as_millis() + ahead);
            prop_assume!(occurred_at.is_some_and(|at| at < Moment::MAX));
            let occurred_at = occurred_at.unwrap_or(recorded_at);
            prop_assert!(is_late(occurred_at, recorded_at) || range.in_time().contains(occurred_at));
        }
    }
}
