//! How much of a log one request may read.

use tokio::time::Instant;

/// How much a walk may read.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// The most Query pages; with shards, each is one Query for each shard. What is read of
    /// the archive is not counted.
    pub pages: usize,
    /// The most activities that one Query reads, 1,000 at most.
    pub page_limit: usize,
    /// How many activities are of use at once: a page of sealed ones has no more.
    pub wanted: usize,
    /// When nothing further is read, once there was a page.
    pub until: Option<Instant>,
}
