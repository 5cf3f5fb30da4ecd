//! What the servers hold and how fast they are.

use std::path::PathBuf;

use super::archive::Archive;

/// The options of both servers.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// How many entries the log has.
    pub(crate) entries: u64,
    /// Whether the entries have details.
    pub(crate) with_details: bool,
    /// Over how many shards the log is spread.
    pub(crate) shards: u32,
    /// The body of the request that asked for the export.
    pub(crate) export_request: &'static str,
    /// How fast S3 takes a file; as fast as it can if absent.
    pub(crate) s3_bytes_per_second: Option<u64>,
    /// Serve DynamoDB over TLS, and write the certificate to trust to this file.
    pub(crate) authority: Option<PathBuf>,
    /// What is sealed of the log.
    pub(crate) archive: Archive,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            entries: 0,
            with_details: true,
            shards: 1,
            export_request: "{}",
            s3_bytes_per_second: None,
            authority: None,
            archive: Archive::default(),
        }
    }
}
