//! Inclusion proofs: that a leaf has a place in a tree.

use std::ops::Range;

use crate::{error::Error, hash::Hash, range::SIZE_MAX};

/// The subtrees whose roots are the proof, from the leaf's sibling to the root's child.
///
/// The root of each is [`CompactRange::root`](crate::CompactRange::root) of its leaves.
pub fn inclusion_ranges(index: u64, size: u64) -> Result<Vec<Range<u64>>, Error> {
    check(index, size)?;
    let mut ranges = Vec::new();
    let mut tree = 0..size;
    while tree.end - tree.start > 1 {
        let middle = tree.start + (tree.end - tree.start).next_power_of_two() / 2;
        if index < middle {
            ranges.push(middle..tree.end);
            tree.end = middle;
        } else {
            ranges.push(tree.start..middle);
            tree.start = middle;
        }
    }
    ranges.reverse();
    Ok(ranges)
}

/// Checks that the leaf has this index in the tree of this size and root.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    path: &[Hash],
    root: &Hash,
) -> Result<(), Error> {
    check(index, size)?;
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in path {
        if last == 0 {
            return Err(NOT_PROVEN);
        }
        if node & 1 == 1 || node == last {
            hash = Hash::of_node(sibling, &hash);
            // The last node of an odd level has no sibling: it moves up as it is.
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = Hash::of_node(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    (last == 0 && hash == *root).then_some(()).ok_or(NOT_PROVEN)
}

const NOT_PROVEN: Error = Error::NotProven { what: "inclusion" };

fn check(index: u64, size: u64) -> Result<(), Error> {
    if index >= size || size > SIZE_MAX {
        return Err(Error::Tree {
            reason: "has no leaf with this index, or more than 2^62 leaves",
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::range::tests::{known_leaves, leaves, naive_root, roots};

    fn path(leaves: &[Hash], index: u64) -> Vec<Hash> {
        let size = u64::try_from(leaves.len()).unwrap();
        roots(leaves, inclusion_ranges(index, size).unwrap())
    }

    #[test]
    fn a_path_is_that_of_the_reference_implementations() {
        let hex = |path: Vec<Hash>| -> Vec<String> {
            let hex = |hash: Hash| base16ct::lower::encode_string(&hash.0);
            path.into_iter().map(hex).collect()
        };
        let known = known_leaves();
        assert_eq!(
            hex(path(&known, 0)),
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ]
        );
        assert_eq!(
            hex(path(&known, 5)),
            [
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ]
        );
        assert_eq!(
            hex(path(&known[..3], 2)),
            ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]
        );
    }

    #[test]
    fn every_leaf_of_every_tree_up_to_70_leaves_is_proven_at_its_place_alone() {
        let leaves = leaves(70);
        for size in 1..=70_u64 {
            let tree = &leaves[..usize::try_from(size).unwrap()];
            let root = naive_root(tree);
            for index in 0..size {
                let path = path(tree, index);
                let leaf = tree[usize::try_from(index).unwrap()];
                let verify = |index, size| verify_inclusion(&leaf, index, size, &path, &root);
                assert_eq!(verify(index, size), Ok(()));
                for other in (0..size + 2).filter(|other| *other != index) {
                    assert!(verify(other, size).is_err(), "{index} {other} {size}");
                }
            }
        }
    }

    #[test]
    fn a_leaf_outside_the_tree_is_refused() {
        let leaf = Hash::of_leaf(b"");
        for (index, size) in [(0, 0), (1, 1), (8, 7), (0, SIZE_MAX + 1), (0, u64::MAX)] {
            assert!(verify_inclusion(&leaf, index, size, &[], &leaf).is_err());
            assert!(inclusion_ranges(index, size).is_err());
        }
        assert_eq!(inclusion_ranges(SIZE_MAX - 1, SIZE_MAX).unwrap().len(), 62);
    }

    proptest! {
        #[test]
        fn any_change_of_a_proof_fails(
            size in 2..600_u64,
            index: prop::sample::Index,
            place: prop::sample::Index,
            byte in 0..32_usize,
            bit in 0..8_u8,
        ) {
            let tree = leaves(size);
            let index = u64::try_from(index.index(tree.len())).unwrap();
            let (leaf, root) = (tree[usize::try_from(index).unwrap()], naive_root(&tree));
            let proof = path(&tree, index);
            prop_assert_eq!(verify_inclusion(&leaf, index, size, &proof, &root), Ok(()));
            let flip = |mut hash: Hash| { hash.0[byte] ^= 1 << bit; hash };
            let place = place.index(proof.len());
            let mut changed = proof.clone();
            changed[place] = flip(changed[place]);
            prop_assert!(verify_inclusion(&leaf, index, size, &changed, &root).is_err());
            prop_assert!(verify_inclusion(&flip(leaf), index, size, &proof, &root).is_err());
            prop_assert!(verify_inclusion(&leaf, index, size, &proof, &flip(root)).is_err());
            let mut shorter = proof.clone();
            shorter.remove(place);
            prop_assert!(verify_inclusion(&leaf, index, size, &shorter, &root).is_err());
            let mut longer = proof.clone();
            longer.insert(place, root);
            prop_assert!(verify_inclusion(&leaf, index, size, &longer, &root).is_err());
        }
    }
}
