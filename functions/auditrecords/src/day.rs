//! The days of a request, in the forms in which programs send them.

use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike, NaiveTime};
use shared::{
    Error, Moment, TimeRange,
    model::zone::{Date, Zone},
};

/// How far apart the days are if only one is given, and how far back the first is if none is.
const WINDOW: chrono::Days = chrono::Days::new(30);

/// The first and the last day that a request names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Days {
    pub(crate) first: Option<Date>,
    pub(crate) last: Option<Date>,
}

impl Days {
    /// The first and the last day that are asked for, in UTC.
    ///
    /// Without a first one it is 30 days before today. Without a last one it is 30 days after
    /// the first, or today if that is earlier.
    pub(crate) fn resolve(self, today: Date) -> Result<(Date, Date), Error> {
        let invalid = |reason: &str| Err(Error::invalid("startDate", reason));
        let first = self.first.or_else(|| today.checked_sub_days(WINDOW));
        let first = first.unwrap_or(today);
        let window_end = first.checked_add_days(WINDOW).unwrap_or(first);
        let last = self
            .last
            .unwrap_or_else(|| window_end.min(today).max(first));
        match self.first {
            _ if first <= last => Ok((first, last)),
            None => invalid("is needed, as endDate is more than 30 days ago"),
            Some(_) => invalid("must not be after endDate"),
        }
    }

    /// Refuses days that are not those of a range.
    pub(crate) fn require(self, range: &TimeRange) -> Result<(), Error> {
        let (first, last) = of(range);
        let names = [
            ("startDate", self.first, first),
            ("endDate", self.last, last),
        ];
        for (name, given, expected) in names {
            if given.is_some_and(|given| given != expected) {
                let reason = format!("must be {expected}, as for the page before");
                return Err(Error::invalid(name, reason));
            }
        }
        Ok(())
    }
}

/// Today, in UTC.
pub(crate) fn today(now: Moment) -> Date {
    Zone::UTC.date_of(now)
}

/// The first and the last day of a range.
pub(crate) fn of(range: &TimeRange) -> (Date, Date) {
    let last = range.last().unwrap_or(range.from());
    (Zone::UTC.date_of(range.from()), Zone::UTC.date_of(last))
}

/// How a day is written: as in ISO 8601, and as .NET writes it without a culture.
const DAYS: [&str; 2] = ["%Y-%m-%d", "%m/%d/%Y"];

/// The times that may follow it; without a zone only the day counts.
const TIMES: [&str; 6] = [
    "T%H:%M:%S%.f",
    "T%H:%M",
    " %H:%M:%S%.f",
    " %H:%M",
    " %I:%M:%S %p",
    " %I:%M %p",
];

/// The zones that may follow a time.
const ZONES: [&str; 2] = ["%#z", " %#z"];

/// A year of fewer digits would be one of antiquity.
const YEARS: RangeInclusive<i32> = 1_000..=9_999;

/// Reads a day, or the day of a time; a time with a zone is that of UTC.
pub(crate) fn parse(text: &str) -> Result<Date, &'static str> {
    let day = read(&text.to_ascii_uppercase());
    day.ok_or("must be a date that exists, as yyyy-mm-dd, such as 2026-11-22")
}

fn read(text: &str) -> Option<Date> {
    let end = text.find(['T', ' ']).unwrap_or(text.len());
    let (day, time) = text.split_at_checked(end)?;
    let day = self::day(day)?;
    let is_time = |form: &&str| NaiveTime::parse_from_str(time, form).is_ok();
    if time.is_empty() || TIMES.iter().any(is_time) {
        return Some(day);
    }
    utc_day(day, time)
}

fn day(text: &str) -> Option<Date> {
    let is_written = |c: char| c.is_ascii_digit() || c == '-' || c == '/';
    let read = |form: &&str| Date::parse_from_str(text, form).ok();
    let day = DAYS.iter().find_map(read)?;
    (YEARS.contains(&day.year()) && text.chars().all(is_written)).then_some(day)
}

/// The day in UTC of a time with a zone.
///
/// In a query that was not encoded, the `+` of a zone has become a space.
fn utc_day(day: Date, time: &str) -> Option<Date> {
    let with_plus = time
        .rsplit_once(' ')
        .map(|(time, zone)| format!("{time}+{zone}"));
    let texts = [Some(time.to_owned()), with_plus];
    let forms = TIMES
        .iter()
        .flat_map(|time| ZONES.map(|zone| format!("%F{time}{zone}")));
    let read = |form: String| {
        let read = |time: &String| DateTime::parse_from_str(&format!("{day}{time}"), &form).ok();
        texts.iter().flatten().find_map(read)
    };
    let time = forms.into_iter().find_map(read)?;
    Some(time.to_utc().date_naive())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_is_read_in_each_form_that_programs_send() {
        for text in [
            "2017-06-01",
            "06/01/2017 00:00:00",
            "6/1/2017 12:00:00 AM",
            "6/1/2017",
            "06/01/2017",
            "2017-06-01 13:45:00",
            "2017-06-01T00:00:00",
            "2017-06-01T23:59:59.9999999",
            "2017-06-01T00:00:00Z",
            "2017-06-01T00:00:00.0000000Z",
            "2017-05-31T20:00:00-05:00",
            "2017-06-01T02:00:00+02:00",
            "2017-06-01T02:00:00 02:00",
            "2017-06-01T00:00Z",
            "2017-06-01 00:00:00Z",
            "2017-06-01t00:00:00z",
            "6/1/2017 12:00 am",
            "06/01/2017 00:00:00 +00:00",
            "06/01/2017 00:00:00  00:00",
            "05/31/2017 20:00:00 -05:00",
        ] {
            assert_eq!(parse(text), Ok(date("2017-06-01")), "{text}");
        }
    }

    #[test]
    fn a_day_that_does_not_exist_is_refused() {
        for text in [
            "2023-02-44",
            "2017-07-182",
            "2023-02-30",
            "13/01/2017 00:00:00",
            "2017-06-01T25:00:00",
            "2017-06-01x",
            "12017-06-01",
            "6/1/17",
            "17-06-01",
            "0001-01-01",
            "126-11-29",
            "11/29/126",
            "+2017-06-01",
            "6/1/+2017",
            "2017- 6-01",
            "2017-06-01T24:00:00",
            "",
            "yesterday",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_missing_day_follows_from_the_other_one() {
        let today = date("2026-11-28");
        let resolved = |first: Option<&str>, last: Option<&str>| {
            let days = Days {
                first: first.map(date),
                last: last.map(date),
            };
            let found = days.resolve(today).map_err(|error| error.to_string());
            found.map(|(first, last)| format!("{first} {last}"))
        };
        for (first, last, expected) in [
            (None, None, Ok("2026-10-29 2026-11-28")),
            (Some("2026-01-01"), None, Ok("2026-01-01 2026-01-31")),
            (Some("2026-11-20"), None, Ok("2026-11-20 2026-11-28")),
            (Some("2026-11-29"), None, Ok("2026-11-29 2026-11-29")),
            (None, Some("2026-11-01"), Ok("2026-10-29 2026-11-01")),
            (
                Some("2020-01-01"),
                Some("2026-12-31"),
                Ok("2020-01-01 2026-12-31"),
            ),
            (
                None,
                Some("2026-10-28"),
                Err("startDate is needed, as endDate is more than 30 days ago"),
            ),
            (
                Some("2026-11-02"),
                Some("2026-11-01"),
                Err("startDate must not be after endDate"),
            ),
        ] {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(resolved(first, last), expected);
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let _ = parse(&text);
        }
    }
}
