//! Where the bytes of a segment come from.

use std::ops::Range;

use bytes::Bytes;

/// An error of a source.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Reads ranges of one object.
pub trait Source: Sync {
    /// The bytes of each range, in the order of the ranges.
    ///
    /// The ranges do not overlap, and small gaps between them are already joined: each
    /// is worth a request. How many are under way at once is the source's choice.
    fn read(
        &self,
        ranges: Vec<Range<u64>>,
    ) -> impl Future<Output = Result<Vec<Bytes>, BoxError>> + Send;
}

/// Gaps that are smaller than this cost less to read than another request.
const GAP_BYTES: u64 = 32 * 1024;

/// Joins ranges that overlap or nearly touch.
pub(crate) fn join(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ranges.into_iter().filter(|range| !range.is_empty()) {
        match joined.last_mut() {
            Some(last) if range.start < last.end.saturating_add(GAP_BYTES) => {
                last.end = last.end.max(range.end);
            }
            _ => joined.push(range),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_joined_over_small_gaps_alone() {
        let gap = GAP_BYTES;
        assert_eq!(join(vec![]), vec![]);
        assert_eq!(join(vec![5..9, 0..3, 4..4]), vec![0..9]);
        assert_eq!(join(vec![0..9, 2..3]), vec![0..9]);
        assert_eq!(join(vec![0..1, gap..gap + 1]), vec![0..gap + 1]);
        assert_eq!(
            join(vec![0..1, gap + 1..gap + 2]),
            vec![0..1, gap + 1..gap + 2]
        );
    }
}
