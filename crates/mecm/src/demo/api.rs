//! The suite's interface, as a client sees it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use mecm_common::client::call::call;
use mecm_common::client::{Answer, Clients};
use mecm_common::models::ids::TenantId;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::package::Package;
use crate::suite::Addresses;

/// No call of the demo takes longer.
const TIME: Duration = Duration::from_secs(120);

/// One tenant's view of the suite. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Api {
    client: reqwest::Client,
    addresses: Addresses,
    tenant: TenantId,
    token: SecretString,
}

/// The three services.
#[derive(Clone, Copy, Debug)]
pub enum At {
    /// The registry.
    Inventory,
    /// The package manager.
    Apm,
    /// The orchestrator.
    Appo,
}

impl Api {
    /// With the token of a tenant.
    pub fn new(clients: &Clients, addresses: &Addresses, tenant: TenantId, token: SecretString) -> Self {
        Self {
            client: clients.services.clone(),
            addresses: addresses.clone(),
            tenant,
            token,
        }
    }

    /// The tenant.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Its token.
    pub fn token(&self) -> &SecretString {
        &self.token
    }

    fn url(&self, at: At, path: &str) -> String {
        let (origin, service) = match at {
            At::Inventory => (&self.addresses.inventory, "inventory"),
            At::Apm => (&self.addresses.apm, "apm"),
            At::Appo => (&self.addresses.appo, "appo"),
        };
        format!("{origin}/{service}/v1/tenants/{}{path}", self.tenant)
    }

    /// Makes a call, whatever is answered.
    ///
    /// # Errors
    /// When nothing is answered.
    pub async fn ask(&self, at: At, method: Method, path: &str, body: Option<&Value>) -> Result<Answer> {
        let mut request = self
            .client
            .request(method.clone(), self.url(at, path))
            .header("access_token", self.token.expose_secret());
        if let Some(body) = body {
            request = request.json(body);
        }
        call(request, TIME, "the service")
            .await
            .with_context(|| format!("{method} {path}"))
    }

    /// Makes a call that must be answered with this status; gives its JSON.
    ///
    /// # Errors
    /// What was expected and what came.
    pub async fn expect(
        &self,
        at: At,
        method: Method,
        path: &str,
        body: Option<&Value>,
        status: u16,
    ) -> Result<Value> {
        let answer = self.ask(at, method.clone(), path, body).await?;
        expected(&method, path, status, &answer)?;
        Ok(answer.json().unwrap_or_default())
    }

    /// Uploads a package as ATP does. `name` is what it is called where its manifest does not say.
    ///
    /// # Errors
    /// What was expected and what came.
    pub async fn upload(&self, package: &Package, name: &str, hosts: &str) -> Result<Value> {
        let path = "/packages/upload";
        let request = self
            .client
            .post(self.url(At::Apm, path))
            .header("access_token", self.token.expose_secret());
        let (request, _) = package.form(name, hosts).await?.on(request);
        let answer = call(request, TIME, "APM").await?;
        expected(&Method::POST, path, 202, &answer)?;
        Ok(answer.json()?)
    }

    /// Registers an edge: its LCM controller and its rule manager, which listen on its own address, and the host.
    ///
    /// # Errors
    /// What was expected and what came.
    pub async fn register_edge(
        &self,
        index: usize,
        ip: &str,
        (lcm, rules): (&str, &str),
        hardware: &[&str],
    ) -> Result<()> {
        let controller = json!({"applcmName": format!("lcm-{index}"), "applcmIp": ip, "applcmPort": lcm});
        let manager = json!({"appRuleName": format!("rules-{index}"), "appRuleIp": ip, "appRulePort": rules});
        for (path, body) in [("/applcms", controller), ("/apprulemanagers", manager)] {
            self.expect(At::Inventory, Method::POST, path, Some(&body), 200)
                .await?;
        }
        self.register_host(index, ip, hardware).await
    }

    /// Registers a host with hardware of these types.
    ///
    /// # Errors
    /// What was expected and what came.
    pub async fn register_host(&self, index: usize, ip: &str, hardware: &[&str]) -> Result<()> {
        let hardware: Vec<Value> = hardware
            .iter()
            .map(|kind| json!({"hwType": kind, "hwVendor": "any", "hwModel": "any"}))
            .collect();
        let host = json!({"mechostIp": ip, "mechostName": format!("edge-{index}"), "city": "demo", "address": "rack 1",
            "zipCode": "1", "affinity": "X86", "coordinates": format!("{},{}", index % 180, index % 90),
            "edgerepoIp": ip, "edgerepoPort": "5000", "edgerepoName": "repo", "applcmIp": ip, "appRuleIp": ip,
            "hwcapabilities": hardware});
        self.expect(At::Inventory, Method::POST, "/mechosts", Some(&host), 200)
            .await?;
        Ok(())
    }

    /// All instances of the tenant; an empty list is answered 404.
    ///
    /// # Errors
    /// What was expected and what came.
    pub async fn instances(&self) -> Result<Vec<Value>> {
        self.listed("/app_instance_infos").await
    }

    /// Those of these instances that there are. Some hundred at once, since their ids travel in the address.
    ///
    /// # Errors
    /// What was expected and what came.
    pub async fn instances_of(&self, ids: &[String]) -> Result<Vec<Value>> {
        self.listed(&format!("/app_instance_infos?appinstanceids={}", ids.join(",")))
            .await
    }

    async fn listed(&self, path: &str) -> Result<Vec<Value>> {
        let answer = self.ask(At::Appo, Method::GET, path, None).await?;
        if answer.status.as_u16() == 404 {
            return Ok(Vec::new());
        }
        expected(&Method::GET, path, 200, &answer)?;
        let body: Value = answer.json()?;
        Ok(body["response"].as_array().cloned().unwrap_or_default())
    }
}

fn expected(method: &Method, path: &str, status: u16, answer: &Answer) -> Result<()> {
    if answer.status.as_u16() != status {
        let text: String = answer.text().chars().take(500).collect();
        bail!(
            "{method} {path}: expected {status}, came {}: {text}",
            answer.status.as_u16()
        );
    }
    Ok(())
}
