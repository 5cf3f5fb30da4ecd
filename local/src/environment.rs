//! The variables of the functions, in this process or in processes of their own.

use std::collections::HashMap;

use crate::{
    aws::{self, Endpoints},
    error::Error,
    folder::Folder,
};

/// The variable that names the keys which sign checkpoints.
const SIGNING_KEYS: &str = "SIGNING_KEYS";

/// The defaults on one machine, with the caller's changes.
///
/// Unless the caller names other keys, checkpoints are signed with a key in the folder.
pub(crate) fn variables(
    changed: &HashMap<String, String>,
    folder: &Folder,
) -> Result<HashMap<String, String>, Error> {
    let mut variables = with_defaults(changed);
    if !variables.contains_key(SIGNING_KEYS) {
        variables.insert(SIGNING_KEYS.to_owned(), folder.checkpoints_key()?);
    }
    Ok(variables)
}

fn with_defaults(changed: &HashMap<String, String>) -> HashMap<String, String> {
    let defaults = [
        ("ACTIVITIES_TABLE", "activities"),
        ("EXPORTS_TABLE", "exports"),
        ("EXPORTS_BUCKET", "exports"),
        ("EXPORT_WORKER_FUNCTION", "export-worker"),
        ("ERASURES_TABLE", "erasures"),
        ("ERASURE_WORKER_FUNCTION", "erasure-worker"),
        ("ARCHIVE_TABLE", "archive"),
        ("ARCHIVE_BUCKET", "archive"),
        ("CHECKPOINTS_BUCKET", "checkpoints"),
        ("SEAL_WORKER_FUNCTION", "seal-worker"),
        ("EVENT_BUS", "partner-activity-log"),
        // A log is sealed from its first day on, and its range soon after it was closed.
        ("FIRST_SEAL_DAYS", "0"),
        ("SEAL_MARGIN_SECONDS", "30"),
        (
            "SUBSCRIPTIONS_URL",
            "https://portal.example/customers/{customer_id}/subscriptions",
        ),
        // Activities of a year are kept long enough to be sealed and read under a clock
        // that is a year ahead.
        ("RETENTION_DAYS", "1096"),
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
