//! The price file, compiled in.

use serde::Deserialize;

use crate::Error;

const FILE: &str = include_str!("../../prices.toml");

/// What AWS asks, and what has to be assumed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Prices {
    pub(super) date: String,
    pub(super) region: String,
    pub(super) dollars: Dollars,
    pub(super) assumed: Assumed,
}

/// Dollars for a number of requests or units, or for a gigabyte.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dollars {
    pub(super) api_gateway_million_requests: f64,
    pub(super) lambda_million_requests: f64,
    pub(super) lambda_gigabyte_second: f64,
    pub(super) dynamodb_million_write_units: f64,
    pub(super) dynamodb_million_read_units: f64,
    pub(super) dynamodb_storage_gigabyte_month: f64,
    pub(super) dynamodb_recovery_gigabyte_month: f64,
    pub(super) s3_thousand_writes: f64,
    pub(super) s3_thousand_reads: f64,
    pub(super) s3_storage_gigabyte_month: f64,
    pub(super) logs_gigabyte: f64,
    pub(super) transfer_out_gigabyte: f64,
    pub(super) kms_ten_thousand_signatures: f64,
}

/// How long calls take, how fast a worker is, and what Lambda logs of a call.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Assumed {
    pub(super) record_ms: f64,
    pub(super) batch_of_25_ms: f64,
    pub(super) batch_of_100_ms: f64,
    pub(super) list_page_ms: f64,
    pub(super) list_filtered_page_ms: f64,
    pub(super) export_request_ms: f64,
    pub(super) worker_csv_rows_per_second: f64,
    pub(super) worker_gzip_rows_per_second: f64,
    pub(super) partition_read_units_per_second: f64,
    pub(super) seal_run_ms: f64,
    pub(super) seal_rows_per_second: f64,
    pub(super) copies_per_second: f64,
    pub(super) lambda_lines: Vec<String>,
}

impl Prices {
    /// Reads the file; a name that is missing or unknown is an error.
    pub(super) fn read() -> Result<Self, Error> {
        Ok(toml::from_str(FILE)?)
    }
}
