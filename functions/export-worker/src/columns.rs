//! The columns of a CSV file and of a workbook: their names and their cells.

use std::borrow::Cow;

use shared::{
    Activity, Details, Identifier, Moment,
    model::{export::Locale, zone::Zone},
};

/// How many columns there are.
pub(crate) const COUNT: usize = 14;

/// The columns of `occurred_at` and `recorded_at`.
pub(crate) const TIME_COLUMNS: [usize; 2] = [0, 11];

/// The header in English; [`header`] adds the time zones of the two times.
const ENGLISH: [&str; COUNT] = [
    "Date-Time",
    "Affected customer",
    "Action",
    "Partner user",
    "Customer ID",
    "Partner user ID",
    "Partner user kind",
    "Outcome",
    "Resource type",
    "Resource ID",
    "Activity ID",
    "Recorded at",
    "Correlation ID",
    "Details",
];

/// The header in Korean.
const KOREAN: [&str; COUNT] = [
    "날짜-시간",
    "영향을 받은 고객",
    "작업",
    "파트너 사용자",
    "고객 ID",
    "파트너 사용자 ID",
    "파트너 사용자 유형",
    "결과",
    "리소스 유형",
    "리소스 ID",
    "활동 ID",
    "기록 시각",
    "상관 관계 ID",
    "세부 정보",
];

/// The header; the columns of the two times also name their time zones.
pub(crate) fn header(locale: Locale, zone: &Zone) -> [Cow<'static, str>; COUNT] {
    let names = match locale {
        Locale::En => ENGLISH,
        Locale::Ko => KOREAN,
    };
    let [first, second] = TIME_COLUMNS;
    let mut column = 0;
    names.map(|name| {
        column += 1;
        match column - 1 {
            at if at == first => format!("{name} ({zone})").into(),
            at if at == second => format!("{name} (UTC)").into(),
            _ => name.into(),
        }
    })
}

/// The content of a cell.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cell<'a> {
    /// When the activity happened; it is shown in the time zone of the header.
    OccurredAt(Moment),
    /// When the activity was stored; it is shown in UTC.
    RecordedAt(Moment),
    /// A text from a client; empty if the client sent none.
    Text(&'a str),
    /// A word that this service defines.
    Word(&'static str),
    /// The activity's id.
    Id(shared::ActivityId),
}

/// The cells of an activity, in the order of the header.
pub(crate) fn row(activity: &Activity) -> [Cell<'_>; COUNT] {
    let content = &activity.content;
    let customer = content.customer.as_ref();
    let resource = content.resource.as_ref();
    let text = |text: Option<_>| Cell::Text(text.unwrap_or_default());
    [
        Cell::OccurredAt(content.occurred_at),
        text(customer.map(|customer| customer.name.as_str())),
        Cell::Text(content.action.as_str()),
        Cell::Text(content.actor.name.as_str()),
        text(customer.map(|customer| customer.id.as_str())),
        Cell::Text(content.actor.id.as_str()),
        Cell::Word(content.actor.kind.as_str()),
        Cell::Word(content.outcome.as_str()),
        text(resource.map(|resource| resource.r#type.as_str())),
        text(resource.map(|resource| resource.id.as_str())),
        Cell::Id(activity.id),
        Cell::RecordedAt(activity.recorded_at),
        text(content.correlation_id.as_ref().map(Identifier::as_str)),
        text(content.details.as_ref().map(Details::as_str)),
    ]
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
    fn a_long_cell_is_cut_visibly() {
        assert_eq!(cut(&"a".repeat(32_000)), None);
        assert_eq!(cut(&"한".repeat(32_000)), None);
        let short = cut(&"😀".repeat(20_000)).unwrap();
        assert!(short.ends_with("😀 … [cut: 20000 characters in all]"));
        assert!(short.encode_utf16().count() < 32_767);
    }
}
