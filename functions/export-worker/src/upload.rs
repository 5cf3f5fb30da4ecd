//! Parts into one object of the bucket.
//!
//! A file of one part is one put; a larger one is a multipart upload, with a
//! checkpoint after each part from which another worker can go on.

use shared::{
    Export, Moment,
    export::{Checkpoint, Progress},
    export_store::{Held, Lease},
    files::PartTag,
};
use tokio::sync::watch;

use crate::{
    App, Stop,
    hash::FileHash,
    pipeline::{Part, Parts, Written},
};

/// A part is cut after the row that reaches this many bytes: 8 MiB.
pub(crate) const PART_BYTES: usize = 8 * 1024 * 1024;

/// The most parts that S3 takes.
pub(crate) const PARTS_MAX: usize = 10_000;

/// What an earlier worker left in the bucket.
pub(crate) struct Begun {
    upload_id: String,
    pub(crate) checkpoint: Checkpoint,
    tags: Vec<PartTag>,
    hash: FileHash,
}

impl Begun {
    /// What can be gone on with; nothing when an earlier version left it.
    pub(crate) fn of(export: &Export) -> Option<Self> {
        let checkpoint = export.checkpoint.clone()?;
        let hash = FileHash::load(&checkpoint.hash)?;
        let (tags, rest) = checkpoint.etags.as_chunks::<16>();
        let tags = tags.to_vec();
        let upload_id = export.upload_id.clone().filter(|_| rest.is_empty())?;
        Some(Self {
            upload_id,
            checkpoint,
            tags,
            hash,
        })
    }

    pub(crate) fn parts(&self) -> usize {
        self.tags.len()
    }
}

/// One file on its way into the bucket.
pub(crate) struct Upload<'a> {
    app: &'a App,
    lease: &'a Lease,
    object: String,
    progress: &'a watch::Sender<Progress>,
    hash: FileHash,
    tags: Vec<PartTag>,
    hand_on_at: Moment,
}

impl<'a> Upload<'a> {
    pub(crate) fn new(
        app: &'a App,
        lease: &'a Lease,
        progress: &'a watch::Sender<Progress>,
        hand_on_at: Moment,
    ) -> Self {
        let object = Export::object_key(&lease.key);
        let (hash, tags) = (FileHash::new(), Vec::new());
        Self {
            app,
            lease,
            object,
            progress,
            hash,
            tags,
            hand_on_at,
        }
    }

    /// Uploads every part, in order, after those that are there.
    pub(crate) async fn run(
        mut self,
        begun: Option<Begun>,
        mut parts: Parts<'_>,
    ) -> Result<Written, Stop> {
        match begun {
            Some(begun) => {
                (self.hash, self.tags) = (begun.hash, begun.tags);
                let next = parts.next().await?;
                self.multipart(&begun.upload_id, next, parts).await?;
            }
            None => self.anew(parts).await?,
        }
        let Progress { rows, bytes, .. } = *self.progress.borrow();
        Ok(Written {
            rows,
            bytes,
            sha256: self.hash.finish(),
        })
    }

    async fn anew(&mut self, mut parts: Parts<'_>) -> Result<(), Stop> {
        let first = parts.next().await?;
        if first.is_last {
            self.count(&first);
            return Ok(self.app.files.put(&self.object, first.bytes).await?);
        }
        let upload_id = self.app.files.begin(&self.object).await?;
        // Known before the first part is there, so that a deletion can end it.
        let now = self.app.clock.now();
        let known = self.app.exports.begin(self.lease, &upload_id, now).await?;
        if known != Held::Yes {
            self.app.files.abort(&self.object, &upload_id).await?;
            return Err(Stop::Lost(known));
        }
        self.multipart(&upload_id, first, parts).await
    }

    async fn multipart(
        &mut self,
        upload_id: &str,
        next: Part,
        parts: Parts<'_>,
    ) -> Result<(), Stop> {
        let sent = self.send(upload_id, next, parts).await;
        if let Err(Stop::Lost(Held::Cancelled) | Stop::Impossible(_)) = sent {
            // The bucket's one-day rule removes what this can't.
            if let Err(error) = self.app.files.abort(&self.object, upload_id).await {
                tracing::warn!(error = error.chain(), "an upload was not ended");
            }
        }
        sent
    }

    async fn send(
        &mut self,
        upload_id: &str,
        next: Part,
        mut parts: Parts<'_>,
    ) -> Result<(), Stop> {
        let mut part = next;
        while !part.is_last {
            let ((), next) = tokio::try_join!(self.part(upload_id, part), parts.next())?;
            part = next;
            if self.app.clock.now() >= self.hand_on_at {
                return Err(Stop::OutOfTime);
            }
        }
        self.count(&part);
        if !part.bytes.is_empty() {
            self.put_part(upload_id, part.bytes).await?;
        }
        let bytes = self.progress.borrow().bytes;
        Ok(self
            .app
            .files
            .complete(&self.object, upload_id, &self.tags, bytes)
            .await?)
    }

    /// Uploads a part and writes down that it is there.
    async fn part(&mut self, upload_id: &str, part: Part) -> Result<(), Stop> {
        self.count(&part);
        let position = part.position;
        self.put_part(upload_id, part.bytes).await?;
        let Some(position) = position else {
            return Ok(());
        };
        let progress = *self.progress.borrow();
        let checkpoint = Checkpoint {
            etags: self.tags.concat(),
            position,
            rows: progress.rows,
            bytes: progress.bytes,
            hash: self.hash.save(),
        };
        let now = self.app.clock.now();
        held(
            self.app
                .exports
                .checkpoint(self.lease, &checkpoint, progress, now)
                .await?,
        )
    }

    async fn put_part(&mut self, upload_id: &str, bytes: Vec<u8>) -> Result<(), Stop> {
        let number = i32::try_from(self.tags.len() + 1).unwrap_or(i32::MAX);
        let tag = self
            .app
            .files
            .part(&self.object, upload_id, number, bytes)
            .await?;
        self.tags.push(tag);
        Ok(())
    }

    fn count(&mut self, part: &Part) {
        self.hash.update(&part.bytes);
        self.progress.send_modify(|progress| {
            progress.rows = part.rows;
            progress.bytes += part.bytes.len() as u64;
            progress.fraction = part.fraction;
        });
    }
}

fn held(held: Held) -> Result<(), Stop> {
    match held {
        Held::Yes => Ok(()),
        lost => Err(Stop::Lost(lost)),
    }
}
