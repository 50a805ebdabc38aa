//! The platform of an edge: MEP-auth with the applications' keys, and the registry of their services.

mod auth;
mod services;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use http::request::Parts;
use http::{Method, StatusCode};
use mecm_common::auth::signature::{AccessKey, SecretKey};
use serde::Serialize;

use self::auth::{AppKey, LockOut, TokenKey, bearer};
use self::services::{Service, Subscription, problem};
use crate::call::{Input, Plain, header};
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
    lock_out: LockOut,
    token_key: TokenKey,
    services: Vec<Service>,
    subscriptions: Vec<Subscription>,
}

impl Platform {
    pub(crate) fn keys(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn services(&self) -> usize {
        self.services.len()
    }

    pub(crate) fn instances_with_keys(&self) -> Vec<String> {
        let mut all: Vec<_> = self.keys.keys().cloned().collect();
        all.sort();
        all
    }

    pub(crate) fn key_of(&self, instance: &str) -> Option<(AccessKey, SecretKey)> {
        self.keys
            .get(instance)
            .map(|key| (key.access.clone(), key.secret.clone()))
    }

    /// New keys for an instance, in place of those it had.
    pub(crate) fn make_key(&mut self, instance: &str) {
        self.keys.insert(instance.to_owned(), AppKey::make());
    }

    /// An instance's keys go, and with them what it registered.
    pub(crate) fn remove_key(&mut self, instance: &str) {
        self.keys.remove(instance);
        self.services.retain(|service| service.instance != instance);
        self.subscriptions
            .retain(|subscription| subscription.instance != instance);
    }

    /// The platform's own capabilities and the services that applications registered.
    pub(crate) fn capabilities(&self, now: DateTime<Utc>) -> Vec<Capability> {
        let registered = self.services.iter().map(|service| service.capability(now));
        self.preset
            .iter()
            .cloned()
            .chain(registered)
            .map(|one| self.with_consumers(one))
            .collect()
    }
}

/// A call of the platform.
#[derive(Debug)]
pub(crate) enum MepCall {
    /// An application's key, put or removed.
    Configure {
        instance: String,
        remove: bool,
    },
    Token,
    /// The registry, through the gateway or not.
    Registry {
        gateway: bool,
        instance: String,
        what: Registry,
    },
}

/// What of an application's services.
#[derive(Debug)]
pub(crate) enum Registry {
    Register,
    List,
    Look(String),
    Update(String),
    Deregister(String),
    Liveness(String),
    Beat(String),
    Subscribe,
}

impl MepCall {
    pub(crate) fn of(method: &Method, segments: &[&str]) -> Option<Self> {
        let (gateway, instance, rest) = match segments {
            ["mepauth", "mepauth", "v1", "token"] if method == Method::POST => return Some(Self::Token),
            ["mepauth", "v1", "applications", instance, "confs"] => {
                let remove = match method.as_str() {
                    "PUT" => false,
                    "DELETE" => true,
                    _ => return None,
                };
                return Some(Self::Configure {
                    instance: (*instance).to_owned(),
                    remove,
                });
            }
            [
                "mep",
                "mec_service_mgmt",
                "v1",
                "applications",
                instance,
                rest @ ..,
            ] => (false, instance, rest),
            [
                "mepserver",
                "mec_service_mgmt",
                "v1",
                "applications",
                instance,
                rest @ ..,
            ] => (true, instance, rest),
            _ => return None,
        };
        let what = match (method.as_str(), rest) {
            ("POST", ["services"]) => Registry::Register,
            ("GET", ["services"]) => Registry::List,
            ("GET", ["services", id]) => Registry::Look((*id).to_owned()),
            ("PUT", ["services", id]) => Registry::Update((*id).to_owned()),
            ("DELETE", ["services", id]) => Registry::Deregister((*id).to_owned()),
            // EdgeGallery v1.0 has the first of the two, its release document writes the second.
            ("GET", ["services" | "service", id, "liveness"]) => Registry::Liveness((*id).to_owned()),
            ("PUT" | "PATCH", ["services" | "service", id, "liveness"]) => Registry::Beat((*id).to_owned()),
            ("POST", ["subscriptions"]) => Registry::Subscribe,
            _ => return None,
        };
        Some(Self::Registry {
            gateway,
            instance: (*instance).to_owned(),
            what,
        })
    }

    pub(crate) fn operation(&self) -> Operation {
        match self {
            Self::Configure { .. } | Self::Token => Operation::MepAuth,
            Self::Registry { .. } => Operation::Services,
        }
    }
}

pub(crate) fn act(edge: &Edge, call: MepCall, parts: &Parts, input: Input) -> Reply {
    let input = match input {
        Input::Plain(plain) => plain,
        _ => Plain::default(),
    };
    let now = edge.clock.now();
    let platform = &mut edge.state().platform;
    match call {
        MepCall::Configure { instance, remove } => auth::configure(platform, remove, &instance, &input.body),
        MepCall::Token => auth::token(platform, parts, &input, now),
        MepCall::Registry {
            gateway,
            instance,
            what,
        } => {
            // The gateway sets the header from the token; inside the platform the header itself is believed.
            let (root, caller) = if gateway {
                ("/mepserver/mec_service_mgmt/v1", bearer(platform, parts, now))
            } else {
                (
                    "/mep/mec_service_mgmt/v1",
                    header(parts, "x-appinstanceid").map(str::to_owned),
                )
            };
            if caller.as_deref() != Some(instance.as_str()) {
                return problem(
                    StatusCode::UNAUTHORIZED,
                    "UnAuthorization to access the resource",
                    "UnAuthorization to access the resource",
                );
            }
            let body = &input.body;
            match what {
                Registry::Register => platform.register(root, &instance, body, now),
                Registry::List => platform.list(root, &instance, now),
                Registry::Look(id) => platform.look(root, &instance, &id, now),
                Registry::Update(id) => platform.update(root, &instance, &id, body, now),
                Registry::Deregister(id) => platform.deregister(&instance, &id),
                Registry::Liveness(id) => platform.liveness(&instance, &id, now),
                Registry::Beat(id) => platform.beat(&instance, &id, body, now),
                Registry::Subscribe => platform.subscribe(root, &instance, body),
            }
        }
    }
}
