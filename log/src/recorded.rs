//! Where in a log to look for what was recorded in a time.
//!
//! A log is in the order in which its activities happened. What was not recorded late
//! happened in the range of recording, and a little before and after it; what was recorded
//! late has its name stored. So only the times around the late ones are read besides.

use std::collections::BTreeSet;

use shared::{ActivityStore, Error, Moment, PartnerId, TimeRange, model::recorded::RecordedRange};

/// A slot of time is read as a whole if something that was recorded late happened in it:
/// ten minutes, in milliseconds.
const SLOT: i64 = 600_000;

/// How many Query pages of names are read at once, of each shard; each has about 9,000.
const LATE_PAGES_MAX: usize = 2;

/// In how many pieces what was recorded late is read; each costs a Query, or two if it may
/// be sealed.
const PIECES_MAX: usize = 8;

/// What was recorded in a time, and where in a range of the log it is.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// When it was recorded; less than was asked for, if too much was late.
    pub range: RecordedRange,
    /// Ranges of the log, rising, which hold all of it.
    pub(crate) places: Vec<TimeRange>,
}

/// Finds where in `within` the activities are that were recorded in a range, or in the first
/// part of it if the whole one is not needed and much of it was late.
pub(crate) async fn find(
    activities: &ActivityStore,
    partner: &PartnerId,
    within: &TimeRange,
    range: RecordedRange,
    is_whole: bool,
) -> Result<Recorded, Error> {
    let in_time = range.in_time();
    // What is earlier than that was late.
    let before = cut(within, Moment::MIN, in_time.from());
    if range.is_empty() || before.is_empty() {
        let places = vec![cut(within, in_time.from(), in_time.to())];
        return Ok(Recorded { range, places });
    }
    let (mut slots, mut rest) = (BTreeSet::new(), range);
    let read = loop {
        let late = activities.late(partner, rest, LATE_PAGES_MAX).await?;
        let happened = late.occurred_at.iter().filter(|at| before.contains(**at));
        slots.extend(happened.map(|at| at.as_millis().div_euclid(SLOT)));
        let to = late.read.to();
        match rest
            .beginning_at(to)
            .filter(|rest| is_whole && !rest.is_empty())
        {
            Some(left) => rest = left,
            None => break range.ending_at(to).unwrap_or(range),
        }
    };
    let in_time = read.in_time();
    let mut places: Vec<TimeRange> = pieces(&slots.into_iter().collect::<Vec<_>>())
        .map(|(first, last)| cut(&before, start_of(first), start_of(last + 1)))
        .collect();
    places.push(cut(within, in_time.from(), in_time.to()));
    Ok(Recorded {
        range: read,
        places,
    })
}

/// Divides rising slots at the largest gaps; each piece has its first and its last slot.
fn pieces(slots: &[i64]) -> impl Iterator<Item = (i64, i64)> {
    let pairs = slots.windows(2).enumerate();
    let mut gaps: Vec<(i64, usize)> = pairs
        .filter_map(|(place, pair)| match pair {
            [one, next] if next - one > 1 => Some((next - one, place + 1)),
            _ => None,
        })
        .collect();
    gaps.sort_unstable_by(|one, other| other.cmp(one));
    gaps.truncate(PIECES_MAX - 1);
    let starts: BTreeSet<usize> = gaps.into_iter().map(|(_, place)| place).collect();
    let parts =
        slots
            .iter()
            .enumerate()
            .fold(Vec::new(), |mut parts: Vec<(i64, i64)>, (place, slot)| {
                match parts.last_mut() {
                    Some((_, last)) if !starts.contains(&place) => *last = *slot,
                    _ => parts.push((*slot, *slot)),
                }
                parts
            });
    parts.into_iter()
}

fn start_of(slot: i64) -> Moment {
    Moment::from_millis(slot.saturating_mul(SLOT)).unwrap_or(Moment::MAX)
}

/// What of a range lies between two moments.
fn cut(range: &TimeRange, from: Moment, to: Moment) -> TimeRange {
    let part = TimeRange::new(range.from().max(from), range.to().min(to));
    part.unwrap_or(TimeRange::EMPTY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_divided_at_their_largest_gaps() {
        let of = |slots: &[i64]| pieces(slots).collect::<Vec<_>>();
        assert_eq!(of(&[]), []);
        assert_eq!(of(&[5]), [(5, 5)]);
        assert_eq!(of(&[5, 6, 7, 9]), [(5, 7), (9, 9)]);
        // Nine pieces are one too many: those with the smallest gap become one.
        let slots = [0, 10, 20, 30, 32, 40, 50, 60, 70];
        assert_eq!(
            of(&slots),
            [
                (0, 0),
                (10, 10),
                (20, 20),
                (30, 32),
                (40, 40),
                (50, 50),
                (60, 60),
                (70, 70)
            ]
        );
    }
}
