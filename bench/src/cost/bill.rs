//! Usage times prices.

use super::{prices::Prices, usage::Usage};
use crate::samples::float;

/// How many bytes AWS bills as a gigabyte.
pub(super) const GIGABYTE: f64 = 1_073_741_824.0;

const MILLION: f64 = 1e6;

/// What DynamoDB bills for each kept item beside its own bytes.
const ITEM_OVERHEAD_BYTES: f64 = 100.0;

/// What is billed, in the order of the table's columns.
pub(super) const PARTS: [&str; 9] = [
    "API Gateway",
    "Lambda requests",
    "Lambda time",
    "write units",
    "read units",
    "S3",
    "logs",
    "transfer out",
    "KMS",
];

/// Dollars by part.
#[derive(Debug)]
pub(super) struct Bill(pub(super) [f64; PARTS.len()]);

impl Bill {
    /// What this usage costs.
    pub(super) fn new(usage: &Usage, prices: &Prices) -> Self {
        let dollars = &prices.dollars;
        Self([
            usage.api_requests / MILLION * dollars.api_gateway_million_requests,
            usage.calls / MILLION * dollars.lambda_million_requests,
            usage.gigabyte_seconds * dollars.lambda_gigabyte_second,
            usage.write_units / MILLION * dollars.dynamodb_million_write_units,
            usage.read_units / MILLION * dollars.dynamodb_million_read_units,
            usage.s3_writes / 1e3 * dollars.s3_thousand_writes
                + usage.s3_reads / 1e3 * dollars.s3_thousand_reads
                + usage.s3_byte_months / GIGABYTE * dollars.s3_storage_gigabyte_month,
            usage.log_bytes / GIGABYTE * dollars.logs_gigabyte,
            usage.out_bytes / GIGABYTE * dollars.transfer_out_gigabyte,
            usage.signatures / 1e4 * dollars.kms_ten_thousand_signatures,
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

/// Dollars a month for a million kept activities: the table, and its recovery to any second.
pub(super) fn storage(item_bytes: usize, prices: &Prices) -> [f64; 2] {
    let gigabytes = (float(item_bytes) + ITEM_OVERHEAD_BYTES) * MILLION / GIGABYTE;
    let dollars = &prices.dollars;
    [
        dollars.dynamodb_storage_gigabyte_month,
        dollars.dynamodb_recovery_gigabyte_month,
    ]
    .map(|price| price * gigabytes)
}

/// Dollars a month for a million kept in segments of so many bytes an activity.
pub(super) fn archived(segment_bytes: f64, prices: &Prices) -> f64 {
    segment_bytes * MILLION / GIGABYTE * prices.dollars.s3_storage_gigabyte_month
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
        let bill = Bill::new(&used.times(MILLION), &prices);
        let dollars = &prices.dollars;
        let expected = dollars.api_gateway_million_requests
            + dollars.lambda_million_requests
            + 2.0 * dollars.dynamodb_million_write_units;
        assert!((bill.total() - expected).abs() < 1e-9, "{bill:?}");
        assert_eq!(bill.largest().0, "write units");
    }

    #[test]
    fn storage_counts_the_overhead_of_each_item() {
        let prices = Prices::read().unwrap();
        let [table, _] = storage(1_000, &prices);
        let expected = 1.1e9 / GIGABYTE * prices.dollars.dynamodb_storage_gigabyte_month;
        assert!((table - expected).abs() < 1e-9, "{table}");
    }
}
