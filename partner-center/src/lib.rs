//! Records of Partner Center's API `auditrecords` as entries of the activity log, and back.
//!
//! `docs/auditrecords.md` has the table that this crate follows. What a record has and an
//! entry has no place for is kept in the entry's details, under one name, so that the record
//! can be given back as it was. It knows neither files nor HTTP, nor how a log is stored.

mod entry;
mod from_record;
mod id;
mod java;
mod kept;
mod plain;
mod record;
mod to_record;

pub use crate::{
    entry::{Actor, Entry, Party, Resource},
    from_record::{action, entry},
    id::{RecordId, key},
    java::for_java,
    record::{Members, Record},
    to_record::record,
};
