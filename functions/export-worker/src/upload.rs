//! Parts into one object of the bucket.
//!
//! A file of one part is one put; a larger one is a multipart upload.

use sha2::{Digest, Sha256};
use shared::{
    Export,
    export::Progress,
    export_store::{Held, Lease},
    files::UploadedPart,
};
use tokio::sync::watch;

use crate::{
    App, Stop,
    pipeline::{Part, Parts, Written},
};

/// A part is cut after the row that reaches this many bytes: 8 MiB.
pub(crate) const PART_BYTES: usize = 8 * 1024 * 1024;

/// The most parts that S3 takes.
pub(crate) const PARTS_MAX: usize = 10_000;

/// One file on its way into the bucket.
pub(crate) struct Upload<'a> {
    app: &'a App,
    lease: &'a Lease,
    object: String,
    progress: &'a watch::Sender<Progress>,
    hash: Sha256,
}

impl<'a> Upload<'a> {
    pub(crate) fn new(
        app: &'a App,
        lease: &'a Lease,
        progress: &'a watch::Sender<Progress>,
    ) -> Self {
        let object = Export::object_key(&lease.key);
        Self {
            app,
            lease,
            object,
            progress,
            hash: Sha256::new(),
        }
    }

    /// Uploads every part, in order.
    pub(crate) async fn run(mut self, mut parts: Parts<'_>) -> Result<Written, Stop> {
        let first = parts.next().await?;
        if first.is_last {
            self.count(&first);
            self.app.files.put(&self.object, first.bytes).await?;
        } else {
            self.multipart(first, parts).await?;
        }
        let Progress { rows, bytes, .. } = *self.progress.borrow();
        let sha256 = base16ct::lower::encode_string(&self.hash.finalize());
        Ok(Written {
            rows,
            bytes,
            sha256,
        })
    }

    async fn multipart(&mut self, first: Part, parts: Parts<'_>) -> Result<(), Stop> {
        let upload_id = self.app.files.begin(&self.object).await?;
        // Known before the first part is there, so that a deletion can end it.
        self.renew(&upload_id).await?;
        let sent = self.send(&upload_id, first, parts).await;
        if sent.is_err() {
            // The bucket's one-day rule removes what this can't.
            if let Err(error) = self.app.files.abort(&self.object, &upload_id).await {
                tracing::warn!(error = error.chain(), "an upload was not ended");
            }
        }
        sent
    }

    async fn send(
        &mut self,
        upload_id: &str,
        first: Part,
        mut parts: Parts<'_>,
    ) -> Result<(), Stop> {
        let mut done = Vec::new();
        let mut part = first;
        while !part.is_last {
            let (uploaded, next) =
                tokio::try_join!(self.part(upload_id, done.len(), part), parts.next())?;
            done.push(uploaded);
            part = next;
        }
        if !part.bytes.is_empty() {
            done.push(self.part(upload_id, done.len(), part).await?);
        }
        Ok(self
            .app
            .files
            .complete(&self.object, upload_id, done)
            .await?)
    }

    async fn part(
        &mut self,
        upload_id: &str,
        before: usize,
        part: Part,
    ) -> Result<UploadedPart, Stop> {
        self.count(&part);
        let number = i32::try_from(before + 1).unwrap_or(i32::MAX);
        let files = &self.app.files;
        let uploaded = files
            .part(&self.object, upload_id, number, part.bytes)
            .await?;
        self.renew(upload_id).await?;
        Ok(uploaded)
    }

    fn count(&mut self, part: &Part) {
        self.hash.update(&part.bytes);
        self.progress.send_modify(|progress| {
            progress.rows = part.rows;
            progress.bytes += part.bytes.len() as u64;
            progress.fraction = part.fraction;
        });
    }

    async fn renew(&self, upload_id: &str) -> Result<(), Stop> {
        let progress = *self.progress.borrow();
        let now = self.app.clock.now();
        match self
            .app
            .exports
            .renew(self.lease, progress, Some(upload_id), now)
            .await?
        {
            Held::Yes => Ok(()),
            lost => Err(Stop::Lost(lost)),
        }
    }
}
