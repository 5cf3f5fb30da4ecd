//! The number of partitions that a partner's log is spread over.
//!
//! A partition of the table takes at most 1,000 write units a second. The keys of a
//! log rise with time, so DynamoDB never splits a busy partition. Several
//! partitions take that many times more, but each read queries all of them.

use std::{ops::Range, str::FromStr};

use crate::model::{ActivityId, Error, Moment, TimeRange};

/// The counts of shards, each valid from its start.
///
/// A count must never change after its start: an activity's shard is computed from
/// it, and with another count the activity would not be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shards {
    first: u32,
    /// In order of their starts.
    later: Vec<(Moment, u32)>,
}

impl Shards {
    /// The most shards: each page of a list queries all of them in one request.
    const COUNT_MAX: u32 = 16;

    /// The shard of an activity.
    pub fn of(&self, id: ActivityId) -> u32 {
        id.low_bits() % self.at(id.occurred_at())
    }

    /// The shard of the name of an activity that was recorded late.
    pub(crate) fn of_recorded(&self, id: ActivityId, recorded_at: Moment) -> u32 {
        id.low_bits() % self.at(recorded_at)
    }

    /// The shards that may hold activities of a range, or late names recorded in it.
    ///
    /// They follow from every count that is in force within the range.
    pub(crate) fn of_range(&self, range: &TimeRange) -> Range<u32> {
        let begun = self
            .later
            .iter()
            .filter(|(start, _)| range.contains(*start));
        0..begun.fold(self.at(range.from()), |most, (_, count)| most.max(*count))
    }

    fn at(&self, moment: Moment) -> u32 {
        let begun = self.later.iter().rev().find(|(start, _)| *start <= moment);
        begun.map_or(self.first, |(_, count)| *count)
    }
}

impl Default for Shards {
    fn default() -> Self {
        Self {
            first: 1,
            later: Vec::new(),
        }
    }
}

impl FromStr for Shards {
    type Err = Error;

    /// Reads a count, then any number of `,<count>@<start>`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut entries = text.split(',').map(str::trim);
        let first = count(entries.next().unwrap_or_default())?;
        let mut later: Vec<(Moment, u32)> = Vec::new();
        for entry in entries {
            let (number, start) = entry.split_once('@').ok_or_else(malformed)?;
            let start: Moment = start.parse().map_err(|_| malformed())?;
            if later.last().is_some_and(|(before, _)| *before >= start) {
                return Err(malformed());
            }
            later.push((start, count(number)?));
        }
        Ok(Self { first, later })
    }
}

fn count(text: &str) -> Result<u32, Error> {
    let count = text.parse().ok();
    count
        .filter(|count| (1..=Shards::COUNT_MAX).contains(count))
        .ok_or_else(malformed)
}

fn malformed() -> Error {
    let reason = format!(
        "must be a count from 1 to {}, then counts with rising starts, \
         such as 1,4@2027-01-01T00:00:00Z",
        Shards::COUNT_MAX
    );
    Error::invalid("WRITE_SHARDS", reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shards(text: &str) -> Shards {
        text.parse().unwrap()
    }

    fn moment(text: &str) -> Moment {
        text.parse().unwrap()
    }

    const CHANGED: &str = "2,4@2027-01-01T00:00:00Z,3@2028-01-01T00:00:00Z";

    #[test]
    fn a_shard_is_among_those_in_force_when_it_happened() {
        for (at, count) in [
            ("2026-12-31T23:59:59.999Z", 2),
            ("2027-01-01T00:00:00Z", 4),
            ("2027-12-31T23:59:59.999Z", 4),
            ("2028-01-01T00:00:00Z", 3),
        ] {
            let ids: Vec<_> = (0..1_000).map(|_| ActivityId::random(moment(at))).collect();
            for shard in 0..count {
                let is_there = |id: &&ActivityId| shards(CHANGED).of(**id) == shard;
                let found = ids.iter().filter(is_there).count();
                // Evenly, within six standard deviations.
                let expected = 1_000 / count as usize;
                assert!(
                    found.abs_diff(expected) < 95,
                    "{found} of {expected} in {shard}"
                );
            }
            assert!(ids.iter().all(|id| shards(CHANGED).of(*id) < count));
        }
    }

    #[test]
    fn a_range_is_read_from_every_shard_that_may_hold_something_of_it() {
        let of = |from, to| {
            let range = TimeRange::new(moment(from), moment(to)).unwrap();
            shards(CHANGED).of_range(&range).end
        };
        assert_eq!(of("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"), 2);
        assert_eq!(of("2026-01-01T00:00:00Z", "2027-01-01T00:00:00.001Z"), 4);
        assert_eq!(of("2027-12-31T00:00:00Z", "2028-07-01T00:00:00Z"), 4);
        assert_eq!(of("2028-01-01T00:00:00Z", "2028-07-01T00:00:00Z"), 3);
        assert_eq!(of("2026-12-31T00:00:00Z", "2029-01-01T00:00:00Z"), 4);
        assert_eq!(Shards::default().of_range(&TimeRange::ALL), 0..1);
    }

    #[test]
    fn whatever_is_not_counts_with_rising_starts_is_refused() {
        assert_eq!(shards("1"), Shards::default());
        assert_eq!(shards("16").first, 16);
        for text in [
            "",
            "0",
            "17",
            "1,",
            "1,4",
            "4@2027-01-01T00:00:00Z",
            "1,4@2027",
            "1,4@2027-01-01T00:00:00Z,2@2027-01-01T00:00:00Z",
        ] {
            assert!(text.parse::<Shards>().is_err(), "{text}");
        }
    }
}
