//! The SQL: one file a noun. A function takes a transaction, runs a statement or a few, and knows no HTTP.

pub(crate) mod app_rules;
pub(crate) mod app_stores;
pub(crate) mod applications;
pub(crate) mod audit;
pub(crate) mod capabilities;
pub(crate) mod controllers;
pub(crate) mod credentials;
pub(crate) mod holdings;
pub(crate) mod hosts;
pub(crate) mod k8s_config;
pub(crate) mod records;
pub(crate) mod rule_managers;
pub(crate) mod token_keys;
pub(crate) mod topology;
