//! Has the logs sealed that are due: calls workers, each for a part of the partners.

use futures_util::future::join_all;
use shared::{
    Error, Moment, Workers,
    aws::archive::Registry,
    metrics,
    model::seal::{PARTITIONS, WorkerEvent},
};

/// How many workers share the logs that are due, unless these are very many.
///
/// More would use capacity of the table and executions that other requests need.
const WORKERS: usize = 4;

/// A worker gets through twice as many in its call, if each has few activities.
const LOGS_A_WORKER: usize = 1_000;

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
        let read = (0..PARTITIONS).map(|partition| self.registry.backlog(partition, now));
        let (mut partitions, mut logs, mut longest) = (Vec::new(), 0, None);
        let mut failed = None;
        for (partition, backlog) in (0..PARTITIONS).zip(join_all(read).await) {
            match backlog {
                Ok(backlog) => {
                    partitions.extend(backlog.longest.map(|_| partition));
                    longest = longest.into_iter().chain(backlog.longest).min();
                    logs += backlog.partners;
                }
                Err(error) => failed = Some(error),
            }
        }
        if failed.is_none() || longest.is_some() {
            metrics::seal_lag(longest.unwrap_or(now), now);
        }
        let calls = shares(&partitions, logs)
            .map(|partitions| async move { self.workers.call(&WorkerEvent { partitions }).await });
        let called = join_all(calls).await.into_iter();
        let failed = called.filter_map(Result::err).chain(failed).next();
        failed.map_or(Ok(()), Err)
    }
}

/// Divides the partitions of so many logs among workers, of whom one has at least a partition.
fn shares(partitions: &[u8], logs: usize) -> impl Iterator<Item = Vec<u8>> {
    let workers = logs.div_ceil(LOGS_A_WORKER).max(WORKERS);
    let each = partitions.len().div_ceil(workers).max(1);
    partitions.chunks(each).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workers(partitions: &[u8], logs: usize) -> usize {
        let shares: Vec<_> = shares(partitions, logs).collect();
        assert_eq!(shares.concat(), partitions, "{shares:?}");
        shares.len()
    }

    #[test]
    fn few_logs_are_divided_among_four_workers_at_most() {
        for count in 0..=PARTITIONS {
            let partitions: Vec<u8> = (0..count).collect();
            assert!(workers(&partitions, 4_000) <= 4);
        }
    }

    #[test]
    fn each_worker_more_takes_a_thousand_logs_more() {
        let all: Vec<u8> = (0..PARTITIONS).collect();
        let counts = [4_001, 8_000, 16_000, 1_000_000].map(|logs| workers(&all, logs));
        assert_eq!(counts, [4, 8, 16, 16]);
    }
}
