//! Tests of the whole service, over HTTP, with the real SDK clients.
//!
//! Each test starts a stack of its own, in memory.

#![expect(
    clippy::indexing_slicing,
    reason = "a test that indexes beyond its data fails, as it should"
)]
#![expect(
    clippy::unwrap_used,
    reason = "a test that can't go on fails, as it should"
)]
#![expect(clippy::panic, reason = "a test that can't go on fails, as it should")]
#![expect(
    clippy::too_many_lines,
    reason = "a table of cases belongs together, even if it is long"
)]
#![expect(
    clippy::needless_pass_by_value,
    reason = "json!(…) reads better than &json!(…) in a call"
)]

mod contract;
mod copies;
mod faults;
mod harness;
mod history;
mod house;
mod query;

mod access;
mod admin;
mod auditrecords;
mod browsers;
mod cli;
mod client;
mod concurrency;
mod erasure;
mod export;
mod follow;
mod gateway;
mod guards;
mod hang;
mod identity;
mod imports;
mod isolation;
mod items;
mod laptop;
mod list;
mod logs;
mod model;
mod observe;
mod operations;
mod page;
mod promises;
mod proofs;
mod proven;
mod record;
mod report;
mod sealed;
mod sealing;
mod seeds;
mod shards;
mod sizes;
mod starts;
mod stores;
mod stream;
mod summary;
mod sweeper;
mod template;
mod tls;
mod walks;
