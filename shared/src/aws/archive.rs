//! The table and the buckets of the archive; no other code knows them.
//!
//! What can no longer change of a partner's log is sealed: it is packed into segments,
//! which are objects in a bucket. The table has three kinds of items: the partners who
//! have a log (`registry`), how much of each log is sealed and who works on it (`Head`),
//! and which segments it has (`SegmentItem`).
//!
//! [`ArchiveStore`] reads; [`SealStore`] also writes, under a lease of the head.
//! `Gate` is what every new activity passes.

mod commit;
mod gate;
mod head;
mod items;
mod keys;
mod objects;
#[cfg(feature = "operate")]
mod operate;
mod read;
mod registry;
mod window;

pub(crate) use self::gate::Gate;
#[cfg(feature = "operate")]
pub use self::operate::{Restoration, SegmentObject, partner_id};
pub use self::{
    commit::Change,
    gate::Age,
    head::{Holder, SealLease, SealStore},
    items::{Extent, Head, SegmentItem, stored_hashes},
    keys::{PublicKey, PublicKeys},
    read::{ArchiveStore, Sealed, Standing},
    registry::{Backlog, DuePartner, Registry},
};
