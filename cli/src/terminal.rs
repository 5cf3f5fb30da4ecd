//! What a terminal shows: no text from a log may move its cursor.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use console::{measure_text_width, truncate_str};

/// The text without what a terminal would obey: control characters, and marks that turn the
/// direction of what follows.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    let is_obeyed = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if is_obeyed(character) {
            plain.extend(character.escape_default());
        } else {
            plain.push(character);
        }
    }
    Cow::Owned(plain)
}

/// Writes a line for people.
pub(crate) fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{}", plain(line))
}

/// How many columns the terminal has; 120 if there is none.
pub(crate) fn width() -> usize {
    let size = console::Term::stdout().size_checked();
    size.map_or(120, |(_, columns)| usize::from(columns))
}

/// The text in exactly so many columns: cut, or followed by blanks.
pub(crate) fn fitted(text: &str, columns: usize) -> String {
    let text = truncate_str(text, columns, "…");
    let blanks = columns.saturating_sub(measure_text_width(&text));
    format!("{text}{}", " ".repeat(blanks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_shown_as_an_escape() {
        assert_eq!(plain("한국 전자"), "한국 전자");
        assert_eq!(plain("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(plain("a\r\n\tb\u{202e}"), "a\\r\\n\\tb\\u{202e}");
    }

    #[test]
    fn a_text_takes_as_many_columns_as_it_should() {
        for (text, fitting) in [
            ("abc", "abc  "),
            ("abcdefg", "abcd…"),
            ("한국전자", "한국…"),
        ] {
            assert_eq!(fitted(text, 5), fitting);
        }
    }
}
