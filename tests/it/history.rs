//! What the clients of one run saw, and what is wrong with it.
//!
//! Knows requests, answers, files and the logs as they were in the end, and
//! nothing of how the service works.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde_json::Value;

use crate::query::Query;

/// From when to when something was under way, counted in steps of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) began: u64,
    pub(crate) ended: u64,
}

impl Span {
    fn is_before(self, later: Self) -> bool {
        self.ended < later.began
    }
}

/// What may become of an activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worth {
    /// It is valid.
    Good,
    /// It is refused with this status.
    Bad(u16),
    /// It is valid, unless the clock says that it is too late.
    Aging,
}

/// What a client learned.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    /// A 2xx, with the activity as it is stored.
    Stored { activity: Value, replayed: bool },
    /// A status that says that nothing was stored.
    Refused(u16),
    /// 503, or no answer at all.
    Unknown,
}

/// One activity in one request, alone or in a batch.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) partner: String,
    pub(crate) key: Option<String>,
    /// As it was sent; its `correlation_id` is in no other content.
    pub(crate) content: Value,
    pub(crate) worth: Worth,
    pub(crate) span: Span,
    pub(crate) outcome: Outcome,
}

/// A walk over all pages of a query.
#[derive(Debug, Clone)]
pub(crate) struct Walk {
    pub(crate) partner: String,
    pub(crate) query: Query,
    pub(crate) limit: usize,
    pub(crate) pages: Vec<Vec<Value>>,
    pub(crate) span: Span,
}

/// A file that was exported.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) partner: String,
    pub(crate) query: Query,
    pub(crate) as_of: String,
    /// When the export was asked for first.
    pub(crate) asked: Span,
    pub(crate) rows: Vec<Value>,
}

/// A request for an export.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) partner: String,
    pub(crate) key: Option<String>,
    /// The export's id, if the answer was a 2xx.
    pub(crate) made: Option<String>,
    /// Whether the answer says that nothing was made.
    pub(crate) refused: bool,
    /// Whether the answer had a link.
    pub(crate) linked: bool,
}

/// One activity read by its id.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    pub(crate) partner: String,
    pub(crate) id: String,
    /// What was answered with 200; none for 404.
    pub(crate) found: Option<Value>,
}

/// Everything that one run's clients saw.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) walks: Vec<Walk>,
    pub(crate) orders: Vec<Order>,
    pub(crate) files: Vec<File>,
    pub(crate) looks: Vec<Look>,
    /// Each partner's whole log when nothing was under way any more, newest first.
    pub(crate) logs: BTreeMap<String, Vec<Value>>,
    /// Each partner's exports then.
    pub(crate) exports: BTreeMap<String, Vec<Value>>,
}

/// What deliveries may share: a partner, and a moment and key, or a content.
type Slot<'a> = (&'a str, &'a str, &'a str);

impl Delivery {
    fn tag(&self) -> &str {
        tag(&self.content)
    }

    fn slot(&self) -> Slot<'_> {
        match &self.key {
            Some(key) => (&self.partner, text(&self.content, "occurred_at"), key),
            None => (&self.partner, "", self.tag()),
        }
    }

    fn stored(&self) -> Option<&Value> {
        match &self.outcome {
            Outcome::Stored { activity, .. } => Some(activity),
            Outcome::Refused(_) | Outcome::Unknown => None,
        }
    }

    fn is_unknown(&self) -> bool {
        self.outcome == Outcome::Unknown
    }

    fn is_replay(&self) -> bool {
        matches!(self.outcome, Outcome::Stored { replayed: true, .. })
    }
}

/// The requests in the order of their beginnings, a line each.
impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sent = self.deliveries.iter().map(|sent| {
            let Delivery {
                partner,
                key,
                content,
                worth,
                outcome,
                ..
            } = sent;
            let outcome = match outcome {
                Outcome::Stored { activity, replayed } => {
                    format!("replayed: {replayed} {activity}")
                }
                other => format!("{other:?}"),
            };
            let line = format!("{partner} {key:?} {worth:?} {content}\n    {outcome}");
            (sent.span, line)
        });
        let walks = self.walks.iter().map(|walk| {
            let ids = walk.pages.iter().flatten().map(|item| text(item, "id"));
            let ids: Vec<_> = ids.collect();
            let line = format!(
                "{} {:?} by {}\n    {ids:?}",
                walk.partner, walk.query, walk.limit
            );
            (walk.span, line)
        });
        let mut lines: Vec<_> = sent.chain(walks).collect();
        lines.sort_by_key(|(span, _)| span.began);
        for (span, line) in lines {
            writeln!(f, "{}..{} {line}", span.began, span.ended)?;
        }
        self.orders
            .iter()
            .try_for_each(|order| writeln!(f, "{order:?}"))
    }
}

impl History {
    /// How often the clients were told what.
    pub(crate) fn counts(&self) -> Vec<(&'static str, usize)> {
        let sent =
            |is: fn(&Delivery) -> bool| self.deliveries.iter().filter(|sent| is(sent)).count();
        let (made, refused) = (
            self.orders.iter().filter(|order| order.made.is_some()),
            self.orders.iter().filter(|order| order.refused),
        );
        vec![
            (
                "stored",
                sent(|sent| sent.stored().is_some() && !sent.is_replay()),
            ),
            ("replayed", sent(Delivery::is_replay)),
            ("unknown", sent(Delivery::is_unknown)),
            (
                "taken keys",
                sent(|sent| sent.outcome == Outcome::Refused(422)),
            ),
            ("bad", sent(|sent| matches!(sent.worth, Worth::Bad(_)))),
            (
                "too late",
                sent(|sent| sent.worth == Worth::Aging && sent.outcome == Outcome::Refused(400)),
            ),
            (
                "pages",
                self.walks.iter().map(|walk| walk.pages.len()).sum(),
            ),
            ("exports made", made.count()),
            ("exports refused", refused.count()),
            (
                "links",
                self.orders.iter().filter(|order| order.linked).count(),
            ),
            ("rows", self.files.iter().map(|file| file.rows.len()).sum()),
        ]
    }

    /// Everything that should not be so, a sentence each.
    pub(crate) fn wrongs(&self) -> Vec<String> {
        let mut wrongs = Vec::new();
        self.check_logs(&mut wrongs);
        self.check_slots(&mut wrongs);
        for delivery in &self.deliveries {
            self.check_delivery(delivery, &mut wrongs);
        }
        for walk in &self.walks {
            self.check_walk(walk, &mut wrongs);
        }
        for file in &self.files {
            self.check_file(file, &mut wrongs);
        }
        for look in &self.looks {
            self.check_look(look, &mut wrongs);
        }
        self.check_orders(&mut wrongs);
        self.check_trail(&mut wrongs);
        wrongs
    }

    fn log(&self, partner: &str) -> &[Value] {
        self.logs.get(partner).map_or(&[], Vec::as_slice)
    }

    fn item(&self, partner: &str, id: &str) -> Option<&Value> {
        self.log(partner).iter().find(|item| text(item, "id") == id)
    }

    /// What the logs hold is ordered, the partner's own, and was sent just so.
    fn check_logs(&self, wrongs: &mut Vec<String>) {
        for (partner, log) in &self.logs {
            check_order(log, false, &format!("{partner}'s log"), wrongs);
            for item in log.iter().filter(|item| !is_trail(item)) {
                let sent = self
                    .deliveries
                    .iter()
                    .filter(|sent| sent.partner == *partner && sent.tag() == tag(item));
                if text(item, "partner_id") != partner || sent.clone().next().is_none() {
                    wrongs.push(format!("{partner}'s log holds what is not its own: {item}"));
                } else if !sent.clone().any(|sent| is_as_sent(item, &sent.content)) {
                    wrongs.push(format!("{partner}'s log holds other content: {item}"));
                }
            }
        }
    }

    fn check_slots(&self, wrongs: &mut Vec<String>) {
        let mut slots: BTreeMap<Slot, Vec<&Delivery>> = BTreeMap::new();
        for delivery in &self.deliveries {
            slots.entry(delivery.slot()).or_default().push(delivery);
        }
        for (slot, deliveries) in slots {
            self.check_slot(&deliveries, &format!("{slot:?}"), wrongs);
        }
    }

    /// What a slot's deliveries were told agrees with what the log holds of them.
    fn check_slot(&self, deliveries: &[&Delivery], at: &str, wrongs: &mut Vec<String>) {
        let Some(first) = deliveries.first() else {
            return;
        };
        let tags: BTreeSet<_> = deliveries.iter().map(|delivery| delivery.tag()).collect();
        let log = self.log(&first.partner).iter();
        let found: Vec<_> = log.filter(|item| tags.contains(tag(item))).collect();
        let acknowledged = deliveries.iter().filter_map(|delivery| delivery.stored());
        let acknowledged: BTreeSet<_> = acknowledged.map(|stored| text(stored, "id")).collect();
        let unknown = deliveries
            .iter()
            .filter(|delivery| delivery.is_unknown())
            .count();
        for id in &acknowledged {
            if !found.iter().any(|item| text(item, "id") == *id) {
                wrongs.push(format!("{at}: {id} had a 2xx and is not in the log"));
            }
        }
        let most = acknowledged.len() + unknown;
        if found.len() > most {
            let count = found.len();
            wrongs.push(format!(
                "{at}: {count} are stored, and at most {most} can be"
            ));
        }
        if first.key.is_some() {
            check_key(deliveries, &found, at, wrongs);
        } else {
            let stored = deliveries
                .iter()
                .filter(|delivery| delivery.stored().is_some());
            if stored.count() != acknowledged.len() {
                wrongs.push(format!(
                    "{at}: two answers name the same activity without a key"
                ));
            }
        }
    }

    /// One answer is one that this activity may have, and says what the log says.
    fn check_delivery(&self, sent: &Delivery, wrongs: &mut Vec<String>) {
        let at = format!("{} {:?}", sent.tag(), sent.key);
        let is_allowed = match (&sent.outcome, sent.worth) {
            (Outcome::Unknown, _) => true,
            (Outcome::Stored { .. }, worth) => !matches!(worth, Worth::Bad(_)),
            (Outcome::Refused(status), Worth::Bad(wanted)) => *status == wanted,
            (Outcome::Refused(422), Worth::Good | Worth::Aging) => self.is_taken(sent),
            (Outcome::Refused(400), Worth::Aging) => !self.was_stored_before(sent),
            (Outcome::Refused(_), Worth::Good | Worth::Aging) => false,
        };
        if !is_allowed {
            wrongs.push(format!("{at}: may not be answered with {:?}", sent.outcome));
        }
        if sent.is_replay() && sent.key.is_none() {
            wrongs.push(format!("{at}: a replay without a key"));
        }
        let Some(stored) = sent.stored() else {
            return;
        };
        if !is_as_sent(stored, &sent.content) || text(stored, "partner_id") != sent.partner {
            wrongs.push(format!("{at}: the answer is of another activity: {stored}"));
        }
        let item = self.item(&sent.partner, text(stored, "id"));
        if item.is_some_and(|item| !is_same(item, stored)) {
            wrongs.push(format!("{at}: the log says otherwise than {stored}"));
        }
    }

    /// Whether other content has this one's key.
    fn is_taken(&self, sent: &Delivery) -> bool {
        let mut others = self.deliveries.iter().filter(|other| {
            sent.key.is_some() && other.slot() == sent.slot() && other.tag() != sent.tag()
        });
        let log = self.log(&sent.partner);
        others.any(|other| log.iter().any(|item| tag(item) == other.tag()))
    }

    /// Whether the same was acknowledged before this was sent.
    fn was_stored_before(&self, sent: &Delivery) -> bool {
        self.deliveries.iter().any(|other| {
            sent.key.is_some()
                && other.slot() == sent.slot()
                && other.tag() == sent.tag()
                && other.stored().is_some()
                && other.span.is_before(sent.span)
        })
    }

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
    fn check_walk(&self, walk: &Walk, wrongs: &mut Vec<String>) {
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
    fn check_file(&self, file: &File, wrongs: &mut Vec<String>) {
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
    fn check_look(&self, look: &Look, wrongs: &mut Vec<String>) {
        let is_right = match (self.item(&look.partner, &look.id), &look.found) {
            (Some(item), Some(found)) => is_same(item, found),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if !is_right {
            wrongs.push(format!("reading by id is wrong: {look:?}"));
        }
    }

    /// The exports of each partner are those that were made for it.
    fn check_orders(&self, wrongs: &mut Vec<String>) {
        let mut keys: BTreeMap<(&str, &str), &str> = BTreeMap::new();
        for order in &self.orders {
            let (Some(key), Some(id)) = (&order.key, &order.made) else {
                continue;
            };
            if *keys.entry((&order.partner, key)).or_insert(id) != id {
                wrongs.push(format!("one key has made two exports: {order:?}"));
            }
        }
        for (partner, exports) in &self.exports {
            let orders = self.orders.iter().filter(|order| order.partner == *partner);
            let made: BTreeSet<_> = orders
                .clone()
                .filter_map(|order| order.made.as_deref())
                .collect();
            let unknown = orders
                .filter(|order| order.key.is_none() && order.made.is_none() && !order.refused);
            let listed: BTreeSet<_> = exports.iter().map(|export| text(export, "id")).collect();
            if !made.is_subset(&listed) || listed.len() != exports.len() {
                wrongs.push(format!(
                    "{partner}'s exports are listed wrongly: {listed:?}"
                ));
            }
            if listed.len() > made.len() + unknown.count() {
                wrongs.push(format!(
                    "{partner} has exports that nobody asked for: {listed:?}"
                ));
            }
        }
    }

    /// Each finished file and each link has left its entry, and nothing else has.
    fn check_trail(&self, wrongs: &mut Vec<String>) {
        for (partner, log) in &self.logs {
            let exports = self.exports.get(partner).map_or(&[][..], Vec::as_slice);
            for item in log.iter().filter(|item| is_trail(item)) {
                let id = text(&item["resource"], "id");
                if !exports.iter().any(|export| text(export, "id") == id) {
                    wrongs.push(format!("{partner}'s log tells of a foreign export: {item}"));
                }
            }
            for export in exports {
                let id = text(export, "id");
                let count = |action| {
                    let entries = log.iter().filter(|item| {
                        text(item, "action") == action && text(&item["resource"], "id") == id
                    });
                    entries.count()
                };
                let finished = count("export_activity_log");
                if finished > 1 || (finished == 0 && export["state"] == "ready") {
                    wrongs.push(format!("{id} has {finished} entries: {export}"));
                }
                let links = self
                    .orders
                    .iter()
                    .filter(|order| order.linked && order.made.as_deref() == Some(id));
                if count("download_activity_log") < links.count() {
                    wrongs.push(format!("{id} has links without an entry"));
                }
            }
        }
    }
}

/// A key stands for one activity, and its retries settle.
fn check_key(deliveries: &[&Delivery], found: &[&Value], at: &str, wrongs: &mut Vec<String>) {
    let stored: Vec<_> = deliveries.iter().filter_map(|sent| sent.stored()).collect();
    let is_one = stored.windows(2).all(|two| is_same(two[0], two[1]));
    if found.len() > 1 || !is_one {
        wrongs.push(format!(
            "{at}: the key stands for several: {found:?}, {stored:?}"
        ));
    }
    let unknown = deliveries.iter().any(|sent| sent.is_unknown());
    let replays = deliveries.iter().filter(|sent| sent.is_replay()).count();
    let firsts = stored.len() - replays;
    if firsts > 1 || (firsts == 0 && replays > 0 && !unknown) {
        wrongs.push(format!(
            "{at}: {firsts} answers say that they were the first"
        ));
    }
    let tags: BTreeSet<_> = deliveries.iter().map(|sent| sent.tag()).collect();
    for tag in tags {
        let same = deliveries.iter().filter(|sent| sent.tag() == tag);
        let can_be = same
            .clone()
            .any(|sent| sent.is_unknown() || sent.stored().is_some());
        if !can_be && found.iter().any(|item| self::tag(item) == tag) {
            wrongs.push(format!("{at}: {tag} was refused and is stored"));
        }
        if same
            .max_by_key(|sent| sent.span.began)
            .is_some_and(|sent| sent.is_unknown())
        {
            wrongs.push(format!("{at}: {tag} never settled"));
        }
    }
}

/// Each is after the one before, so none comes twice.
fn check_order(items: &[Value], rising: bool, at: &str, wrongs: &mut Vec<String>) {
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

/// Whether two forms of an activity are of the same one and say the same.
fn is_same(one: &Value, other: &Value) -> bool {
    summary(one) == summary(other)
}

fn summary(activity: &Value) -> Value {
    let mut summary = activity.clone();
    let fields = summary.as_object_mut().unwrap();
    for of_some_forms in ["details", "has_details", "links"] {
        fields.remove(of_some_forms);
    }
    summary
}

/// Whether a stored activity has what was sent, and nothing else.
fn is_as_sent(stored: &Value, sent: &Value) -> bool {
    let (mut stored_fields, mut sent_fields) = (summary(stored), summary(sent));
    let own = stored_fields.as_object_mut().unwrap();
    for of_the_service in ["id", "partner_id", "recorded_at"] {
        own.remove(of_the_service);
    }
    if sent["occurred_at"].is_null() {
        own.remove("occurred_at");
    }
    sent_fields.as_object_mut().unwrap().remove("partner_id");
    let has_details = stored["has_details"].as_bool();
    let details = &stored["details"];
    stored_fields == sent_fields
        && has_details.is_none_or(|has| has != sent["details"].is_null())
        && (details.is_null() || *details == sent["details"])
}

/// Whether the service recorded this itself.
fn is_trail(activity: &Value) -> bool {
    ["export_activity_log", "download_activity_log"].contains(&text(activity, "action"))
}

fn tag(activity: &Value) -> &str {
    text(activity, "correlation_id")
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}
