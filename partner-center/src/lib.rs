//! Records of Partner Center's API `auditrecords` as entries of the activity log, and back.
//!
//! `docs/auditrecords.md` has the table that this crate follows. What a record has and an
//! entry has no place for is kept in the entry's details, under one name, so that the record
//! can be given back as it was. It knows neither files nor HTTP, nor how a log is stored.

mod back;
mod entry;
mod id;
mod java;
mod record;

pub use crate::{
    back::record,
    entry::{Actor, Entry, Party, Resource, action, entry},
    id::{RecordId, key},
    java::for_java,
    record::{Members, Record},
};

/// The name in an entry's details under which that is kept of a record which the rest of the
/// entry does not say.
pub const REST: &str = "partner_center";
