//! The walk over the open tasks of one kind; does not know which kind it is.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use shared::{
    Clock, Error, Moment,
    model::task::{OpenTask, TaskId},
};
use tokio::time::timeout;

use crate::tasks::{Task, Tasks};

/// How many tasks are looked after at the same time.
const AT_ONCE: usize = 8;

/// How long one task may take, so that one that hangs does not end the sweep.
const TASK_TIME_MAX: Duration = Duration::from_secs(20);

/// How long before the function's deadline no further page is read.
///
/// A page has 40 tasks, which take at most 100 s. The next sweep begins with the oldest
/// tasks again.
const STOP_BEFORE: Duration = Duration::from_mins(2);

/// How long a task may be named without being stored.
///
/// It is stored within seconds after it is named; clocks may differ by minutes.
const UNSTORED_TIME_MAX: Duration = Duration::from_hours(1);

/// What a sweep has found.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Swept {
    /// When the oldest task that has not ended was requested.
    pub(crate) oldest: Option<Moment>,
    /// How many tasks could not be looked after.
    pub(crate) failed: usize,
}

impl Swept {
    /// What two sweeps have found together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            oldest: self.oldest.into_iter().chain(other.oldest).min(),
            failed: self.failed + other.failed,
        }
    }
}

/// Looks after all tasks of one kind, the oldest first.
///
/// If a page can't be read, that counts as one task that was not looked after.
pub(crate) async fn sweep(tasks: &impl Tasks, clock: &Clock, deadline: Moment) -> Swept {
    let mut swept = Swept::default();
    let mut resume_after = None;
    while clock.now() < deadline.minus(STOP_BEFORE) {
        let page = match tasks.page(resume_after).await {
            Ok(page) => page,
            Err(error) => {
                let error = error.chain();
                tracing::error!(error, "the open tasks could not be read");
                swept.failed += 1;
                return swept;
            }
        };
        swept.failed += page.broken;
        let now = clock.now();
        let each = page.tasks.into_iter();
        let each = each.map(|task| look_after(tasks, task, now));
        let found = stream::iter(each).buffer_unordered(AT_ONCE);
        swept = found.fold(swept, async |all, one| all.and(one)).await;
        resume_after = page.resume_after;
        if resume_after.is_none() {
            return swept;
        }
    }
    tracing::warn!("the time is nearly up; the next sweep begins again");
    swept
}

/// Looks after one task; logs an error, so that the other tasks are looked after too.
async fn look_after<T: Tasks>(tasks: &T, task: OpenTask<T::Id>, now: Moment) -> Swept {
    let done = timeout(TASK_TIME_MAX, restart_or_remove(tasks, &task, now)).await;
    match done.unwrap_or_else(|late| Err(Error::Unavailable(late.into()))) {
        Ok(swept) => swept,
        // When it was requested is not known; it was named right before.
        Err(error) => not_looked_after(&task, task.named_at, &error),
    }
}

/// Logs why a task was not looked after, and counts it.
fn not_looked_after<Id: TaskId>(task: &OpenTask<Id>, requested_at: Moment, error: &Error) -> Swept {
    let (task_id, error) = (task.key.id, error.chain());
    tracing::error!(%task_id, error, "a task was not looked after");
    Swept {
        oldest: Some(requested_at),
        failed: 1,
    }
}

/// Calls a worker for a task that has none, or removes a task that has ended.
async fn restart_or_remove<T: Tasks>(
    tasks: &T,
    named: &OpenTask<T::Id>,
    now: Moment,
) -> Result<Swept, Error> {
    let key = &named.key;
    match tasks.get(key, now).await? {
        Some(task) if task.is_open() => {
            let requested_at = task.created_at();
            if task.wants_dispatch(now) {
                // A task whose worker can't be called stays open, and its age is told.
                if let Err(error) = tasks.call_worker(key, now).await {
                    return Ok(not_looked_after(named, requested_at, &error));
                }
                tracing::info!(task_id = %key.id, "a worker was called for a task that had none");
            }
            Ok(Swept {
                oldest: Some(requested_at),
                failed: 0,
            })
        }
        None if now.minus(UNSTORED_TIME_MAX) < named.named_at => Ok(Swept::default()),
        Some(_) | None => {
            tasks.remove(named).await?;
            Ok(Swept::default())
        }
    }
}
