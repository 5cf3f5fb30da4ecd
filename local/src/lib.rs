//! The whole service on one machine, in one process.
//!
//! It has an embedded DynamoDB, an S3 over a folder, a gateway that reads its
//! routes from `template.yaml`, and a development issuer. The functions are the
//! same code as on AWS, with the same SDK clients; only the endpoints differ.

#![expect(
    clippy::indexing_slicing,
    reason = "only JSON values are indexed here, and an absent one is null"
)]

mod address;
pub mod aws;
pub mod bus;
mod changes;
mod checkpoints_key;
pub mod concurrency;
mod cors;
pub mod demo;
mod dynamodb;
mod environment;
mod error;
mod event;
mod folder;
pub mod functions;
mod gateway;
mod invoke;
mod issuer;
mod load;
mod options;
mod origins;
pub mod page;
mod s3;
pub mod sample;
mod secret;
mod serve;
mod sign_in;
mod stack;
mod tables;
pub mod template;
pub mod token;

pub use crate::{
    address::{base_url, origin},
    error::Error,
    options::{JwtOptions, Options},
    stack::Stack,
};
