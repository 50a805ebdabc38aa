//! The program as a process: what it prints where, how it ends, and three of it as one suite.

#![expect(
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect fails there"
)]

mod bench;
mod demo;
mod edges;
mod keys;
mod process;
mod services;
