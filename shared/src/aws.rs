//! What the service does on AWS; nothing else calls the SDK.
//!
//! [`sdk`] configures the clients and says what their errors mean. Each table has
//! one store that knows its attributes, all of them over `table`; `leases` and
//! `places` are what the stores of tasks have in common. [`files`] knows the
//! bucket, and [`workers`] how a function calls another one.

pub mod activities;
pub mod erasures;
pub mod exports;
pub mod files;
mod leases;
mod places;
pub mod sdk;
mod table;
pub mod workers;
