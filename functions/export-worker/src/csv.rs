//! Activities as CSV rows; knows neither S3 nor DynamoDB.
//!
//! `raw` is RFC 4180 and nothing else. `spreadsheet` is for people: a byte
//! order mark, times that a spreadsheet reads as dates, cells that it can't
//! take for formulas, and none longer than it can hold.

use std::{borrow::Cow, io};

use jiff::{Timestamp, tz::TimeZone};
use shared::{
    Activity, Details, ExportRequest, Identifier, Moment,
    export::{Locale, Style},
    range::Zone,
};

use crate::upload::PART_BYTES;

/// A longer cell is cut; Excel holds 32,767 UTF-16 units.
const CELL_UNITS_MAX: usize = 32_000;

/// Room for a part and the row that fills it, so that a part never moves.
const PART_CAPACITY: usize = PART_BYTES + 1024 * 1024;

/// The header in English; the two times get their zones.
const ENGLISH: [&str; 14] = [
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

/// The same in Korean.
const KOREAN: [&str; 14] = [
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

/// So that a spreadsheet takes the file for UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Encodes one file.
#[derive(Debug)]
pub(crate) struct Encoder {
    style: Style,
    zone: Zone,
    writer: csv::Writer<Vec<u8>>,
}

impl Encoder {
    /// An encoder for what was asked; `raw` is always English and UTC.
    pub(crate) fn new(request: &ExportRequest) -> Self {
        let zone = match request.style {
            Style::Spreadsheet => request.filter.zone(),
            Style::Raw => Zone::utc(),
        };
        let writer = writer(request.style, Vec::with_capacity(PART_CAPACITY));
        Self {
            style: request.style,
            zone,
            writer,
        }
    }

    /// Begins the file: the byte order mark, if any, and the header.
    pub(crate) fn begin(&mut self, locale: Locale) -> Result<(), csv::Error> {
        let (start, names) = match (self.style, locale) {
            (Style::Raw, _) => ("", ENGLISH),
            (Style::Spreadsheet, Locale::En) => (BYTE_ORDER_MARK, ENGLISH),
            (Style::Spreadsheet, Locale::Ko) => (BYTE_ORDER_MARK, KOREAN),
        };
        let mut bytes = Vec::with_capacity(PART_CAPACITY);
        bytes.extend_from_slice(start.as_bytes());
        self.writer = writer(self.style, bytes);
        for (column, name) in names.into_iter().enumerate() {
            match column {
                0 => self.writer.write_field(format!("{name} ({})", self.zone))?,
                11 => self.writer.write_field(format!("{name} (UTC)"))?,
                _ => self.writer.write_field(name)?,
            }
        }
        self.writer.write_record(None::<&[u8]>)
    }

    /// Encodes an activity; answers how many bytes wait to be taken.
    pub(crate) fn row(&mut self, activity: &Activity) -> Result<usize, csv::Error> {
        let content = &activity.content;
        let customer = content.customer.as_ref();
        let resource = content.resource.as_ref();
        let cells = [
            self.time(content.occurred_at, self.zone.time_zone()),
            self.text(customer.map(|customer| customer.name.as_str())),
            self.text(Some(content.action.as_str())),
            self.text(Some(content.actor.name.as_str())),
            self.text(customer.map(|customer| customer.id.as_str())),
            self.text(Some(content.actor.id.as_str())),
            content.actor.kind.as_str().into(),
            content.outcome.as_str().into(),
            self.text(resource.map(|resource| resource.r#type.as_str())),
            self.text(resource.map(|resource| resource.id.as_str())),
            activity.id.to_string().into(),
            self.time(activity.recorded_at, &TimeZone::UTC),
            self.text(content.correlation_id.as_ref().map(Identifier::as_str)),
            self.text(content.details.as_ref().map(Details::as_str)),
        ];
        for cell in cells.each_ref() {
            self.writer.write_field(cell.as_bytes())?;
        }
        self.writer.write_record(None::<&[u8]>)?;
        self.writer.flush()?;
        Ok(self.writer.get_ref().len())
    }

    /// Takes what was encoded since the last time.
    pub(crate) fn take(&mut self) -> Result<Vec<u8>, io::Error> {
        let full = std::mem::replace(
            &mut self.writer,
            writer(self.style, Vec::with_capacity(PART_CAPACITY)),
        );
        full.into_inner().map_err(csv::IntoInnerError::into_error)
    }

    fn time(&self, moment: Moment, zone: &TimeZone) -> Cow<'static, str> {
        match self.style {
            Style::Raw => moment.to_string().into(),
            Style::Spreadsheet => {
                let zoned = Timestamp::from(moment).to_zoned(zone.clone());
                zoned.strftime("%Y-%m-%d %H:%M:%S").to_string().into()
            }
        }
    }

    fn text<'a>(&self, text: Option<&'a str>) -> Cow<'a, str> {
        let text = text.unwrap_or_default();
        match self.style {
            Style::Raw => text.into(),
            Style::Spreadsheet => guard(cut(text)),
        }
    }
}

/// In a spreadsheet's file every cell is quoted: a reader that also splits at
/// semicolons or tabs must not find a cell inside a name.
fn writer(style: Style, start: Vec<u8>) -> csv::Writer<Vec<u8>> {
    let quotes = match style {
        Style::Spreadsheet => csv::QuoteStyle::Always,
        Style::Raw => csv::QuoteStyle::Necessary,
    };
    csv::WriterBuilder::new()
        .quote_style(quotes)
        .terminator(csv::Terminator::CRLF)
        .from_writer(start)
}

/// Cuts a cell that is too long for a spreadsheet, with a mark that says so.
fn cut(text: &str) -> Cow<'_, str> {
    // A character has at most as many UTF-16 units as bytes.
    if text.len() <= CELL_UNITS_MAX {
        return text.into();
    }
    let mut units = 0;
    let end = text.char_indices().find(|(_, c)| {
        units += c.len_utf16();
        units > CELL_UNITS_MAX
    });
    match end.and_then(|(end, _)| text.get(..end)) {
        Some(kept) => format!("{kept} … [cut: {} characters in all]", text.chars().count()).into(),
        None => text.into(),
    }
}

/// Keeps a spreadsheet from taking a cell for a formula or for another number.
///
/// An apostrophe goes in front of a cell that would start a formula or lose
/// digits, and of one that starts with an apostrophe: taking exactly one away
/// gives the text back.
fn guard(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.starts_with('\'') || starts_formula(&text) || loses_digits(&text) {
        return format!("'{text}").into();
    }
    text
}

/// Whether the first character after any that a spreadsheet may skip is one
/// that starts a formula; TAB, CR and LF count as such themselves.
fn starts_formula(text: &str) -> bool {
    for c in text.chars() {
        match c {
            '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠' => {
                return true;
            }
            _ if is_skipped(c) => {}
            _ => return false,
        }
    }
    false
}

/// Whether digits would be shown otherwise: a spreadsheet drops leading zeros,
/// keeps 15 digits, reads an `e` between digits as an exponent, and takes
/// digits with marks between them for dates, times and amounts.
fn loses_digits(text: &str) -> bool {
    let text = text.trim_start();
    let is_number = text
        .bytes()
        .all(|b| b.is_ascii_digit() || b".,:/%eE+- ".contains(&b));
    let is_integer = text.bytes().all(|b| b.is_ascii_digit());
    let is_kept = is_integer && text.len() <= 15 && (text.len() == 1 || !text.starts_with('0'));
    is_number && text.starts_with(|c: char| c.is_ascii_digit() || c == '.') && !is_kept
}

/// Spaces, control characters, and what has no width or shows nothing: the byte
/// order mark, joiners, directions, variation selectors, combining marks, fillers.
fn is_skipped(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(
            c,
            '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}'
        )
        || ('\u{300}'..='\u{36f}').contains(&c)
        || ('\u{17b4}'..='\u{17b5}').contains(&c)
        || ('\u{180b}'..='\u{180f}').contains(&c)
        || ('\u{fe00}'..='\u{fe0f}').contains(&c)
        || ('\u{fff9}'..='\u{fffb}').contains(&c)
        || ('\u{e0000}'..='\u{e01ef}').contains(&c)
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}')
        || ('\u{200b}'..='\u{200f}').contains(&c)
        || ('\u{202a}'..='\u{202e}').contains(&c)
        || ('\u{2060}'..='\u{206f}').contains(&c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the documentation tells a reader to do.
    fn unguard(cell: &str) -> &str {
        cell.strip_prefix('\'').unwrap_or(cell)
    }

    #[test]
    fn a_cell_that_starts_a_formula_is_made_inert() {
        for text in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            " =1",
            "\u{feff}=1",
            "\u{200b}\u{a0}=1",
            "＝1",
            "＋1",
            "－1",
            "＠1",
            "\u{1}=1",
            "'=1",
            "'",
            "\u{fe0f}=1",
            "\u{301}=1",
            "\u{3164}=1",
            "\u{e0020}=1",
            "\tplain",
        ] {
            assert_eq!(guard(text.into()), format!("'{text}"), "{text:?}");
        }
        for text in ["", "Ann", "a=1", " Ann", "a-1", "{\"a\":\"=1\"}", "it's"] {
            assert_eq!(guard(text.into()), text, "{text:?}");
        }
    }

    #[test]
    fn an_id_that_would_lose_digits_is_kept() {
        for text in [
            " 007",
            ".5",
            "007",
            "00",
            "1234567890123456",
            "1e5",
            "12E45",
            "1.50",
            "1/2",
            "12:30",
            "1,5",
        ] {
            assert_eq!(guard(text.into()), format!("'{text}"));
        }
        for text in ["0", "7", "123456789012345", "12ab", "d51a052e", "1e5x"] {
            assert_eq!(guard(text.into()), text);
        }
    }

    #[test]
    fn a_long_cell_is_cut_visibly() {
        assert_eq!(cut(&"a".repeat(32_000)).len(), 32_000);
        let long = "😀".repeat(20_000);
        let short = cut(&long);
        assert!(short.ends_with("😀 … [cut: 20000 characters in all]"));
        assert!(short.encode_utf16().count() < 32_767);
        assert_eq!(cut(&"한".repeat(31_999)).chars().count(), 31_999);
    }

    proptest! {
        #[test]
        fn guarding_is_reversible(text in "[ '=+@\t\r\n\u{feff}＝a-]{0,6}|\\PC{0,20}") {
            let guarded = guard(text.as_str().into());
            prop_assert_eq!(unguard(&guarded), text.as_str());
            prop_assert!(!starts_formula(&guarded));
        }
    }
}
