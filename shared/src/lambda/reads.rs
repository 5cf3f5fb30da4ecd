//! The line in a function's log that each read of a partner's log leaves.
//!
//! It tells who read what and how much of it. It names the conditions of a filter and
//! never their values, and it names no customer; the partner is in the call's span.

use lambda_http::Request;

use crate::{Filter, TimeRange, lambda::http};

/// What was read.
#[derive(Debug, Default)]
pub struct Read<'a> {
    /// The range of time, if the request has one.
    pub range: Option<TimeRange>,
    /// The filter, if the request has one.
    pub filter: Option<&'a Filter>,
    /// The id of the one activity, export or erasure that was read.
    pub id: Option<&'a str>,
    /// How many activities, groups or exports the answer holds.
    pub count: usize,
}

impl<'a> Read<'a> {
    /// One activity, export or erasure.
    pub fn one(id: &'a str) -> Self {
        Self {
            id: Some(id),
            count: 1,
            ..Self::default()
        }
    }
}

/// Writes the line of a read that is about to be answered; `subject` is the caller's id.
pub fn log(subject: &str, request: &Request, read: &Read<'_>) {
    let conditions = read.filter.map(|filter| filter.conditions().join(","));
    let from = read.range.map(|range| range.from().to_string());
    let to = read.range.map(|range| range.to().to_string());
    tracing::info!(
        subject,
        route = http::route(request),
        request_id = http::request_id(request),
        from,
        to,
        conditions,
        id = read.id,
        count = read.count,
        "read"
    );
}
