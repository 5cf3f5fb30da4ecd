//! The rules for exports, and for the log entries that exports leave.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{History, is_trail_entry, text};

impl History {
    /// Checks that each partner has exactly the exports that it requested.
    pub(super) fn check_export_requests(&self, violations: &mut Vec<String>) {
        let mut keys: BTreeMap<(&str, &str), &str> = BTreeMap::new();
        for request in &self.export_requests {
            let (Some(key), Some(id)) = (&request.key, &request.export_id) else {
                continue;
            };
            if *keys.entry((&request.partner, key)).or_insert(id) != id {
                violations.push(format!("one key has made two exports: {request:?}"));
            }
        }
        for (partner, exports) in &self.exports {
            let requests = self.export_requests.iter();
            let requests = requests.filter(|request| request.partner == *partner);
            let made: BTreeSet<_> = requests
                .clone()
                .filter_map(|request| request.export_id.as_deref())
                .collect();
            let unknown = requests.filter(|request| {
                request.key.is_none() && request.export_id.is_none() && !request.refused
            });
            let listed: BTreeSet<_> = exports.iter().map(|export| text(export, "id")).collect();
            if !made.is_subset(&listed) || listed.len() != exports.len() {
                violations.push(format!(
                    "{partner}'s exports are listed wrongly: {listed:?}"
                ));
            }
            if listed.len() > made.len() + unknown.count() {
                violations.push(format!(
                    "{partner} has exports that nobody asked for: {listed:?}"
                ));
            }
        }
    }

    /// Checks that the log has an entry for each finished file and each link.
    ///
    /// There must not be two entries for a file, or any for an unknown export.
    pub(super) fn check_trail(&self, violations: &mut Vec<String>) {
        for (partner, log) in &self.logs {
            let exports = self.exports.get(partner).map_or(&[][..], Vec::as_slice);
            for item in log.iter().filter(|item| is_of_export(item)) {
                let id = text(&item["resource"], "id");
                if !exports.iter().any(|export| text(export, "id") == id) {
                    violations.push(format!("{partner}'s log tells of a foreign export: {item}"));
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
                    violations.push(format!("{id} has {finished} entries: {export}"));
                }
                let links = self
                    .export_requests
                    .iter()
                    .filter(|request| request.has_link && request.export_id.as_deref() == Some(id));
                if count("download_activity_log") < links.count() {
                    violations.push(format!("{id} has links without an entry"));
                }
            }
        }
    }
}

fn is_of_export(item: &Value) -> bool {
    is_trail_entry(item) && item["resource"]["type"] == "export"
}
