//! How much a partition of a table takes: DynamoDB's limits, which no on-demand table lifts.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html>

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

/// The read units that a partition gives a second.
const READ_UNITS: f64 = 3_000.0;

/// The write units that a partition takes a second.
pub(super) const WRITE_UNITS: f64 = 1_000.0;

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Read,
    Write,
}

impl Kind {
    fn units_per_second(self) -> f64 {
        match self {
            Self::Read => READ_UNITS,
            Self::Write => WRITE_UNITS,
        }
    }
}

/// Each partition key has a partition of its own, which is the best that DynamoDB can do.
#[derive(Debug, Default)]
pub(super) struct Partitions {
    left: HashMap<(String, Kind), Left>,
}

/// The units that are left of a second's; below zero, the partition has a debt.
#[derive(Debug)]
struct Left {
    units: f64,
    at: Instant,
}

impl Partitions {
    /// Whether a partition has units left.
    pub(super) fn has_left(&mut self, partition: &str, kind: Kind) -> bool {
        self.left(partition, kind).units > 0.0
    }

    /// Takes the units that an operation used.
    ///
    /// What an operation needs is only known when it is done, so the last one of a second may
    /// leave a debt.
    pub(super) fn take(&mut self, partition: &str, kind: Kind, units: f64) {
        self.left(partition, kind).units -= units;
    }

    fn left(&mut self, partition: &str, kind: Kind) -> &mut Left {
        let (now, per_second) = (Instant::now(), kind.units_per_second());
        let left = self.left.entry((partition.to_owned(), kind));
        let left = left.or_insert(Left {
            units: per_second,
            at: now,
        });
        let passed: Duration = now - left.at;
        left.units = (left.units + passed.as_secs_f64() * per_second).min(per_second);
        left.at = now;
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_partition_takes_a_seconds_units_and_then_as_many_as_come_back() {
        let mut partitions = Partitions::default();
        let mut take_all = || {
            let mut taken = 0;
            while partitions.has_left("contoso", Kind::Write) {
                partitions.take("contoso", Kind::Write, 1.0);
                taken += 1;
            }
            taken
        };
        assert_eq!(take_all(), 1_000);
        tokio::time::advance(Duration::from_millis(250)).await;
        assert_eq!(take_all(), 250);
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!(take_all(), 1_000, "no more than a second's are kept");
        assert!(partitions.has_left("contoso", Kind::Read));
        assert!(partitions.has_left("fabrikam", Kind::Write));
    }

    #[tokio::test(start_paused = true)]
    async fn a_debt_is_paid_before_the_next_operation() {
        let mut partitions = Partitions::default();
        partitions.take("contoso", Kind::Read, 6_000.0);
        tokio::time::advance(Duration::from_millis(999)).await;
        assert!(!partitions.has_left("contoso", Kind::Read));
        tokio::time::advance(Duration::from_millis(2)).await;
        assert!(partitions.has_left("contoso", Kind::Read));
    }
}
