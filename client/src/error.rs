//! Why a request did not do what it was to do.

use std::{fmt, io, path::PathBuf, time::Duration};

use serde::Deserialize;

/// Why a request did not do what it was to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The service refuses the request; to repeat it does not help.
    #[error("{0}")]
    Refused(Refusal),
    /// The service was throttled or did not answer, also when the request was repeated.
    ///
    /// What the request was to do may have been done.
    #[error("the service gave no answer: {reason}")]
    Unavailable {
        /// What came instead; it names no address, which may be a signed link.
        reason: String,
        /// How long the service asks to wait.
        retry_after: Option<Duration>,
    },
    /// There is no token.
    #[error("no token: {0}")]
    Token(String),
    /// The address of the service is none, or the HTTP client could not be made.
    #[error("the service can't be reached: {0}")]
    Setup(String),
    /// The answer is not what the contract says.
    #[error("the answer can't be read: {0}")]
    Answer(String),
    /// An export ended without a file.
    #[error("the export ended as {state}: {detail}")]
    Export {
        /// The state.
        state: String,
        /// The service's reason, if there is one.
        detail: String,
    },
    /// A downloaded file is not the one that the service describes.
    #[error("{path}: its {what} is not that of the export")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: &'static str,
    },
    /// A file can't be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// An outbox can't take an activity.
    #[error("the outbox can't take more: {0}")]
    Outbox(String),
}

/// What the service says about a request that it refuses.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Refusal {
    /// The HTTP status.
    #[serde(default)]
    pub status: u16,
    /// The kind of refusal; absent in those of the gateway.
    #[serde(default)]
    pub code: Option<String>,
    /// What is wrong, in words.
    #[serde(default, alias = "message")]
    pub detail: Option<String>,
    /// What is wrong with which field.
    #[serde(default)]
    pub errors: Vec<FieldError>,
    /// What the operator finds in the service's log.
    #[serde(default)]
    pub request_id: Option<String>,
}

/// What is wrong with a field.
#[derive(Debug, Clone, Deserialize)]
pub struct FieldError {
    /// The field.
    pub field: String,
    /// What is wrong.
    pub reason: String,
}

impl Refusal {
    /// What is wrong with an answer of this status, by its body.
    pub(crate) fn new(status: u16, body: &[u8]) -> Self {
        let said: Self = serde_json::from_slice(body).unwrap_or_default();
        Self { status, ..said }
    }

    /// Whether the service itself has looked at what was sent and refuses it.
    ///
    /// A wrong address, a missing right or what stands between the service and its clients
    /// may change; what was sent does not.
    pub(crate) fn is_about_content(&self) -> bool {
        self.code.is_some() && matches!(self.status, 400 | 413 | 422)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused with {}", self.status)?;
        if self.errors.is_empty() {
            return match &self.detail {
                Some(detail) => write!(f, ": {detail}"),
                None => Ok(()),
            };
        }
        for (place, FieldError { field, reason }) in self.errors.iter().enumerate() {
            let before = if place == 0 { ": " } else { "; " };
            write!(f, "{before}{field} {reason}")?;
        }
        Ok(())
    }
}

impl Error {
    /// Whether the same request may succeed a moment later.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    pub(crate) fn unavailable(reason: impl fmt::Display) -> Self {
        Self::Unavailable {
            reason: reason.to_string(),
            retry_after: None,
        }
    }

    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}

/// The address is left out: it may be a signed link.
pub(crate) fn unanswered(error: reqwest::Error) -> Error {
    let error = error.without_url();
    let mut reason = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        reason = format!("{reason}: {cause}");
        source = cause.source();
    }
    Error::unavailable(reason)
}
