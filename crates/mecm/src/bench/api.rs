//! `mecm bench api`: what a request costs. Each kind of request is put to the service, to a bare handler with the same query
//! and a pool of the same size, and to the database alone, one after the other in each run, so that the ratios hold although
//! the machine's speed drifts. On PostgreSQL, which MECM_TEST_POSTGRES names.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use chrono::TimeDelta;
use clap::Args;
use futures::{StreamExt, TryStreamExt, stream};
use mecm_common::auth::Role;
use mecm_common::client::Clients;
use mecm_common::clock::Clock;
use mecm_common::models::application::Application;
use mecm_common::models::ids::{HostIp, TenantId};
use mecm_edge_sim::edge_address;
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::json;
use uuid::Uuid;

use super::bare::Databases;
use super::figures::{Figures, quantile};
use super::load::{self, Load, Measuring, Requests};
use super::machine;
use super::process::{Place, Process};
use crate::demo::api::{Api, At};
use crate::output::{result, say};
use crate::suite;

/// App instances that a listing has.
const INSTANCES: usize = 50;
/// Hosts of a page.
const PAGE: usize = 100;
/// What nine hosts in ten offer, and what one in a hundred does.
const COMMON: &str = "COMMON";
const RARE: &str = "RARE";

/// What is measured, and how long.
#[derive(Clone, Debug, Args)]
pub struct Options {
    #[command(flatten)]
    measuring: Measuring,
    /// Hosts among which pages of 100 are searched for by capability.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u16).range(100..=10_000))]
    hosts: u16,
}

/// The four kinds of request.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Host,
    Capabilities,
    Infos,
    AddApplication,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Host, Self::Capabilities, Self::Infos, Self::AddApplication];

    fn name(self) -> &'static str {
        match self {
            Self::Host => "GET …/mechosts/{ip}",
            Self::Capabilities => "GET …/mechosts/{ip}/capabilities",
            Self::Infos => "GET …/app_instance_infos (50)",
            Self::AddApplication => "POST …/apps",
        }
    }
}

/// Everything that is asked.
struct Bench {
    suite: Process,
    bare: Process,
    databases: Databases,
    inventory: SocketAddr,
    appo: SocketAddr,
    bare_at: SocketAddr,
    tenant: TenantId,
    host: HostIp,
    token: String,
    api: Api,
    connections: usize,
    time: Duration,
    // Last: the databases are taken away when nobody uses them any more.
    _place: Place,
}

pub(super) async fn run(options: &Options) -> Result<()> {
    let bench = Bench::start(options).await?;
    let mut figures = Figures::default();
    for number in 1..=options.measuring.runs {
        say(&format!("run {number} of {}", options.measuring.runs));
        for kind in Kind::ALL {
            bench.kind(kind, &mut figures).await?;
        }
        let health = bench.plain(bench.inventory, "/inventory/v1/health");
        let load = bench.load(bench.inventory, health).await?;
        figures.add("GET /inventory/v1/health", "1/s", "service", load.rate());
    }
    say(&format!("{} hosts to search", options.hosts));
    bench.register(usize::from(options.hosts)).await?;
    for _ in 0..options.measuring.runs {
        for (name, capability) in [("nine in ten have", COMMON), ("one in a hundred has", RARE)] {
            bench.page(name, capability, &mut figures).await?;
        }
    }
    result(&format!(
        "mecm bench api, {} profile\n{}\n{} connections for {:?} each; a bare handler has the same query and pool, and no layers",
        if cfg!(debug_assertions) { "dev" } else { "release" },
        machine::describe("postgres").await,
        bench.connections,
        bench.time,
    ))?;
    result(&figures.table())?;
    Ok(())
}

impl Bench {
    async fn start(options: &Options) -> Result<Self> {
        let mut place = Place::new("postgres").await?;
        // What is added here is not to be refused for its number.
        place.set("MECM_LIMITS__APP_INSTANCES", "1000000000");
        let suite = Process::start(&place, "up", &["inventory", "apm", "appo"]).await?;
        let bare_at = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let bare = Process::listening(&place, &["bench", "bare", &bare_at.to_string()], bare_at).await?;
        let config = place.config();
        let tenant = TenantId(Uuid::new_v4());
        let life = TimeDelta::hours(12);
        let token = suite::token(&config, &Clock::System, tenant, "bench", &[Role::Tenant], life)?;
        let at = |origin: &str| -> Result<SocketAddr> {
            let address = origin
                .strip_prefix("http://")
                .context("the services speak HTTP here")?;
            Ok(address.parse()?)
        };
        let bench = Self {
            inventory: at(&place.addresses.inventory)?,
            appo: at(&place.addresses.appo)?,
            bare_at,
            databases: Databases::open(&config).await?,
            tenant,
            host: edge_address(0)
                .to_string()
                .parse()
                .map_err(|_| anyhow::anyhow!("an edge's address is one"))?,
            token: token.expose_secret().to_owned(),
            api: Api::new(&Clients::new(&config)?, &place.addresses, tenant, token),
            connections: options.measuring.connections(),
            time: options.measuring.time(),
            suite,
            bare,
            _place: place,
        };
        bench.register(1).await?;
        bench.list_of_instances().await?;
        Ok(bench)
    }

    /// Hosts with ten capabilities each, from the first that is not there yet.
    async fn register(&self, hosts: usize) -> Result<()> {
        let first = usize::from(hosts > 1);
        stream::iter((first..hosts).map(|index| async move {
            let ip = edge_address(index).to_string();
            let mut types: Vec<String> = (0..8)
                .map(|number| format!("TYPE{}", (index + number) % 50))
                .collect();
            types.push(if index % 10 == 9 {
                "OTHER".to_owned()
            } else {
                COMMON.to_owned()
            });
            types.push(if index % 100 == 0 {
                RARE.to_owned()
            } else {
                "USUAL".to_owned()
            });
            let types: Vec<&str> = types.iter().map(String::as_str).collect();
            self.api.register_host(index, &ip, &types).await
        }))
        .buffer_unordered(32)
        .try_collect::<Vec<()>>()
        .await?;
        Ok(())
    }

    /// Fifty instances, of a package that is not there: each ends as a record with its reason.
    async fn list_of_instances(&self) -> Result<()> {
        let hosts: Vec<String> = (0..INSTANCES)
            .map(|index| edge_address(index).to_string())
            .collect();
        let body = json!({"appPackageId": Uuid::new_v4().simple().to_string(), "appId": Uuid::new_v4().simple().to_string(),
            "appName": "bench", "appInstanceDescription": "measured", "mecHost": hosts});
        let path = "/app_instances/batch_create";
        self.api
            .expect(At::Appo, Method::POST, path, Some(&body), 202)
            .await?;
        let until = std::time::Instant::now() + Duration::from_secs(60);
        loop {
            let infos = self.api.instances().await?;
            let ended = infos
                .iter()
                .filter(|info| info["operationalStatus"] == "Create failed")
                .count();
            if ended == INSTANCES {
                return Ok(());
            }
            if std::time::Instant::now() > until {
                bail!("expected {INSTANCES} ended creates, came {ended}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// One kind of request: to the service, to the bare handler, to the database.
    async fn kind(&self, kind: Kind, figures: &mut Figures) -> Result<()> {
        let name = kind.name();
        let at = if matches!(kind, Kind::Infos) {
            self.appo
        } else {
            self.inventory
        };
        let before = self.suite.cpu()?;
        let service = self.load(at, self.to_service(kind)).await?;
        let service_cpu = self.suite.cpu()? - before;
        let before = self.bare.cpu()?;
        let bare = self.load(self.bare_at, self.to_bare(kind)).await?;
        let bare_cpu = self.bare.cpu()? - before;
        let query = self.query(kind).await?;
        figures.add(
            &format!("{name}: service to bare handler"),
            "%",
            "",
            100.0 * service.rate() / bare.rate(),
        );
        for (who, mut load, cpu) in [
            ("service", service, Some(service_cpu)),
            ("bare handler", bare, Some(bare_cpu)),
            ("query alone", query, None),
        ] {
            let mut add =
                |what: &str, unit, value| figures.add(&format!("{name}: {who}, {what}"), unit, who, value);
            add("rate", "1/s", load.rate());
            let answered = load.seconds.len() as f64;
            add("p50", "ms", quantile(&mut load.seconds, 0.5) * 1_000.0);
            add("p99", "ms", quantile(&mut load.seconds, 0.99) * 1_000.0);
            if let Some(cpu) = cpu {
                add("CPU per 1,000", "ms", cpu * 1_000_000.0 / answered);
            }
        }
        Ok(())
    }

    /// A page of hosts that offer a capability, one request at a time.
    async fn page(&self, name: &str, capability: &str, figures: &mut Figures) -> Result<()> {
        let path = format!(
            "/inventory/v1/tenants/{}/mechosts?hwCapabilities={capability}&limit={PAGE}",
            self.tenant
        );
        let mut load = load::http(self.inventory, self.plain(self.inventory, &path), 1, self.time).await?;
        let mut add = |what: &str, value| {
            figures.add(
                &format!("a page of {PAGE} by a type that {name}, {what}"),
                "ms",
                "service",
                value,
            );
        };
        add("p50", quantile(&mut load.seconds, 0.5) * 1_000.0);
        add("p99", quantile(&mut load.seconds, 0.99) * 1_000.0);
        Ok(())
    }

    async fn load(&self, server: SocketAddr, requests: Requests) -> Result<Load> {
        load::http(server, requests, self.connections, self.time).await
    }

    async fn query(&self, kind: Kind) -> Result<Load> {
        let (databases, tenant, host) = (self.databases.clone(), self.tenant, self.host);
        let call = move || {
            let databases = databases.clone();
            async move {
                let there = match kind {
                    Kind::Host => mecm_inventory::measure::host(&databases.inventory, tenant, host)
                        .await?
                        .is_some(),
                    Kind::Capabilities => {
                        mecm_inventory::measure::capabilities(&databases.inventory, tenant, host)
                            .await?
                            .is_some()
                    }
                    Kind::Infos => {
                        mecm_appo::measure::infos(&databases.appo, tenant).await?.len() == INSTANCES
                    }
                    Kind::AddApplication => {
                        mecm_inventory::measure::add_application(
                            &databases.inventory,
                            tenant,
                            host,
                            application(),
                        )
                        .await?
                    }
                };
                if there {
                    Ok(())
                } else {
                    bail!("a query found nothing")
                }
            }
        };
        load::calls(call, self.connections, self.time).await
    }

    fn to_service(&self, kind: Kind) -> Requests {
        let base = format!("/inventory/v1/tenants/{}/mechosts/{}", self.tenant, self.host);
        match kind {
            Kind::Host => self.plain(self.inventory, &base),
            Kind::Capabilities => self.plain(self.inventory, &format!("{base}/capabilities")),
            Kind::Infos => self.plain(
                self.appo,
                &format!("/appo/v1/tenants/{}/app_instance_infos", self.tenant),
            ),
            Kind::AddApplication => self.posts(self.inventory, &format!("{base}/apps")),
        }
    }

    fn to_bare(&self, kind: Kind) -> Requests {
        let base = format!("/mechosts/{}/{}", self.tenant, self.host);
        match kind {
            Kind::Host => self.plain(self.bare_at, &base),
            Kind::Capabilities => self.plain(self.bare_at, &format!("{base}/capabilities")),
            Kind::Infos => self.plain(self.bare_at, &format!("/app_instance_infos/{}", self.tenant)),
            Kind::AddApplication => self.posts(self.bare_at, &format!("{base}/apps")),
        }
    }

    fn head(&self, method: &str, server: SocketAddr, path: &str) -> String {
        format!(
            "{method} {path} HTTP/1.1\r\nhost: {server}\r\naccess_token: {}\r\n",
            self.token
        )
    }

    fn plain(&self, server: SocketAddr, path: &str) -> Requests {
        let request = format!("{}\r\n", self.head("GET", server, path)).into_bytes();
        Arc::new(move || request.clone())
    }

    fn posts(&self, server: SocketAddr, path: &str) -> Requests {
        let head = self.head("POST", server, path);
        Arc::new(move || {
            let body = json!(application()).to_string();
            format!(
                "{head}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes()
        })
    }
}

/// Another one each time.
fn application() -> Application {
    Application {
        app_instance_id: Some(Uuid::new_v4().to_string()),
        app_name: Some("bench".to_owned()),
        package_id: Some(Uuid::new_v4().simple().to_string()),
        capabilities: vec![COMMON.to_owned()],
        status: Some("Created".to_owned()),
    }
}
