//! Has the logs sealed that are due: calls workers, each for a part of the partners.

use futures_util::future::join_all;
use shared::{
    Error, Moment, Workers,
    aws::archive::Registry,
    metrics,
    model::seal::{PARTITIONS, WorkerEvent},
};

/// The most workers that are called at once.
///
/// More would use capacity of the table and executions that other requests need.
const WORKERS_MAX: usize = 4;

/// The logs of all partners.
#[derive(Debug)]
pub(crate) struct Logs {
    pub(crate) registry: Registry,
    pub(crate) workers: Workers,
}

impl Logs {
    /// Calls workers for the partitions of the registry that have partners who are due.
    ///
    /// A partition that can't be read, or a worker that can't be called, does not stop the
    /// others; it is an error at the end.
    pub(crate) async fn sweep(&self, now: Moment) -> Result<(), Error> {
        let read = (0..PARTITIONS).map(|partition| self.registry.due(partition, now));
        let mut due = Vec::new();
        let mut failed = None;
        for (partition, partners) in (0..PARTITIONS).zip(join_all(read).await) {
            match partners {
                Ok(partners) => due.extend(partners.first().map(|it| (partition, it.due_at))),
                Err(error) => failed = Some(error),
            }
        }
        let longest = due.iter().map(|(_, due_at)| *due_at).min();
        if failed.is_none() || longest.is_some() {
            metrics::seal_lag(longest.unwrap_or(now), now);
        }
        let partitions: Vec<u8> = due.into_iter().map(|(partition, _)| partition).collect();
        let calls = shares(&partitions)
            .map(|partitions| async move { self.workers.call(&WorkerEvent { partitions }).await });
        let called = join_all(calls).await.into_iter();
        let failed = called.filter_map(Result::err).chain(failed).next();
        failed.map_or(Ok(()), Err)
    }
}

/// Divides partitions among as few workers as are allowed.
fn shares(partitions: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let each = partitions.len().div_ceil(WORKERS_MAX).max(1);
    partitions.chunks(each).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_divided_among_four_workers_at_most() {
        for count in 0..=PARTITIONS {
            let all: Vec<u8> = (0..count).collect();
            let shares: Vec<_> = shares(&all).collect();
            assert!(shares.len() <= WORKERS_MAX, "{shares:?}");
            assert_eq!(shares.concat(), all);
        }
    }
}
