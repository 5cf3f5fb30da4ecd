//! The service on this machine, behind a network that can be slowed down.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use local::{Options, Stack};
use serde_json::{Value, json};
use shared::{Clock, Moment, model::seal::PARTITIONS};

use super::network::{Behind, Network};
use crate::{Error, request::ApiRequest};

/// The service, with a clock that can be moved.
pub(super) struct Site {
    pub(super) stack: Stack,
    pub(super) network: Network,
    ahead_ms: Arc<AtomicU64>,
}

impl Site {
    /// Starts it; workers have so long for a call.
    pub(super) async fn start(worker_time: Duration) -> Result<Self, Error> {
        let (network, ahead_ms) = (Network::new(Behind::Services), Arc::new(AtomicU64::new(0)));
        let ahead = Arc::clone(&ahead_ms);
        let now = move || {
            let ahead = Duration::from_millis(ahead.load(Ordering::SeqCst));
            Clock::system().now().plus(ahead)
        };
        // The template's default; `local` has another one.
        let lateness = ("MAX_LATENESS_DAYS".to_owned(), "7".to_owned());
        let stack = Stack::start(Options {
            http_client: Some(network.client()),
            variables: [lateness].into(),
            clock: Clock::from_fn(now),
            worker_time,
            ..Options::in_memory()
        });
        Ok(Self {
            stack: stack.await?,
            network,
            ahead_ms,
        })
    }

    pub(super) fn now(&self) -> Moment {
        let ahead = self.ahead_ms.load(Ordering::SeqCst);
        Clock::system().now().plus(Duration::from_millis(ahead))
    }

    /// Sets the service's clock ahead of the machine's.
    pub(super) fn set_ahead(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.ahead_ms.store(by, Ordering::SeqCst);
    }

    /// A client that is not slowed down.
    pub(super) fn direct(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.stack.sdk)
    }

    /// Carries out a request and answers with its body; all but a 2xx is an error.
    pub(super) async fn send(&self, request: &ApiRequest<'_>) -> Result<Value, Error> {
        let functions = &self.stack.functions;
        let answer = functions.call(request.function, request.event()?).await?;
        let status = answer.get("statusCode").and_then(Value::as_u64);
        if !status.is_some_and(|status| (200..300).contains(&status)) {
            return Err(format!("{} was refused: {answer}", request.route).into());
        }
        let body = answer.get("body").and_then(Value::as_str);
        Ok(serde_json::from_str(body.unwrap_or("null"))?)
    }

    /// Calls a worker that seals the partners of these partitions who are due.
    pub(super) async fn seal(&self, partitions: &[u8]) -> Result<(), Error> {
        let event = json!({ "partitions": partitions });
        self.stack.functions.call("seal-worker", event).await?;
        Ok(())
    }
}

/// All partitions of the registry.
pub(super) fn all_partitions() -> Vec<u8> {
    (0..PARTITIONS).collect()
}
