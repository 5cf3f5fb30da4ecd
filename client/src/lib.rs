//! A client of the partner activity log, for back ends that record and programs that read.
//!
//! [`Client`] sends requests, again if they were throttled or not answered, always with the
//! same idempotency key. [`Batcher`] records many activities with few requests. [`Outbox`]
//! keeps activities in a file until they are recorded, so that a portal's own answer never
//! depends on this service.

mod activity;
mod batcher;
mod client;
mod delivery;
mod error;
mod export;
mod journal;
mod operate;
mod outbox;
mod read;
mod record;
mod retries;
mod token;

pub use self::{
    activity::{Activity, Actor, ActorKind, Customer, NewActivity, Outcome, Recorded, Resource},
    batcher::{Batcher, BatcherOptions},
    client::Client,
    error::{Error, FieldError, Refusal},
    export::{Download, Export, ExportState, ExportedFile, Failure, Progress, ProofFile},
    operate::{Erasure, ErasureProgress, ImportWindow},
    outbox::{Outbox, OutboxOptions},
    read::{Follower, News, Page, Query, Summary},
    retries::Retries,
    token::Token,
};
