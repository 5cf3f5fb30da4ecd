//! Measurements of the functions beside what one would write instead.
//!
//! [`cost`] stands apart: it counts what the whole service uses, and prices it.
//!
//! Every measurement is a fresh process against canned DynamoDB and S3 servers
//! in a process of their own, so that time and memory are the subject's alone.
//! Nothing here talks to AWS or leaves 127.0.0.1.

pub mod calls;
pub mod canned;
pub mod cost;
pub mod exports;
mod markdown;
pub mod measure;
pub mod names;
pub mod plan;
mod process;
pub mod raw;
mod samples;
pub mod subject;
mod units;

/// Why a measurement has no result; only people read it.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// An error and its causes in one line.
pub fn chain(error: &Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}
