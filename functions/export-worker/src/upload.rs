//! Parts into one object of the bucket.
//!
//! A file of one part is one put; a larger one is a multipart upload.

use sha2::{Digest, Sha256};
use shared::{
    Error, Export,
    export::Progress,
    export_store::{Held, Lease},
};
use tokio::sync::{mpsc, watch};

use crate::{
    App, Stop,
    pipeline::{Part, Written},
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
        export: &Export,
        progress: &'a watch::Sender<Progress>,
    ) -> Self {
        let object = export.object_key(&lease.key);
        Self {
            app,
            lease,
            object,
            progress,
            hash: Sha256::new(),
        }
    }

    /// Uploads every part that comes, in order.
    pub(crate) async fn run(mut self, mut parts: mpsc::Receiver<Part>) -> Result<Written, Stop> {
        let first = parts.recv().await;
        let second = parts.recv().await;
        match (first, second) {
            (Some(only), None) => {
                self.count(&only);
                self.app.files.put(&self.object, only.bytes).await?;
            }
            (Some(first), Some(second)) => self.multipart([first, second], parts).await?,
            // The encoder ended without a part: it failed, and says why.
            (None, _) => return Err(Error::internal("uploading", "there is no part").into()),
        }
        let Progress { rows, bytes, .. } = *self.progress.borrow();
        Ok(Written {
            rows,
            bytes,
            sha256: base16ct::lower::encode_string(&self.hash.finalize()),
        })
    }

    async fn multipart(
        &mut self,
        ahead: [Part; 2],
        mut parts: mpsc::Receiver<Part>,
    ) -> Result<(), Stop> {
        let upload_id = self.app.files.begin(&self.object).await?;
        let sent = self.send_parts(&upload_id, ahead, &mut parts).await;
        if sent.is_err() {
            // The bucket's one-day rule removes what this can't.
            if let Err(error) = self.app.files.abort(&self.object, &upload_id).await {
                tracing::warn!(error = error.chain(), "an upload was not ended");
            }
        }
        sent
    }

    async fn send_parts(
        &mut self,
        upload_id: &str,
        ahead: [Part; 2],
        parts: &mut mpsc::Receiver<Part>,
    ) -> Result<(), Stop> {
        let mut done = Vec::new();
        let mut ahead = ahead.into_iter();
        while let Some(part) = match ahead.next() {
            Some(part) => Some(part),
            None => parts.recv().await,
        } {
            if part.bytes.is_empty() {
                break;
            }
            self.count(&part);
            let number = i32::try_from(done.len() + 1).unwrap_or(i32::MAX);
            done.push(
                self.app
                    .files
                    .part(&self.object, upload_id, number, part.bytes)
                    .await?,
            );
            self.renew(upload_id).await?;
        }
        Ok(self
            .app
            .files
            .complete(&self.object, upload_id, done)
            .await?)
    }

    fn count(&mut self, part: &Part) {
        self.hash.update(&part.bytes);
        self.progress.send_modify(|progress| {
            progress.rows = part.reached.rows;
            progress.bytes += part.bytes.len() as u64;
            progress.fraction = part.reached.fraction;
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
