//! DynamoDB's units, as its documentation counts them.

use serde_json::Value;

/// One write unit writes so much of one item.
const WRITE_BYTES: usize = 1_024;

/// An item's size, from how it is on the wire; none if it is no item.
pub(crate) fn item_bytes(item: &Value) -> Option<usize> {
    let item: dynoxide::Item = serde_json::from_value(item.clone()).ok()?;
    Some(dynoxide::types::item_size(&item))
}

/// The units of writing an item of so many bytes, be its condition true or not.
pub(crate) fn write_units(item_bytes: usize) -> f64 {
    whole(item_bytes, WRITE_BYTES)
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
}
