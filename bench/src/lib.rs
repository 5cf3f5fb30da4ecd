//! Measurements of the functions beside what one would write instead.
//!
//! Each measurement starts a fresh process, as Lambda starts a function; this
//! process is its runtime API, its DynamoDB and its S3. [`cost`] stands apart: it
//! counts what the whole service uses, and prices it. Nothing here talks to AWS
//! or leaves 127.0.0.1.

pub mod calls;
mod canned;
pub mod clients;
pub mod comparison;
pub mod cost;
mod error;
pub mod exports;
mod loopback;
mod markdown;
pub mod names;
mod process;
mod request;
mod runtime;
mod samples;
pub mod scale;
pub mod sealed;
mod session;
pub mod settings;
pub mod sizes;
pub mod workbench;

pub use self::error::Error;
