//! The window of time that a list or an export covers.

use std::fmt;

use jiff::{ToSpan, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::model::{Error, Moment};

/// A window of time: `from` inclusive, `to` exclusive, `from <= to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeRange {
    from: Moment,
    to: Moment,
}

/// Days between a bound that is given and the other one that is not.
const DEFAULT_DAYS: i32 = 31;

impl TimeRange {
    /// A window of two moments, if they are in order.
    pub fn new(from: Moment, to: Moment) -> Option<Self> {
        (from <= to).then_some(Self { from, to })
    }

    /// Every moment that there is.
    pub const ALL: Self = Self {
        from: Moment::MIN,
        to: Moment::MAX,
    };

    /// The first moment inside.
    pub fn from(&self) -> Moment {
        self.from
    }

    /// The first moment after.
    pub fn to(&self) -> Moment {
        self.to
    }

    /// Whether no moment lies inside.
    pub fn is_empty(&self) -> bool {
        self.from == self.to
    }

    /// Whether `moment` lies inside.
    pub fn contains(&self, moment: Moment) -> bool {
        self.from <= moment && moment < self.to
    }

    /// The window that a request means, its dates being days of `zone`.
    ///
    /// A date in `to` means that whole day.
    /// Without bounds: today and the 30 days before; with one, 31 days from it.
    pub fn resolve(
        from: Option<Bound>,
        to: Option<Bound>,
        zone: &Zone,
        now: Moment,
    ) -> Result<Self, Error> {
        if let (Some(Bound::Date(first)), Some(Bound::Date(last))) = (from, to)
            && first > last
        {
            // The end of the last day may be the start of the first: not an empty range.
            return Err(reversed());
        }
        let from = from
            .map(|bound| bound.start(zone))
            .transpose()
            .map_err(out_of_years("from"))?;
        let to = to
            .map(|bound| bound.end(zone))
            .transpose()
            .map_err(out_of_years("to"))?;
        let (from, to) = match (from, to) {
            (Some(from), Some(to)) => (from, to),
            (Some(from), None) => (
                from,
                zone.days_from(from, DEFAULT_DAYS)
                    .map_err(out_of_years("from"))?,
            ),
            (None, Some(to)) => (
                zone.days_from(to, -DEFAULT_DAYS)
                    .map_err(out_of_years("to"))?,
                to,
            ),
            (None, None) => {
                let tomorrow = zone.tomorrow(now).map_err(out_of_years("to"))?;
                (
                    zone.days_from(tomorrow, -DEFAULT_DAYS)
                        .map_err(out_of_years("to"))?,
                    tomorrow,
                )
            }
        };
        Self::new(from, to).ok_or_else(reversed)
    }
}

fn reversed() -> Error {
    Error::invalid("from", "must not be after to")
}

fn out_of_years(field: &'static str) -> impl Fn(jiff::Error) -> Error {
    move |_| Error::invalid(field, "must leave the range within the years 0000 to 9999")
}

/// One end of a window as a request gives it: an instant or a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Bound {
    /// An instant with its zone.
    Instant(Moment),
    /// A day, of the request's `time_zone`.
    Date(Date),
}

impl Bound {
    fn start(self, zone: &Zone) -> Result<Moment, jiff::Error> {
        match self {
            Self::Instant(moment) => Ok(moment),
            Self::Date(date) => zone.start_of(date),
        }
    }

    fn end(self, zone: &Zone) -> Result<Moment, jiff::Error> {
        match self {
            Self::Instant(moment) => Ok(moment),
            Self::Date(date) => match date.checked_add(1.day()) {
                Ok(next) => zone.start_of(next),
                Err(_) => Ok(Moment::MAX),
            },
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
            return Date::strptime("%Y-%m-%d", &text)
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

/// A time zone of the IANA database; it says whose days are meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone(TimeZone);

impl Zone {
    /// Coordinated Universal Time, the default.
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// The name in the IANA database.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// `jiff`'s form of it.
    pub fn time_zone(&self) -> &TimeZone {
        &self.0
    }

    /// The day in this zone on which `moment` falls.
    pub fn date_of(&self, moment: Moment) -> Date {
        jiff::Timestamp::from(moment)
            .to_zoned(self.0.clone())
            .date()
    }

    /// The first moment of a day; of the last ones, which `jiff` can't place in
    /// time, the last moment that there is.
    fn start_of(&self, date: Date) -> Result<Moment, jiff::Error> {
        if date.year() == 9999 && date.month() == 12 && date.day() >= 30 {
            return Ok(Moment::MAX);
        }
        Ok(date.to_zoned(self.0.clone())?.timestamp().into())
    }

    fn tomorrow(&self, now: Moment) -> Result<Moment, jiff::Error> {
        self.start_of(self.date_of(now).checked_add(1.day())?)
    }

    fn days_from(&self, moment: Moment, days: i32) -> Result<Moment, jiff::Error> {
        let zoned = jiff::Timestamp::from(moment).to_zoned(self.0.clone());
        Ok(zoned.checked_add(days.days())?.timestamp().into())
    }
}

impl TryFrom<String> for Zone {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, &'static str> {
        match TimeZone::get(&name) {
            Ok(zone) if !zone.is_unknown() => Ok(Self(zone)),
            _ => Err("must be the name of an IANA time zone, such as Asia/Seoul"),
        }
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name().to_owned()
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::arbitrary;

    fn any_bound() -> impl Strategy<Value = Bound> {
        let date = (0..=9_999_i16, 1..=12_i8, 1..=31_i8);
        let date = date.prop_filter_map("no such date", |(year, month, day)| {
            Date::new(year, month, day).ok().map(Bound::Date)
        });
        prop_oneof![arbitrary::moment().prop_map(Bound::Instant), date]
    }

    fn any_zone() -> impl Strategy<Value = Zone> {
        // Half hours, a skipped day, clocks that change at midnight, the far ends.
        let names = [
            "UTC",
            "Asia/Seoul",
            "America/New_York",
            "Australia/Lord_Howe",
            "Pacific/Apia",
            "America/Sao_Paulo",
            "Asia/Beirut",
            "Pacific/Kiritimati",
            "Etc/GMT+12",
        ];
        proptest::sample::select(names.to_vec())
            .prop_map(|name| Zone::try_from(name.to_owned()).unwrap())
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

    fn window(from: &str, to: &str) -> (String, String) {
        (from.to_owned(), to.to_owned())
    }

    #[test]
    fn a_date_means_the_whole_day_of_the_zone() {
        let seoul = window("2026-11-20T15:00:00.000Z", "2026-11-21T15:00:00.000Z");
        assert_eq!(
            resolve("2026-11-21", "2026-11-21", "Asia/Seoul").unwrap(),
            seoul
        );
        // The day on which clocks go back in New York has 25 hours.
        let new_york = window("2026-11-01T04:00:00.000Z", "2026-11-02T05:00:00.000Z");
        assert_eq!(
            resolve("2026-11-01", "2026-11-01", "America/New_York").unwrap(),
            new_york
        );
    }

    #[test]
    fn the_default_is_today_and_the_thirty_days_before() {
        let utc = window("2026-10-23T00:00:00.000Z", "2026-11-23T00:00:00.000Z");
        assert_eq!(resolve("", "", "UTC").unwrap(), utc);
        // 20:00 in London is tomorrow in Seoul.
        let seoul = window("2026-10-23T15:00:00.000Z", "2026-11-23T15:00:00.000Z");
        assert_eq!(resolve("", "", "Asia/Seoul").unwrap(), seoul);
    }

    #[test]
    fn one_bound_puts_the_other_31_days_away() {
        let from = window("2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z");
        assert_eq!(resolve("2026-01-01", "", "UTC").unwrap(), from);
        let to = window("2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z");
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
        assert!(resolve("9999-12-29", "", "UTC").is_err());
        let end = resolve("2026-01-01", "9999-12-31", "Asia/Seoul").unwrap();
        assert_eq!(end.1, Moment::MAX.to_string());
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

    #[test]
    fn only_the_last_two_days_start_at_the_last_moment() {
        let last = Moment::MAX.to_string();
        for (date, start) in [
            ("2026-12-30", "2026-12-30T00:00:00.000Z"),
            ("9999-10-31", "9999-10-31T00:00:00.000Z"),
            ("9999-12-29", "9999-12-29T00:00:00.000Z"),
            ("9999-12-30", &last),
            ("9999-12-31", &last),
        ] {
            let found = Zone::utc().start_of(date.parse().unwrap()).unwrap();
            assert_eq!(found.to_string(), start);
        }
    }

    #[test]
    fn a_zone_is_written_by_its_name() {
        for name in ["UTC", "Asia/Seoul"] {
            let zone = Zone::try_from(name.to_owned()).unwrap();
            assert_eq!(
                [zone.name(), &zone.to_string(), &String::from(zone.clone())],
                [name; 3]
            );
        }
        assert_eq!(Zone::utc().name(), "UTC");
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
        fn no_name_panics_and_a_zone_keeps_its_name(name in r"[A-Za-z_/+:0-9-]{0,20}|(?s).{0,10}") {
            if let Ok(zone) = Zone::try_from(name) {
                prop_assert_eq!(Zone::try_from(zone.name().to_owned()), Ok(zone));
            }
        }

        #[test]
        fn a_range_is_refused_with_its_field_or_means_what_it_says(
            from in proptest::option::of(any_bound()),
            to in proptest::option::of(any_bound()),
            zone in any_zone(),
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
                    if let Some(Bound::Date(first)) = from && range.from() < Moment::MAX {
                        // A day that a zone skipped starts with the next one.
                        prop_assert!(zone.date_of(range.from()) >= first);
                        let before = range.from().minus(jiff::SignedDuration::from_millis(1));
                        prop_assert!(zone.date_of(before) < first || before == range.from());
                    }
                    if let Some(Bound::Date(last)) = to && range.to() < Moment::MAX {
                        prop_assert!(zone.date_of(range.to()) > last);
                    }
                }
                Err(Error::Invalid { field, .. }) => prop_assert!(field == "from" || field == "to"),
                Err(error) => prop_assert!(false, "{error}"),
            }
        }
    }
}
