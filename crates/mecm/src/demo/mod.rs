//! The demo: one package onto a dozen simulated edges and away again, through the three real services, by the requests that
//! any client sends.

pub mod agent;
pub mod api;
mod folder;
pub mod package;
mod progress;
mod report;
mod steps;

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use chrono::TimeDelta;
use clap::Args;
use mecm_common::auth::Role;
use mecm_common::client::Clients;
use mecm_common::clock::Clock;
use mecm_common::config::{Config, Scheme};
use mecm_common::models::ids::TenantId;
use mecm_common::telemetry;
use mecm_edge_sim::{Capability, Fault, Operation, SimConfig, Simulator, When, edge_address};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use self::api::Api;
use self::folder::Folder;
use self::package::{Package, SAMPLE};
use self::report::Report;
use crate::output::say;
use crate::suite::{self, Suite, Which};

/// Of so many hosts one has no GPU: two of twelve.
const WITHOUT_GPU_ONE_IN: usize = 6;
/// The edge that fails its deploy, where there are enough.
const FAILING: usize = 3;
/// What it says then, as a v1.0 controller would.
const FAILURE: &str = "Failed to get client";

/// What the platform of each edge offers.
const CAPABILITY: &str = "location";
/// The portal's limits of an application's name; v1.0's controllers refuse shorter ones too.
const SHORTEST_NAME: usize = 4;
const LONGEST_NAME: usize = 16;

/// What can be asked of the demo.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Leaves everything running, and says how to poke at it.
    #[arg(long)]
    pub keep: bool,
    /// How many edge hosts.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub hosts: u16,
    /// Another package than the sample.
    #[arg(long)]
    pub package: Option<PathBuf>,
    /// Prints the results as JSON on standard output, and all talk on standard error.
    #[arg(long)]
    pub json: bool,
}

/// What is expected of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Runs,
    NoGpu,
    FailsToDeploy,
}

/// Everything the steps work with.
pub(crate) struct Demo {
    pub(crate) api: Api,
    /// Of an application's agent.
    pub(crate) client: reqwest::Client,
    pub(crate) sim: Simulator,
    /// The edges'.
    pub(crate) edge_clock: Clock,
    pub(crate) hosts: Vec<Ipv4Addr>,
    /// What the application is called.
    pub(crate) app_name: String,
    pub(crate) started: Instant,
    pub(crate) tell: Teller,
}

/// Whom to tell what happens.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Teller {
    /// Readers of standard output.
    Output,
    /// Readers of standard error: standard output is for JSON.
    Error,
    /// Nobody.
    #[cfg(test)]
    Nobody,
}

impl Teller {
    pub(crate) fn line(self, text: &str) {
        match self {
            // Where nobody listens any more, the work goes on all the same.
            Self::Output => drop(crate::output::result(text)),
            Self::Error => say(text),
            #[cfg(test)]
            Self::Nobody => {}
        }
    }
}

impl Demo {
    pub(crate) fn step(&self, text: &str) {
        let seconds = self.started.elapsed().as_secs_f64();
        self.tell.line(&format!("[{seconds:6.2} s] {text}"));
    }

    pub(crate) fn expected(&self, index: usize) -> Expected {
        let with_gpu = self.hosts.len() - self.hosts.len() / WITHOUT_GPU_ONE_IN;
        if index >= with_gpu {
            Expected::NoGpu
        } else if index == FAILING {
            Expected::FailsToDeploy
        } else {
            Expected::Runs
        }
    }
}

/// Runs it; `told_to_stop` ends a kept one.
///
/// # Errors
/// A surprise: what was expected and what came.
pub async fn run(
    options: &Options,
    config: Config,
    told_to_stop: impl Future<Output = ()>,
) -> Result<ExitCode> {
    telemetry::init_logs(log_filter(&config), config.log.format);
    telemetry::init_metrics();
    let tell = if options.json {
        Teller::Error
    } else {
        Teller::Output
    };
    show(options, config, tell, told_to_stop).await?;
    Ok(ExitCode::SUCCESS)
}

/// Where nobody asked for more, only what is wrong: the demo says itself what happens.
fn log_filter(config: &Config) -> &str {
    match config.log.filter.as_str() {
        // With a thousand hosts many wait seconds for SQLite's one writer: that is no news here.
        "info" => "warn,sqlx::pool::acquire=error",
        filter => filter,
    }
}

async fn show(
    options: &Options,
    mut config: Config,
    tell: Teller,
    told_to_stop: impl Future<Output = ()>,
) -> Result<Report> {
    let started = Instant::now();
    let package = match &options.package {
        Some(path) => Package::file(path.clone())?,
        None => Package::sample()?,
    };
    // Held to the end: no other demo clears the folder meanwhile.
    let _folder = prepare(&mut config)?;

    let config = Arc::new(config);
    let suite = Suite::start(config.clone(), Which::ALL, Clock::System).await?;
    let edge_clock = Clock::ahead();
    let simulated = SimConfig {
        clock: edge_clock.clone(),
        ..SimConfig::default()
    };
    let sim = Simulator::start(simulated)
        .await
        .context("cannot open the simulated edges' ports")?;
    let tenant: TenantId = mecm_common::models::ids::TenantId(Uuid::new_v4());
    let token = token(&config, tenant)?;
    let clients = Clients::new(&config)?;
    let demo = Demo {
        api: Api::new(&clients, &suite.addresses, tenant, token),
        client: clients.services,
        edge_clock,
        hosts: (0..usize::from(options.hosts)).map(edge_address).collect(),
        app_name: app_name(&package.file_name),
        sim,
        started,
        tell,
    };
    demo.step(&format!(
        "Inventory, APM and APPO are up ({}, {}, {}), {}",
        suite.addresses.inventory,
        suite.addresses.apm,
        suite.addresses.appo,
        kept_in(&config)
    ));
    demo.step(&format!(
        "{} simulated edges answer as EdgeGallery v1.0's do, {} to {}; nothing is deployed anywhere else",
        demo.hosts.len(),
        demo.hosts[0],
        demo.hosts[demo.hosts.len() - 1]
    ));
    let worked = work(&demo, &package, options).await;
    let report = match worked {
        Ok(report) => report,
        Err(error) => {
            suite.stop().await;
            return Err(error);
        }
    };
    report.print(options.json)?;
    if options.keep {
        kept(&demo, &suite, &config);
        suite.run_until(told_to_stop).await?;
    } else {
        suite.stop().await;
        demo.step("Everything is stopped");
    }
    demo.sim.shutdown().await;
    Ok(report)
}

/// The services of the demo are reached on this machine alone and call simulated edges alone.
fn prepare(config: &mut Config) -> Result<Folder> {
    if !config.listen.address.is_loopback() {
        bail!("the demo listens on loopback only: unset listen.address");
    }
    config.egress.allow = vec!["127.0.0.0/8".parse().context("the loopback network")?];
    config.peers.edge_scheme = Scheme::Http;
    let ports = [config.inventory.port, config.apm.port, config.appo.port];
    for port in ports {
        let address = std::net::SocketAddr::new(config.listen.address, port);
        drop(std::net::TcpListener::bind(address).with_context(|| {
            format!("port {port} is taken: is another demo or suite running? MECM_INVENTORY__PORT, MECM_APM__PORT and MECM_APPO__PORT take others")
        })?);
    }
    // A demo that was cut off leaves work that would go on now: each begins with an empty folder.
    let folder = Folder::take(&config.data_dir)?;
    folder.path().clone_into(&mut config.data_dir);
    Ok(folder)
}

/// Where the services keep what they know.
fn kept_in(config: &Config) -> String {
    let folder = config.data_dir.display();
    let embedded = [
        &config.inventory.database,
        &config.apm.database,
        &config.appo.database,
    ]
    .iter()
    .all(|url| url.expose_secret().is_empty());
    if embedded {
        format!("databases and packages in {folder}")
    } else {
        format!("databases as configured, packages in {folder}")
    }
}

/// What an application is called on the hosts, after its package's file: what v1.0's controllers and the portal take.
fn app_name(file_name: &str) -> String {
    let stem = file_name.rsplit_once('.').map_or(file_name, |(stem, _)| stem);
    let name: String = stem
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(LONGEST_NAME)
        .collect();
    if name.len() < SHORTEST_NAME {
        SAMPLE.to_owned()
    } else {
        name
    }
}

fn token(config: &Config, tenant: TenantId) -> Result<SecretString> {
    suite::token(
        config,
        &Clock::System,
        tenant,
        "demo",
        &[Role::Tenant],
        TimeDelta::hours(24),
    )
}

async fn work(demo: &Demo, package: &Package, options: &Options) -> Result<Report> {
    for host in &demo.hosts {
        // What a look at the platform finds.
        demo.sim
            .edge(*host)
            .set_capabilities(vec![Capability::active(CAPABILITY)]);
    }
    steps::register(demo).await?;
    if demo.expected(FAILING) == Expected::FailsToDeploy && demo.hosts.len() > FAILING {
        let fault = Fault::Answer {
            status: 500,
            text: FAILURE.to_owned(),
        };
        demo.sim
            .edge(demo.hosts[FAILING])
            .fault(Operation::Instantiate, fault, When::Always);
        demo.step(&format!(
            "The edge {} is set to fail its deploy, so that a partial failure is seen",
            demo.hosts[FAILING]
        ));
    }
    let package = steps::upload(demo, package).await?;
    let created = steps::create(demo, &package).await?;
    let instantiated = steps::instantiate(demo, &created).await?;
    let mut report = Report::new(&created, &instantiated);
    if !options.json {
        demo.tell.line(&report.table());
    }
    if let Some(surprise) = steps::surprises(demo, &created, &instantiated) {
        // It is what there is to tell, whatever becomes of the rest.
        report.print(options.json)?;
        if let Err(error) = steps::terminate(demo, &created).await {
            demo.step(&format!("Not everything could be taken away again: {error:#}"));
        }
        bail!("{surprise}");
    }
    let agent = steps::look(demo, &instantiated).await?;
    if !options.keep {
        report.terminate_seconds = steps::terminate(demo, &created).await?;
        if let Some(agent) = agent {
            steps::without_its_key(demo, agent).await?;
        }
    }
    Ok(report)
}

/// Says how to poke at what was left running.
fn kept(demo: &Demo, suite: &Suite, config: &Config) {
    let addresses = &suite.addresses;
    let tenant = demo.api.tenant();
    let token = demo.api.token().expose_secret();
    demo.tell.line(&format!(
        "
Everything is left running until Ctrl-C.
  Inventory {0}/inventory/v1/docs
  APM       {1}/apm/v1/docs
  APPO      {2}/appo/v1/docs
  data      {3}

  export TENANT={tenant}
  export TOKEN={token}

  curl -s -H \"access_token: $TOKEN\" {0}/inventory/v1/tenants/$TENANT/mechosts
  curl -s -H \"access_token: $TOKEN\" {1}/apm/v1/tenants/$TENANT/packages
  curl -s -H \"access_token: $TOKEN\" {2}/appo/v1/tenants/$TENANT/app_instance_infos

To let something go wrong at the first edge (docs/controllers.md says what can):
  curl -d 'terminate=lose@next:1' http://{4}:{5}/faults
",
        addresses.inventory,
        addresses.apm,
        addresses.appo,
        config.data_dir.display(),
        demo.hosts[0],
        demo.sim.lcm_port()
    ));
}

/// What became of one host in one phase.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) instance: String,
    pub(crate) status: String,
    pub(crate) reason: String,
    pub(crate) took: Duration,
}

/// What became of all, by the host's place, and how long all took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Phase {
    pub(crate) hosts: HashMap<usize, Outcome>,
    pub(crate) took: Duration,
}

#[cfg(test)]
mod tests;
