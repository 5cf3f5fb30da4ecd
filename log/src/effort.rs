//! How much of a log one request may read.

use std::time::Duration;

use tokio::time::Instant;

/// The most Query pages that one request reads.
const QUERY_PAGES_MAX: usize = 32;

/// How long after its start a request begins no further Query page.
const TIME_MAX: Duration = Duration::from_secs(5);

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

impl Effort {
    /// What a request may read that somebody waits for: 32 Query pages, none of them begun
    /// after 5 s.
    pub fn of_a_request(page_limit: usize, wanted: usize) -> Self {
        Self {
            pages: QUERY_PAGES_MAX,
            page_limit,
            wanted,
            until: Some(Instant::now() + TIME_MAX),
        }
    }
}
