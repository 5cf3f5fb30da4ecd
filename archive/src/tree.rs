//! Computes the leaves of a segment again.

use std::{collections::BTreeMap, ops::Range};

use proof::{CompactRange, Hash};

use crate::{block::TILE, error::Error, row::Row, segment::Segment, source::Source};

/// How many rows are read at once.
const ROWS_AT_ONCE: u64 = 2_048;

impl Segment {
    /// The compact range of the leaves, computed from all rows of the segment.
    ///
    /// It also compares the tiles of the block. Whether it is the range that was
    /// sealed, its owner knows.
    pub async fn range(
        &self,
        source: &impl Source,
        partner_id: &str,
    ) -> Result<CompactRange, Error> {
        let leaves = self.leaves();
        let mut range = self.empty(leaves.start)?;
        let mut tile = self.empty(leaves.start)?;
        self.each_leaf(source, partner_id, leaves, |leaf| {
            self.append(&mut range, leaf)?;
            self.append(&mut tile, leaf)?;
            let end = range.leaves().end;
            if end.is_multiple_of(TILE) {
                let own = tile.root().ok();
                if end - tile.leaves().start == TILE && own != self.tile(end - TILE) {
                    let reason = format!("before index {end} has another leaf");
                    return Err(self.damaged("a row", reason));
                }
                tile = self.empty(end)?;
            }
            Ok(())
        })
        .await?;
        Ok(range)
    }

    /// The activity with this index, with all that its leaf needs.
    pub async fn row_at(&self, source: &impl Source, index: u64) -> Result<Row, Error> {
        let row = self.row(index);
        let mut rows = self.rows_at(source, row..row + 1).await?;
        let row = rows.pop().filter(|row| row.index == index);
        row.ok_or_else(|| self.damaged("a row", format!("with index {index} is not there")))
    }

    /// The indexes of all leaves.
    fn leaves(&self) -> Range<u64> {
        let manifest = self.manifest();
        manifest.first_index..manifest.first_index + manifest.count
    }

    /// Gives these leaves in order, each computed from its row.
    async fn each_leaf(
        &self,
        source: &impl Source,
        partner_id: &str,
        leaves: Range<u64>,
        mut each: impl FnMut(Hash) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut next = leaves.start;
        while next < leaves.end {
            let end = (next + ROWS_AT_ONCE).min(leaves.end);
            let rows = self.rows_at(source, self.row(next)..self.row(end)).await?;
            if rows.is_empty() {
                return Err(self.damaged("a row", format!("with index {next} is not there")));
            }
            for row in rows {
                if row.index != next {
                    let reason = format!("has index {} in another's place", row.index);
                    return Err(self.damaged("a row", reason));
                }
                each(
                    row.leaf(partner_id)
                        .map_err(|it| self.damaged("a row", it))?,
                )?;
                next += 1;
            }
        }
        Ok(())
    }

    /// The row of an index; behind the last one if there is none.
    fn row(&self, index: u64) -> usize {
        let before = index.checked_sub(self.manifest().first_index);
        let row = before.and_then(|row| usize::try_from(row).ok());
        row.map_or(self.row_count(), |row| row.min(self.row_count()))
    }

    fn empty(&self, begin: u64) -> Result<CompactRange, Error> {
        CompactRange::empty(begin).map_err(|error| self.damaged("a row", error))
    }

    fn append(&self, range: &mut CompactRange, leaf: Hash) -> Result<(), Error> {
        range
            .append(leaf)
            .map_err(|error| self.damaged("a row", error))
    }
}

/// Parts of a segment's tree, for proofs.
///
/// What lies in whole tiles is not read, and the rows of a tile are read once.
#[derive(Debug)]
pub struct Tree {
    segment: Segment,
    /// The leaves that were computed, by the index of the first of those in one tile.
    computed: BTreeMap<u64, Vec<Hash>>,
}

impl Tree {
    /// The tree of an open segment.
    pub fn new(segment: Segment) -> Self {
        Self {
            segment,
            computed: BTreeMap::new(),
        }
    }

    /// The compact range of some of the leaves, by their indexes in the log.
    pub async fn part(
        &mut self,
        source: &impl Source,
        partner_id: &str,
        leaves: Range<u64>,
    ) -> Result<CompactRange, Error> {
        let mut part = self.segment.empty(leaves.start)?;
        let mut next = leaves.start;
        while next < leaves.end {
            let end = (next + 1).next_multiple_of(TILE).min(leaves.end);
            let tile = self.segment.tile(next).filter(|_| end - next == TILE);
            if let Some(tile) = tile {
                let tile = CompactRange::from_hashes(next..end, &[tile]);
                let merged = tile.and_then(|tile| part.merge(&tile));
                merged.map_err(|error| self.segment.damaged("a tile", error))?;
            } else {
                for leaf in self.leaves(source, partner_id, next..end).await? {
                    self.segment.append(&mut part, leaf)?;
                }
            }
            next = end;
        }
        Ok(part)
    }

    /// Some leaves of one tile.
    async fn leaves(
        &mut self,
        source: &impl Source,
        partner_id: &str,
        leaves: Range<u64>,
    ) -> Result<Vec<Hash>, Error> {
        let all = self.segment.leaves();
        let tile = leaves.start - leaves.start % TILE;
        let own = tile.max(all.start)..(tile + TILE).min(all.end);
        if !self.computed.contains_key(&own.start) {
            let mut computed = Vec::new();
            let add = |leaf| {
                computed.push(leaf);
                Ok(())
            };
            let each = self.segment.each_leaf(source, partner_id, own.clone(), add);
            each.await?;
            self.computed.insert(own.start, computed);
        }
        let computed = self.computed.get(&own.start).into_iter().flatten();
        let place = |index: u64| usize::try_from(index.saturating_sub(own.start)).unwrap_or(0);
        let (from, to) = (place(leaves.start), place(leaves.end));
        Ok(computed.copied().take(to).skip(from).collect())
    }
}
