//! Whether pages, files and single activities show what is stored.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Delivery, File, History, Look, Span, Walk, is_same, tag, text};
use crate::query::Query;

impl History {
    /// The ids that anything which begins with `span` must show.
    fn known_before(&self, partner: &str, span: Span) -> BTreeSet<&str> {
        let answers = self
            .deliveries
            .iter()
            .filter(|sent| sent.partner == partner && sent.span.is_before(span));
        let walks = self
            .walks
            .iter()
            .filter(|walk| walk.partner == partner && walk.span.is_before(span));
        let answered = answers.filter_map(Delivery::stored);
        let seen = walks.flat_map(|walk| walk.pages.iter().flatten());
        answered
            .chain(seen)
            .map(|activity| text(activity, "id"))
            .collect()
    }

    /// Pages are full, ordered and without a repeat, and hold what they must.
    pub(super) fn check_walk(&self, walk: &Walk, wrongs: &mut Vec<String>) {
        let at = format!("{}'s walk {:?} by {}", walk.partner, walk.query, walk.limit);
        if walk.pages.iter().any(|page| page.len() > walk.limit) {
            wrongs.push(format!("{at}: a page is too long"));
        }
        let items = walk.pages.concat();
        check_order(&items, walk.query.rising, &at, wrongs);
        self.check_shown(&items, &walk.partner, &walk.query, &at, wrongs);
        let ids: BTreeSet<_> = items.iter().map(|item| text(item, "id")).collect();
        for id in self.known_before(&walk.partner, walk.span) {
            let item = self.item(&walk.partner, id);
            if item.is_some_and(|item| walk.query.matches(item)) && !ids.contains(id) {
                wrongs.push(format!("{at}: {id} is missing"));
            }
        }
    }

    /// What is shown is of this partner, was asked for, and is as in the log.
    fn check_shown(
        &self,
        items: &[Value],
        partner: &str,
        query: &Query,
        at: &str,
        wrongs: &mut Vec<String>,
    ) {
        for item in items {
            let stored = self.item(partner, text(item, "id"));
            if text(item, "partner_id") != partner || stored.is_none() {
                wrongs.push(format!("{at}: not in the partner's log: {item}"));
            } else if stored.is_some_and(|stored| !is_same(stored, item)) {
                wrongs.push(format!("{at}: the log says otherwise than {item}"));
            }
            if !query.matches(item) {
                wrongs.push(format!("{at}: not asked for: {item}"));
            }
        }
    }

    /// A file holds what the list shows as of its start.
    pub(super) fn check_file(&self, file: &File, wrongs: &mut Vec<String>) {
        let at = format!("{}'s file {:?} of {}", file.partner, file.query, file.as_of);
        check_order(&file.rows, file.query.rising, &at, wrongs);
        self.check_shown(&file.rows, &file.partner, &file.query, &at, wrongs);
        for row in &file.rows {
            if text(row, "recorded_at") > file.as_of.as_str() {
                wrongs.push(format!("{at}: recorded later: {row}"));
            }
            let sent = self.deliveries.iter().find(|sent| sent.tag() == tag(row));
            if sent.is_some_and(|sent| row["details"] != sent.content["details"]) {
                wrongs.push(format!("{at}: other details: {row}"));
            }
        }
        let ids: BTreeSet<_> = file.rows.iter().map(|row| text(row, "id")).collect();
        for id in self.known_before(&file.partner, file.asked) {
            let item = self.item(&file.partner, id);
            let is_wanted = item.is_some_and(|item| {
                file.query.matches(item) && text(item, "recorded_at") <= file.as_of.as_str()
            });
            if is_wanted && !ids.contains(id) {
                wrongs.push(format!("{at}: {id} is missing"));
            }
        }
    }

    /// An id leads to its own partner's activity, and for others to nothing.
    pub(super) fn check_look(&self, look: &Look, wrongs: &mut Vec<String>) {
        let is_right = match (self.item(&look.partner, &look.id), &look.found) {
            (Some(item), Some(found)) => is_same(item, found),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if !is_right {
            wrongs.push(format!("reading by id is wrong: {look:?}"));
        }
    }
}

/// Each is after the one before, so none comes twice.
pub(super) fn check_order(items: &[Value], rising: bool, at: &str, wrongs: &mut Vec<String>) {
    let place = |item: &Value| {
        (
            text(item, "occurred_at").to_owned(),
            text(item, "id").to_owned(),
        )
    };
    for two in items.windows(2) {
        let (one, next) = (place(&two[0]), place(&two[1]));
        if one == next {
            wrongs.push(format!("{at}: {} comes twice", next.1));
        } else if (one < next) != rising {
            wrongs.push(format!("{at}: {} is out of order", next.1));
        }
    }
}
