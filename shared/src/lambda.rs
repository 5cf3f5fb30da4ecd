//! How Lambda calls a function: events, the claims in them, requests, responses.

pub mod access;
pub mod envelope;
pub mod event;
pub mod http;
pub mod reads;
