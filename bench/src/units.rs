//! DynamoDB's units, as its documentation counts them.

use serde_json::Value;

/// One write unit writes so much of one item.
const WRITE_BYTES: usize = 1_024;

/// One read unit reads so much, of one item or of a whole Query page.
const READ_BYTES: usize = 4_096;

/// An item's size, from how it is on the wire; none if it is no item.
pub(crate) fn item_bytes(item: &Value) -> Option<usize> {
    let item: dynoxide::Item = serde_json::from_value(item.clone()).ok()?;
    Some(dynoxide::types::item_size(&item))
}

/// The units of writing an item of so many bytes, be its condition true or not.
pub(crate) fn write_units(item_bytes: usize) -> f64 {
    whole(item_bytes, WRITE_BYTES)
}

/// The units of reading items of so many bytes together; an eventually
/// consistent read costs half.
pub(crate) fn read_units(bytes: usize, is_consistent: bool) -> f64 {
    let units = whole(bytes, READ_BYTES);
    if is_consistent { units } else { units / 2.0 }
}

/// Begun units count whole, and the least is one.
fn whole(bytes: usize, unit_bytes: usize) -> f64 {
    float(bytes.div_ceil(unit_bytes).max(1))
}

/// A count as a number to reckon with.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(crate) fn float(count: impl TryInto<u64>) -> f64 {
    count.try_into().unwrap_or(u64::MAX) as f64
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "units are whole or half")]
mod tests {
    use super::*;

    #[test]
    fn a_begun_kilobyte_is_a_write_unit() {
        assert_eq!([0, 1, 1_024].map(write_units), [1.0; 3]);
        assert_eq!([1_025, 2_048].map(write_units), [2.0; 2]);
        assert_eq!(write_units(262_145), 257.0);
    }

    #[test]
    fn begun_four_kilobytes_are_a_read_unit() {
        let units = |bytes| read_units(bytes, true);
        assert_eq!([0, 1, 4_096].map(units), [1.0; 3]);
        assert_eq!([4_097, 8_192].map(units), [2.0; 2]);
    }

    #[test]
    fn an_eventual_read_is_half_of_the_rounded_one() {
        let units = |bytes| read_units(bytes, false);
        assert_eq!([0, 4_096, 4_097].map(units), [0.5, 0.5, 1.0]);
        assert_eq!(units(9_000), 1.5);
    }
}
