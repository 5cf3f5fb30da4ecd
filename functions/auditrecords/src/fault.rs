//! Errors in Partner Center's form.

use lambda_http::{Body, Request, Response};
use serde::Serialize;
use shared::{
    Error,
    lambda::http::{self, Refusal},
};

/// An error.
#[derive(Debug, Serialize)]
struct Fault {
    code: &'static str,
    description: String,
    /// The fields that are wrong, each with the reason.
    data: Vec<String>,
    source: &'static str,
}

/// An error of too many calls.
///
/// A body with a code makes the .NET SDK forget `Retry-After`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TooManyRequests {
    status_code: u16,
    message: String,
}

/// The response of an error.
pub(crate) fn response(request: &Request, error: Error) -> Response<Body> {
    let request_id = http::request_id(request);
    if error.is_throttling() {
        return throttled(Refusal::of_throttled(&request_id));
    }
    let refusal = Refusal::of(&error, &request_id, http::TRY_AGAIN);
    let body = Fault {
        code: code(&error),
        description: refusal.detail.clone(),
        source: "PartnerActivityLog",
        data: error
            .into_fields()
            .iter()
            .map(ToString::to_string)
            .collect(),
    };
    refusal.into_response(&body)
}

fn throttled(refusal: Refusal) -> Response<Body> {
    let seconds = refusal.retry_after().unwrap_or_default();
    let body = TooManyRequests {
        status_code: refusal.status(),
        message: format!("Rate limit is exceeded. Try again in {seconds} seconds."),
    };
    refusal.into_response(&body)
}

/// The code that Partner Center has for such an error.
///
/// <https://learn.microsoft.com/partner-center/developer/error-codes>
fn code(error: &Error) -> &'static str {
    match error {
        // "Invalid request input".
        Error::Invalid { .. } | Error::InvalidFields(_) | Error::TooLarge { .. } => "800002",
        // "Access denied".
        Error::Forbidden { .. } => "2032",
        // "Not found".
        Error::NotFound => "1000",
        // "Unexpected service error".
        Error::Conflict
        | Error::TooManyExports { .. }
        | Error::ErasureUnderWay
        | Error::LogBusy
        | Error::NotSealed { .. }
        | Error::RetentionEnded { .. }
        | Error::Unavailable(_)
        | Error::Internal { .. } => "800003",
    }
}
