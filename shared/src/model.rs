//! The log as plain data: what an activity, a filter, an export or an erasure is.
//!
//! Nothing here knows the SDK, HTTP, the environment or the clock; the current
//! time is an argument.

pub mod activity;
#[cfg(test)]
pub(crate) mod arbitrary;
pub mod erasure;
pub mod error;
pub mod export;
pub mod failure;
pub mod filter;
mod id;
pub mod import;
pub mod json;
pub mod lease;
pub mod moment;
pub mod page;
pub mod partner;
pub mod range;
pub mod recorded;
pub mod seal;
pub mod shards;
pub mod stream;
pub mod task;
pub mod trail;
pub mod zone;

pub use activity::{
    Action, Activity, ActivityId, Actor, ActorKind, Content, Customer, Details, IdempotencyKey,
    Identifier, Name, NewActivity, Outcome, Resource,
};
pub use erasure::{Erasure, ErasureId, ErasureKey};
pub use error::Error;
pub use export::{Export, ExportId, ExportKey, ExportRequest};
pub use filter::{Filter, Order};
pub use moment::Moment;
pub use page::{Cursor, Limit, Page, Place};
pub use partner::{ClaimNames, PartnerId, Role, RolesForm};
pub use range::TimeRange;
pub use shards::Shards;
