//! Activities as CSV rows; knows neither S3 nor DynamoDB.
//!
//! `raw` is RFC 4180 and nothing else. `spreadsheet` is for people: a byte
//! order mark, times that a spreadsheet reads as dates, cells that it can't
//! take for formulas, and none longer than it can hold.

use std::{borrow::Cow, fmt::Display, io::Write};

use shared::{
    Activity, ExportRequest, Moment,
    model::{
        export::{Locale, Style},
        zone::{LocalTime, Zone},
    },
};

use crate::columns::{self, Cell};

/// So that a spreadsheet takes the file for UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Rows of one file; they gather until they are taken.
#[derive(Debug)]
pub(crate) struct Rows {
    style: Style,
    locale: Locale,
    zone: Zone,
    writer: csv::Writer<Vec<u8>>,
    /// An id or a time as it is shown, in a buffer that is kept.
    shown: Vec<u8>,
}

impl Rows {
    /// Rows of what was asked, behind `start`; `raw` is always English and UTC.
    pub(crate) fn new(request: &ExportRequest, style: Style, start: Vec<u8>) -> Self {
        let (zone, locale) = match style {
            Style::Spreadsheet => (request.filter.zone(), request.locale),
            Style::Raw => (Zone::UTC, Locale::En),
        };
        Self {
            style,
            locale,
            zone,
            writer: writer(style, start),
            shown: Vec::new(),
        }
    }

    /// The byte order mark, if any, and the header.
    pub(crate) fn begin(&mut self) -> Result<(), csv::Error> {
        if self.style == Style::Spreadsheet {
            self.swap(BYTE_ORDER_MARK.into())?;
        }
        for name in columns::header(self.locale, &self.zone) {
            self.writer.write_field(name.as_bytes())?;
        }
        self.writer.write_record(None::<&[u8]>)?;
        Ok(self.writer.flush()?)
    }

    /// Adds a row; answers how many of its cells were cut.
    pub(crate) fn push(&mut self, activity: &Activity) -> Result<u64, csv::Error> {
        let mut truncated_cells = 0;
        for cell in columns::row(activity) {
            match cell {
                Cell::Text(text) => {
                    let (text, is_cut) = self.text(text);
                    truncated_cells += u64::from(is_cut);
                    self.writer.write_field(text.as_bytes())?;
                }
                Cell::Word(word) => self.writer.write_field(word)?,
                Cell::Id(id) => self.show(id)?,
                Cell::OccurredAt(at) => self.show_time(at, self.zone.local_second(at))?,
                Cell::RecordedAt(at) => self.show_time(at, Zone::UTC.local_second(at))?,
            }
        }
        self.writer.write_record(None::<&[u8]>)?;
        self.writer.flush()?;
        Ok(truncated_cells)
    }

    /// The rows that wait to be taken.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.writer.get_ref()
    }

    /// Takes the rows; those that follow gather behind `next`.
    pub(crate) fn swap(&mut self, next: Vec<u8>) -> Result<Vec<u8>, csv::Error> {
        let full = std::mem::replace(&mut self.writer, writer(self.style, next));
        full.into_inner().map_err(|error| error.into_error().into())
    }

    fn show_time(&mut self, moment: Moment, local: LocalTime) -> Result<(), csv::Error> {
        match self.style {
            Style::Raw => self.show(moment),
            Style::Spreadsheet => self.show(local),
        }
    }

    fn show(&mut self, value: impl Display) -> Result<(), csv::Error> {
        self.shown.clear();
        write!(self.shown, "{value}")?;
        self.writer.write_field(&self.shown)
    }

    /// The text as this style shows it, and whether it was cut.
    fn text<'a>(&self, text: &'a str) -> (Cow<'a, str>, bool) {
        match self.style {
            Style::Raw => (text.into(), false),
            Style::Spreadsheet => match columns::cut(text) {
                None => (guard(text.into()), false),
                Some(cut) => (guard(cut.into()), true),
            },
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

/// Keeps a spreadsheet from taking a cell for a formula or for another number.
///
/// An apostrophe goes in front of a cell that would start a formula or lose
/// digits, and of one that starts with an apostrophe: taking exactly one away
/// gives the text back.
fn guard(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.starts_with('\'') || starts_formula(&text) || is_shown_otherwise(&text) {
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

/// What stands beside digits in numbers, amounts, dates and times.
const MARKS: &str = ".,:/%+-()$€£¥₩ \u{a0}";

/// The words in dates and times, in English and Korean; `e` is an exponent.
const WORDS: [&str; 37] = [
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "sept",
    "oct",
    "nov",
    "dec",
    "january",
    "february",
    "march",
    "april",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "am",
    "pm",
    "a",
    "p",
    "e",
    "년",
    "월",
    "일",
    "시",
    "분",
    "초",
    "오전",
    "오후",
];

/// Whether a spreadsheet would show another value than the text: it drops
/// leading zeros, keeps 15 digits, reads an `e` between digits as an exponent,
/// `TRUE` as a truth, and digits among marks and words as dates, times and amounts.
fn is_shown_otherwise(text: &str) -> bool {
    let text = text.trim();
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return text.len() > 15 || (text.len() > 1 && text.starts_with('0'));
    }
    if ["true", "false"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word))
    {
        return true;
    }
    let is_known = |c: char| c.is_alphabetic() || c.is_ascii_digit() || MARKS.contains(c);
    text.bytes().any(|b| b.is_ascii_digit())
        && text.chars().all(is_known)
        && has_words_of_dates_alone(&text.to_lowercase())
}

/// Whether each word is one of [`WORDS`]; a lone letter at the start makes no date.
fn has_words_of_dates_alone(text: &str) -> bool {
    let words = text.split(|c: char| !c.is_alphabetic());
    let is_of_a_date = |(place, word): (usize, &str)| {
        let is_lone_start = place == 0 && word.len() == 1;
        word.is_empty() || (WORDS.contains(&word) && !is_lone_start)
    };
    words.enumerate().all(is_of_a_date)
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

    /// The cells of a row as a reader of RFC 4180 finds them.
    fn read_back(style: Style, texts: &[String]) -> Vec<String> {
        let rows = Rows {
            style,
            locale: Locale::En,
            zone: Zone::UTC,
            writer: writer(style, Vec::new()),
            shown: Vec::new(),
        };
        // As in a file: a reader takes a byte order mark at its very start for none of the text.
        let mut file = writer(style, Vec::new());
        file.write_record([""; columns::COUNT]).unwrap();
        file.write_record(texts.iter().map(|text| rows.text(text).0.into_owned()))
            .unwrap();
        let file = file.into_inner().unwrap();
        let mut reader = csv::ReaderBuilder::new();
        let mut reader = reader.has_headers(true).from_reader(file.as_slice());
        let mut records = reader.records().map(Result::unwrap);
        let row = records.next().unwrap();
        assert!(records.next().is_none(), "a row is one record");
        row.iter().map(str::to_owned).collect()
    }

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
    fn a_text_that_a_sheet_would_show_as_another_value_is_kept() {
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
            "(5)",
            "$5",
            "5 €",
            "₩1,000",
            "50%",
            "TRUE",
            "false",
            "5 Jan",
            "MAR1",
            "Sept-2",
            "10 PM",
            "5월 1일",
            "오전 9시",
        ] {
            assert_eq!(guard(text.into()), format!("'{text}"));
        }
        for text in [
            "0",
            "7",
            "123456789012345",
            "12ab",
            "d51a052e",
            "1e5x",
            "a-1",
            "Mars 1",
            "truth",
            "(a)",
        ] {
            assert_eq!(guard(text.into()), text);
        }
    }

    proptest! {
        #[test]
        fn a_row_of_any_texts_reads_back_cell_by_cell(
            texts in proptest::collection::vec(r#"(?s).{0,20}|[",;\t\r\n '=+@-]{0,6}"#, columns::COUNT),
        ) {
            prop_assert_eq!(read_back(Style::Raw, &texts), texts.clone());
            let cells = read_back(Style::Spreadsheet, &texts);
            prop_assert_eq!(cells.len(), texts.len());
            for (cell, text) in cells.iter().zip(&texts) {
                prop_assert_eq!(unguard(cell), text);
                prop_assert!(!starts_formula(cell));
            }
        }

        #[test]
        fn guarding_is_reversible(text in "[ '=+@\t\r\n\u{feff}＝a-]{0,6}|\\PC{0,20}") {
            let guarded = guard(text.as_str().into());
            prop_assert_eq!(unguard(&guarded), text.as_str());
            prop_assert!(!starts_formula(&guarded));
        }
    }
}
