//! What a partition takes: so many write units a second, and no burst.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use serde_json::Value;

use crate::{
    Error,
    units::{item_bytes, write_units},
};

/// So much of a second's units may be saved up, little enough that even a short
/// run shows what a partition takes for ever.
const SAVED_SECONDS: f64 = 0.1;

/// What is left of each partition's units.
pub(super) struct Limit {
    units_per_second: f64,
    partitions: Mutex<HashMap<String, Left>>,
}

struct Left {
    units: f64,
    at: Instant,
}

impl Limit {
    pub(super) fn new(units_per_second: u32) -> Self {
        Self {
            units_per_second: f64::from(units_per_second),
            partitions: Mutex::default(),
        }
    }

    /// Takes an item's units from its partition's, if there are as many.
    pub(super) fn admits(&self, item: &Value, now: Instant) -> Result<bool, Error> {
        let key = item.pointer("/partition_key/S").and_then(Value::as_str);
        let key = key.ok_or("an item has no partition key")?;
        let wanted = write_units(item_bytes(item).ok_or("an item is none")?);
        // A single item may need more than is ever saved up.
        let most = (self.units_per_second * SAVED_SECONDS).max(wanted);
        let mut partitions = self
            .partitions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let left = partitions.entry(key.to_owned()).or_insert(Left {
            units: 0.0,
            at: now,
        });
        let passed = now.saturating_duration_since(left.at).as_secs_f64();
        left.units = (left.units + passed * self.units_per_second).min(most);
        left.at = now;
        let admits = left.units >= wanted;
        if admits {
            left.units -= wanted;
        }
        Ok(admits)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_partition_takes_its_units_and_no_more_while_others_take_theirs() {
        let limit = Limit::new(1_000);
        let item =
            |key: &str| json!({ "partition_key": { "S": key }, "a": { "S": "x".repeat(1_500) } });
        let (one, other, begun) = (item("contoso"), item("contoso#1"), Instant::now());
        let admitted = |item: &Value| {
            let at = |millis| begun + Duration::from_millis(millis);
            let asked = (0..10_000).filter(|&millis| limit.admits(item, at(millis)).unwrap());
            asked.count()
        };
        // Two units each, in ten seconds.
        assert!((4_950..=5_000).contains(&admitted(&one)));
        assert!((4_950..=5_000).contains(&admitted(&other)));
    }
}
