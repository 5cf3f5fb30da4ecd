//! What is told of a partner's log to other tools: entries, ended erasures and checkpoints,
//! as events on a bus of Amazon EventBridge.
//!
//! The detail of each event is a CloudEvent 1.0. Its `id` is the same whenever it is sent
//! again, and its `data` is an activity as the API answers it, or as OCSF.
//! It does not know why something is sent: the function `stream` sends what is new,
//! `admin replay` what the log already has.

mod activity;
mod bus;
mod event;
mod maker;
mod ocsf;

pub use crate::{
    bus::{Bus, Delivery},
    event::Event,
    maker::EventMaker,
};
