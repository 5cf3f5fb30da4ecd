//! Records many activities with few requests, each within a short time.

use std::time::Duration;

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{Instant, timeout_at},
};

use crate::{
    activity::{NewActivity, Recorded},
    client::Client,
    delivery::{BYTES_MAX, COUNT_MAX, Delivered, deliver},
    error::Error,
    record::json,
};

/// How a batcher behaves.
#[derive(Debug, Clone, Copy)]
pub struct BatcherOptions {
    /// How long the first activity of a batch waits for others; default 50 ms.
    pub wait_max: Duration,
    /// How many activities may wait; more calls of [`Batcher::record`] wait before that;
    /// default 1,000.
    pub queue: usize,
    /// How many requests are under way at once; default 4.
    pub at_once: usize,
}

impl Default for BatcherOptions {
    fn default() -> Self {
        Self {
            wait_max: Duration::from_millis(50),
            queue: 1_000,
            at_once: 4,
        }
    }
}

/// Collects activities into batches; clones share them.
///
/// What waits is lost when the process ends: wait for the results of [`Batcher::record`], or
/// use an outbox.
#[derive(Debug, Clone)]
pub struct Batcher {
    queue: mpsc::Sender<Waiting>,
}

/// An activity, and who waits for its result.
struct Waiting {
    text: String,
    done: oneshot::Sender<Result<Recorded, Error>>,
}

impl Batcher {
    /// Starts to collect; it ends when it and all its clones are dropped.
    pub fn new(client: Client, options: BatcherOptions) -> Self {
        let (queue, waiting) = mpsc::channel(options.queue.max(1));
        tokio::spawn(collect(client, options, waiting));
        Self { queue }
    }

    /// Records an activity with others; returns when its outcome is known.
    ///
    /// It waits while too many others do. An error says that it was refused, or that the
    /// service gave no answer: then record it again, with its key.
    pub async fn record(&self, activity: &NewActivity) -> Result<Recorded, Error> {
        let text = json(activity)?;
        let (done, result) = oneshot::channel();
        let ended = || Error::unavailable("the batcher has ended");
        let sent = self.queue.send(Waiting { text, done }).await;
        sent.map_err(|_| ended())?;
        result.await.unwrap_or_else(|_| Err(ended()))
    }
}

async fn collect(client: Client, options: BatcherOptions, mut queue: mpsc::Receiver<Waiting>) {
    let mut under_way = JoinSet::new();
    let mut left = None;
    loop {
        let (batch, next) = next_batch(&mut queue, left.take(), options.wait_max).await;
        left = next;
        if batch.is_empty() {
            break;
        }
        if under_way.len() >= options.at_once.max(1) {
            under_way.join_next().await;
        }
        under_way.spawn(record(client.clone(), batch));
    }
    under_way.join_all().await;
}

/// As many activities as a batch may have, or as come in time; and the one that did not fit.
async fn next_batch(
    queue: &mut mpsc::Receiver<Waiting>,
    left: Option<Waiting>,
    wait_max: Duration,
) -> (Vec<Waiting>, Option<Waiting>) {
    let first = match left {
        Some(left) => Some(left),
        None => queue.recv().await,
    };
    let Some(first) = first else {
        return (Vec::new(), None);
    };
    let until = Instant::now() + wait_max;
    let mut bytes = first.text.len();
    let mut batch = vec![first];
    while batch.len() < COUNT_MAX {
        let Ok(Some(next)) = timeout_at(until, queue.recv()).await else {
            break;
        };
        bytes += next.text.len() + 1;
        if bytes > BYTES_MAX {
            return (batch, Some(next));
        }
        batch.push(next);
    }
    (batch, None)
}

async fn record(client: Client, batch: Vec<Waiting>) {
    let (texts, waiting): (Vec<_>, Vec<_>) = batch.into_iter().map(|it| (it.text, it.done)).unzip();
    let results = match deliver(&client, &texts, client.retries()).await {
        Ok(results) => results,
        Err(error) => {
            for done in waiting {
                let _ = done.send(Err(copy(&error)));
            }
            return;
        }
    };
    for (done, result) in waiting.into_iter().zip(results) {
        // Who does not wait any more is not told.
        let _ = done.send(match result {
            Delivered::Recorded(recorded) => Ok(*recorded),
            Delivered::Refused(refusal) => Err(Error::Refused(refusal)),
        });
    }
}

/// The same error for each of several who wait.
fn copy(error: &Error) -> Error {
    match error {
        Error::Refused(refusal) => Error::Refused(refusal.clone()),
        Error::Token(reason) => Error::Token(reason.clone()),
        Error::Unavailable {
            reason,
            retry_after,
        } => Error::Unavailable {
            reason: reason.clone(),
            retry_after: *retry_after,
        },
        error => Error::unavailable(error),
    }
}
