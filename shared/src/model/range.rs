//! The range of time that a list, a summary or an export covers.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::model::{
    Error, Moment,
    zone::{Date, Zone},
};

/// A range of time: `from` inclusive, `to` exclusive, `from <= to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeRange {
    from: Moment,
    to: Moment,
}

/// The distance between a given bound and a missing one: 31 days.
const DEFAULT_LENGTH: TimeDelta = TimeDelta::days(31);

impl TimeRange {
    /// Makes a range of two moments; none if `from` is after `to`.
    pub fn new(from: Moment, to: Moment) -> Option<Self> {
        (from <= to).then_some(Self { from, to })
    }

    /// From the first moment to the last.
    pub const ALL: Self = Self {
        from: Moment::MIN,
        to: Moment::MAX,
    };

    /// No moment.
    pub const EMPTY: Self = Self {
        from: Moment::MIN,
        to: Moment::MIN,
    };

    /// The first moment inside.
    pub fn from(&self) -> Moment {
        self.from
    }

    /// The first moment after the range.
    pub fn to(&self) -> Moment {
        self.to
    }

    /// The last moment inside; none if the range contains no moment.
    pub fn last(&self) -> Option<Moment> {
        let last = Moment::from_millis(self.to.as_millis() - 1);
        last.filter(|_| !self.is_empty())
    }

    /// Whether the range contains no moment.
    pub fn is_empty(&self) -> bool {
        self.from == self.to
    }

    /// Whether the range contains `moment`.
    pub fn contains(&self, moment: Moment) -> bool {
        self.from <= moment && moment < self.to
    }

    /// The range of a request, whose dates are days of `zone`.
    ///
    /// A date in `to` means that whole day.
    /// Without bounds, the range is today and the 30 days before.
    /// With one bound, the other is 31 days away.
    /// A bound that lies before the first moment or after the last one is that moment,
    /// so the range still has every moment that was asked for.
    pub fn resolve(
        from: Option<Bound>,
        to: Option<Bound>,
        zone: &Zone,
        now: Moment,
    ) -> Result<Self, Error> {
        if let (Some(Bound::Date(first)), Some(Bound::Date(last))) = (from, to)
            && first > last
        {
            // If `to` is the day before `from`, both bounds are the same moment,
            // which would pass as an empty range.
            return Err(reversed());
        }
        let from = from.map(|bound| bound.start(zone));
        let to = to.map(|bound| bound.end(zone));
        let (from, to) = match (from, to) {
            (Some(from), Some(to)) => (from, to),
            (Some(from), None) => (from, zone.days_from(from, DEFAULT_LENGTH)),
            (None, to) => {
                let to = to.unwrap_or_else(|| zone.tomorrow(now));
                (zone.days_from(to, -DEFAULT_LENGTH), to)
            }
        };
        Self::new(from, to).ok_or_else(reversed)
    }
}

fn reversed() -> Error {
    Error::invalid("from", "must not be after to")
}

/// One end of a range as a request gives it: an instant or a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Bound {
    /// An instant with its zone.
    Instant(Moment),
    /// A day in the request's `time_zone`.
    Date(Date),
}

impl Bound {
    /// The first moment of it.
    pub(crate) fn start(self, zone: &Zone) -> Moment {
        match self {
            Self::Instant(moment) => moment,
            Self::Date(date) => zone.start_of(date),
        }
    }

    fn end(self, zone: &Zone) -> Moment {
        match self {
            Self::Instant(moment) => moment,
            Self::Date(date) => zone.end_of(date),
        }
    }
}

impl TryFrom<String> for Bound {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        if let Ok(moment) = Moment::parse_rounding_up(&text) {
            return Ok(Self::Instant(moment));
        }
        if crate::model::moment::fits(text.as_bytes(), b"0000-00-00") {
            return Date::parse_from_str(&text, "%Y-%m-%d")
                .map(Self::Date)
                .map_err(|_| "must be a date that exists, such as 2026-11-22");
        }
        if text.contains(' ') {
            return Err("must be an RFC 3339 time or a date; a + in a query is written %2B");
        }
        Err("must be an RFC 3339 time with a zone or a date: 2026-11-22T09:32:11Z or 2026-11-22")
    }
}

impl From<Bound> for String {
    fn from(bound: Bound) -> Self {
        match bound {
            Bound::Instant(moment) => moment.to_string(),
            Bound::Date(date) => date.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::model::arbitrary;

    fn any_bound() -> impl Strategy<Value = Bound> {
        let date = (0..=9_999, 1..=12_u32, 1..=31_u32);
        let date = date.prop_filter_map("no such date", |(year, month, day)| {
            Date::from_ymd_opt(year, month, day).map(Bound::Date)
        });
        prop_oneof![arbitrary::moment().prop_map(Bound::Instant), date]
    }

    fn bound(text: &str) -> Option<Bound> {
        (!text.is_empty()).then(|| Bound::try_from(text.to_owned()).unwrap())
    }

    fn resolve(from: &str, to: &str, zone: &str) -> Result<(String, String), String> {
        let zone = Zone::try_from(zone.to_owned()).unwrap();
        let now = "2026-11-22T20:00:00Z".parse().unwrap();
        TimeRange::resolve(bound(from), bound(to), &zone, now)
            .map(|range| (range.from().to_string(), range.to().to_string()))
            .map_err(|error| error.to_string())
    }

    fn range(from: &str, to: &str) -> (String, String) {
        (from.to_owned(), to.to_owned())
    }

    #[test]
    fn a_date_means_the_whole_day_of_the_zone() {
        let seoul = range("2026-11-20T15:00:00.000Z", "2026-11-21T15:00:00.000Z");
        assert_eq!(
            resolve("2026-11-21", "2026-11-21", "Asia/Seoul").unwrap(),
            seoul
        );
        // The day on which clocks go back in New York has 25 hours.
        let new_york = range("2026-11-01T04:00:00.000Z", "2026-11-02T05:00:00.000Z");
        assert_eq!(
            resolve("2026-11-01", "2026-11-01", "America/New_York").unwrap(),
            new_york
        );
    }

    #[test]
    fn the_default_is_today_and_the_thirty_days_before() {
        let utc = range("2026-10-23T00:00:00.000Z", "2026-11-23T00:00:00.000Z");
        assert_eq!(resolve("", "", "UTC").unwrap(), utc);
        // 20:00 in London is tomorrow in Seoul.
        let seoul = range("2026-10-23T15:00:00.000Z", "2026-11-23T15:00:00.000Z");
        assert_eq!(resolve("", "", "Asia/Seoul").unwrap(), seoul);
    }

    #[test]
    fn one_bound_puts_the_other_31_days_away() {
        let from = range("2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z");
        assert_eq!(resolve("2026-01-01", "", "UTC").unwrap(), from);
        let to = range("2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z");
        assert_eq!(resolve("", "2026-01-31", "UTC").unwrap(), to);
    }

    #[test]
    fn equal_bounds_are_an_empty_range_and_reversed_ones_are_refused() {
        let instant = "2026-01-01T00:00:00Z";
        assert!(resolve(instant, instant, "UTC").is_ok());
        assert_eq!(
            resolve("2026-01-02", "2026-01-01", "UTC").unwrap_err(),
            "from must not be after to"
        );
    }

    /// `from`, `to`, zone, and the range; `-` is a bound that is not given.
    const ENDS_OF_TIME: [&str; 12] = [
        "2026-01-01 9999-12-31T23:59:59Z UTC 2026-01-01T00:00:00.000Z 9999-12-31T23:59:59.000Z",
        "2026-01-01 9999-12-31T23:59:59.9999999Z UTC 2026-01-01T00:00:00.000Z LAST",
        "2026-01-01 9999-12-31T23:59:59-05:00 UTC 2026-01-01T00:00:00.000Z LAST",
        "2026-01-01 9999-12-31 UTC 2026-01-01T00:00:00.000Z LAST",
        "2026-01-01 9999-12-31 Asia/Seoul 2025-12-31T15:00:00.000Z 9999-12-31T15:00:00.000Z",
        "9999-12-31 9999-12-31 America/New_York 9999-12-31T05:00:00.000Z LAST",
        "0000-01-01 0000-01-01 Asia/Seoul FIRST 0000-01-01T15:32:08.000Z",
        "0000-01-01T00:00:00+09:00 9999-12-30 UTC FIRST 9999-12-31T00:00:00.000Z",
        // The other end is 31 days away, if there are as many.
        "9999-12-01 - UTC 9999-12-01T00:00:00.000Z LAST",
        "9999-11-01 - UTC 9999-11-01T00:00:00.000Z 9999-12-02T00:00:00.000Z",
        "- 9999-12-31 Asia/Seoul 9999-11-30T15:00:00.000Z 9999-12-31T15:00:00.000Z",
        "- 0000-01-15 UTC FIRST 0000-01-16T00:00:00.000Z",
    ];

    #[test]
    fn a_range_may_reach_to_both_ends_of_time() {
        for line in ENDS_OF_TIME {
            let line = line
                .replace("FIRST", &Moment::MIN.to_string())
                .replace("LAST", &Moment::MAX.to_string());
            let given = |text: &str| text.trim_matches('-').to_owned();
            let words: Vec<_> = line.split(' ').collect();
            let [from, to, zone, wanted @ ..] = words.as_slice() else {
                panic!("{line}");
            };
            let found = resolve(&given(from), &given(to), zone);
            assert_eq!(found, Ok(range(wanted[0], wanted[1])), "{line}");
        }
        for text in [
            "9999-12-31T24:00:00Z",
            "9999-12-31T23:59:60Z",
            "10000-01-01",
        ] {
            assert!(Bound::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_range_contains_from_and_not_to() {
        let at = |millis| Moment::from_millis(millis).unwrap();
        let range = TimeRange::new(at(10), at(12)).unwrap();
        let inside = [9, 10, 11, 12].map(|millis| range.contains(at(millis)));
        assert_eq!(inside, [false, true, true, false]);
        assert!(!range.is_empty());
        assert!(TimeRange::new(at(10), at(10)).unwrap().is_empty());
        assert_eq!(TimeRange::new(at(11), at(10)), None);
    }

    #[test]
    fn what_is_neither_date_nor_instant_is_refused() {
        for text in [
            "",
            "2026-02-30",
            "2026-13-01",
            "20261122",
            "2026-11-22T00:00:00",
            "22-11-2026",
            "2026-11-22 00:00:00Z",
            "+02026-11-22",
            "now",
            " 026-01-01",
            "+001-01-01",
            "2026- 1-01",
        ] {
            assert!(Bound::try_from(text.to_owned()).is_err(), "{text}");
        }
        for name in ["", "Mars/Olympus", "Etc/Unknown", "+09:00"] {
            assert!(Zone::try_from(name.to_owned()).is_err(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_a_bound_means_the_same_when_it_is_read_back(
            text in prop_oneof![
                any::<String>(),
                r"[0-9]{4}-[01][0-9]-[0-3][0-9]",
                r"[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{1,9})?([Zz]|[+-][0-2][0-9]:[0-6][0-9])?",
            ],
        ) {
            if let Ok(bound) = Bound::try_from(text) {
                prop_assert_eq!(Bound::try_from(String::from(bound)), Ok(bound));
            }
        }

        #[test]
        fn a_range_is_reversed_or_means_what_it_says(
            from in proptest::option::of(any_bound()),
            to in proptest::option::of(any_bound()),
            zone in arbitrary::zone(),
            now in arbitrary::moment(),
        ) {
            match TimeRange::resolve(from, to, &zone, now) {
                Ok(range) => {
                    prop_assert!(range.from() <= range.to());
                    if let Some(Bound::Instant(from)) = from {
                        prop_assert_eq!(range.from(), from);
                    }
                    if let Some(Bound::Instant(to)) = to {
                        prop_assert_eq!(range.to(), to);
                    }
                    if let Some(Bound::Date(first)) = from && range.from() > Moment::MIN {
                        // A day that the zone skipped starts when the next one does.
                        prop_assert!(zone.date_of(range.from()) >= first);
                        let before = range.from().minus(Duration::from_millis(1));
                        prop_assert!(zone.date_of(before) < first || before == range.from());
                    }
                    if let Some(Bound::Date(last)) = to && range.to() < Moment::MAX {
                        prop_assert!(zone.date_of(range.to()) > last);
                    }
                }
                Err(error) => prop_assert_eq!(error.to_string(), "from must not be after to"),
            }
        }
    }
}
