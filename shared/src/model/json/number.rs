//! A number as the text that was sent, compared by its value.
//!
//! No arithmetic is done: two numbers are equal if they have the same digits and
//! the same exponent once zeros that mean nothing are left out.

/// The most characters of a number.
///
/// Some readers refuse longer ones by default, such as Jackson.
pub(super) const CHARS_MAX: usize = 1_000;

/// The most digits of an exponent, so that it fits in 64 bits.
pub(super) const EXPONENT_DIGITS_MAX: usize = 15;

/// A JSON number, as it was sent.
///
/// Equal numbers may have different texts, such as `1`, `1.0` and `10e-1`.
#[derive(Debug, Clone)]
pub struct Number(String);

impl Number {
    /// Keeps a text that is known to be a JSON number.
    pub(super) fn of_json(text: &str) -> Result<Self, String> {
        if text.len() > CHARS_MAX {
            return Err(format!(
                "must have at most {CHARS_MAX} characters as a number; send a longer one as a string"
            ));
        }
        let (_, exponent) = split(text, ['e', 'E']);
        let digits = exponent.trim_start_matches(['+', '-']);
        if digits.trim_start_matches('0').len() > EXPONENT_DIGITS_MAX {
            return Err(format!(
                "must have an exponent of at most {EXPONENT_DIGITS_MAX} digits; send such a number as a string"
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The text, as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn decimal(&self) -> Decimal {
        let (is_negative, unsigned) = match self.0.strip_prefix('-') {
            Some(unsigned) => (true, unsigned),
            None => (false, self.0.as_str()),
        };
        let (mantissa, exponent) = split(unsigned, ['e', 'E']);
        let (whole, fraction) = split(mantissa, ['.']);
        let all = format!("{whole}{fraction}");
        let significant = all.trim_end_matches('0');
        let digits = significant.trim_start_matches('0');
        if digits.is_empty() {
            return Decimal::default();
        }
        let dropped = all.len() - significant.len();
        let moved = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
        let exponent: i64 = exponent.parse().unwrap_or_default();
        Decimal {
            is_negative,
            digits: digits.to_owned(),
            exponent: exponent
                .saturating_add(moved(dropped))
                .saturating_sub(moved(fraction.len())),
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || self.decimal() == other.decimal()
    }
}

impl Eq for Number {}

/// A value as `digits` · 10^`exponent`; zero has no digits and no sign.
#[derive(Debug, Default, PartialEq, Eq)]
struct Decimal {
    is_negative: bool,
    /// Neither the first nor the last digit is 0.
    digits: String,
    exponent: i64,
}

/// What is before and after the first of these characters.
fn split<const N: usize>(text: &str, at: [char; N]) -> (&str, &str) {
    text.split_once(at).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Number {
        Number::of_json(text).unwrap()
    }

    #[test]
    fn numbers_are_equal_by_value() {
        for (one, other) in [
            ("1", "1.0"),
            ("1e2", "100"),
            ("1.10", "1.1"),
            ("1E4", "1e+4"),
            ("-0", "0.00e7"),
            ("0.012", "12e-3"),
            ("1200", "0.12e+00004"),
            ("9007199254740993.0", "9007199254740993"),
            ("1e999999999", "10e999999998"),
            ("1e-400", "0.1e-399"),
        ] {
            assert_eq!(number(one), number(other), "{one} {other}");
        }
        for (one, other) in [
            ("1", "-1"),
            ("1", "10"),
            ("1", "1.0000000000000000000000000001"),
            ("0.12345678901234567890", "0.12345678901234567891"),
            ("9007199254740993", "9007199254740992"),
            ("1e999999999", "1e999999998"),
            ("1e-400", "0"),
            ("101", "11"),
        ] {
            assert_ne!(number(one), number(other), "{one} {other}");
        }
    }

    #[test]
    fn a_number_that_no_reader_takes_is_refused() {
        let digits = |count| "7".repeat(count);
        assert_eq!(number(&digits(1_000)).as_str(), digits(1_000));
        let long = Number::of_json(&digits(1_001)).unwrap_err();
        assert!(long.starts_with("must have at most 1000 characters"));
        assert!(Number::of_json(&format!("1e-00{}", digits(15))).is_ok());
        let huge = Number::of_json(&format!("1e{}", digits(16))).unwrap_err();
        assert!(huge.starts_with("must have an exponent of at most 15 digits"));
    }

    proptest! {
        #[test]
        fn a_number_is_equal_however_it_is_written(
            digits in "[1-9][0-9]{0,30}",
            exponent in -1_000_000_000..1_000_000_000_i64,
            moved in 0..20_i64,
            is_negative: bool,
        ) {
            let sign = if is_negative { "-" } else { "" };
            let plain = number(&format!("{sign}{digits}e{exponent}"));
            let zeros = "0".repeat(usize::try_from(moved).unwrap());
            let longer = format!("{sign}{digits}{zeros}E{}", exponent - moved);
            prop_assert_eq!(&plain, &number(&longer));
            let places = i64::try_from(digits.len()).unwrap() + moved;
            let fraction = format!("{sign}0.{zeros}{digits}e{}", exponent + places);
            prop_assert_eq!(&plain, &number(&fraction));
            prop_assert_ne!(&plain, &number(&format!("{sign}{digits}1e{exponent}")));
            prop_assert_ne!(&plain, &number(&format!("{sign}{digits}e{}", exponent + 1)));
        }

        #[test]
        fn small_numbers_are_equal_if_their_floats_are(one in -999..999_i32, other in -999..999_i32, places in 0..4_usize) {
            let texts = [one, other].map(|n| format!("{:.places$}", f64::from(n) / 10_f64.powi(places.try_into().unwrap())));
            prop_assert_eq!(number(&texts[0]) == number(&texts[1]), one == other);
        }
    }
}
