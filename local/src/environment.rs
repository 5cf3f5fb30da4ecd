//! The variables of the functions, in this process or in processes of their own.

use std::collections::HashMap;

use crate::aws::{self, Endpoints};

/// The defaults on one machine, with the caller's changes.
pub(crate) fn variables(changed: &HashMap<String, String>) -> HashMap<String, String> {
    let defaults = [
        ("ACTIVITIES_TABLE", "activities"),
        ("EXPORTS_TABLE", "exports"),
        ("EXPORTS_BUCKET", "exports"),
        ("EXPORT_WORKER_FUNCTION", "export-worker"),
        ("ERASURES_TABLE", "erasures"),
        ("ERASURE_WORKER_FUNCTION", "erasure-worker"),
        (
            "SUBSCRIPTIONS_URL",
            "https://portal.example/customers/{customer_id}/subscriptions",
        ),
        // Activities of a whole year can be recorded, for demos.
        ("MAX_LATENESS_DAYS", "366"),
    ];
    let defaults = defaults.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let changed = changed
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()));
    defaults.into_iter().chain(changed).collect()
}

/// All variables that the functions need in processes of their own.
pub(crate) fn environment(
    variables: &HashMap<String, String>,
    endpoints: &Endpoints,
) -> Vec<(String, String)> {
    let fixed = [
        ("AWS_ACCESS_KEY_ID", aws::ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", aws::SECRET_KEY),
        ("AWS_REGION", aws::REGION),
    ];
    let fixed = fixed.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let endpoints = endpoints.0.iter().map(|(service, url)| {
        (
            format!("AWS_ENDPOINT_URL_{}", service.to_uppercase()),
            (*url).clone(),
        )
    });
    let mut all: Vec<_> = fixed
        .into_iter()
        .chain(endpoints)
        .chain(
            variables
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        )
        .collect();
    all.sort();
    all
}
