//! The columns of a CSV file and of a workbook: their names and their cells.

use std::borrow::Cow;

use shared::{
    Activity, Details, Identifier, Moment,
    model::{
        Name,
        export::{ActionLabels, Locale},
        zone::Zone,
    },
};

/// How many columns there are, with [`LABEL`], which a file has only if it was asked for.
pub(crate) const COUNT: usize = 18;

/// How many columns, from the first, a file for programs has: those with a time in
/// the time zone are left out, because there it is always UTC.
pub(crate) const RAW_COUNT: usize = 16;

/// The place of the column with the actions' labels, beside that of their names.
const LABEL: usize = 3;

/// The header in English; [`header`] adds the time zone to the first column.
const ENGLISH: [&str; COUNT] = [
    "Date-Time",
    "Affected customer",
    "Action",
    "Action in words",
    "Partner user",
    "Customer ID",
    "Partner user ID",
    "Partner user kind",
    "Outcome",
    "Resource type",
    "Resource ID",
    "Activity ID",
    "Recorded at (UTC)",
    "Correlation ID",
    "Details",
    "Erased at (UTC)",
    "UTC offset",
    "Occurred at (UTC)",
];

/// The header in Korean.
const KOREAN: [&str; COUNT] = [
    "날짜-시간",
    "영향을 받은 고객",
    "작업",
    "작업 이름",
    "파트너 사용자",
    "고객 ID",
    "파트너 사용자 ID",
    "파트너 사용자 유형",
    "결과",
    "리소스 유형",
    "리소스 ID",
    "활동 ID",
    "기록 시각 (UTC)",
    "상관 관계 ID",
    "세부 정보",
    "삭제 시각 (UTC)",
    "UTC 오프셋",
    "발생 시각 (UTC)",
];

/// The header, of the first `count` columns; the first one also names the time zone.
pub(crate) fn header(
    locale: Locale,
    zone: &Zone,
    has_labels: bool,
    count: usize,
) -> Vec<Cow<'static, str>> {
    let names = match locale {
        Locale::En => ENGLISH,
        Locale::Ko => KOREAN,
    };
    let mut names = names.map(Cow::Borrowed);
    let [first, ..] = &mut names;
    *first = format!("{first} ({zone})").into();
    let names = names.into_iter().take(count).enumerate();
    names
        .filter(|(place, _)| has_labels || *place != LABEL)
        .map(|(_, name)| name)
        .collect()
}

/// The content of a cell.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cell<'a> {
    /// No cell: the file does not have this column.
    Absent,
    /// A time that is shown in the time zone of the header.
    LocalTime(Moment),
    /// How far that time zone is ahead of UTC at this time.
    Offset(Moment),
    /// A time that is shown in UTC.
    UtcTime(Moment),
    /// A text from a client; empty if the client sent none.
    Text(&'a str),
    /// A word that this service defines.
    Word(&'static str),
    /// The activity's id.
    Id(shared::ActivityId),
}

/// The cells of an activity, in the order of the header.
pub(crate) fn row<'a>(
    activity: &'a Activity,
    labels: Option<&'a ActionLabels>,
) -> [Cell<'a>; COUNT] {
    let content = &activity.content;
    let customer = content.customer.as_ref();
    let resource = content.resource.as_ref();
    let text = |text: Option<_>| Cell::Text(text.unwrap_or_default());
    [
        Cell::LocalTime(content.occurred_at),
        text(customer.map(|customer| customer.name.as_str())),
        Cell::Text(content.action.as_str()),
        labels.map_or(Cell::Absent, |labels| {
            let label = labels.get(&content.action).map(Name::as_str);
            Cell::Text(label.unwrap_or(content.action.as_str()))
        }),
        Cell::Text(content.actor.name.as_str()),
        text(customer.map(|customer| customer.id.as_str())),
        Cell::Text(content.actor.id.as_str()),
        Cell::Word(content.actor.kind.as_str()),
        Cell::Word(content.outcome.as_str()),
        text(resource.map(|resource| resource.r#type.as_str())),
        text(resource.map(|resource| resource.id.as_str())),
        Cell::Id(activity.id),
        Cell::UtcTime(activity.recorded_at),
        text(content.correlation_id.as_ref().map(Identifier::as_str)),
        text(content.details.as_ref().map(Details::as_str)),
        activity.erased_at.map_or(Cell::Text(""), Cell::UtcTime),
        Cell::Offset(content.occurred_at),
        Cell::UtcTime(content.occurred_at),
    ]
}

/// How far the clocks of a zone are ahead of UTC, as `UTC-04:00`.
///
/// With these letters no spreadsheet reads it as a time, a number or a formula.
pub(crate) fn offset(zone: &Zone, moment: Moment) -> String {
    format!("UTC{}", zone.offset(moment))
}

/// How many UTF-16 units of a longer cell are kept; Excel allows 32,767 in all.
const CELL_UNITS_MAX: usize = 32_000;

/// Cuts a text that is too long for a cell, and adds a mark that says so.
///
/// Returns none if the text is short enough.
pub(crate) fn cut(text: &str) -> Option<String> {
    // A character has at most as many UTF-16 units as bytes.
    if text.len() <= CELL_UNITS_MAX {
        return None;
    }
    let mut units = 0;
    let (end, _) = text.char_indices().find(|(_, c)| {
        units += c.len_utf16();
        units > CELL_UNITS_MAX
    })?;
    let kept = text.get(..end)?;
    Some(format!(
        "{kept} … [cut: {} characters in all]",
        text.chars().count()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_tells_apart_what_clocks_show_twice() {
        for (zone, at, local, ahead) in [
            (
                "UTC",
                "2026-11-22T09:32:11Z",
                "2026-11-22 09:32:11",
                "UTC+00:00",
            ),
            // From 2:00 back to 1:00.
            (
                "America/New_York",
                "2026-11-01T05:30:00Z",
                "2026-11-01 01:30:00",
                "UTC-04:00",
            ),
            (
                "America/New_York",
                "2026-11-01T06:30:00Z",
                "2026-11-01 01:30:00",
                "UTC-05:00",
            ),
            // Samoa had no 30 December.
            (
                "Pacific/Apia",
                "2011-12-30T09:59:59Z",
                "2011-12-29 23:59:59",
                "UTC-10:00",
            ),
            (
                "Pacific/Apia",
                "2011-12-30T10:00:00Z",
                "2011-12-31 00:00:00",
                "UTC+14:00",
            ),
            (
                "Europe/Paris",
                "1900-01-01T00:00:00Z",
                "1900-01-01 00:09:21",
                "UTC+00:09:21",
            ),
        ] {
            let (zone, at) = (
                Zone::try_from(zone.to_owned()).unwrap(),
                at.parse().unwrap(),
            );
            assert_eq!(zone.local(at).to_string(), local);
            assert_eq!(offset(&zone, at), ahead);
        }
    }

    #[test]
    fn a_long_cell_is_cut_visibly() {
        assert_eq!(cut(&"a".repeat(32_000)), None);
        assert_eq!(cut(&"한".repeat(32_000)), None);
        let short = cut(&"😀".repeat(20_000)).unwrap();
        assert!(short.ends_with("😀 … [cut: 20000 characters in all]"));
        assert!(short.encode_utf16().count() < 32_767);
    }
}
