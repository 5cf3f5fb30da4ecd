//! Merges the pages of several shards into one, in order.

use super::{item, page::QueryPage};
use crate::{Error, Order};

/// How many activities each shard is asked for when `limit` are wanted.
///
/// It is an equal share and two standard deviations of it, so that the shards
/// together seldom return fewer than `limit`.
pub(super) fn share(limit: usize, shards: usize) -> usize {
    if shards == 1 {
        return limit;
    }
    let share = limit.div_ceil(shards);
    share.saturating_add(share.isqrt() * 2)
}

/// Merges pages that begin after the same activity.
///
/// A page that is not its shard's last does not show what follows its end. So the
/// merged page ends at the nearest of these ends. Activities of other shards after
/// it are dropped and read again with the next page; nothing is kept in between.
pub(super) fn merge(pages: Vec<QueryPage>, order: Order) -> Result<QueryPage, Error> {
    let pages = match <[QueryPage; 1]>::try_from(pages) {
        Ok([whole]) => return Ok(whole),
        Err(pages) => pages,
    };
    let ends = pages.iter().filter_map(|page| page.resume_after);
    let end = ends.min_by(|one, other| order.compare(*one, *other));
    let is_within = |id| end.is_none_or(|end| order.compare(id, end).is_le());
    let mut items = Vec::with_capacity(pages.iter().map(|page| page.items.len()).sum());
    for item in pages.into_iter().flat_map(|page| page.items) {
        let id = item::id_of_key(&item)?;
        if is_within(id) {
            items.push((id, item));
        }
    }
    // Each page is in order already, which this sort takes advantage of.
    items.sort_by(|(one, _), (other, _)| order.compare(*one, *other));
    Ok(QueryPage {
        items: items.into_iter().map(|(_, item)| item).collect(),
        resume_after: end,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{ActivityId, Moment, PartnerId, Shards};

    /// What a Query returns for a shard that holds `ids`.
    fn page(
        ids: &[ActivityId],
        shard: u32,
        after: Option<ActivityId>,
        limit: usize,
        order: Order,
    ) -> QueryPage {
        let partner = PartnerId::parse("contoso").unwrap();
        let follows =
            |id: &&ActivityId| after.is_none_or(|after| order.compare(**id, after).is_gt());
        let mut found: Vec<_> = ids.iter().filter(follows).copied().collect();
        found.sort();
        if order == Order::Desc {
            found.reverse();
        }
        let is_cut = found.len() >= limit;
        found.truncate(limit);
        QueryPage {
            resume_after: found.last().copied().filter(|_| is_cut),
            items: found
                .into_iter()
                .map(|id| item::key(&partner, shard, id).into())
                .collect(),
        }
    }

    proptest! {
        #[test]
        fn all_pages_together_are_all_shards_in_order_without_gap_or_repeat(
            at in prop::collection::vec(0..50_i64, 0..120),
            count in 1..6_u32,
            limit in 1..40_usize,
            is_asc: bool,
        ) {
            let order = if is_asc { Order::Asc } else { Order::Desc };
            let mut ids: Vec<_> = at
                .iter()
                .map(|millis| ActivityId::random(Moment::from_millis(1_800_000_000_000 + millis).unwrap()))
                .collect();
            let shards: Shards = count.to_string().parse().unwrap();
            let of = |shard| -> Vec<_> {
                ids.iter().filter(|id| shards.of(**id) == shard).copied().collect()
            };
            let (mut read, mut after) = (Vec::new(), None);
            loop {
                let each = share(limit, count as usize);
                let pages = (0..count).map(|shard| page(&of(shard), shard, after, each, order));
                let merged = merge(pages.collect(), order).unwrap();
                for item in &merged.items {
                    read.push(item::id_of_key(item).unwrap());
                }
                prop_assert!(merged.resume_after.is_none() || merged.resume_after != after);
                after = merged.resume_after;
                if after.is_none() {
                    break;
                }
            }
            ids.sort();
            if !is_asc {
                ids.reverse();
            }
            prop_assert_eq!(read, ids);
        }
    }

    #[test]
    fn a_share_is_a_little_more_than_the_equal_part_and_all_of_a_single_shard() {
        assert_eq!(
            [share(101, 1), share(101, 4), share(1_000, 4)],
            [101, 36, 280]
        );
    }
}
