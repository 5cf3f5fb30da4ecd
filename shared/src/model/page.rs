//! Pages of a list, and the cursors that lead to the next one.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::model::{ActivityId, Error, Moment, TimeRange};

/// One page of a list, such as a partner's exports.
#[derive(Debug)]
pub struct Page<T> {
    /// The items, in order.
    pub items: Vec<T>,
    /// Whether further items follow the last one.
    pub more: bool,
}

/// The most items that a page may hold: 1 to 500, default 50.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(u16);

impl Limit {
    /// The limit as a count.
    pub fn get(self) -> usize {
        self.0.into()
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

impl TryFrom<&str> for Limit {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self, Error> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        match text.parse() {
            Ok(limit @ 1..=500) if digits => Ok(Self(limit)),
            _ => Err(Error::invalid(
                "limit",
                "must be a whole number from 1 to 500",
            )),
        }
    }
}

/// Where a page begins: what its walk reads, and after which activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The range of the first page, which may have been read on another day.
    pub range: TimeRange,
    /// The last activity of the page before.
    pub after: ActivityId,
}

impl Place {
    /// The place as the bytes of a cursor.
    pub fn into_bytes(self) -> [u8; 32] {
        let ends = [self.range.from(), self.range.to()];
        let ends = ends.map(|moment| moment.as_millis().to_be_bytes());
        let parts = ends.into_iter().flatten().chain(self.after.into_bytes());
        let mut bytes = [0; 32];
        bytes
            .iter_mut()
            .zip(parts)
            .for_each(|(to, from)| *to = from);
        bytes
    }

    /// The place in these bytes; none if its activity lies outside of its range, where
    /// DynamoDB refuses to start.
    pub fn from_bytes(bytes: [u8; 32]) -> Option<Self> {
        let (from, rest) = bytes.split_first_chunk::<8>()?;
        let (to, after) = rest.split_first_chunk::<8>()?;
        let [from, to] = [from, to].map(|bytes| Moment::from_millis(i64::from_be_bytes(*bytes)));
        let range = TimeRange::new(from?, to?)?;
        let after = ActivityId::from_bytes(after.try_into().ok()?)?;
        range
            .contains(after.occurred_at())
            .then_some(Self { range, after })
    }
}

/// A position in one walk through a log; it is refused in any other walk.
///
/// Its text holds the `N` bytes of the position, and a check value over these
/// bytes and everything that defines the walk: partner, filter and order.
/// The check finds mistakes, but does not stop attackers: a cursor grants no
/// access, because the partition always comes from the claims.
#[derive(Debug, Clone, Copy)]
pub struct Cursor<const N: usize>(pub [u8; N]);

const VERSION: u8 = 1;
const CHECK_BYTES: usize = 12;

impl<const N: usize> Cursor<N> {
    /// Writes the cursor as a text that is only valid for `walk`.
    pub fn seal(&self, walk: &impl Serialize) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.0);
        bytes.extend_from_slice(&check(&bytes, walk));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a cursor that was sealed for the same `walk`.
    pub fn open(text: &str, walk: &impl Serialize) -> Result<Self, Error> {
        Self::opened(text, walk).ok_or_else(|| {
            Error::invalid(
                "cursor",
                "must be the next_cursor of the same query, unchanged",
            )
        })
    }

    fn opened(text: &str, walk: &impl Serialize) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (sealed, found) = bytes.split_at_checked(1 + N)?;
        let position = sealed.strip_prefix(&[VERSION])?.try_into().ok()?;
        (found == check(sealed, walk)).then_some(Self(position))
    }
}

fn check(sealed: &[u8], walk: &impl Serialize) -> [u8; CHECK_BYTES] {
    let walk = serde_json::to_vec(walk).expect("a walk is plain data with string keys");
    let digest = Sha256::new()
        .chain_update(sealed)
        .chain_update(walk)
        .finalize();
    let mut check = [0; CHECK_BYTES];
    check
        .iter_mut()
        .zip(digest)
        .for_each(|(to, from)| *to = from);
    check
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_limit_is_1_to_500() {
        assert_eq!(Limit::try_from("500").unwrap().get(), 500);
        for text in ["", "0", "501", "abc", "-1", "+5", "1.0", " 1", "70000"] {
            assert!(Limit::try_from(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_cursor_fits_its_own_walk_alone() {
        let text = Cursor([7; 16]).seal(&("contoso", "desc"));
        let open = |text: &str, walk| Cursor::<16>::open(text, &walk).map(|cursor| cursor.0);
        assert_eq!(open(&text, ("contoso", "desc")).unwrap(), [7; 16]);
        assert!(open(&text, ("contoso", "asc")).is_err());
        assert!(open(&text, ("fabrikam", "desc")).is_err());
    }

    #[test]
    fn a_cursor_with_any_character_changed_or_cut_is_refused() {
        let text = Cursor([7; 16]).seal(&"walk");
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(
                Cursor::<16>::open(&changed, &"walk").is_err(),
                "changed at {at}"
            );
            assert!(
                Cursor::<16>::open(&text[..at], &"walk").is_err(),
                "cut at {at}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_a_position_comes_back(text in any::<String>(), position: [u8; 32]) {
            prop_assert!(Cursor::<32>::open(&text, &"walk").is_err());
            let sealed = Cursor(position).seal(&"walk");
            prop_assert_eq!(Cursor::<32>::open(&sealed, &"walk").unwrap().0, position);
            prop_assert!(Cursor::<16>::open(&sealed, &"walk").is_err());
        }

        #[test]
        fn a_place_lies_within_its_range_or_is_none(
            any: [u8; 32],
            from in 0..i64::from(u32::MAX),
            to in 0..i64::from(u32::MAX),
            at in 0..i64::from(u32::MAX),
        ) {
            if let Some(Place { range, after }) = Place::from_bytes(any) {
                prop_assert!(range.contains(after.occurred_at()));
            }
            let moment = |millis| Moment::from_millis(millis).unwrap();
            let Some(range) = TimeRange::new(moment(from), moment(to)) else {
                return Ok(());
            };
            let after = ActivityId::random(moment(at));
            let place = Place { range, after };
            let is_within = from <= at && at < to;
            prop_assert_eq!(Place::from_bytes(place.into_bytes()), is_within.then_some(place));
        }

        #[test]
        fn a_limit_is_what_its_digits_say(text in any::<String>(), number in 0..100_000_u32) {
            if let Ok(limit) = Limit::try_from(text.as_str()) {
                prop_assert_eq!(text.parse::<usize>().unwrap(), limit.get());
            }
            let limit = Limit::try_from(number.to_string().as_str());
            prop_assert_eq!(limit.is_ok(), (1..=500).contains(&number));
        }
    }
}
