//! Usage times prices.

use super::{
    prices::{Architecture, Prices},
    usage::Usage,
};
use crate::units::float;

/// AWS's gigabyte.
pub(super) const GIGABYTE: f64 = 1_073_741_824.0;

const MILLION: f64 = 1e6;

/// DynamoDB keeps so much more of each item than its own bytes.
const ITEM_OVERHEAD_BYTES: f64 = 100.0;

/// What is billed, in the order of the table's columns.
pub(super) const PARTS: [&str; 8] = [
    "API Gateway",
    "Lambda requests",
    "Lambda time",
    "write units",
    "read units",
    "S3",
    "logs",
    "transfer out",
];

/// Dollars by part.
#[derive(Debug)]
pub(super) struct Bill(pub(super) [f64; PARTS.len()]);

impl Bill {
    /// What this usage costs.
    pub(super) fn new(usage: &Usage, prices: &Prices, architecture: Architecture) -> Self {
        let (lambda, dynamodb, s3) = (&prices.lambda, &prices.dynamodb, &prices.s3);
        Self([
            usage.api_requests / MILLION * prices.api_gateway.million_requests,
            usage.calls / MILLION * lambda.million_requests,
            usage.gigabyte_seconds * lambda.gigabyte_second.on(architecture),
            usage.write_units / MILLION * dynamodb.million_write_units,
            usage.read_units / MILLION * dynamodb.million_read_units,
            usage.s3_writes / 1e3 * s3.thousand_writes
                + usage.s3_reads / 1e3 * s3.thousand_reads
                + usage.s3_byte_months / GIGABYTE * s3.storage_gigabyte_month,
            usage.log_bytes / GIGABYTE * prices.logs.gigabyte,
            usage.out_bytes / GIGABYTE * prices.transfer_out.gigabyte,
        ])
    }

    /// All parts together.
    pub(super) fn total(&self) -> f64 {
        self.0.iter().sum()
    }

    /// The largest part, and its share of the whole.
    pub(super) fn largest(&self) -> (&'static str, f64) {
        let parts = PARTS.into_iter().zip(self.0);
        let (name, dollars) = parts.fold(
            ("", 0.0),
            |most, part| {
                if part.1 > most.1 { part } else { most }
            },
        );
        (name, dollars / self.total())
    }
}

/// A month of a million activities: the table, and its recovery to any second.
pub(super) fn storage(item_bytes: usize, prices: &Prices) -> [f64; 2] {
    let gigabytes = (float(item_bytes) + ITEM_OVERHEAD_BYTES) * MILLION / GIGABYTE;
    let dynamodb = &prices.dynamodb;
    [
        dynamodb.storage_gigabyte_month,
        dynamodb.recovery_gigabyte_month,
    ]
    .map(|price| price * gigabytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_recorded_singly_is_billed_by_its_parts() {
        let prices = Prices::read().unwrap();
        let used = Usage {
            api_requests: 1.0,
            calls: 1.0,
            write_units: 2.0,
            ..Usage::default()
        };
        let bill = Bill::new(&used.times(MILLION), &prices, Architecture::Arm64);
        let (dynamodb, lambda) = (&prices.dynamodb, &prices.lambda);
        let expected = prices.api_gateway.million_requests
            + lambda.million_requests
            + 2.0 * dynamodb.million_write_units;
        assert!((bill.total() - expected).abs() < 1e-9, "{bill:?}");
        assert_eq!(bill.largest().0, "write units");
    }

    #[test]
    fn storage_counts_the_overhead_of_each_item() {
        let prices = Prices::read().unwrap();
        let [table, _] = storage(1_000, &prices);
        let expected = 1.1e9 / GIGABYTE * prices.dynamodb.storage_gigabyte_month;
        assert!((table - expected).abs() < 1e-9, "{table}");
    }
}
