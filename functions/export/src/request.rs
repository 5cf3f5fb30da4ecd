//! Reads a request for an export or for a list of exports.

use std::time::Duration;

use lambda_http::Request;
use serde::Serialize;
use shared::{Cursor, Error, ExportId, ExportRequest, Identifier, Limit, PartnerId, lambda::http};

/// The largest body: 64 KiB, far more than any filter needs.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// How many seconds an answer may wait for the file.
///
/// An answer that waits occupies one of the account's concurrent executions.
const WAIT_SECONDS_MAX: u64 = 5;

/// A valid request for an export: what to export, its key, and how long to wait.
#[derive(Debug)]
pub(crate) struct CreateExport {
    pub(crate) export: ExportRequest,
    pub(crate) idempotency_key: Option<Identifier>,
    pub(crate) wait: Duration,
}

impl CreateExport {
    pub(crate) fn read(request: &Request) -> Result<Self, Error> {
        http::refuse_query(request)?;
        Ok(Self {
            idempotency_key: http::idempotency_key(request)?,
            wait: wait(request)?,
            export: ExportRequest::read(http::body(request, BODY_BYTES_MAX)?)?,
        })
    }
}

/// A valid request for a page of a partner's exports.
#[derive(Debug)]
pub(crate) struct ListExports {
    pub(crate) limit: Limit,
    /// The last export of the page before.
    pub(crate) resume_after: Option<ExportId>,
}

impl ListExports {
    pub(crate) fn read(request: &Request, partner: &PartnerId) -> Result<Self, Error> {
        let mut query = http::query(request)?;
        let cursor = http::take(&mut query, "cursor")?;
        let limit = http::take(&mut query, "limit")?;
        http::no_more(&query)?;
        let limit = limit.map_or(Ok(Limit::default()), |text| Limit::try_from(text.as_str()))?;
        let resume_after = cursor
            .map(|text| Cursor::open(&text, &scope(partner)))
            .transpose()?;
        Ok(Self {
            limit,
            resume_after: resume_after.map(|Cursor(id)| ExportId::from_bytes(id)),
        })
    }

    /// The cursor with which the next request continues after `id`.
    pub(crate) fn cursor_after(id: ExportId, partner: &PartnerId) -> String {
        Cursor(id.into_bytes()).seal(&scope(partner))
    }
}

/// What the pages of one list have in common; a cursor is only valid for it.
fn scope(partner: &PartnerId) -> impl Serialize {
    ("exports", partner)
}

/// Reads the seconds of `Prefer: wait`; other preferences are ignored, as RFC 7240 allows.
fn wait(request: &Request) -> Result<Duration, Error> {
    let invalid = || Error::invalid("Prefer", "must give wait in whole seconds, such as wait=10");
    for header in request.headers().get_all("prefer") {
        for preference in header.to_str().map_err(|_| invalid())?.split(',') {
            let preference = preference.split(';').next().unwrap_or_default();
            let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
            if name.trim().eq_ignore_ascii_case("wait") {
                let digits = value.trim().trim_matches('"');
                if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(invalid());
                }
                // A number that is too large to parse is also above the maximum.
                let seconds = digits.parse().unwrap_or(WAIT_SECONDS_MAX);
                return Ok(Duration::from_secs(seconds.min(WAIT_SECONDS_MAX)));
            }
        }
    }
    Ok(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use lambda_http::Body;

    use super::*;

    fn waits(prefer: &str) -> Result<u64, String> {
        let request = lambda_http::http::Request::builder().header("prefer", prefer);
        let request = request.body(Body::Empty).unwrap();
        wait(&request)
            .map(|wait| wait.as_secs())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_wait_is_read_among_other_preferences_and_capped() {
        assert_eq!(waits("wait=4"), Ok(4));
        assert_eq!(waits("respond-async, Wait = \"2\""), Ok(2));
        assert_eq!(waits("wait=3600"), Ok(5));
        assert_eq!(waits("wait=99999999999999999999"), Ok(5));
        assert_eq!(waits("wait=3; x=y"), Ok(3));
        assert_eq!(waits("return=minimal"), Ok(0));
        for prefer in [
            "wait",
            "wait=",
            "wait=soon",
            "wait=-1",
            "wait=+5",
            "wait=1.5",
        ] {
            assert!(
                waits(prefer)
                    .unwrap_err()
                    .starts_with("Prefer must give wait"),
                "{prefer}"
            );
        }
    }
}
