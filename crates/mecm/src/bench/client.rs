//! The client that measures. It shares the machine with what it measures, so it asks for little: of a batch that is under
//! way, only some of those that have not ended yet.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use chrono::TimeDelta;
use futures::{StreamExt, TryStreamExt, stream};
use mecm_common::auth::Role;
use mecm_common::client::Clients;
use mecm_common::clock::Clock;
use mecm_common::models::ids::TenantId;
use mecm_edge_sim::{SimConfig, Simulator, edge_address};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::process::{Place, Process};
use crate::demo::api::{Api, At};
use crate::demo::package::Package;
use crate::{sample, suite};

/// How often a batch is looked at: what a time is exact to.
const LOOK: Duration = Duration::from_millis(50);
/// At so many of its instances, those that are awaited first.
const LOOKED_AT: usize = 100;
/// No batch takes longer.
const PATIENCE: Duration = Duration::from_secs(300);

/// A suite and simulated edges, with hosts registered and a package onboarded.
pub(super) struct Bench {
    api: Api,
    pub(super) sim: Simulator,
    pub(super) process: Process,
    /// The package and its application.
    package: (String, String),
    pub(super) package_bytes: u64,
    // Last: a database is taken away when nobody uses it any more.
    _place: Place,
}

impl Bench {
    pub(super) async fn start(kind: &str, package_kib: u32, hosts: usize, deploy: Duration) -> Result<Self> {
        let place = Place::new(kind).await?;
        let mut sim = SimConfig::default();
        sim.behaviour.deploy_time = deploy;
        let sim = Simulator::start(sim).await?;
        let process = Process::start(&place, "up", &["inventory", "apm", "appo"]).await?;
        let config = place.config();
        let tenant = TenantId(Uuid::new_v4());
        let life = TimeDelta::hours(1);
        let token = suite::token(&config, &Clock::System, tenant, "bench", &[Role::Tenant], life)?;
        let api = Api::new(&Clients::new(&config)?, &place.addresses, tenant, token);
        let (lcm, rules) = (sim.lcm_port().to_string(), sim.rule_port().to_string());
        stream::iter((0..hosts).map(|index| {
            let (api, lcm, rules) = (&api, &lcm, &rules);
            let ip = edge_address(index).to_string();
            async move { api.register_edge(index, &ip, (lcm, rules), &["GPU"]).await }
        }))
        .buffer_unordered(32)
        .try_collect::<Vec<()>>()
        .await?;
        let padding = usize::try_from(package_kib)? * 1_024;
        let package = Package::bytes("bench.csar", sample::padded(padding)?);
        let host = edge_address(0).to_string();
        let told = api.upload(&package, "bench", &host).await?;
        let text = |member: &str| told[member].as_str().unwrap_or_default().to_owned();
        Ok(Self {
            package: (text("appPackageId"), text("appId")),
            package_bytes: package.size(),
            api,
            sim,
            process,
            _place: place,
        })
    }

    fn body(&self, name: &str) -> Value {
        json!({"appPackageId": self.package.0, "appId": self.package.1, "appName": name,
            "appInstanceDescription": "measured", "hwCapabilities": ["GPU"]})
    }

    /// Creates, instantiates and terminates on these hosts.
    pub(super) async fn whole_batch(&self, name: &str, hosts: std::ops::Range<usize>) -> Result<()> {
        let (ids, _) = self.create(name, hosts).await?;
        self.instantiate(&ids).await?;
        self.terminate(&ids).await?;
        Ok(())
    }

    /// Creates on these hosts; gives the ids and the seconds from the 202 to the last Created.
    pub(super) async fn create(
        &self,
        name: &str,
        hosts: std::ops::Range<usize>,
    ) -> Result<(Vec<String>, f64)> {
        let mut body = self.body(name);
        let hosts: Vec<String> = hosts.map(|index| edge_address(index).to_string()).collect();
        body["mecHost"] = json!(hosts);
        let answer = self.post("/app_instances/batch_create", &body).await?;
        let began = Instant::now();
        let items = answer["response"].as_array().cloned().unwrap_or_default();
        let ids: Vec<String> = items
            .iter()
            .filter_map(|item| item["appInstanceId"].as_str().map(str::to_owned))
            .collect();
        let took = self.until(&ids, Some("Created"), began).await?;
        Ok((ids, took))
    }

    /// Seconds from the 202 to the last Instantiated.
    pub(super) async fn instantiate(&self, ids: &[String]) -> Result<f64> {
        let body = json!({ "appInstanceIds": ids });
        self.post("/app_instances/batch_instantiate", &body).await?;
        self.until(ids, Some("Instantiated"), Instant::now()).await
    }

    /// Seconds from the 202 until none is left.
    pub(super) async fn terminate(&self, ids: &[String]) -> Result<f64> {
        let mut took = 0.0;
        for some in ids.chunks(1_000) {
            let body = json!({ "appInstanceIds": some });
            self.post("/app_instances/batch_terminate", &body).await?;
            took += self.until(some, None, Instant::now()).await?;
        }
        Ok(took)
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.api
            .expect(At::Appo, Method::POST, path, Some(body), 202)
            .await
    }

    /// Waits until all stand in this status, or are gone. They are awaited in their order, some at a time: the last look is
    /// the same as if all were looked at each time.
    async fn until(&self, ids: &[String], status: Option<&str>, began: Instant) -> Result<f64> {
        for some in ids.chunks(LOOKED_AT) {
            let mut awaited = some.to_vec();
            loop {
                let infos = self.api.instances_of(&awaited).await?;
                let mut left = Vec::new();
                for info in &infos {
                    let text = |member: &str| info[member].as_str().unwrap_or_default().to_owned();
                    let found = text("operationalStatus");
                    if status == Some(found.as_str()) {
                        continue;
                    }
                    if found.ends_with("failed") {
                        bail!(
                            "expected {}, came {found}: {}",
                            status.unwrap_or("gone"),
                            text("operationInfo")
                        );
                    }
                    left.push(text("appInstanceId"));
                }
                if status.is_some() && infos.len() < awaited.len() {
                    bail!("expected {} instances, came {}", awaited.len(), infos.len());
                }
                if left.is_empty() {
                    break;
                }
                if began.elapsed() > PATIENCE {
                    bail!(
                        "{} are not {} after {PATIENCE:?}",
                        left.len(),
                        status.unwrap_or("gone")
                    );
                }
                awaited = left;
                tokio::time::sleep(LOOK).await;
            }
        }
        Ok(began.elapsed().as_secs_f64())
    }

    /// One create, and the look that the portal takes at it, again and again should it not be done then. Gives its id and
    /// the seconds from the 202 until it read Created.
    pub(super) async fn one_create(&self, name: &str, host: usize) -> Result<(String, f64)> {
        let mut body = self.body(name);
        body["mecHost"] = edge_address(host).to_string().into();
        let answer = self.post("/app_instances", &body).await?;
        let began = Instant::now();
        let id = answer["response"]["app_instance_id"]
            .as_str()
            .context("a create is answered with an id")?
            .to_owned();
        let path = format!("/app_instance_infos/{id}");
        loop {
            let info = self.api.expect(At::Appo, Method::GET, &path, None, 200).await?;
            let took = began.elapsed();
            match info["response"]["operationalStatus"].as_str() {
                Some("Created") => return Ok((id, took.as_secs_f64())),
                Some("Creating") if took < PATIENCE => {}
                other => bail!("expected Created after {took:?}, came {other:?}"),
            }
        }
    }
}
