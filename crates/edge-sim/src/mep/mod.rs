//! The platform of an edge: MEP-auth with the applications' keys, and the registry of their services.

mod auth;
mod services;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use http::request::Parts;
use http::{Method, StatusCode};
use serde::Serialize;

use self::auth::AppKey;
use self::services::Service;
use crate::call::Input;
use crate::edge::Edge;
use crate::faults::Operation;
use crate::reply::Reply;

/// What a platform offers to applications, as its capability query lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Capability {
    /// 32 hex digits.
    pub capability_id: String,
    /// The name by which it is asked for.
    pub capability_name: String,
    /// `ACTIVE`, `INACTIVE` or `SUSPENDED`; only an active one can be matched against.
    pub status: String,
    /// Up to three numbers with dots between them.
    pub version: String,
    /// The app instances that use it.
    pub consumers: Vec<Consumer>,
}

/// An app instance that uses a capability.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Consumer {
    /// Its id.
    pub application_instance_id: String,
}

impl Capability {
    /// An active capability of version 1.0 that nobody uses.
    pub fn active(name: &str) -> Self {
        Self {
            capability_id: uuid::Uuid::new_v4().simple().to_string(),
            capability_name: name.to_owned(),
            status: "ACTIVE".to_owned(),
            version: "1.0".to_owned(),
            consumers: Vec::new(),
        }
    }
}

/// What the platform holds.
#[derive(Debug, Default)]
pub(crate) struct Platform {
    pub(crate) preset: Vec<Capability>,
    /// By app instance.
    keys: HashMap<String, AppKey>,
    services: Vec<Service>,
}

impl Platform {
    pub(crate) fn keys(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn instances_with_keys(&self) -> Vec<String> {
        let mut all: Vec<_> = self.keys.keys().cloned().collect();
        all.sort();
        all
    }

    pub(crate) fn key_of(&self, instance: &str) -> Option<(String, String)> {
        self.keys
            .get(instance)
            .map(|key| (key.access.clone(), key.secret.clone()))
    }

    /// New keys for an instance, in place of those it had.
    pub(crate) fn make_key(&mut self, instance: &str, app_name: &str) {
        self.keys.insert(instance.to_owned(), AppKey::make(app_name));
    }

    /// An instance's keys go, and with them what it registered.
    pub(crate) fn remove_key(&mut self, instance: &str) {
        self.keys.remove(instance);
        self.services.retain(|service| service.instance != instance);
    }

    /// The platform's own capabilities and the services that applications registered.
    pub(crate) fn capabilities(&self, now: DateTime<Utc>) -> Vec<Capability> {
        self.preset
            .iter()
            .cloned()
            .chain(self.services.iter().map(|service| service.capability(now)))
            .collect()
    }
}

/// A call of the platform.
#[derive(Debug)]
pub(crate) enum MepCall {}

impl MepCall {
    pub(crate) fn of(_method: &Method, _segments: &[&str]) -> Option<Self> {
        None
    }

    pub(crate) fn operation(&self) -> Operation {
        match *self {}
    }
}

pub(crate) fn act(_edge: &Edge, call: MepCall, _parts: &Parts, _input: Input) -> Reply {
    let _ = StatusCode::OK;
    match call {}
}
