//! `mecm bench batch`: batches over many simulated hosts, the simulator in this process, the suite in one of its own.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use chrono::TimeDelta;
use clap::Args;
use futures::{StreamExt, TryStreamExt, stream};
use mecm_common::auth::Role;
use mecm_common::client::Clients;
use mecm_common::clock::Clock;
use mecm_common::config::Config;
use mecm_common::models::ids::TenantId;
use mecm_edge_sim::{SimConfig, Simulator, edge_address};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::figures::{Figures, quantile};
use super::process::{Place, Process};
use crate::demo::api::{Api, At};
use crate::output::{result, say};
use crate::{sample, suite};

const MIB: f64 = 1_048_576.0;
/// How often a batch is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// No batch takes longer.
const PATIENCE: Duration = Duration::from_secs(300);

/// What is measured, and how often.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Hosts of the large batch.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    hosts: u16,
    /// How often each is measured.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=100))]
    runs: u16,
    /// On PostgreSQL instead of SQLite; MECM_TEST_POSTGRES names the server.
    #[arg(long)]
    postgres: bool,
    /// Size of the package, in KiB.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(0..=102_400))]
    package_kib: u32,
}

/// A suite and simulated edges, with hosts registered and a package onboarded.
struct Bench {
    api: Api,
    sim: Simulator,
    process: Process,
    /// The package and its application.
    package: (String, String),
    _place: Place,
}

pub(super) async fn run(options: &Options, _config: &Config) -> Result<()> {
    let kind = if options.postgres { "postgres" } else { "sqlite" };
    let mut figures = Figures::default();
    for number in 1..=options.runs {
        say(&format!("run {number} of {}", options.runs));
        starts(kind, &mut figures).await?;
        slow_twenty(options, kind, &mut figures).await?;
        large(options, kind, &mut figures).await?;
        beside(options, kind, &mut figures).await?;
    }
    result(&format!(
        "mecm bench batch: {}, the three services in one process, the simulator in another, package of {} KiB, {} profile, {} cores",
        if options.postgres { "PostgreSQL" } else { "SQLite" },
        options.package_kib,
        if cfg!(debug_assertions) { "dev" } else { "release" },
        std::thread::available_parallelism().map_or(0, usize::from)
    ))?;
    result(&figures.table())?;
    Ok(())
}

/// Each service alone: how soon it is ready on an existing database, and what it takes idle.
async fn starts(kind: &str, figures: &mut Figures) -> Result<()> {
    let place = Place::new(kind).await?;
    drop(Process::start(&place, "up", &["inventory", "apm", "appo"]).await?);
    for service in ["inventory", "apm", "appo"] {
        let process = Process::start(&place, service, &[service]).await?;
        let ready = process.ready_after.as_secs_f64() * 1_000.0;
        figures.add(&format!("{service} ready after"), "ms", ready);
        tokio::time::sleep(Duration::from_millis(500)).await;
        figures.add(&format!("{service} idle"), "MiB", process.memory()? as f64 / MIB);
    }
    Ok(())
}

/// 20 hosts whose controllers take a second each.
async fn slow_twenty(options: &Options, kind: &str, figures: &mut Figures) -> Result<()> {
    let bench = Bench::start(options, kind, 20, Duration::from_secs(1)).await?;
    let ids = bench.create("slow", 0..20).await?.0;
    let took = bench.instantiate(&ids).await?;
    figures.add("20 hosts at 1 s: instantiate", "s", took);
    Ok(())
}

/// The large batch.
async fn large(options: &Options, kind: &str, figures: &mut Figures) -> Result<()> {
    let hosts = usize::from(options.hosts);
    let bench = Bench::start(options, kind, hosts, Duration::from_millis(50)).await?;
    let (ids, created) = bench.create("large", 0..hosts).await?;
    figures.add(&format!("{hosts} hosts at 50 ms: create"), "s", created);
    let took = bench.instantiate(&ids).await?;
    figures.add(&format!("{hosts} hosts at 50 ms: instantiate"), "s", took);
    let took = bench.terminate(&ids).await?;
    figures.add(&format!("{hosts} hosts at 50 ms: terminate"), "s", took);
    let most = bench.process.most_memory()? as f64 / MIB;
    figures.add("the three services at most", "MiB", most);
    if !bench.sim.totals().is_empty() {
        bail!("the edges still hold something: {:?}", bench.sim.totals());
    }
    Ok(())
}

/// Single creates on healthy edges while a batch of 200 runs.
async fn beside(options: &Options, kind: &str, figures: &mut Figures) -> Result<()> {
    let bench = Bench::start(options, kind, 260, Duration::from_millis(50)).await?;
    let mut times = Vec::new();
    for round in 0..2 {
        let name = format!("batch{round}");
        let batch = async {
            let (ids, _) = bench.create(&name, 0..200).await?;
            bench.instantiate(&ids).await?;
            bench.terminate(&ids).await
        };
        let singles = async {
            let mut times = Vec::new();
            for index in 0..60 {
                let host = 200 + index;
                times.push(bench.one_create(&format!("single{round}"), host).await?);
            }
            Ok::<_, anyhow::Error>(times)
        };
        let (batch, singles) = tokio::join!(batch, singles);
        batch?;
        times.extend(singles?);
    }
    figures.add(
        "a create beside a batch of 200, p50",
        "ms",
        quantile(&mut times, 0.5) * 1_000.0,
    );
    figures.add(
        "a create beside a batch of 200, p99",
        "ms",
        quantile(&mut times, 0.99) * 1_000.0,
    );
    Ok(())
}

impl Bench {
    async fn start(options: &Options, kind: &str, hosts: usize, deploy: Duration) -> Result<Self> {
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
        let bytes = usize::try_from(options.package_kib)? * 1_024;
        let file = sample::padded(bytes)?;
        let told = api
            .upload("bench.csar", file, "bench", &edge_address(0).to_string())
            .await?;
        let text = |member: &str| told[member].as_str().unwrap_or_default().to_owned();
        Ok(Self {
            package: (text("appPackageId"), text("appId")),
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

    /// Creates on these hosts; gives the ids and the seconds from the 202 to the last Created.
    async fn create(&self, name: &str, hosts: std::ops::Range<usize>) -> Result<(HashSet<String>, f64)> {
        let mut body = self.body(name);
        let hosts: Vec<String> = hosts.map(|index| edge_address(index).to_string()).collect();
        body["mecHost"] = json!(hosts);
        let answer = self
            .api
            .expect(
                At::Appo,
                Method::POST,
                "/app_instances/batch_create",
                Some(&body),
                202,
            )
            .await?;
        let began = Instant::now();
        let items = answer["response"].as_array().cloned().unwrap_or_default();
        let ids: HashSet<String> = items
            .iter()
            .filter_map(|item| item["appInstanceId"].as_str().map(str::to_owned))
            .collect();
        let took = self.until(&ids, "Created", began).await?;
        Ok((ids, took))
    }

    async fn instantiate(&self, ids: &HashSet<String>) -> Result<f64> {
        let body = json!({ "appInstanceIds": ids });
        let path = "/app_instances/batch_instantiate";
        self.api
            .expect(At::Appo, Method::POST, path, Some(&body), 202)
            .await?;
        let began = Instant::now();
        self.until(ids, "Instantiated", began).await
    }

    async fn terminate(&self, ids: &HashSet<String>) -> Result<f64> {
        let body = json!({ "appInstanceIds": ids });
        let path = "/app_instances/batch_terminate";
        self.api
            .expect(At::Appo, Method::POST, path, Some(&body), 202)
            .await?;
        let began = Instant::now();
        loop {
            let left = self.count(ids, |_| true).await?;
            if left == 0 {
                return Ok(began.elapsed().as_secs_f64());
            }
            patient(began, "gone", ids.len() - left, ids.len())?;
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn until(&self, ids: &HashSet<String>, status: &str, began: Instant) -> Result<f64> {
        loop {
            let there = self.count(ids, |found| found == status).await?;
            if there == ids.len() {
                return Ok(began.elapsed().as_secs_f64());
            }
            let failed = self.count(ids, |found| found.ends_with("failed")).await?;
            if failed > 0 {
                bail!("expected all {status}, came {failed} failed");
            }
            patient(began, status, there, ids.len())?;
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn count(&self, ids: &HashSet<String>, fits: impl Fn(&str) -> bool) -> Result<usize> {
        let all = self.api.instances().await?;
        let ours = all.iter().filter(|info| {
            let id = info["appInstanceId"].as_str().unwrap_or_default();
            ids.contains(id) && fits(info["operationalStatus"].as_str().unwrap_or_default())
        });
        Ok(ours.count())
    }

    /// One create, and the look that the portal takes at it: seconds from the 202 until it reads Created.
    async fn one_create(&self, name: &str, host: usize) -> Result<f64> {
        let mut body = self.body(name);
        body["mecHost"] = edge_address(host).to_string().into();
        let answer = self
            .api
            .expect(At::Appo, Method::POST, "/app_instances", Some(&body), 202)
            .await?;
        let began = Instant::now();
        let id = answer["response"]["app_instance_id"].as_str().unwrap_or_default();
        let path = format!("/app_instance_infos/{id}");
        let info = self.api.expect(At::Appo, Method::GET, &path, None, 200).await?;
        let status = &info["response"]["operationalStatus"];
        if *status != "Created" {
            bail!("expected Created at the first look, came {status}");
        }
        Ok(began.elapsed().as_secs_f64())
    }
}

fn patient(began: Instant, what: &str, there: usize, all: usize) -> Result<()> {
    if began.elapsed() > PATIENCE {
        bail!("expected {all} {what}, came {there} after {PATIENCE:?}");
    }
    Ok(())
}
