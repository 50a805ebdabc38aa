//! What the three services share. Reading order:
//!
//! 1. [`models`]: the nouns on the wire and their ids; no IO.
//! 2. [`validate`]: the patterns and limits of the interface, and the texts that say what broke them.
//! 3. [`db`]: one enum over SQLite and PostgreSQL, migrations, errors.
//! 4. [`auth`]: who is calling: access tokens, AK/SK signatures, roles.
//! 5. [`tls`]: certificates and keys, whom we believe, and reading them again when they change.
//! 6. [`client`]: the only HTTP client of the suite: egress rules, signing, typed calls.
//! 7. [`service`]: from a route table to a running HTTP service: layers, errors, health.
//! 8. [`config`], [`telemetry`], [`clock`].
//!
//! Arrows point one way: models ← validate, db ← auth, client ← service; tls ← client, service.

pub mod auth;
pub mod client;
pub mod clock;
pub mod config;
pub mod db;
pub mod models;
pub mod service;
pub mod telemetry;
pub mod tls;
pub mod validate;
