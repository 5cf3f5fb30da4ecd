//! The rules for logs of which a part is sealed, erased or ended.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ::archive::Row;
use serde_json::Value;
use shared::Moment;

use super::{
    Delivery, File, History, Span, Walk, has_same_content, is_erased, shown::check_order, text,
};
use crate::query::Query;

/// What an erased name is replaced by.
pub(super) const ERASED_NAME: &str = "[erased]";

/// Which times are still kept while something is read; by default all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    /// What happened before had ended when the read began.
    pub(crate) ended: String,
    /// What happened from here on was still kept when it ended.
    pub(crate) kept: String,
}

impl Kept {
    pub(super) fn is_kept(&self, item: &Value) -> bool {
        text(item, "occurred_at") >= self.kept.as_str()
    }

    pub(super) fn is_ended(&self, item: &Value) -> bool {
        text(item, "occurred_at") < self.ended.as_str()
    }
}

/// A request for the erasure of a customer.
#[derive(Debug, Clone)]
pub(crate) struct Erasure {
    pub(crate) partner: String,
    pub(crate) customer: String,
    /// The id of the erasure, if the answer was a 2xx.
    pub(crate) id: Option<String>,
    pub(crate) requested: Span,
    /// Whether the answer says that another erasure is under way.
    pub(crate) refused: bool,
    /// When it was read that it has ended, and what was read then.
    pub(crate) ended: Option<(u64, Value)>,
}

/// A partner's log after the last request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shown {
    /// What the table has, with what has ended.
    pub(crate) stored: Vec<Value>,
    /// What the API lists.
    pub(crate) listed: Vec<Value>,
    pub(crate) kept: Kept,
}

/// What the archives are like after the last request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Archive {
    pub(crate) shown: BTreeMap<String, Shown>,
    /// The rows of each partner's segments, by id.
    pub(crate) rows: BTreeMap<String, BTreeMap<String, Row>>,
    pub(crate) sealed: usize,
    pub(crate) pruned: usize,
    pub(crate) checkpoints: usize,
}

/// Removes from an activity what an erasure changes.
pub(super) fn erase(activity: &mut Value) {
    activity.as_object_mut().unwrap().remove("erased_at");
    if activity["customer"].is_object() {
        activity["customer"]["name"] = ERASED_NAME.into();
    }
}

impl Erasure {
    fn is_done(&self) -> bool {
        let ended = self.ended.as_ref();
        ended.is_some_and(|(_, answer)| answer["state"] == "done")
    }

    fn is_of(&self, item: &Value) -> bool {
        text(item, "partner_id") == self.partner && item["customer"]["id"] == self.customer
    }
}

impl History {
    /// Checks that each log is listed as it is stored, but for what has ended.
    pub(super) fn check_listed(&self, violations: &mut Vec<String>) {
        for (partner, shown) in &self.archive.shown {
            check_order(
                &shown.listed,
                false,
                &format!("{partner}'s list"),
                violations,
            );
            let stored: BTreeMap<_, _> = by_id(&shown.stored);
            let listed: BTreeMap<_, _> = by_id(&shown.listed);
            for (id, item) in &listed {
                if shown.kept.is_ended(item) {
                    violations.push(format!("{partner}: {id} has ended and is listed"));
                }
                let is_stored = stored.get(id).is_some_and(|it| has_same_content(it, item));
                if !is_stored {
                    violations.push(format!("{partner}: the table says otherwise than {item}"));
                }
            }
            for (id, item) in &stored {
                if shown.kept.is_kept(item) && !listed.contains_key(id) {
                    violations.push(format!("{partner}: stored and not listed: {item}"));
                }
            }
        }
    }

    /// Checks that a walk over a range that nothing can enter shows all that it has.
    pub(super) fn check_settled(&self, walk: &Walk, at: &str, violations: &mut Vec<String>) {
        let Some(first) = walk.settled.iter().position(|settled| *settled) else {
            return;
        };
        if walk.settled[first..].contains(&false) {
            violations.push(format!("{at}: it was settled, and then it was not"));
        }
        let items = walk.pages[first..].concat();
        let Some(begin) = items.first().filter(|_| first > 0) else {
            if first == 0 {
                self.check_whole(
                    &items,
                    &walk.partner,
                    &walk.query,
                    &walk.kept,
                    at,
                    violations,
                );
            }
            return;
        };
        let place = |item: &Value| {
            (
                text(item, "occurred_at").to_owned(),
                text(item, "id").to_owned(),
            )
        };
        let begin = place(begin);
        let log = self.log(&walk.partner).iter();
        let behind =
            log.filter(|item| (place(item) >= begin) == walk.query.rising || place(item) == begin);
        let ids: BTreeSet<_> = items.iter().map(|item| text(item, "id")).collect();
        let missing = behind.filter(|item| must_be_shown(item, &walk.query, &walk.kept));
        let missing = missing.filter(|item| !ids.contains(text(item, "id")));
        violations.extend(missing.map(|item| format!("{at}: was settled without {item}")));
    }

    pub(super) fn check_settled_file(&self, file: &File, at: &str, violations: &mut Vec<String>) {
        if file.settled {
            self.check_whole(
                &file.rows,
                &file.partner,
                &file.query,
                &file.kept,
                at,
                violations,
            );
        }
    }

    fn check_whole(
        &self,
        items: &[Value],
        partner: &str,
        query: &Query,
        kept: &Kept,
        at: &str,
        violations: &mut Vec<String>,
    ) {
        let ids: BTreeSet<_> = items.iter().map(|item| text(item, "id")).collect();
        let log = self.log(partner).iter();
        let missing = log.filter(|item| must_be_shown(item, query, kept));
        let missing = missing.filter(|item| !ids.contains(text(item, "id")));
        violations.extend(missing.map(|item| format!("{at}: was settled without {item}")));
    }

    /// Checks that what was erased before a read is shown without a name.
    pub(super) fn check_known_erased(
        &self,
        items: &[Value],
        partner: &str,
        span: Span,
        at: &str,
        violations: &mut Vec<String>,
    ) {
        for erasure in self
            .erasures
            .iter()
            .filter(|it| it.partner == partner && it.is_done())
        {
            let is_before = erasure
                .ended
                .as_ref()
                .is_some_and(|(tick, _)| *tick < span.began);
            let ids = self.ids_to_erase(erasure);
            let kept = items.iter().filter(|_| is_before);
            let kept = kept.filter(|item| ids.contains(text(item, "id")) && !is_erased(item));
            violations.extend(kept.map(|item| format!("{at}: was erased: {item}")));
        }
        // What has ended is not listed any more, and an erasure that gave up has perhaps
        // not erased its copy in the table.
        let shown = self.archive.shown.get(partner);
        let listed = shown.map(|shown| by_id(&shown.listed)).unwrap_or_default();
        for item in items.iter().filter(|item| is_erased(item)) {
            let last = listed.get(text(item, "id"));
            if last.is_some_and(|last| !is_erased(last)) {
                violations.push(format!("{at}: was erased and has a name again: {item}"));
            }
        }
    }

    /// The activities that an erasure must erase: those that were stored before it.
    fn ids_to_erase(&self, erasure: &Erasure) -> BTreeSet<&str> {
        let before = self.deliveries.iter().filter(|sent| {
            sent.partner == erasure.partner && sent.span.is_before(erasure.requested)
        });
        let stored = before.filter_map(Delivery::stored);
        let of_customer = stored.filter(|item| item["customer"]["id"] == erasure.customer);
        of_customer.map(|item| text(item, "id")).collect()
    }

    /// Checks that an erasure leaves no name, that nothing else is erased, and that the
    /// log tells of it.
    pub(super) fn check_erasures(&self, violations: &mut Vec<String>) {
        for erasure in self.erasures.iter().filter(|it| it.is_done()) {
            self.check_done(erasure, violations);
        }
        for shown in self.archive.shown.values() {
            for item in shown.stored.iter().filter(|item| is_erased(item)) {
                let was_asked = |it: &&Erasure| it.is_of(item) && !it.refused;
                if !self.erasures.iter().any(|it| was_asked(&it)) {
                    violations.push(format!("nobody asked to erase {item}"));
                }
            }
        }
    }

    fn check_done(&self, erasure: &Erasure, violations: &mut Vec<String>) {
        let (Some(shown), Some(rows), Some((_, answer))) = (
            self.archive.shown.get(&erasure.partner),
            self.archive.rows.get(&erasure.partner),
            &erasure.ended,
        ) else {
            return;
        };
        let (stored, listed) = (by_id(&shown.stored), by_id(&shown.listed));
        for id in self.ids_to_erase(erasure) {
            let has_name = |item: Option<&&Value>| {
                item.is_some_and(|item| !is_erased(item) || !item["details"].is_null())
            };
            if has_name(stored.get(id)) || has_name(listed.get(id)) {
                violations.push(format!("{id} was not erased by {erasure:?}"));
            }
            if rows.get(id).is_some_and(is_open) {
                violations.push(format!("{id} was not erased in its segment by {erasure:?}"));
            }
        }
        let (from, to) = (text(answer, "created_at"), text(answer, "finished_at"));
        let erased = shown.stored.iter().filter(|item| {
            let at = text(item, "erased_at");
            erasure.is_of(item) && from <= at && at <= to
        });
        let erased: Vec<_> = erased.collect();
        // A pruned segment is not read, and the table's copies are not counted.
        let is_counted =
            |item: &Value| shown.kept.is_kept(item) || rows.contains_key(text(item, "id"));
        let least = erased.iter().filter(|item| is_counted(item)).count() as u64;
        let told = answer["progress"]["erased"].as_u64().unwrap();
        if !(least..=erased.len() as u64).contains(&told) {
            let most = erased.len();
            violations.push(format!(
                "{least} to {most} were erased, and not {told}: {erasure:?}"
            ));
        }
        let entries = shown.stored.iter().filter(|item| {
            text(item, "action") == "erase_customer"
                && item["details"]["erasure_id"] == answer["id"]
        });
        let mut outcomes: Vec<_> = entries.map(|item| text(item, "outcome")).collect();
        outcomes.sort_unstable();
        if outcomes != ["in_progress", "succeeded"] {
            violations.push(format!("the log tells {outcomes:?} of {erasure:?}"));
        }
    }

    /// How many of each kind there are of what archives have.
    pub(super) fn counts_of_archive(&self) -> Vec<(&'static str, usize)> {
        let settled = self.walks.iter().flat_map(|walk| &walk.settled);
        let shown = || self.archive.shown.values();
        let ended = shown().map(|shown| {
            let ended = shown.stored.iter().filter(|item| shown.kept.is_ended(item));
            ended.count()
        });
        let erased = shown().flat_map(|shown| &shown.stored);
        let done = self.erasures.iter().filter(|it| it.is_done());
        let failed = self
            .erasures
            .iter()
            .filter(|it| it.ended.is_some() && !it.is_done());
        let new = self.deliveries.iter().filter(|sent| !sent.is_replay());
        let late = new
            .filter_map(Delivery::stored)
            .filter(|item| is_late(item));
        vec![
            ("late", late.count()),
            ("sealed", self.archive.sealed),
            ("pruned", self.archive.pruned),
            ("checkpoints", self.archive.checkpoints),
            ("settled", settled.filter(|settled| **settled).count()),
            ("ended", ended.sum()),
            ("erasures", done.count()),
            ("erasures failed", failed.count()),
            ("erased", erased.filter(|item| is_erased(item)).count()),
        ]
    }
}

/// Whether an activity was recorded more than a day after it happened.
fn is_late(item: &Value) -> bool {
    let moment = |field| text(item, field).parse::<Moment>().unwrap();
    moment("recorded_at") > moment("occurred_at").plus(Duration::from_hours(25))
}

fn by_id(items: &[Value]) -> BTreeMap<&str, &Value> {
    items.iter().map(|item| (text(item, "id"), item)).collect()
}

/// Whether an item of the log must be in an answer about a range that nothing can enter.
///
/// A condition on the name does not find what was erased.
fn must_be_shown(item: &Value, query: &Query, kept: &Kept) -> bool {
    query.matches(item) && kept.is_kept(item)
}

/// Whether a sealed row still has what an erasure removes.
fn is_open(row: &Row) -> bool {
    let is_named = row.customer_name.as_deref() != Some(ERASED_NAME);
    is_named || row.details.is_some() || row.salt.is_some() || row.c.is_none()
}
