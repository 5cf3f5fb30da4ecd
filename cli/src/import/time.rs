//! Times as other systems write them.

use chrono::{DateTime, Utc};
use jiff::{Timestamp, civil, fmt::strtime, tz::TimeZone};

/// How the times of a column are written.
#[derive(Debug, Clone)]
pub(crate) struct TimeForm {
    /// As in strftime; none for RFC 3339, and for `2026-11-22 09:32:11` in the zone.
    pub(crate) format: Option<String>,
    /// The zone of times that name none.
    pub(crate) zone: TimeZone,
}

impl TimeForm {
    /// A form whose zone has this name.
    pub(crate) fn new(format: Option<String>, zone: Option<&str>) -> Result<Self, String> {
        let name = zone.unwrap_or("UTC");
        let zone = TimeZone::get(name).map_err(|_| format!("{name} is no time zone"))?;
        Ok(Self { format, zone })
    }

    /// The moment that a text means, cut to the millisecond.
    pub(crate) fn read(&self, text: &str) -> Result<DateTime<Utc>, String> {
        let text = text.trim();
        let read = match &self.format {
            Some(format) => self.by_format(text, format),
            None => self.usual(text),
        };
        let moment = read.map_err(|reason| format!("{text:?} {reason}"))?;
        let moment = DateTime::from_timestamp_millis(moment.as_millisecond());
        moment.ok_or_else(|| format!("{text:?} is out of range"))
    }

    fn by_format(&self, text: &str, format: &str) -> Result<Timestamp, String> {
        let is_not = |_| format!("is not of the form {format}");
        let parsed = strtime::parse(format, text).map_err(is_not)?;
        // It has an offset, or counts seconds.
        if let Ok(moment) = parsed.to_timestamp() {
            return Ok(moment);
        }
        let time = match parsed.to_datetime() {
            Ok(time) => time,
            // A day alone is its begin.
            Err(_) => parsed
                .to_date()
                .map_err(is_not)?
                .to_datetime(civil::Time::midnight()),
        };
        self.in_zone(time)
    }

    fn usual(&self, text: &str) -> Result<Timestamp, String> {
        if let Ok(moment) = text.parse() {
            return Ok(moment);
        }
        let is_not = |_| {
            "must be a time such as 2026-11-22T09:32:11Z or 2026-11-22 09:32:11; another form \
             needs a format in the mapping"
                .to_owned()
        };
        self.in_zone(text.parse().map_err(is_not)?)
    }

    /// A time that the clocks show twice is the first one.
    fn in_zone(&self, time: civil::DateTime) -> Result<Timestamp, String> {
        let moment = self.zone.to_timestamp(time);
        moment.map_err(|_| "is out of range".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, format: &str, zone: &str) -> Result<String, String> {
        let format = Some(format.to_owned()).filter(|format| !format.is_empty());
        let form = TimeForm::new(format, Some(zone)).unwrap();
        form.read(text).map(crate::table::time)
    }

    #[test]
    fn times_of_many_forms_are_read() {
        for (text, format, zone, moment) in [
            (
                "2026-11-22T09:32:11.123456Z",
                "",
                "Asia/Seoul",
                "2026-11-22T09:32:11.123Z",
            ),
            (
                "2026-11-22 09:32:11",
                "",
                "Asia/Seoul",
                "2026-11-22T00:32:11.000Z",
            ),
            (
                "22.11.2026 09:32",
                "%d.%m.%Y %H:%M",
                "Europe/Berlin",
                "2026-11-22T08:32:00.000Z",
            ),
            (
                "11/22/2026 9:32:11 PM",
                "%m/%d/%Y %I:%M:%S %p",
                "UTC",
                "2026-11-22T21:32:11.000Z",
            ),
            ("22/11/2026", "%d/%m/%Y", "UTC", "2026-11-22T00:00:00.000Z"),
            ("1795339931", "%s", "UTC", "2026-11-22T09:32:11.000Z"),
            // The clocks show this hour twice.
            (
                "2026-11-01 01:30:00",
                "",
                "America/New_York",
                "2026-11-01T05:30:00.000Z",
            ),
        ] {
            assert_eq!(read(text, format, zone).as_deref(), Ok(moment), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused_with_its_text_and_the_form() {
        assert_eq!(
            read("31.02.2026", "%d.%m.%Y", "UTC").unwrap_err(),
            "\"31.02.2026\" is not of the form %d.%m.%Y"
        );
        assert!(
            read("yesterday", "", "UTC")
                .unwrap_err()
                .starts_with("\"yesterday\" must be")
        );
        assert!(TimeForm::new(None, Some("Mars/Base")).is_err());
    }
}
