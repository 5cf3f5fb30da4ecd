//! The upload of one object of the bucket: one put, or several parts.

use bytes::Bytes;
use shared::{
    Error,
    aws::files::{Files, PartTag},
};

use crate::hash::FileHash;

/// An object that is uploaded part by part.
pub(crate) struct Object<'a> {
    pub(crate) files: &'a Files,
    key: String,
    content_type: &'static str,
    pub(crate) sent: Sent,
}

/// What of an object is in the bucket.
pub(crate) struct Sent {
    /// The id of the multipart upload; none until it has begun.
    pub(crate) upload_id: Option<String>,
    /// The tags of its parts.
    pub(crate) tags: Vec<PartTag>,
    /// The bytes of these parts.
    pub(crate) bytes: u64,
    /// The hash of these bytes.
    pub(crate) hash: FileHash,
}

impl Sent {
    /// Nothing.
    pub(crate) fn nothing() -> Self {
        Self {
            upload_id: None,
            tags: Vec::new(),
            bytes: 0,
            hash: FileHash::new(),
        }
    }

    /// What an earlier worker has stored; none if an older version stored it.
    pub(crate) fn load(
        upload_id: Option<&String>,
        etags: &[u8],
        bytes: u64,
        hash: &[u8],
    ) -> Option<Self> {
        let hash = FileHash::load(hash)?;
        let (tags, left_over) = etags.as_chunks::<16>();
        let is_whole = left_over.is_empty() && (tags.is_empty() || upload_id.is_some());
        is_whole.then(|| Self {
            upload_id: upload_id.cloned(),
            tags: tags.to_vec(),
            bytes,
            hash,
        })
    }
}

impl<'a> Object<'a> {
    pub(crate) fn new(
        files: &'a Files,
        key: String,
        content_type: &'static str,
        sent: Sent,
    ) -> Self {
        Self {
            files,
            key,
            content_type,
            sent,
        }
    }

    /// Begins a multipart upload; its id must be stored before the first part is sent.
    pub(crate) async fn begin(&self) -> Result<String, Error> {
        self.files.begin(&self.key, self.content_type).await
    }

    /// Adds bytes that will be sent to the object's size and hash.
    pub(crate) fn count(&mut self, bytes: &[u8]) {
        self.sent.hash.update(bytes);
        self.sent.bytes += bytes.len() as u64;
    }

    /// Sends a part that was counted.
    pub(crate) async fn put_part(&mut self, upload_id: &str, bytes: Bytes) -> Result<(), Error> {
        let number = i32::try_from(self.sent.tags.len() + 1).unwrap_or(i32::MAX);
        let tag = self.files.part(&self.key, upload_id, number, bytes).await?;
        self.sent.tags.push(tag);
        Ok(())
    }

    /// Sends the last bytes, which were counted; leaves an object that is complete as it is.
    ///
    /// `NotFound` if its upload does not exist any more.
    pub(crate) async fn finish(&mut self, last: Vec<u8>) -> Result<(), Error> {
        let Some(upload_id) = self.sent.upload_id.clone() else {
            return self.files.put(&self.key, self.content_type, last).await;
        };
        let last = Bytes::from(last);
        match self.complete(&upload_id, last.clone()).await {
            // An earlier attempt may have completed the file before its answer
            // was lost or its worker died; then the upload no longer exists.
            Err(Error::NotFound) if self.is_complete(&last).await? => Ok(()),
            done => done,
        }
    }

    async fn complete(&mut self, upload_id: &str, last: Bytes) -> Result<(), Error> {
        if !last.is_empty() {
            self.put_part(upload_id, last).await?;
        }
        let tags = &self.sent.tags;
        self.files.complete(&self.key, upload_id, tags).await
    }

    /// Whether the object in the bucket is this one.
    ///
    /// The parts before the last one are those of the checkpoint. The last one
    /// may differ: the earlier worker may have read it before an erasure.
    async fn is_complete(&self, last: &Bytes) -> Result<bool, Error> {
        if self.files.size(&self.key).await? != Some(self.sent.bytes) {
            return Ok(false);
        }
        let before = self.sent.bytes - last.len() as u64;
        Ok(last.is_empty() || self.files.tail(&self.key, before).await? == *last)
    }

    /// Ends a multipart upload, if one has begun, and removes its parts.
    pub(crate) async fn abort(&self) -> Result<(), Error> {
        match &self.sent.upload_id {
            Some(upload_id) => self.files.abort(&self.key, upload_id).await,
            None => Ok(()),
        }
    }
}
