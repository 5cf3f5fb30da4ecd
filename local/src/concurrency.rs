//! Lambda's limits on how many calls run at once; on one machine only trials have them.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many calls may run at once.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    /// Of all functions together; without it, there is no limit.
    pub account: Option<usize>,
    /// The part of it that is reserved for one function, which cannot have more.
    pub reserved: BTreeMap<String, usize>,
}

/// The executions that are free.
#[derive(Debug)]
pub(crate) struct Concurrency {
    unreserved: Option<Arc<Semaphore>>,
    reserved: BTreeMap<String, Arc<Semaphore>>,
}

/// One execution, until it is dropped; none is needed without a limit.
pub(crate) type Execution = Option<OwnedSemaphorePermit>;

impl Concurrency {
    pub(crate) fn new(limits: &Limits) -> Self {
        let reserved: usize = limits.reserved.values().sum();
        let unreserved = limits.account.map(|all| all.saturating_sub(reserved));
        let semaphore = |count| Arc::new(Semaphore::new(count));
        Self {
            unreserved: unreserved.map(semaphore),
            reserved: limits
                .reserved
                .iter()
                .map(|(function, count)| (function.clone(), semaphore(*count)))
                .collect(),
        }
    }

    /// Takes an execution for a call of a function; an error if none is free.
    pub(crate) fn take(&self, function: &str) -> Result<Execution, Throttled> {
        let free = self.reserved.get(function).or(self.unreserved.as_ref());
        free.map(|free| Arc::clone(free).try_acquire_owned())
            .transpose()
            .map_err(|_| Throttled)
    }
}

/// No execution is free.
#[derive(Debug)]
pub(crate) struct Throttled;
