//! The kinds of tasks that are swept, and what the sweep does with each.

use shared::{
    Erasure, ErasureId, ErasureKey, ErasureStore, Error, Export, ExportId, ExportKey, ExportStore,
    Moment, Workers,
    model::{
        erasure, export,
        task::{OpenTask, OpenTasks, TaskId, TaskKey},
    },
};

/// One kind of task, with the store that knows it and the worker that does it.
pub(crate) trait Tasks {
    /// The tasks' ids.
    type Id: TaskId;
    /// A task as it is stored.
    type Task: Task;

    /// A page of the tasks that may be open, the oldest first.
    async fn page(&self, resume_after: Option<String>) -> Result<OpenTasks<Self::Id>, Error>;

    /// Reads one task.
    async fn get(&self, key: &TaskKey<Self::Id>, now: Moment) -> Result<Option<Self::Task>, Error>;

    /// Calls a worker for a task, at most once a minute.
    async fn call_worker(&self, key: &TaskKey<Self::Id>, now: Moment) -> Result<(), Error>;

    /// Removes a task from those that may be open.
    async fn remove(&self, task: &OpenTask<Self::Id>) -> Result<(), Error>;
}

/// What the sweep wants to know of a task.
pub(crate) trait Task {
    /// Whether it has not ended.
    fn is_open(&self) -> bool;

    /// Whether it has no worker, and none was called for a minute.
    fn wants_dispatch(&self, now: Moment) -> bool;

    /// When it was requested.
    fn created_at(&self) -> Moment;
}

/// The exports of all partners.
#[derive(Debug)]
pub(crate) struct Exports {
    pub(crate) store: ExportStore,
    pub(crate) workers: Workers,
}

impl Tasks for Exports {
    type Id = ExportId;
    type Task = Export;

    async fn page(&self, resume_after: Option<String>) -> Result<OpenTasks<ExportId>, Error> {
        self.store.open_page(resume_after).await
    }

    async fn get(&self, key: &ExportKey, now: Moment) -> Result<Option<Export>, Error> {
        self.store.get(key, now).await
    }

    async fn call_worker(&self, key: &ExportKey, now: Moment) -> Result<(), Error> {
        if self.store.claim_dispatch(key, now).await? {
            let event = export::WorkerEvent::from(key);
            self.workers.call(&event).await?;
        }
        Ok(())
    }

    async fn remove(&self, task: &OpenTask<ExportId>) -> Result<(), Error> {
        self.store.remove_from_open(task).await
    }
}

impl Task for Export {
    fn is_open(&self) -> bool {
        Self::is_open(self)
    }

    fn wants_dispatch(&self, now: Moment) -> bool {
        Self::wants_dispatch(self, now)
    }

    fn created_at(&self) -> Moment {
        self.created_at
    }
}

/// The erasures of all partners.
#[derive(Debug)]
pub(crate) struct Erasures {
    pub(crate) store: ErasureStore,
    pub(crate) workers: Workers,
}

impl Tasks for Erasures {
    type Id = ErasureId;
    type Task = Erasure;

    async fn page(&self, resume_after: Option<String>) -> Result<OpenTasks<ErasureId>, Error> {
        self.store.open_page(resume_after).await
    }

    async fn get(&self, key: &ErasureKey, now: Moment) -> Result<Option<Erasure>, Error> {
        self.store.get(key, now).await
    }

    async fn call_worker(&self, key: &ErasureKey, now: Moment) -> Result<(), Error> {
        if self.store.claim_dispatch(key, now).await? {
            let event = erasure::WorkerEvent::from(key);
            self.workers.call(&event).await?;
        }
        Ok(())
    }

    async fn remove(&self, task: &OpenTask<ErasureId>) -> Result<(), Error> {
        self.store.remove_from_open(task).await
    }
}

impl Task for Erasure {
    fn is_open(&self) -> bool {
        self.state.is_active()
    }

    fn wants_dispatch(&self, now: Moment) -> bool {
        Self::wants_dispatch(self, now)
    }

    fn created_at(&self) -> Moment {
        self.created_at
    }
}
