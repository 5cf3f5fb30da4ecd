//! The rules for recording: what the answers say is what is stored.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    Delivery, GroupKey, History, Outcome, Validity, archive, common_fields, has_same_content,
    is_erased, is_trail_entry, shown::check_order, tag, text,
};

impl History {
    /// Checks that each log is in order, and holds only what its partner sent.
    pub(super) fn check_logs(&self, violations: &mut Vec<String>) {
        for (partner, log) in &self.logs {
            check_order(log, false, &format!("{partner}'s log"), violations);
            for item in log.iter().filter(|item| !is_trail_entry(item)) {
                let sent = self
                    .deliveries
                    .iter()
                    .filter(|sent| sent.partner == *partner && sent.tag() == tag(item));
                if text(item, "partner_id") != partner || sent.clone().next().is_none() {
                    violations.push(format!("{partner}'s log holds what is not its own: {item}"));
                } else if !sent.clone().any(|sent| is_as_sent(item, &sent.content)) {
                    violations.push(format!("{partner}'s log holds other content: {item}"));
                }
            }
        }
    }

    /// Checks together the deliveries that can be of one stored activity.
    pub(super) fn check_groups(&self, violations: &mut Vec<String>) {
        let mut groups: BTreeMap<GroupKey, Vec<&Delivery>> = BTreeMap::new();
        for delivery in &self.deliveries {
            groups
                .entry(delivery.group_key())
                .or_default()
                .push(delivery);
        }
        for (key, deliveries) in groups {
            self.check_group(&deliveries, &format!("{key:?}"), violations);
        }
    }

    /// Checks that a group's answers agree with the log.
    fn check_group(&self, deliveries: &[&Delivery], at: &str, violations: &mut Vec<String>) {
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
                violations.push(format!("{at}: {id} had a 2xx and is not in the log"));
            }
        }
        let most = acknowledged.len() + unknown;
        if found.len() > most {
            let count = found.len();
            violations.push(format!(
                "{at}: {count} are stored, and at most {most} can be"
            ));
        }
        if first.key.is_some() {
            check_key(deliveries, &found, at, violations);
        } else {
            let stored = deliveries
                .iter()
                .filter(|delivery| delivery.stored().is_some());
            if stored.count() != acknowledged.len() {
                violations.push(format!(
                    "{at}: two answers name the same activity without a key"
                ));
            }
        }
    }

    /// Checks that an answer is allowed, and that it agrees with the log.
    pub(super) fn check_delivery(&self, sent: &Delivery, violations: &mut Vec<String>) {
        let at = format!("{} {:?}", sent.tag(), sent.key);
        let is_allowed = match (&sent.outcome, sent.validity) {
            (Outcome::Unknown, _) | (Outcome::Refused(400), Validity::MaybeEnded) => true,
            (Outcome::Stored { replayed, .. }, Validity::Closed) => *replayed,
            (Outcome::Stored { .. }, validity) => !matches!(validity, Validity::Invalid(_)),
            (Outcome::Refused(status), Validity::Invalid(wanted)) => *status == wanted,
            (Outcome::Refused(422), _) => self.is_key_taken(sent),
            (Outcome::Refused(400), Validity::MaybeTooLate | Validity::Closed) => {
                !self.was_stored_before(sent)
            }
            (Outcome::Refused(_), _) => false,
        };
        if !is_allowed {
            violations.push(format!("{at}: may not be answered with {:?}", sent.outcome));
        }
        if sent.is_replay() && sent.key.is_none() {
            violations.push(format!("{at}: a replay without a key"));
        }
        let Some(stored) = sent.stored() else {
            return;
        };
        if !is_as_sent(stored, &sent.content) || text(stored, "partner_id") != sent.partner {
            violations.push(format!("{at}: the answer is of another activity: {stored}"));
        }
        let item = self.item(&sent.partner, text(stored, "id"));
        if item.is_some_and(|item| !has_same_content(item, stored)) {
            violations.push(format!("{at}: the log says otherwise than {stored}"));
        }
    }

    /// Whether an activity with other content is stored under this key.
    fn is_key_taken(&self, sent: &Delivery) -> bool {
        let mut others = self.deliveries.iter().filter(|other| {
            sent.key.is_some() && other.group_key() == sent.group_key() && other.tag() != sent.tag()
        });
        let log = self.log(&sent.partner);
        others.any(|other| log.iter().any(|item| tag(item) == other.tag()))
    }

    /// Whether an earlier request with the same content and key got a 2xx.
    fn was_stored_before(&self, sent: &Delivery) -> bool {
        self.deliveries.iter().any(|other| {
            sent.key.is_some()
                && other.group_key() == sent.group_key()
                && other.tag() == sent.tag()
                && other.stored().is_some()
                && other.span.is_before(sent.span)
        })
    }
}

/// Checks that a key stands for one activity, and that its outcome is known.
fn check_key(deliveries: &[&Delivery], found: &[&Value], at: &str, violations: &mut Vec<String>) {
    let stored: Vec<_> = deliveries.iter().filter_map(|sent| sent.stored()).collect();
    let is_one_activity = stored
        .windows(2)
        .all(|two| has_same_content(two[0], two[1]));
    if found.len() > 1 || !is_one_activity {
        violations.push(format!(
            "{at}: the key stands for several: {found:?}, {stored:?}"
        ));
    }
    let unknown = deliveries.iter().any(|sent| sent.is_unknown());
    let replays = deliveries.iter().filter(|sent| sent.is_replay()).count();
    let firsts = stored.len() - replays;
    if firsts > 1 || (firsts == 0 && replays > 0 && !unknown) {
        violations.push(format!(
            "{at}: {firsts} answers say that they were the first"
        ));
    }
    let tags: BTreeSet<_> = deliveries.iter().map(|sent| sent.tag()).collect();
    for tag in tags {
        let same = deliveries.iter().filter(|sent| sent.tag() == tag);
        let can_be_stored = same
            .clone()
            .any(|sent| sent.is_unknown() || sent.stored().is_some());
        if !can_be_stored && found.iter().any(|item| self::tag(item) == tag) {
            violations.push(format!("{at}: {tag} was refused and is stored"));
        }
        if same
            .max_by_key(|sent| sent.span.began)
            .is_some_and(|sent| sent.is_unknown())
        {
            violations.push(format!("{at}: {tag} never settled"));
        }
    }
}

/// Whether a stored activity has the fields that were sent, and no others.
fn is_as_sent(stored: &Value, sent: &Value) -> bool {
    let (mut stored_fields, mut sent_fields) = (common_fields(stored), common_fields(sent));
    let fields = stored_fields.as_object_mut().unwrap();
    for set_by_the_service in ["id", "partner_id", "recorded_at"] {
        fields.remove(set_by_the_service);
    }
    if sent["occurred_at"].is_null() {
        fields.remove("occurred_at");
    }
    if is_erased(stored) {
        archive::erase(&mut stored_fields);
        archive::erase(&mut sent_fields);
    }
    sent_fields.as_object_mut().unwrap().remove("partner_id");
    let has_details = stored["has_details"].as_bool();
    let details = &stored["details"];
    let should_have = !is_erased(stored) && !sent["details"].is_null();
    stored_fields == sent_fields
        && has_details.is_none_or(|has| has == should_have)
        && (details.is_null() || *details == sent["details"])
}
