//! The price file, compiled in.

use serde::Deserialize;

use crate::Error;

const FILE: &str = include_str!("../../prices.toml");

/// What AWS asks in dollars, and what has to be assumed; the file says more.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Prices {
    pub(super) date: String,
    pub(super) region: String,
    pub(super) api_gateway: ApiGateway,
    pub(super) lambda: Lambda,
    pub(super) dynamodb: DynamoDb,
    pub(super) s3: S3,
    pub(super) logs: Gigabytes,
    pub(super) transfer_out: Gigabytes,
    pub(super) assumed: Assumed,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApiGateway {
    pub(super) million_requests: f64,
    pub(super) request_bytes: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lambda {
    pub(super) million_requests: f64,
    pub(super) gigabyte_second: GigabyteSecond,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GigabyteSecond {
    arm64: f64,
    x86_64: f64,
}

/// The functions' instruction set, as the template's parameter names it.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum Architecture {
    /// The template's default
    Arm64,
    /// The other one
    #[value(name = "x86_64")]
    X86_64,
}

impl Architecture {
    /// As the template says it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }
}

impl GigabyteSecond {
    pub(super) fn on(&self, architecture: Architecture) -> f64 {
        match architecture {
            Architecture::Arm64 => self.arm64,
            Architecture::X86_64 => self.x86_64,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DynamoDb {
    pub(super) million_write_units: f64,
    pub(super) million_read_units: f64,
    pub(super) storage_gigabyte_month: f64,
    pub(super) recovery_gigabyte_month: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct S3 {
    pub(super) thousand_writes: f64,
    pub(super) thousand_reads: f64,
    pub(super) storage_gigabyte_month: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Gigabytes {
    pub(super) gigabyte: f64,
}

/// How long calls take, and what Lambda logs of them.
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
    pub(super) lambda_lines: Vec<String>,
}

impl Prices {
    /// Reads the file; a name that is missing or unknown is an error.
    pub(super) fn read() -> Result<Self, Error> {
        Ok(toml::from_str(FILE)?)
    }
}
