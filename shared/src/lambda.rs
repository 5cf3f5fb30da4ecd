//! How Lambda calls a function: events, the claims in them, requests and answers.

pub mod access;
pub mod event;
pub mod http;
