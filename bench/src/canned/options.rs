//! What the servers hold and how fast they are.

use std::path::PathBuf;

use shared::TimeRange;

use super::archive::Archive;

/// What details entries have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Details {
    /// None.
    None,
    /// 0.3 kB each, as those of a year that is sealed.
    Small,
    /// Those of sample activities, half a kilobyte on average.
    Samples,
}

/// The options of both servers.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// How many entries the log has.
    pub(crate) entries: u64,
    /// What details the entries have.
    pub(crate) details: Details,
    /// Over how many shards the log is spread.
    pub(crate) shards: u32,
    /// The body of the request that asked for the export.
    pub(crate) export_request: &'static str,
    /// How fast S3 takes a file; as fast as it can if absent.
    pub(crate) s3_bytes_per_second: Option<u64>,
    /// Serve DynamoDB over TLS, and write the certificate to trust to this file.
    pub(crate) authority: Option<PathBuf>,
    /// The range of the export; the log's if absent.
    pub(crate) export_range: Option<TimeRange>,
    /// What is sealed of the log.
    pub(crate) archive: Archive,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            entries: 0,
            details: Details::Samples,
            shards: 1,
            export_request: "{}",
            s3_bytes_per_second: None,
            authority: None,
            export_range: None,
            archive: Archive::default(),
        }
    }
}
