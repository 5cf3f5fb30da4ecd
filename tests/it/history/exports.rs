//! Whether exports are those that were asked for, and have left their entries.

use std::collections::{BTreeMap, BTreeSet};

use super::{History, is_trail, text};

impl History {
    /// The exports of each partner are those that were made for it.
    pub(super) fn check_orders(&self, wrongs: &mut Vec<String>) {
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
    pub(super) fn check_trail(&self, wrongs: &mut Vec<String>) {
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
