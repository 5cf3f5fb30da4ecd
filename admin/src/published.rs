//! The checkpoints that were published of a log, as far as they are compared with it.
//!
//! Their signatures are not verified: that needs nothing of ours but the public key. So
//! what they say is compared, and nothing but the moment up to which the log is closed
//! follows from it.

use std::collections::BTreeMap;

use proof::{Checkpoint, CompactRange, Note};
use shared::{Moment, PartnerId, aws::archive::SealStore, model::seal::NEVER_SEALED};

use crate::Error;

/// A checkpoint that was published.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) key: String,
    /// The signed text.
    pub(crate) note: String,
    checkpoint: Checkpoint,
    /// Up to when the log was sealed.
    pub(crate) sealed_to: Moment,
}

/// The checkpoints of a log by their sizes.
#[derive(Debug)]
pub(crate) struct AllPublished(BTreeMap<u64, Vec<Published>>);

impl AllPublished {
    /// Reads all checkpoints of a log.
    pub(crate) async fn read(
        store: &SealStore,
        partner: &PartnerId,
        now: Moment,
    ) -> Result<Self, Error> {
        let mut all: BTreeMap<u64, Vec<Published>> = BTreeMap::new();
        for (key, note) in store.checkpoints(partner).await? {
            let published = Published::parse(key, note, partner, now)?;
            let same = all.entry(published.checkpoint.size).or_default();
            same.push(published);
            same.sort_by_key(|it| it.sealed_to);
        }
        Ok(Self(all))
    }

    /// The newest one of the largest size.
    pub(crate) fn newest(&self) -> Option<(u64, &Published)> {
        let (size, same) = self.0.last_key_value()?;
        Some((*size, same.last()?))
    }

    /// Compares the root of a tree with those of its size; returns how many there are.
    pub(crate) fn compare(&self, tree: &CompactRange) -> Result<usize, Error> {
        let Some(same) = self.0.get(&tree.leaves().end) else {
            return Ok(0);
        };
        let root = tree
            .root()
            .map_err(|it| shared::Error::internal("computing a root", it))?;
        match same.iter().find(|it| it.checkpoint.root != root) {
            None => Ok(same.len()),
            Some(other) => Err(Error::Checkpoint {
                key: other.key.clone(),
                reason: format!(
                    "has the root {} for {} entries, but theirs is {root}",
                    other.checkpoint.root, other.checkpoint.size
                ),
            }),
        }
    }
}

impl Published {
    fn parse(key: String, note: String, partner: &PartnerId, now: Moment) -> Result<Self, Error> {
        let read = Note::parse(&note).and_then(|it| Checkpoint::parse(it.unverified_text()));
        let refused = |reason: String| Error::Checkpoint {
            key: key.clone(),
            reason,
        };
        let checkpoint = read.map_err(|error| refused(format!("can't be read: {error}")))?;
        // `LOG_NAME` may have been another one.
        if !checkpoint
            .origin
            .ends_with(&Checkpoint::origin_of("", partner.as_str()))
        {
            return Err(refused(format!("is of the log {}", checkpoint.origin)));
        }
        let sealed_to = checkpoint.sealed_to().and_then(|text| text.parse().ok());
        let sealed_to = sealed_to.filter(|to: &Moment| *to <= now.minus(NEVER_SEALED));
        let unsaid =
            || refused("does not say up to which moment of the past the log is sealed".into());
        let sealed_to = sealed_to.ok_or_else(unsaid)?;
        Ok(Self {
            key,
            note,
            checkpoint,
            sealed_to,
        })
    }
}
