//! Consecutive leaves, kept as the few hashes that any larger tree needs of them.

use std::ops::Range;

use crate::{error::Error, hash::Hash};

/// The most leaves that a tree may have.
pub const SIZE_MAX: u64 = 1 << 62;

/// The leaves `begin..end` of a log, as the roots of the largest complete subtrees.
///
/// A subtree of 2^n leaves is complete if its first leaf's index is a multiple of 2^n
/// and all its leaves are in the range. A range has at most two for each level,
/// one that begins at 0 at most one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompactRange {
    begin: u64,
    end: u64,
    /// The subtrees from left to right: the level and the root of each.
    subtrees: Vec<(u32, Hash)>,
}

impl CompactRange {
    /// The range without leaves before the leaf `begin`.
    pub fn empty(begin: u64) -> Result<Self, Error> {
        let subtrees = Vec::new();
        check_end(begin).map(|begin| Self {
            begin,
            end: begin,
            subtrees,
        })
    }

    /// The range of these leaves, from their hashes.
    pub fn of_leaves(begin: u64, leaves: impl IntoIterator<Item = Hash>) -> Result<Self, Error> {
        let mut range = Self::empty(begin)?;
        for leaf in leaves {
            range.append(leaf)?;
        }
        Ok(range)
    }

    /// The range whose [`hashes`](Self::hashes) were kept; their number must fit.
    pub fn from_hashes(leaves: Range<u64>, hashes: &[Hash]) -> Result<Self, Error> {
        if leaves.start > check_end(leaves.end)? {
            return Err(Error::Tree {
                reason: "has no range that ends before it begins",
            });
        }
        let levels = levels(leaves.clone());
        if levels.len() != hashes.len() {
            return Err(Error::Tree {
                reason: "has a range with another number of hashes",
            });
        }
        Ok(Self {
            begin: leaves.start,
            end: leaves.end,
            subtrees: levels.into_iter().zip(hashes.iter().copied()).collect(),
        })
    }

    /// The leaves of the range.
    pub fn leaves(&self) -> Range<u64> {
        self.begin..self.end
    }

    /// The roots of the subtrees, from left to right.
    pub fn hashes(&self) -> impl Iterator<Item = Hash> {
        self.subtrees.iter().map(|(_, hash)| *hash)
    }

    /// Adds the next leaf.
    pub fn append(&mut self, leaf: Hash) -> Result<(), Error> {
        self.push(0, leaf)
    }

    /// Adds the leaf before the first one.
    pub fn prepend(&mut self, leaf: Hash) -> Result<(), Error> {
        let begin = self.begin.checked_sub(1);
        self.begin = begin.ok_or(Error::Tree {
            reason: "has no leaf before the one with index 0",
        })?;
        let (mut level, mut hash) = (0, leaf);
        // A left child begins where its parent begins.
        while self.begin.is_multiple_of(2 << level)
            && self
                .subtrees
                .first()
                .is_some_and(|(right, _)| *right == level)
        {
            let (_, right) = self.subtrees.remove(0);
            hash = Hash::of_node(&hash, &right);
            level += 1;
        }
        self.subtrees.insert(0, (level, hash));
        Ok(())
    }

    /// Adds the leaves of `next`, which must begin where this range ends.
    pub fn merge(&mut self, next: &Self) -> Result<(), Error> {
        if next.begin != self.end {
            return Err(Error::Tree {
                reason: "has a gap or an overlap between two ranges",
            });
        }
        let subtrees = &next.subtrees;
        subtrees
            .iter()
            .try_for_each(|(level, hash)| self.push(*level, *hash))
    }

    /// Some of the leaves, if they are whole subtrees of the range.
    pub fn part(&self, leaves: Range<u64>) -> Option<Self> {
        let mut part = Self::empty(leaves.start).ok()?;
        let mut begin = self.begin;
        for (level, hash) in &self.subtrees {
            let end = begin + (1 << level);
            if begin == part.end && end <= leaves.end {
                part.push(*level, *hash).ok()?;
            }
            begin = end;
        }
        (part.end == leaves.end).then_some(part)
    }

    /// The root of the tree or subtree that the range is.
    ///
    /// A range that begins at 0 is a tree; another must begin at a multiple of the
    /// smallest power of two that is not less than its number of leaves.
    pub fn root(&self) -> Result<Hash, Error> {
        let width = (self.end - self.begin).next_power_of_two();
        if !self.begin.is_multiple_of(width) {
            return Err(Error::Tree {
                reason: "has no subtree of exactly these leaves",
            });
        }
        let hashes = self.subtrees.iter().rev().map(|(_, hash)| *hash);
        let root = hashes.reduce(|right, left| Hash::of_node(&left, &right));
        Ok(root.unwrap_or_else(Hash::of_nothing))
    }

    /// Adds a complete subtree, and joins what is complete with it.
    fn push(&mut self, level: u32, hash: Hash) -> Result<(), Error> {
        self.end = check_end(self.end + (1 << level))?;
        let (mut level, mut hash) = (level, hash);
        // A right child ends where its parent ends.
        while self.end.is_multiple_of(2 << level)
            && let Some((_, left)) = self.subtrees.pop_if(|(left, _)| *left == level)
        {
            hash = Hash::of_node(&left, &hash);
            level += 1;
        }
        self.subtrees.push((level, hash));
        Ok(())
    }
}

/// The levels of a range's subtrees, from left to right.
fn levels(leaves: Range<u64>) -> Vec<u32> {
    let mut levels = Vec::new();
    let mut at = leaves.start;
    while at < leaves.end {
        // The largest subtree that may begin here, and that ends in the range.
        let level = at.trailing_zeros().min((leaves.end - at).ilog2());
        levels.push(level);
        at += 1 << level;
    }
    levels
}

fn check_end(end: u64) -> Result<u64, Error> {
    (end <= SIZE_MAX).then_some(end).ok_or(Error::Tree {
        reason: "has at most 2^62 leaves",
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The root of each range of these leaves.
    pub(crate) fn roots(
        leaves: &[Hash],
        ranges: impl IntoIterator<Item = Range<u64>>,
    ) -> Vec<Hash> {
        let at = |place: u64| usize::try_from(place).unwrap();
        let root = |range: Range<u64>| {
            let part = leaves[at(range.start)..at(range.end)].iter().copied();
            let range = CompactRange::of_leaves(range.start, part).unwrap();
            range.root().unwrap()
        };
        ranges.into_iter().map(root).collect()
    }

    /// The hash of a tree as RFC 6962 defines it, by recursion over all leaves.
    pub(crate) fn naive_root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Hash::of_nothing(),
            [leaf] => *leaf,
            leaves => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                Hash::of_node(&naive_root(left), &naive_root(right))
            }
        }
    }

    pub(crate) fn leaves(count: u64) -> Vec<Hash> {
        (0..count)
            .map(|index| Hash::of_leaf(&index.to_be_bytes()))
            .collect()
    }

    /// The eight leaves with which implementations of RFC 6962 check themselves.
    pub(crate) fn known_leaves() -> Vec<Hash> {
        let leaves: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        leaves.map(Hash::of_leaf).to_vec()
    }

    #[test]
    fn roots_are_those_of_the_reference_implementations() {
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut range = CompactRange::empty(0).unwrap();
        for (leaf, root) in known_leaves().into_iter().zip(roots) {
            range.append(leaf).unwrap();
            let made = range.root().unwrap();
            assert_eq!(base16ct::lower::encode_string(&made.0), root);
        }
    }

    #[test]
    fn a_tree_has_a_largest_size() {
        let mut range = CompactRange::empty(SIZE_MAX - 1).unwrap();
        let leaf = Hash::of_leaf(b"");
        range.append(leaf).unwrap();
        assert!(range.append(leaf).is_err());
        assert!(CompactRange::empty(SIZE_MAX + 1).is_err());
        assert!(CompactRange::from_hashes(0..SIZE_MAX, &[leaf]).is_ok());
        assert!(CompactRange::from_hashes(0..u64::MAX, &[leaf; 64]).is_err());
        #[expect(clippy::reversed_empty_ranges, reason = "such a range is refused")]
        let reversed = CompactRange::from_hashes(2..1, &[]);
        assert!(reversed.is_err());
    }

    #[test]
    fn every_tree_up_to_300_leaves_has_the_root_of_the_definition() {
        let leaves = leaves(300);
        let mut range = CompactRange::empty(0).unwrap();
        assert_eq!(range.root(), Ok(naive_root(&[])));
        for size in 1..=leaves.len() {
            range.append(leaves[size - 1]).unwrap();
            assert_eq!(range.root(), Ok(naive_root(&leaves[..size])));
        }
    }

    #[test]
    fn only_ranges_that_touch_are_merged() {
        let mut range = CompactRange::of_leaves(3, leaves(4)).unwrap();
        for begin in [0, 3, 6, 8] {
            let next = CompactRange::of_leaves(begin, leaves(2)).unwrap();
            assert!(range.merge(&next).is_err());
        }
        assert!(range.root().is_err());
        let mut all = CompactRange::empty(0).unwrap();
        assert!(all.prepend(leaves(1)[0]).is_err());
    }

    #[test]
    fn a_part_is_there_if_it_is_whole_subtrees() {
        let all = leaves(70);
        let of = |leaves: Range<u64>| {
            let at = |index| usize::try_from(index).unwrap();
            let own = all[at(leaves.start)..at(leaves.end)].iter().copied();
            CompactRange::of_leaves(leaves.start, own).unwrap()
        };
        let range = of(5..70);
        // 5, 6 to 7, 8 to 15, 16 to 31, 32 to 63, 64 to 67, 68 to 69.
        let ends = [5, 6, 8, 16, 32, 64, 68, 70];
        for from in 0..=75 {
            for to in from + 1..=75 {
                let part = range.part(from..to);
                let is_whole = ends.contains(&from) && ends.contains(&to);
                let wanted = is_whole.then(|| of(from..to));
                assert_eq!(part, wanted, "{from} {to}");
            }
        }
    }

    proptest! {
        #[test]
        fn ranges_merged_in_any_grouping_are_the_same(
            begin in prop_oneof![0..70_u64, (SIZE_MAX - 500)..(SIZE_MAX - 400)],
            cuts in proptest::collection::vec(0..40_u64, 1..8),
            order in any::<[u8; 8]>(),
        ) {
            let total: u64 = cuts.iter().sum();
            let all = leaves(total);
            let whole = CompactRange::of_leaves(begin, all.clone()).unwrap();
            let mut at = 0;
            let mut parts: Vec<CompactRange> = Vec::new();
            for cut in &cuts {
                let (from, to) = (usize::try_from(at).unwrap(), usize::try_from(at + cut).unwrap());
                let part = all[from..to].iter().copied();
                parts.push(CompactRange::of_leaves(begin + at, part).unwrap());
                at += cut;
            }
            for place in order {
                if parts.len() > 1 {
                    let place = usize::from(place) % (parts.len() - 1);
                    let next = parts.remove(place + 1);
                    parts[place].merge(&next).unwrap();
                }
            }
            prop_assert_eq!(&parts, std::slice::from_ref(&whole));
            let mut from_behind = CompactRange::empty(begin + total).unwrap();
            for leaf in all.iter().rev() {
                from_behind.prepend(*leaf).unwrap();
            }
            prop_assert_eq!(&from_behind, &whole);
            let hashes: Vec<Hash> = whole.hashes().collect();
            prop_assert_eq!(CompactRange::from_hashes(whole.leaves(), &hashes), Ok(whole.clone()));
            prop_assert!(CompactRange::from_hashes(whole.leaves(), &[&hashes[..], &hashes[..1.min(hashes.len())], &[Hash::of_nothing()]].concat()).is_err());
        }
    }
}
