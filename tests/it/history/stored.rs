//! Whether what was answered to those who recorded is what is stored.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    Delivery, History, Outcome, Slot, Worth, is_same, is_trail, shown::check_order, summary, tag,
    text,
};

impl History {
    /// What the logs hold is ordered, the partner's own, and was sent just so.
    pub(super) fn check_logs(&self, wrongs: &mut Vec<String>) {
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

    pub(super) fn check_slots(&self, wrongs: &mut Vec<String>) {
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
    pub(super) fn check_delivery(&self, sent: &Delivery, wrongs: &mut Vec<String>) {
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
