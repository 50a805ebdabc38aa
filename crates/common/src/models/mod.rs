//! The nouns on the wire. Serde only: no IO, no SQL.
//!
//! What every model follows (EdgeGallery v1.0's clients rely on it): unknown fields are ignored, a number or a boolean
//! where a text is wanted is taken as its text, a text where a number or a boolean is wanted is parsed, `null` for a
//! list is an empty list, and an absent optional field comes back as `null`. [`lenient`] does it.

pub mod app_instance;
pub mod app_rule;
pub mod app_store;
pub mod application;
pub mod credential;
pub mod error;
pub mod host;
pub mod ids;
pub mod lcm_controller;
pub mod lenient;
pub mod members;
pub mod package;
pub mod rule_manager;
pub mod topology;
