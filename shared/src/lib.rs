//! The code that all functions share, in three wings.
//!
//! [`model`] is the log as plain data: it knows no SDK, no HTTP, no environment
//! and no clock. [`aws`] is the only code that knows the tables, the bucket and
//! other functions. [`lambda`] is the only code that knows events, the claims in
//! them and HTTP statuses. `model` imports neither of the other two, and they do
//! not import each other; a test checks this.
//!
//! Beside the wings, [`config`] is the only reader of the service's own variables
//! and [`clock`] the only reader of the clock. [`metrics`] and [`observe`] write what a call
//! leaves in CloudWatch.

pub mod aws;
pub mod clock;
pub mod config;
pub mod lambda;
pub mod metrics;
pub mod model;
pub mod observe;

pub use aws::{
    activities::{ActivityStore, Recorded},
    erasures::ErasureStore,
    exports::ExportStore,
    files::Files,
    workers::Workers,
};
pub use clock::Clock;
pub use config::Config;
pub use lambda::access::{Access, Eraser, Importer, Reader, Recorder};
pub use model::{
    Action, Activity, ActivityId, Actor, ActorKind, ClaimNames, Content, Cursor, Customer, Details,
    Erasure, ErasureId, ErasureKey, Error, Export, ExportId, ExportKey, ExportRequest, Filter,
    IdempotencyKey, Identifier, Limit, Moment, Name, NewActivity, Order, Outcome, Page, PartnerId,
    Place, Resource, Role, RolesForm, Shards, TimeRange,
};
