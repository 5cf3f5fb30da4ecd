//! Consistency proofs: that a tree only grew at its end.

use std::ops::Range;

use crate::{error::Error, hash::Hash, range::SIZE_MAX};

/// The subtrees whose roots are the proof between the trees of two sizes.
///
/// The root of each is [`CompactRange::root`](crate::CompactRange::root) of its leaves.
/// Nothing is consistent with a tree without leaves, so `old` is at least 1.
pub fn consistency_ranges(old: u64, new: u64) -> Result<Vec<Range<u64>>, Error> {
    check(old, new)?;
    let mut ranges = Vec::new();
    let mut tree = 0..new;
    while old != tree.end {
        let middle = tree.start + (tree.end - tree.start).next_power_of_two() / 2;
        if old <= middle {
            ranges.push(middle..tree.end);
            tree.end = middle;
        } else {
            ranges.push(tree.start..middle);
            tree.start = middle;
        }
    }
    // The verifier knows the old tree's root.
    if tree.start > 0 {
        ranges.push(tree);
    }
    ranges.reverse();
    Ok(ranges)
}

/// Checks that the first leaves of the new tree are the old tree.
pub fn verify_consistency(
    old: u64,
    new: u64,
    path: &[Hash],
    old_root: &Hash,
    new_root: &Hash,
) -> Result<(), Error> {
    check(old, new)?;
    if old == new {
        let is_same = path.is_empty() && old_root == new_root;
        return is_same.then_some(()).ok_or(NOT_PROVEN);
    }
    let (start, path) = match path.split_first() {
        Some(_) if old.is_power_of_two() => (old_root, path),
        Some((first, rest)) => (first, rest),
        None => return Err(NOT_PROVEN),
    };
    let skipped = (old - 1).trailing_ones();
    let (mut node, mut last) = ((old - 1) >> skipped, (new - 1) >> skipped);
    let (mut own, mut other) = (*start, *start);
    for sibling in path {
        if last == 0 {
            return Err(NOT_PROVEN);
        }
        if node & 1 == 1 || node == last {
            own = Hash::of_node(sibling, &own);
            other = Hash::of_node(sibling, &other);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            other = Hash::of_node(&other, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    let is_proven = last == 0 && own == *old_root && other == *new_root;
    is_proven.then_some(()).ok_or(NOT_PROVEN)
}

const NOT_PROVEN: Error = Error::NotProven {
    what: "consistency",
};

fn check(old: u64, new: u64) -> Result<(), Error> {
    if old == 0 || old > new || new > SIZE_MAX {
        return Err(Error::Tree {
            reason: "must grow from at least 1 leaf to at most 2^62",
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::range::tests::{known_leaves, leaves, naive_root, roots};

    fn path(leaves: &[Hash], old: u64) -> Vec<Hash> {
        let size = u64::try_from(leaves.len()).unwrap();
        roots(leaves, consistency_ranges(old, size).unwrap())
    }

    #[test]
    fn a_path_is_that_of_the_reference_implementations() {
        let known = known_leaves();
        let hex = |path: Vec<Hash>| -> Vec<String> {
            let hex = |hash: Hash| base16ct::lower::encode_string(&hash.0);
            path.into_iter().map(hex).collect()
        };
        assert_eq!(hex(path(&known, 8)), Vec::<String>::new());
        assert_eq!(
            hex(path(&known, 6)),
            [
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ]
        );
    }

    #[test]
    fn every_tree_up_to_70_leaves_is_consistent_with_each_that_it_grew_from_alone() {
        let leaves = leaves(70);
        let roots: Vec<Hash> = (0..=70).map(|size| naive_root(&leaves[..size])).collect();
        for new in 1..=70_u64 {
            let to = usize::try_from(new).unwrap();
            for old in 1..=new {
                let from = usize::try_from(old).unwrap();
                let path = path(&leaves[..to], old);
                let verify =
                    |old, new| verify_consistency(old, new, &path, &roots[from], &roots[to]);
                assert_eq!(verify(old, new), Ok(()), "{old} {new}");
                for other in (1..new).filter(|other| *other != old) {
                    assert!(verify(other, new).is_err(), "{old} {other} {new}");
                }
            }
        }
    }

    #[test]
    fn sizes_that_no_growth_has_are_refused() {
        let root = Hash::of_leaf(b"");
        for (old, new) in [(0, 0), (0, 1), (2, 1), (1, SIZE_MAX + 1)] {
            assert!(verify_consistency(old, new, &[], &root, &root).is_err());
            assert!(consistency_ranges(old, new).is_err());
        }
        assert!(verify_consistency(1, 2, &[], &root, &root).is_err());
    }

    proptest! {
        #[test]
        fn any_change_of_a_proof_fails(
            new in 2..600_u64,
            old: prop::sample::Index,
            place: prop::sample::Index,
            byte in 0..32_usize,
            bit in 0..8_u8,
        ) {
            let tree = leaves(new);
            let from = 1 + old.index(tree.len() - 1);
            let old = u64::try_from(from).unwrap();
            let (old_root, new_root) = (naive_root(&tree[..from]), naive_root(&tree));
            let proof = path(&tree, old);
            let verify = |path: &[Hash], one: &Hash, other: &Hash| verify_consistency(old, new, path, one, other);
            prop_assert_eq!(verify(&proof, &old_root, &new_root), Ok(()));
            let flip = |mut hash: Hash| { hash.0[byte] ^= 1 << bit; hash };
            let place = place.index(proof.len());
            let mut changed = proof.clone();
            changed[place] = flip(changed[place]);
            prop_assert!(verify(&changed, &old_root, &new_root).is_err());
            prop_assert!(verify(&proof, &flip(old_root), &new_root).is_err());
            prop_assert!(verify(&proof, &old_root, &flip(new_root)).is_err());
            let mut shorter = proof.clone();
            shorter.remove(place);
            prop_assert!(verify(&shorter, &old_root, &new_root).is_err());
            let mut longer = proof.clone();
            longer.insert(place, new_root);
            prop_assert!(verify(&longer, &old_root, &new_root).is_err());
        }
    }
}
