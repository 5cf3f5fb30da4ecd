//! Computes the leaves of a segment again.

use proof::CompactRange;

use crate::{
    block::TILE,
    error::Error,
    question::{Question, Selection},
    row::Position,
    rows::Rows,
    segment::Segment,
    source::Source,
};

/// How many rows are read at once.
const ROWS_AT_ONCE: usize = 2_048;

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
        let damaged = |reason: String| self.damaged("a row", reason);
        let first = self.manifest().first_index;
        let empty = |begin| CompactRange::empty(begin).map_err(|it| damaged(it.to_string()));
        let (mut range, mut tile) = (empty(first)?, empty(first)?);
        let mut after: Option<Position> = None;
        loop {
            let Rows { rows, .. } = self.rows(source, &next(after.take())).await?;
            let Some(last) = rows.last() else {
                return Ok(range);
            };
            after = Some(last.position());
            for row in &rows {
                let leaf = row.leaf(partner_id).map_err(damaged)?;
                if row.index != range.leaves().end {
                    return Err(damaged(format!(
                        "has index {} in another's place",
                        row.index
                    )));
                }
                let append = range.append(leaf).and_then(|()| tile.append(leaf));
                append.map_err(|it| damaged(it.to_string()))?;
                let end = range.leaves().end;
                if end.is_multiple_of(TILE) {
                    let own = tile.root().ok();
                    if end - tile.leaves().start == TILE && own != self.tile(end - TILE) {
                        return Err(damaged(format!("before index {end} has another leaf")));
                    }
                    tile = empty(end)?;
                }
            }
        }
    }
}

/// Asks for the next rows, with all columns.
fn next(after: Option<Position>) -> Question<'static> {
    let from = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
    Question {
        from,
        limit: ROWS_AT_ONCE,
        selection: Selection {
            details: true,
            opening: true,
        },
        ..Question::default()
    }
}
