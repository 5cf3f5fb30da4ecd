//! The model of the partner activity log and the few places that touch AWS.
//!
//! `activity`, `filter`, `range`, `shards`, `page`, `export` and `erasure` are plain data:
//! they know neither the SDK nor HTTP nor the clock. `access` reads verified
//! claims alone. `store`, `export_store` and `erasure_store` are the only code that
//! knows the three tables, `table` what the two last ones have in common,
//! `files` the only one that knows the bucket, `http` the only one that knows
//! status codes, `lambda` the only one that knows events, `config` the only
//! reader of the environment, and `clock` the only reader of the clock.

pub mod access;
pub mod activity;
#[cfg(test)]
mod arbitrary;
pub mod aws;
pub mod clock;
pub mod config;
pub mod erasure;
pub mod erasure_store;
pub mod error;
pub mod export;
pub mod export_store;
pub mod files;
pub mod filter;
pub mod http;
mod id;
pub mod json;
pub mod lambda;
pub mod metrics;
pub mod moment;
pub mod observe;
pub mod page;
pub mod range;
pub mod shards;
pub mod store;
mod table;
pub mod trail;
pub mod workers;

pub use access::{Access, ClaimNames, Eraser, PartnerId, Reader, Recorder, Role};
pub use activity::{
    Action, Activity, ActivityId, Actor, ActorKind, Content, Customer, Details, IdempotencyKey,
    Identifier, Name, NewActivity, Outcome, Resource,
};
pub use clock::Clock;
pub use config::Config;
pub use erasure::{Erasure, ErasureId, ErasureKey};
pub use erasure_store::ErasureStore;
pub use error::Error;
pub use export::{Export, ExportId, ExportKey, ExportRequest};
pub use export_store::ExportStore;
pub use files::Files;
pub use filter::{Filter, Order};
pub use moment::Moment;
pub use page::{Cursor, Limit, Page};
pub use range::TimeRange;
pub use shards::Shards;
pub use store::{ActivityStore, Recorded};
pub use workers::Workers;
