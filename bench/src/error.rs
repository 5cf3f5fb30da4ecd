//! Why a measurement has no result; only people read it.

/// An error of any kind.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// An error and its causes in one line.
pub fn chain(error: &Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}
