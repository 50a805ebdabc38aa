//! The suite from outside: the three real services over HTTP, on either database.

#![expect(
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect fails there"
)]

mod callers;
mod clients;
mod constraints;
mod database;
mod disturbed;
mod documents;
mod headers;
mod life_cycle;
mod platform;
mod restart;
mod rig;
mod schemas;
mod secrets;
mod signatures;
mod spellings;
mod statuses;
mod strangers;
mod wire;
