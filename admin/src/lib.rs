//! The operators' commands for the archive.
//!
//! They run with the rights of whoever starts them, which no function has. `main` reads
//! the command line; what a table's attributes mean is left to `shared`.

mod chain;
mod error;
mod published;
mod rebuild;
mod register;
mod replay;
mod scanned;

pub use self::{
    error::Error,
    rebuild::{Rebuild, Rebuilt},
    register::{Register, Registration},
    replay::{Replay, Replayed},
};
