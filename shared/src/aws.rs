//! All calls to AWS; no other code uses the SDK.
//!
//! [`sdk`] configures the clients and maps their errors. Each table has one store
//! that knows its attributes. All stores use `table`; the stores of tasks also
//! share `leases`, `places` and `open_work`. Only [`files`] knows the bucket of exported
//! files, [`archive`] those of segments and checkpoints, only [`signer`] the signing keys,
//! and only [`workers`] calls other functions.

pub mod activities;
pub mod archive;
pub mod erasures;
pub mod exports;
pub mod files;
pub mod imports;
mod leases;
mod open_work;
mod places;
pub mod sdk;
pub mod signer;
mod table;
pub mod workers;
