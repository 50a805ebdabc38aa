//! Tests from outside, over HTTP.

mod client;
mod deployments;
mod disturbances;
mod many;
mod packages;
mod platform;
mod refusals;
mod replay;
mod rule_manager;

use std::net::{Ipv4Addr, SocketAddr};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use self::client::{Answer, Form, call};
use crate::{EdgeHandle, SimConfig, Simulator, edge_address};

pub(crate) const TENANT: &str = "1a5a0a3c-6b6e-4b0f-8f4e-0c2b9d6f1e77";
pub(crate) const INSTANCE: &str = "5c1b2c86-1d5c-4d0e-9d3e-111111111111";
pub(crate) const OTHER: &str = "5c1b2c86-1d5c-4d0e-9d3e-222222222222";
pub(crate) const HOST: &str = "10.0.0.2";

/// A token for one role of one tenant, far from its end.
pub(crate) fn token_of(tenant: &str, role: &str) -> String {
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims =
        json!({"authorities": [role], "userId": tenant, "user_name": "tester", "exp": 4_000_000_000_i64});
    format!(
        "{}.{}.bm8tc2lnbmF0dXJl",
        part(json!({"alg": "RS256", "typ": "JWT"})),
        part(claims)
    )
}

pub(crate) fn token() -> String {
    token_of(TENANT, "ROLE_MECM_TENANT")
}

/// A simulator and one of its edges.
pub(crate) struct World {
    pub(crate) sim: Simulator,
    pub(crate) edge: EdgeHandle,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(SimConfig::default()).await
    }

    pub(crate) async fn with(config: SimConfig) -> Self {
        let sim = Simulator::start(config).await.unwrap();
        let edge = sim.edge(edge_address(0));
        Self { sim, edge }
    }

    pub(crate) fn lcm(&self) -> SocketAddr {
        (self.edge.ip(), self.sim.lcm_port()).into()
    }

    pub(crate) fn rules(&self) -> SocketAddr {
        (self.edge.ip(), self.sim.rule_port()).into()
    }

    pub(crate) fn mep(&self) -> SocketAddr {
        (self.edge.ip(), self.sim.mep_port()).into()
    }

    pub(crate) async fn instantiate(&self, instance: &str) -> Answer {
        instantiate(self.lcm(), instance, &packages::sample("positioning"))
            .await
            .unwrap()
    }

    pub(crate) async fn terminate(&self, instance: &str) -> Answer {
        let path = format!("/lcmcontroller/v1/tenants/{TENANT}/app_instances/{instance}/terminate");
        call(self.lcm(), "POST", &path, &[("access_token", &token())], b"")
            .await
            .unwrap()
    }

    pub(crate) async fn query(&self, instance: &str) -> Answer {
        let path = format!("/lcmcontroller/v1/tenants/{TENANT}/app_instances/{instance}");
        call(self.lcm(), "GET", &path, &[("access_token", &token())], b"")
            .await
            .unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        call(self.lcm(), "GET", path, &[("access_token", &token())], b"")
            .await
            .unwrap()
    }
}

pub(crate) fn form(instance: &str, package: &[u8]) -> Form {
    Form::default()
        .file("file", &format!("{instance}.csar"), package)
        .text("hostIp", HOST)
        .text("appName", "zoneapp")
}

pub(crate) async fn instantiate(lcm: SocketAddr, instance: &str, package: &[u8]) -> std::io::Result<Answer> {
    let path = format!("/lcmcontroller/v1/tenants/{TENANT}/app_instances/{instance}/instantiate");
    form(instance, package)
        .send(lcm, "POST", &path, &[("access_token", &token())])
        .await
}

/// An address of the edge number `index`.
pub(crate) fn at(index: usize, port: u16) -> SocketAddr {
    let ip: Ipv4Addr = edge_address(index);
    (ip, port).into()
}
