//! Keeps a spreadsheet from changing a text that it reads from a CSV file.

use std::{borrow::Cow, iter};

use icu_normalizer::{ComposingNormalizer, ComposingNormalizerBorrowed};
use icu_properties::props::{
    BinaryProperty, DefaultIgnorableCodePoint, EnumeratedProperty, GeneralCategory,
    GeneralCategoryGroup,
};

/// Puts an apostrophe in front of a text that a spreadsheet could change.
///
/// That is a text that a spreadsheet could read as a formula or as a value that is
/// not a text. A text that starts with an apostrophe also gets one, so that a
/// reader who removes one leading apostrophe always has the original text.
pub(crate) fn make_inert(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.starts_with('\'') || starts_formula(&text) || could_be_value(&text) {
        return format!("'{text}").into();
    }
    text
}

/// Whether a spreadsheet could read the text as a formula.
///
/// A spreadsheet may skip invisible characters before the one that starts the
/// formula, and take a wide or a small form for it. TAB, CR and LF count as
/// characters that start one.
pub(crate) fn starts_formula(text: &str) -> bool {
    let is_line_or_tab = |c| matches!(c, '\t' | '\r' | '\n');
    let first = text.chars().find(|&c| is_line_or_tab(c) || !is_skipped(c));
    first.is_some_and(|first| {
        let plain = normalizer().normalize_iter(iter::once(first)).next();
        is_line_or_tab(first) || plain.is_some_and(|plain| "=+-@".contains(plain))
    })
}

/// Whether a spreadsheet may skip this character at the start of a cell.
///
/// These are spaces, control characters, and characters that have no width of
/// their own or are invisible.
fn is_skipped(c: char) -> bool {
    const GROUPS: [GeneralCategoryGroup; 3] = [
        GeneralCategoryGroup::Mark,
        GeneralCategoryGroup::Other,
        GeneralCategoryGroup::Separator,
    ];
    /// A symbol by its category, but without a dot.
    const BLANK_BRAILLE: char = '\u{2800}';

    let category = GeneralCategory::for_char(c);
    GROUPS.iter().any(|group| group.contains(category))
        || DefaultIgnorableCodePoint::for_char(c)
        || c == BLANK_BRAILLE
}

/// The truth values in English, Korean and Chinese characters.
const TRUTH_VALUES: [&str; 6] = ["true", "false", "참", "거짓", "真", "假"];

/// Whether a spreadsheet could read the text as a number, an amount, a date, a
/// time, a truth value or an error.
///
/// A whole number that is shown with the same digits does not count.
fn could_be_value(text: &str) -> bool {
    if is_same_number(text) {
        return false;
    }
    let plain = plain_form(text);
    let numerals = Numerals::of(text);
    if could_be_amount_in_words(text) || begins_with_value(&plain, numerals) {
        return true;
    }
    if text.bytes().any(rules_out_value) {
        return is_error(text);
    }
    if plain.contains(DIGIT) {
        let words: Vec<&str> = words_of(&plain).collect();
        let forms = Forms {
            has_sign: plain.contains(is_currency_sign),
            ends_in_blank: plain.ends_with(is_skipped),
            numerals,
        };
        return are_of_amount(&words) || forms.have(&words);
    }
    TRUTH_VALUES.contains(&plain.trim_matches(is_skipped))
}

/// Whether Calc reads a value from the first numbers of the text, whatever follows.
///
/// It does if there are four numbers, and either the name of a month or a day and a colon,
/// or an exponent behind a decimal point or comma. Beside a numeral that is not ASCII it
/// takes blanks, letters and unassigned characters for numerals, and several characters for
/// a sign: there, how many numbers there are and what stands around the point is not asked.
fn begins_with_value(plain: &str, numerals: Numerals) -> bool {
    let is_any = numerals == Numerals::OfAnyScript;
    let numbers = plain.split(|c| c != DIGIT).filter(|it| !it.is_empty());
    let are_enough = is_any || numbers.count() >= 4;
    let has_name = || words_of(plain).any(is_name) || (is_any && plain.contains(['월', '月']));
    let has_time = || plain.contains(':') && has_name();
    are_enough && (has_time() || has_exponent_behind_point(plain, is_any))
}

/// Whether the text has an exponent behind a decimal point or comma, as in `1,234.e2`.
fn has_exponent_behind_point(plain: &str, is_any: bool) -> bool {
    plain.match_indices(EXPONENT).any(|(at, _)| {
        let (before, after) = plain.split_at(at);
        let number = before.trim_end().strip_suffix(['.', ',']);
        let exponent = after
            .strip_prefix(EXPONENT)
            .unwrap_or_default()
            .trim_start();
        let exponent = exponent.trim_start_matches(['+', '-']).trim_start();
        let is_of_digits = |number: &str| number.ends_with(DIGIT) && exponent.starts_with(DIGIT);
        number.is_some_and(|number| is_any || is_of_digits(number))
    })
}

/// Whether the text has a number that is not ASCII, and a multiplier as in `５만원`.
///
/// Calc reads such a number also if it is followed by any character.
fn could_be_amount_in_words(text: &str) -> bool {
    let is_number = |c: char| !c.is_ascii() && c.is_numeric();
    !text.is_ascii() && text.contains(is_number) && text.contains(|c| MULTIPLIERS.contains(c))
}

/// What multiplies the number before it, in Korean and Chinese.
const MULTIPLIERS: &str = "십백천만억조경十百千万萬億亿兆京垓拾佰仟阡";

/// The words of a text; where ASCII begins or ends, one ends too.
fn words_of(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_alphabetic());
    words.flat_map(|word| {
        let bytes = word.as_bytes();
        let runs = bytes.chunk_by(|one, other| one.is_ascii() == other.is_ascii());
        let runs = runs.map(|run| str::from_utf8(run).unwrap_or_default());
        word.is_empty().then_some("").into_iter().chain(runs)
    })
}

/// Whether the text is a number of which a spreadsheet shows each digit.
///
/// A spreadsheet drops leading zeros. Excel shows 12 digits and more as `1.23457E+11`
/// and saves them so.
fn is_same_number(text: &str) -> bool {
    text.len() <= 11
        && text.bytes().all(|b| b.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'))
}

/// Whether no number, date or time has this byte in any language.
fn rules_out_value(byte: u8) -> bool {
    byte.is_ascii_punctuation() && !b"$%'()+,-./:".contains(&byte)
}

/// Whether the text has the form of an error value, such as `#N/A` or `#DIV/0!`.
fn is_error(text: &str) -> bool {
    let Some(name) = text.trim_matches(is_skipped).strip_prefix('#') else {
        return false;
    };
    let is_usual = |b: u8| b.is_ascii_alphanumeric() || b"/_!?".contains(&b);
    let ends_as_one = name.ends_with(['!', '?']) || name.eq_ignore_ascii_case("n/a");
    let is_upper = !name.bytes().any(|b| b.is_ascii_lowercase());
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(is_usual)
        && (ends_as_one || is_upper)
}

/// Stands for any numeral in a [`plain_form`].
const DIGIT: char = '0';

/// The text in lower case, with compatible characters made one and `0` for each numeral.
fn plain_form(text: &str) -> String {
    let digit = |c| if is_numeral(c) { DIGIT } else { c };
    if text.is_ascii() {
        return text
            .chars()
            .map(digit)
            .map(|c| c.to_ascii_lowercase())
            .collect();
    }
    // Before the normalisation too, which makes letters of Roman numerals.
    let plain = normalizer().normalize_iter(text.chars().map(digit));
    // Calc compares in upper case, in which `ı` is an `I`.
    let upper = plain.flat_map(char::to_uppercase);
    upper.flat_map(char::to_lowercase).map(digit).collect()
}

/// Whether a character is a digit or a number in any script.
fn is_numeral(c: char) -> bool {
    c.is_numeric()
        || "零一二三四五六七八九十百千万萬億亿兆京垓壱壹貳貮贰弐參叁参肆伍陸陆柒捌玖拾佰仟阡廿卅"
            .contains(c)
}

/// The names in dates; any beginning of three letters or more also stands for one.
const NAMES: [&str; 19] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// The letters that stand alone in a time or a number: halves of the day, the `T`
/// and `Z` of ISO 8601, and the exponent's `E`.
const LETTERS: [&str; 7] = ["a", "am", "p", "pm", "t", "z", EXPONENT];

/// Stands before an exponent.
const EXPONENT: &str = "e";

/// The currencies of countries with English whose symbols are words: of all words of up to
/// three letters, those that LibreOffice takes for one in any English that it knows.
const CURRENCIES: [&str; 10] = ["d", "k", "kr", "ksh", "mk", "p", "php", "r", "rm", "rs"];

/// The characters of dates and times in Korean and in Chinese characters.
const DATE_CHARACTERS: &str = "년월일시분초요화수목금토오전후年月日時时分秒曜火水木金土午前後上下";

/// Begins a day of the week in Chinese; its characters alone also stand in names.
const DAY_OF_WEEK: &str = "星期";

/// The numerals, decimal points and minus signs that Korean and Chinese write with
/// characters of words, and letters that Calc counts with. Only beside a numeral that is
/// not ASCII do they make a number.
const NUMBER_CHARACTERS: &str = "영공일이삼사오육륙칠팔구십백천만억조경점點点负負偩אבגדהוזחט\u{866}\u{867}\u{868}\u{869}\u{86a}";

/// Whether the words beside digits are those of an amount: a currency before or behind it.
fn are_of_amount(words: &[&str]) -> bool {
    let words: Vec<&str> = words.iter().copied().filter(|it| !it.is_empty()).collect();
    let is_rest = |rest: &[&str]| rest.iter().all(|word| *word == EXPONENT);
    let is_currency = |word: &str| CURRENCIES.contains(&word);
    match words.as_slice() {
        [first, rest @ ..] if is_currency(first) => is_rest(rest),
        [rest @ .., last] if is_currency(last) => is_rest(rest),
        _ => false,
    }
}

/// What decides which words may stand beside digits.
struct Forms {
    /// Whether the text has the sign of a currency.
    has_sign: bool,
    ends_in_blank: bool,
    numerals: Numerals,
}

impl Forms {
    /// Whether the words beside digits are those of a number, a date or a time.
    ///
    /// A single letter at the start is not, as in the id `a-1`. Beside the sign of a
    /// currency one or two letters are, as in `HK$5`.
    fn have(&self, words: &[&str]) -> bool {
        let before = [""].into_iter().chain(words.iter().copied());
        let mut words = before.zip(words).enumerate();
        words.all(|(place, (before, word))| {
            if !word.is_ascii() {
                return is_of_korean_or_chinese_value(word, self.numerals);
            }
            let is_letter = LETTERS.contains(word) && !(place == 0 && word.len() == 1);
            // Some countries write the halves of the day `a.m.` and `p.m.`.
            let ends_half = *word == "m" && matches!(before, "a" | "p");
            let is_of_sign = self.has_sign && word.len() <= 2;
            // Before a blank at the end, Calc fills what a form of dates names, as in `12/M `.
            let is_of_form = self.ends_in_blank && place > 0 && ["d", "m", "y"].contains(word);
            let is_letter = is_letter || ends_half || is_of_form;
            word.is_empty() || is_letter || is_of_sign || is_name(word)
        })
    }
}

/// Whether a word is a name in dates, or the beginning of one.
fn is_name(word: &str) -> bool {
    word.len() >= 3 && NAMES.iter().any(|name| name.starts_with(word))
}

fn is_of_korean_or_chinese_value(word: &str, numerals: Numerals) -> bool {
    let counts = |c| {
        let is_number = numerals == Numerals::OfAnyScript && NUMBER_CHARACTERS.contains(c);
        is_number || DATE_CHARACTERS.contains(c)
    };
    word.split(DAY_OF_WEEK).flat_map(str::chars).all(counts)
}

fn is_currency_sign(c: char) -> bool {
    GeneralCategory::for_char(c) == GeneralCategory::CurrencySymbol
}

/// Which numerals a text has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Numerals {
    Ascii,
    OfAnyScript,
}

impl Numerals {
    fn of(text: &str) -> Self {
        if text.chars().any(|c| is_numeral(c) && !c.is_ascii_digit()) {
            Self::OfAnyScript
        } else {
            Self::Ascii
        }
    }
}

/// Makes one of characters that are forms of the same, such as `＝` and `=`.
const fn normalizer() -> ComposingNormalizerBorrowed<'static> {
    ComposingNormalizer::new_nfkc()
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
            "﹦1",
            "⁼1",
            "﹣1",
            "\u{e000}=1",
            "\u{20dd}=1",
            "\u{2800}=1",
        ] {
            assert_eq!(make_inert(text.into()), format!("'{text}"), "{text:?}");
        }
        for text in ["", "Ann", "a=1", " Ann", "a-1", "{\"a\":\"=1\"}", "it's"] {
            assert_eq!(make_inert(text.into()), text, "{text:?}");
        }
    }

    #[test]
    fn a_text_that_a_sheet_could_read_as_a_value_is_made_inert() {
        let exponents = "1,234.e2 1 x|1,000.E5 7 guests|7,000.E5 8#|1,000.e5-7x|(1,000.E5) 7 x|1.000,E5 7 x|\
            1 000,E5 7 x|1\u{a0}000,E5 7 x|1,234.e５- x|1,234. e +5 7 x|1,000.E−５- x|1,000.E−٣- x|1,000.E\u{86b}- ５x|30 三月 5:09 9 客";
        let numbers = " 007|.5|007|00|1234567890123456|1e5|12E45|1.50|1/2|1,5|(5)|50%|5-|००7|\
            ００７|٣|१२|½|Ⅷ|①|𝟓|５Ｅ３|二〇二六|三月|５만|５만원|１００만원|１万円|３千名|(５만원)|５만?|５만;|５E오|壱５|５阡|偩５|５점 만점|이〇이육|三〇万원|二〇〇億元|〇천상사|千①만㎡|만㊀만A|兆元만Ⅷ|이e５|５이e3|〇이e5|육e二〇|５א|点５|负５|５京|−5|1\u{202f}000";
        let amounts = "$5|5 €|₩1,000|￦007|5￡|R007|007R|r5|RM.5|PHP 5|HK$5|J$5|BZ$5|Z$5|５ＲＭ|\
            K007|7K|(K7)|P-17|D007|Rs.007|KSh 007|GH₵ 7|MK 1,000|kr.7";
        let times = "12:30|10 PM|5:30 p.m.|5A.M.|2026-11-22 5 a.m.|Mon.Mar 9|Sun.May 3, 2026|9 Jan.Monday|\
            9 Aprıl|Frıday, March 9, 2026|Mar 30 5:09 12 h|30 Mar 5:9 9 guests|2026 Mar 12:1.5층|30 Mar ５:구 9 guests|2026 Mar 12:일.５층|Mar 30 ５:ב 9|Sat. Sept 5 15:30 1.5;|３-Mar-9:30. guests|2026/Sept5:３０. guests|30-Mar-9:3０.\u{86b} guests|12/M |26-m  |5/12/Y\u{a0}|26/M/D |5 Jan|MAR1|Sept-2|9 Thurs|Mon 9|Monday, March 9, 2026|\
            2026-11-22T11:22|2026-11-22T11:22:33Z|오전 9시|5월 1일|2026-3-9 월|월요일 5|㋀|\
            2026年3月9日|星期一 2026年3月9日|１２：３０|１０ ｐｍ";
        let others = "TRUE|false| True |ＴＲＵＥ|참|거짓\u{200b}|真|假|#N/A|#n/a|#DIV/0!|#NAME?";
        for text in [exponents, numbers, amounts, times, others]
            .iter()
            .flat_map(|texts| texts.split('|'))
        {
            assert_eq!(make_inert(text.into()), format!("'{text}"));
        }
    }

    #[test]
    fn a_text_that_is_no_value_in_a_sheet_stays_as_it_is() {
        let numbers = "0|7|12345678901";
        let ids = "12ab|d51a052e|p5d5|1e5x|a-1|u-17|c-1|order_5|019ab0f4-5c5b-7d0a-8e4f-0c39d6d5c70d|\
            ann2@contoso.example|{\"t\":5}";
        let names = "R2D2|RX-7|A$AP Rocky 5|5.miles|12/M|3M|5 Y X|W007|KR7RM|Mar 5: 12 guests|1.e2 x|3.5e mile 7 of 8|v1.2.e1 x|#1 pizza|#pizza|Mars 1|Mark 1|Studio 54|7-Eleven|3M|Monday|March|5 Sundays|truth|(a)|#1 Pizza|\
            참나무|이사 5|구조 2|5점|期日三|제1공장|21세기|한국전자 2|三星 5|株式会社2|Ärzte 5";
        for text in [numbers, ids, names]
            .iter()
            .flat_map(|texts| texts.split('|'))
        {
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
