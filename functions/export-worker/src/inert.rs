//! Keeps a spreadsheet from changing a text that it reads from a CSV file.

use std::borrow::Cow;

/// Puts an apostrophe in front of a text that a spreadsheet would change.
///
/// That is a text that a spreadsheet would read as a formula or would show with
/// another value. A text that starts with an apostrophe also gets one, so that a
/// reader who removes one leading apostrophe always has the original text.
pub(crate) fn make_inert(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.starts_with('\'') || starts_formula(&text) || would_be_converted(&text) {
        return format!("'{text}").into();
    }
    text
}

/// Whether a spreadsheet could read the text as a formula.
///
/// A spreadsheet may skip invisible characters before the one that starts the
/// formula. TAB, CR and LF count as characters that start one.
pub(crate) fn starts_formula(text: &str) -> bool {
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

/// The marks that are found beside digits in numbers, amounts, dates and times.
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

/// Whether a spreadsheet would convert the text into another value.
///
/// A spreadsheet drops leading zeros, keeps only 15 digits, reads an `e` between
/// digits as an exponent, `TRUE` as a truth value, and digits with such marks and
/// words as a date, a time or an amount.
fn would_be_converted(text: &str) -> bool {
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
    let is_usual = |c: char| c.is_alphabetic() || c.is_ascii_digit() || MARKS.contains(c);
    text.bytes().any(|b| b.is_ascii_digit())
        && text.chars().all(is_usual)
        && has_only_date_words(&text.to_lowercase())
}

/// Whether each word is one of [`WORDS`]; a single letter at the start is not one.
fn has_only_date_words(text: &str) -> bool {
    let words = text.split(|c: char| !c.is_alphabetic());
    let is_date_word = |(place, word): (usize, &str)| {
        let is_single_letter = place == 0 && word.len() == 1;
        word.is_empty() || (WORDS.contains(&word) && !is_single_letter)
    };
    words.enumerate().all(is_date_word)
}

/// Whether a spreadsheet may skip this character at the start of a cell.
///
/// These are spaces, control characters, and characters that have no width or are
/// invisible: the byte order mark, joiners, marks of direction, variation
/// selectors, combining marks and fillers.
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

    /// The original text, by what the documentation tells a reader to do.
    fn original(cell: &str) -> &str {
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
            assert_eq!(make_inert(text.into()), format!("'{text}"), "{text:?}");
        }
        for text in ["", "Ann", "a=1", " Ann", "a-1", "{\"a\":\"=1\"}", "it's"] {
            assert_eq!(make_inert(text.into()), text, "{text:?}");
        }
    }

    #[test]
    fn a_text_that_a_sheet_would_show_as_another_value_is_made_inert() {
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
            assert_eq!(make_inert(text.into()), format!("'{text}"));
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
            assert_eq!(make_inert(text.into()), text);
        }
    }

    proptest! {
        #[test]
        fn making_a_text_inert_is_reversible(text in "[ '=+@\t\r\n\u{feff}＝a-]{0,6}|\\PC{0,20}") {
            let inert = make_inert(text.as_str().into());
            prop_assert_eq!(original(&inert), text.as_str());
            prop_assert!(!starts_formula(&inert));
        }
    }
}
