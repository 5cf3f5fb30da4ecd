//! How often and after which pauses a request is repeated.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};

use crate::error::Error;

/// How often and after which pauses a request is repeated that was throttled or not answered.
///
/// A pause is twice as long as the one before, with up to as much again by chance, so that
/// many clients do not come back at once. It is never shorter than the service asks for.
#[derive(Debug, Clone, Copy)]
pub struct Retries {
    /// How many repetitions; default 8, which is some two minutes.
    pub count: usize,
    /// The first pause; default 250 ms.
    pub first_pause: Duration,
    /// The longest pause, before chance doubles it; default 20 s.
    pub pause_max: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            count: 8,
            first_pause: Duration::from_millis(250),
            pause_max: Duration::from_secs(20),
        }
    }
}

impl Retries {
    /// Tries until it works, an error stays, or there were enough repetitions.
    pub(crate) async fn run<T, F: Future<Output = Result<T, Error>>>(
        self,
        attempt: impl FnMut() -> F,
    ) -> Result<T, Error> {
        let pauses = ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(self.first_pause)
            .with_max_delay(self.pause_max)
            .with_max_times(self.count);
        attempt
            .retry(pauses)
            .sleep(tokio::time::sleep)
            .when(Error::is_passing)
            .adjust(|error, pause| Some(pause?.max(asked_for(error).unwrap_or_default())))
            .await
    }
}

fn asked_for(error: &Error) -> Option<Duration> {
    match error {
        Error::Unavailable { retry_after, .. } => *retry_after,
        _ => None,
    }
}
