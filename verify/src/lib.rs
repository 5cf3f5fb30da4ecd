//! Checks proofs of a partner's log, without trusting the service.
//!
//! It shares the hashing with the service and nothing else. Texts and files in, a finding out;
//! [`run`] opens the files and says what was found. Only `log` uses a network.

mod cli;
mod command;
mod csv_rows;
mod digest;
mod entry;
mod export;
mod files;
mod finding;
mod frame;
mod growth;
mod lines;
mod log;
mod mismatch;
mod report;
mod row;
mod rows;
mod service;
mod signed;
mod walk;

pub use self::{
    cli::{Command, ExportFiles, Keys, WholeLog},
    command::run,
    digest::sha256,
    entry::{Entry, check_entry},
    export::{Export, LeftOut, check_export},
    finding::Finding,
    growth::{Growth, check_growth},
    log::{Log, check_log},
    service::Service,
};
