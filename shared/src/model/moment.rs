//! A point in time as in JSON and in the tables' keys: UTC, whole milliseconds.

use std::{fmt, str::FromStr, time::Duration};

use chrono::{DateTime, Datelike, NaiveTime, SecondsFormat, Timelike, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A UTC instant of the years 0000 to 9999, cut to the millisecond.
///
/// RFC 3339 can write no other year, but with an offset it can write instants up to
/// a day before and after them; these are read as the first and the last moment.
/// Its text is always `2026-11-22T09:32:11.123Z`: 24 bytes, so that the order
/// of texts is the order of moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(i64);

/// 0000-01-01T00:00:00.000Z to 9999-12-31T23:59:59.999Z, in milliseconds since 1970.
const MILLIS: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

impl Moment {
    /// The first moment: 0000-01-01T00:00:00.000Z.
    pub const MIN: Self = Self(*MILLIS.start());

    /// The last moment: 9999-12-31T23:59:59.999Z.
    pub const MAX: Self = Self(*MILLIS.end());

    /// 1970-01-01T00:00:00.000Z, before which no activity can be recorded.
    pub const EPOCH: Self = Self(0);

    /// The moment this many milliseconds after 1970; none outside `MIN` to `MAX`.
    pub fn from_millis(millis: i64) -> Option<Self> {
        MILLIS.contains(&millis).then_some(Self(millis))
    }

    /// Milliseconds since 1970.
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, rounded down.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// This moment moved forward by `duration`, at most to [`Moment::MAX`].
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self::nearest(self.0.saturating_add(millis(duration)))
    }

    /// This moment moved back by `duration`, at most to [`Moment::MIN`].
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self::nearest(self.0.saturating_sub(millis(duration)))
    }

    /// The first moment of its UTC month.
    pub(crate) fn start_of_month(self) -> Self {
        let time = DateTime::<Utc>::from(self);
        let first = time.date_naive().with_day(1).unwrap_or_default();
        let midnight = first.and_time(NaiveTime::MIN);
        Self::nearest(midnight.and_utc().timestamp_millis())
    }

    /// The moment this many milliseconds after 1970, or the nearer limit.
    pub(crate) fn nearest(millis: i64) -> Self {
        Self(millis.clamp(*MILLIS.start(), *MILLIS.end()))
    }

    /// Parses RFC 3339 and rounds up to a whole millisecond.
    ///
    /// Both ends of a range need this: stored times are in whole milliseconds, so
    /// `at >= x` and `at < x` keep their meaning when `x` is rounded up.
    pub fn parse_rounding_up(text: &str) -> Result<Self, ParseError> {
        let exact = parse(text)?;
        let floor = Self::from(exact);
        Ok(if exact.nanosecond() % 1_000_000 == 0 {
            floor
        } else {
            floor.plus(Duration::from_millis(1))
        })
    }
}

/// The error of a text that is not a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an RFC 3339 time with a zone, such as 2026-11-22T09:32:11.123Z")]
pub struct ParseError;

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Parses RFC 3339 more strictly than `chrono`.
///
/// A `T` is required, a fraction has at most nine digits, a leap second is refused,
/// and the zone is `Z` or `+hh:mm`.
fn parse(text: &str) -> Result<DateTime<Utc>, ParseError> {
    let bytes = text.as_bytes();
    let zone_at = match bytes.last() {
        Some(b'Z' | b'z') => bytes.len() - 1,
        _ => bytes.len().checked_sub(6).ok_or(ParseError)?,
    };
    let (local, zone) = bytes.split_at_checked(zone_at).ok_or(ParseError)?;
    let date_and_time = local.split_at_checked(19).ok_or(ParseError)?;
    let shaped = fits(date_and_time.0, b"0000-00-00T00:00:00")
        && match date_and_time.1 {
            [] => true,
            [b'.', digits @ ..] => {
                (1..=9).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
            }
            _ => false,
        }
        && (zone.len() == 1 || fits(zone, b"+00:00") || fits(zone, b"-00:00"));
    let seconds = date_and_time.0.get(17..).unwrap_or_default();
    if !shaped || seconds > b"59".as_slice() {
        return Err(ParseError);
    }
    let exact = DateTime::parse_from_rfc3339(text).map_err(|_| ParseError)?;
    Ok(exact.to_utc())
}

/// Whether `text` has a digit for each `0` of `shape`, and else the same bytes.
///
/// A `T` matches in either case.
pub(crate) fn fits(text: &[u8], shape: &[u8]) -> bool {
    text.len() == shape.len()
        && text.iter().zip(shape).all(|(have, want)| match want {
            b'0' => have.is_ascii_digit(),
            b'T' => have.eq_ignore_ascii_case(&b'T'),
            _ => have == want,
        })
}

impl From<DateTime<Utc>> for Moment {
    fn from(exact: DateTime<Utc>) -> Self {
        Self::nearest(exact.timestamp_millis())
    }
}

impl From<Moment> for DateTime<Utc> {
    fn from(moment: Moment) -> Self {
        Self::from_timestamp_millis(moment.0).expect("chrono has more years than a Moment")
    }
}

impl FromStr for Moment {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        parse(text).map(Self::from)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&DateTime::from(*self).to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::arbitrary;

    #[test]
    fn a_moment_is_cut_to_the_millisecond_and_written_in_full() {
        for (text, written) in [
            ("2026-11-22T09:32:11Z", "2026-11-22T09:32:11.000Z"),
            ("2026-11-22T09:32:11.1239Z", "2026-11-22T09:32:11.123Z"),
            ("2026-11-22T18:32:11.5+09:00", "2026-11-22T09:32:11.500Z"),
            ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000Z"),
            ("2026-11-22T23:59:59+23:59", "2026-11-22T00:00:59.000Z"),
            ("2026-11-22t09:32:11z", "2026-11-22T09:32:11.000Z"),
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000Z"),
            ("9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.999Z"),
            // The first and the last moment stand for all that lies beyond them.
            ("9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59.999Z"),
            ("0000-01-01T00:00:00+09:00", "0000-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(text.parse::<Moment>().unwrap().to_string(), written);
        }
    }

    #[test]
    fn what_is_not_rfc_3339_is_refused() {
        for text in [
            "",
            "now",
            "2026-11-22T09:32:11+24:00",
            "2026-11-22T23:59:60Z",
            "2026-11-22",
            "2026-11-22T09:32:11",
            "2026-02-30T00:00:00Z",
            "2026-11-22 09:32:11Z",
            "2026-11-22T09:32Z",
            "2026-11-22T09:32:11+09",
            "2026-11-22T09:32:11.Z",
            "2026-11-22T24:00:00Z",
            "20261122T093211Z",
            "2026-11-22T09:32:11Z[Asia/Seoul]",
            "2026-11-22T09:32:11+09:00[Asia/Seoul]",
            "+002026-11-22T09:32:11Z",
            "2026-11-22T09:32:11ÄZ",
        ] {
            assert_eq!(text.parse::<Moment>(), Err(ParseError), "{text}");
        }
    }

    #[test]
    fn bounds_are_rounded_up() {
        let bound = |text| Moment::parse_rounding_up(text).unwrap().to_string();
        assert_eq!(
            bound("2026-11-22T09:32:11.123Z"),
            "2026-11-22T09:32:11.123Z"
        );
        assert_eq!(
            bound("2026-11-22T09:32:11.1230001Z"),
            "2026-11-22T09:32:11.124Z"
        );
        for text in ["9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59-23:59"] {
            assert_eq!(bound(text), "9999-12-31T23:59:59.999Z");
        }
        assert_eq!(
            bound("0000-01-01T00:00:00+23:59"),
            "0000-01-01T00:00:00.000Z"
        );
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_read_is_written_back(
            text in prop_oneof![
                any::<String>(),
                r"[0-9]{4}-[01][0-9]-[0-3][0-9][Tt][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{1,12})?([Zz]|[+-][0-2][0-9]:[0-6][0-9])",
            ],
        ) {
            if let Ok(moment) = text.parse::<Moment>() {
                prop_assert_eq!(moment.to_string().parse(), Ok(moment));
                let up = Moment::parse_rounding_up(&text).unwrap();
                prop_assert!((0..=1).contains(&(up.as_millis() - moment.as_millis())));
            } else {
                prop_assert!(Moment::parse_rounding_up(&text).is_err());
            }
        }

        #[test]
        fn the_order_of_texts_is_the_order_of_moments(
            one in arbitrary::moment(),
            two in arbitrary::moment(),
            millis in any::<u64>(),
        ) {
            prop_assert_eq!(one.to_string().cmp(&two.to_string()), one.cmp(&two));
            prop_assert_eq!(one.to_string().len(), 24);
            let by = Duration::from_millis(millis);
            for moved in [one.plus(by), one.minus(by)] {
                prop_assert_eq!(moved.to_string().parse(), Ok(moved));
            }
        }
    }
}
