//! The encoding of small numbers in Parquet: runs, and groups of eight packed ones.

/// Decodes `count` numbers of `width` bits; none if the bytes do not have them.
pub(crate) fn decode(mut bytes: &[u8], width: u8, count: usize) -> Option<Vec<u32>> {
    if width > 32 {
        return None;
    }
    let mut numbers = Vec::with_capacity(count);
    while numbers.len() < count {
        let head = varint(&mut bytes)?;
        let left = count - numbers.len();
        if head & 1 == 1 {
            let packed = (head >> 1).checked_mul(usize::from(width))?;
            // The last group may be cut off after its last number.
            let (group, rest) = bytes.split_at(packed.min(bytes.len()));
            bytes = rest;
            let wanted = (head >> 1).checked_mul(8)?.min(left);
            unpack(group, width, wanted, &mut numbers)?;
        } else {
            let (value, rest) = bytes.split_at_checked(usize::from(width).div_ceil(8))?;
            bytes = rest;
            let little = value.iter().rev();
            let value = little.fold(0, |value, byte| value << 8 | u32::from(*byte));
            let run = (head >> 1).min(left);
            if run == 0 {
                return None;
            }
            numbers.extend(std::iter::repeat_n(value, run));
        }
    }
    Some(numbers)
}

fn unpack(group: &[u8], width: u8, count: usize, numbers: &mut Vec<u32>) -> Option<()> {
    if count == 0 {
        return None;
    }
    let mask = (1_u64 << width) - 1;
    let (mut bits, mut have) = (0_u64, 0);
    let mut bytes = group.iter();
    for _ in 0..count {
        while have < width {
            bits |= u64::from(*bytes.next()?) << have;
            have += 8;
        }
        // The mask has at most 32 bits.
        numbers.push(u32::try_from(bits & mask).unwrap_or_default());
        bits >>= width;
        have -= width;
    }
    Some(())
}

fn varint(bytes: &mut &[u8]) -> Option<usize> {
    let mut number = 0_usize;
    for shift in (0..35).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= usize::from(byte & 127) << shift;
        if byte & 128 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_examples_of_the_format_are_read() {
        // Eight numbers of three bits, as the description of Parquet packs them.
        let packed = [3, 0b1000_1000, 0b1100_0110, 0b1111_1010];
        assert_eq!(decode(&packed, 3, 8), Some(vec![0, 1, 2, 3, 4, 5, 6, 7]));
        assert_eq!(decode(&[10, 7], 3, 5), Some(vec![7; 5]));
        assert_eq!(decode(&[10, 7, 2, 1], 3, 6), Some(vec![7, 7, 7, 7, 7, 1]));
        assert_eq!(decode(&[6], 0, 3), Some(vec![0; 3]));
        assert_eq!(decode(&[2, 1, 2, 3, 4], 32, 1), Some(vec![0x0403_0201]));
    }

    #[test]
    fn bytes_that_end_too_early_are_refused() {
        for bytes in [&[][..], &[10], &[3, 1], &[0], &[1], &[0x80, 0x80]] {
            assert_eq!(decode(bytes, 3, 8), None, "{bytes:?}");
        }
        assert_eq!(decode(&[10, 7], 33, 1), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_none_give_another_count(
            bytes in proptest::collection::vec(any::<u8>(), 0..40),
            width in 0..40_u8,
            count in 0..5_000_usize,
        ) {
            if let Some(numbers) = decode(&bytes, width, count) {
                prop_assert_eq!(numbers.len(), count);
            }
        }
    }
}
