//! Checks proofs of a partner's log, without the service and without a network.
//!
//! It shares the hashing with the service and nothing else. Texts in, a finding out; the
//! binary reads the files and says what was found.

mod entry;
mod finding;
mod growth;
mod signed;

pub use self::{
    entry::{Entry, check_entry},
    finding::Finding,
    growth::{Growth, check_growth},
};
