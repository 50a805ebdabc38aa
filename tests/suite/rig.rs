//! A suite of a test's own: services on free ports of loopback, a database of each kind there is here, simulated edges.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use mecm::demo::api::{Api, At};
use mecm::demo::package::Package;
use mecm::suite::{self, Suite, Which};
use mecm_common::auth::Role;
use mecm_common::client::Clients;
use mecm_common::clock::Clock;
use mecm_common::config::{Config, Scheme};
use mecm_common::db::testing::{Guard, Scratch, fresh_url, kinds};
use mecm_common::models::ids::TenantId;
use mecm_edge_sim::{SimConfig, Simulator, edge_address};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

/// Longer than anything here takes.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A configuration on which a suite can start, again and again.
pub(crate) struct Place {
    pub(crate) config: Config,
    _folder: Scratch,
    _databases: Vec<Guard>,
}

/// A running suite, its edges, and a tenant's view of it.
pub(crate) struct Rig {
    pub(crate) suite: Suite,
    pub(crate) api: Api,
    pub(crate) sim: Simulator,
    pub(crate) place: Place,
}

impl Place {
    pub(crate) async fn new(kind: &str) -> Self {
        let folder = Scratch::new().unwrap();
        let mut databases = Vec::new();
        let mut config = Config::defaults();
        config.data_dir.clone_from(&folder.0);
        config.egress.allow = vec!["127.0.0.0/8".parse().unwrap()];
        config.peers.edge_scheme = Scheme::Http;
        config.listen.stop_seconds = 2;
        config.jobs.workers = 64;
        (config.inventory.port, config.apm.port, config.appo.port) = (0, 0, 0);
        if kind == "postgres" {
            for database in [
                &mut config.inventory.database,
                &mut config.apm.database,
                &mut config.appo.database,
            ] {
                let (url, guard) = fresh_url(kind).await.unwrap();
                *database = url.into();
                databases.push(guard);
            }
            (
                config.inventory.connections,
                config.apm.connections,
                config.appo.connections,
            ) = (6, 4, 8);
        }
        Self {
            config,
            _folder: folder,
            _databases: databases,
        }
    }

    pub(crate) async fn suite(&self) -> Suite {
        Suite::start(Arc::new(self.config.clone()), Which::ALL, Clock::System)
            .await
            .unwrap()
    }

    /// The view of a tenant of a suite on known ports.
    pub(crate) fn api_again(&self, tenant: TenantId) -> Api {
        let url = |port| self.config.service_url("", port);
        let addresses = suite::Addresses {
            inventory: url(self.config.inventory.port),
            apm: url(self.config.apm.port),
            appo: url(self.config.appo.port),
        };
        self.view(&addresses, tenant, Role::Tenant)
    }

    pub(crate) fn api(&self, suite: &Suite, tenant: TenantId, role: Role) -> Api {
        self.view(&suite.addresses, tenant, role)
    }

    fn view(&self, addresses: &suite::Addresses, tenant: TenantId, role: Role) -> Api {
        let life = TimeDelta::minutes(30);
        let token = suite::token(&self.config, &Clock::System, tenant, "tester", &[role], life).unwrap();
        Api::new(&Clients::new(&self.config).unwrap(), addresses, tenant, token)
    }
}

/// Runs a test on every kind of database there is here.
pub(crate) async fn on_each(run: impl AsyncFn(&Rig)) {
    for kind in kinds() {
        let rig = Rig::start(Place::new(kind).await).await;
        run(&rig).await;
        // In this order: what the suite has its files in goes last.
        let Rig { suite, place, .. } = rig;
        suite.stop().await;
        drop(place);
    }
}

impl Rig {
    pub(crate) async fn start(place: Place) -> Self {
        let suite = place.suite().await;
        let tenant = TenantId(Uuid::new_v4());
        let api = place.api(&suite, tenant, Role::Tenant);
        let sim = Simulator::start(SimConfig::default()).await.unwrap();
        Self {
            suite,
            api,
            sim,
            place,
        }
    }

    /// Registers edges, the first so many of which have a GPU.
    pub(crate) async fn edges(&self, all: usize, with_gpu: usize) -> Vec<String> {
        let (lcm, rules) = (self.sim.lcm_port().to_string(), self.sim.rule_port().to_string());
        let mut ips = Vec::new();
        for index in 0..all {
            let ip = edge_address(index).to_string();
            let hardware: &[&str] = if index < with_gpu { &["GPU"] } else { &[] };
            self.api
                .register_edge(index, &ip, (&lcm, &rules), hardware)
                .await
                .unwrap();
            ips.push(ip);
        }
        ips
    }

    /// Uploads a package; gives its id and its application's.
    pub(crate) async fn upload(&self, package: Vec<u8>) -> (String, String) {
        let told = self
            .api
            .upload(&Package::bytes("a.csar", package), "sample", "127.1.0.1")
            .await
            .unwrap();
        let text = |member: &str| told[member].as_str().unwrap().to_owned();
        (text("appPackageId"), text("appId"))
    }

    /// Creates on these hosts; gives the ids in their order.
    pub(crate) async fn create(
        &self,
        (package, app): &(String, String),
        name: &str,
        hosts: &[String],
    ) -> Vec<String> {
        let body = json!({"appPackageId": package, "appId": app, "appName": name, "appInstanceDescription": "test",
            "hwCapabilities": ["GPU"], "mecHost": hosts});
        let path = "/app_instances/batch_create";
        let answer = self
            .api
            .expect(At::Appo, Method::POST, path, Some(&body), 202)
            .await
            .unwrap();
        let items = answer["response"].as_array().unwrap();
        items
            .iter()
            .map(|item| item["appInstanceId"].as_str().unwrap().to_owned())
            .collect()
    }

    pub(crate) async fn batch(&self, what: &str, ids: &[String]) -> Value {
        let body = json!({ "appInstanceIds": ids });
        let path = format!("/app_instances/batch_{what}");
        self.api
            .expect(At::Appo, Method::POST, &path, Some(&body), 202)
            .await
            .unwrap()
    }

    /// Waits until nothing is under way; gives status and reason by id.
    pub(crate) async fn settled(&self) -> Vec<(String, String, String)> {
        settled(&self.api).await
    }
}

/// Waits until nothing is under way; gives id, status and reason, oldest first.
pub(crate) async fn settled(api: &Api) -> Vec<(String, String, String)> {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Ok(infos) = api.instances().await
            && infos.iter().all(|info| info["operation"].is_null())
        {
            let text = |info: &Value, member: &str| info[member].as_str().unwrap_or_default().to_owned();
            return infos
                .iter()
                .map(|info| {
                    (
                        text(info, "appInstanceId"),
                        text(info, "operationalStatus"),
                        text(info, "operationInfo"),
                    )
                })
                .collect();
        }
        assert!(Instant::now() < deadline, "still under way after {LIMIT:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
