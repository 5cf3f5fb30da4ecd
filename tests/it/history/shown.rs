//! The rules for what is shown: pages, files and single activities.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Delivery, File, History, Lookup, Span, Walk, has_same_content, is_erased, tag, text};
use crate::query::Query;

impl History {
    /// The ids that clients knew before `span` began: it must show them.
    fn ids_known_before(&self, partner: &str, span: Span) -> BTreeSet<&str> {
        let answers = self
            .deliveries
            .iter()
            .filter(|sent| sent.partner == partner && sent.span.is_before(span));
        let walks = self
            .walks
            .iter()
            .filter(|walk| walk.partner == partner && walk.span.is_before(span));
        let answered = answers.filter_map(Delivery::stored);
        let shown = walks.flat_map(|walk| walk.pages.iter().flatten());
        answered
            .chain(shown)
            .map(|activity| text(activity, "id"))
            .collect()
    }

    /// Checks that pages are in order, and neither repeat nor miss an activity.
    pub(super) fn check_walk(&self, walk: &Walk, violations: &mut Vec<String>) {
        let at = format!("{}'s walk {:?} by {}", walk.partner, walk.query, walk.limit);
        if walk.pages.iter().any(|page| page.len() > walk.limit) {
            violations.push(format!("{at}: a page is too long"));
        }
        let items = walk.pages.concat();
        check_order(&items, walk.query.rising, &at, violations);
        self.check_shown(&items, &walk.partner, &walk.query, &at, violations);
        let ids: BTreeSet<_> = items.iter().map(|item| text(item, "id")).collect();
        for id in self.ids_known_before(&walk.partner, walk.span) {
            let item = self.item(&walk.partner, id);
            let is_wanted = |item| walk.query.matches(item) && walk.kept.is_kept(item);
            if item.is_some_and(is_wanted) && !ids.contains(id) {
                violations.push(format!("{at}: {id} is missing"));
            }
        }
        self.check_settled(walk, &at, violations);
        self.check_known_erased(&items, &walk.partner, walk.span, &at, violations);
        let ended = items.iter().filter(|item| walk.kept.is_ended(item));
        violations.extend(ended.map(|item| format!("{at}: has ended: {item}")));
    }

    /// Checks that each item is in the partner's log, and matches the query.
    fn check_shown(
        &self,
        items: &[Value],
        partner: &str,
        query: &Query,
        at: &str,
        violations: &mut Vec<String>,
    ) {
        for item in items {
            let stored = self.item(partner, text(item, "id"));
            if text(item, "partner_id") != partner || stored.is_none() {
                violations.push(format!("{at}: not in the partner's log: {item}"));
            } else if stored.is_some_and(|stored| !has_same_content(stored, item)) {
                violations.push(format!("{at}: the log says otherwise than {item}"));
            }
            if !query.matches(item) {
                violations.push(format!("{at}: not asked for: {item}"));
            }
        }
    }

    /// Checks that a file holds what the list shows as of its start.
    pub(super) fn check_file(&self, file: &File, violations: &mut Vec<String>) {
        let at = format!("{}'s file {:?} of {}", file.partner, file.query, file.as_of);
        check_order(&file.rows, file.query.rising, &at, violations);
        self.check_shown(&file.rows, &file.partner, &file.query, &at, violations);
        for row in &file.rows {
            if text(row, "recorded_at") > file.as_of.as_str() {
                violations.push(format!("{at}: recorded later: {row}"));
            }
            let sent = self.deliveries.iter().find(|sent| sent.tag() == tag(row));
            if sent.is_some_and(|sent| !is_erased(row) && row["details"] != sent.content["details"])
            {
                violations.push(format!("{at}: other details: {row}"));
            }
        }
        self.check_known_erased(&file.rows, &file.partner, file.requested, &at, violations);
        self.check_settled_file(file, &at, violations);
        let ids: BTreeSet<_> = file.rows.iter().map(|row| text(row, "id")).collect();
        for id in self.ids_known_before(&file.partner, file.requested) {
            let item = self.item(&file.partner, id);
            let is_wanted = item.is_some_and(|item| {
                file.query.matches(item)
                    && file.kept.is_kept(item)
                    && text(item, "recorded_at") <= file.as_of.as_str()
            });
            if is_wanted && !ids.contains(id) {
                violations.push(format!("{at}: {id} is missing"));
            }
        }
    }

    /// Checks that a partner can read its own activities by id, and no others.
    pub(super) fn check_lookup(&self, lookup: &Lookup, violations: &mut Vec<String>) {
        let is_right = match (self.item(&lookup.partner, &lookup.id), &lookup.found) {
            (Some(item), Some(found)) => has_same_content(item, found),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if !is_right {
            violations.push(format!("reading by id is wrong: {lookup:?}"));
        }
    }
}

/// Checks that each item comes after the one before it, so that none repeats.
pub(super) fn check_order(items: &[Value], rising: bool, at: &str, violations: &mut Vec<String>) {
    let place = |item: &Value| {
        (
            text(item, "occurred_at").to_owned(),
            text(item, "id").to_owned(),
        )
    };
    for two in items.windows(2) {
        let (one, next) = (place(&two[0]), place(&two[1]));
        if one == next {
            violations.push(format!("{at}: {} comes twice", next.1));
        } else if (one < next) != rising {
            violations.push(format!("{at}: {} is out of order", next.1));
        }
    }
}
