//! What can be said on the command line.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use chrono::TimeDelta;
use clap::{Args, Parser, Subcommand, ValueEnum};
use mecm_common::auth::Role;
use mecm_common::clock::Clock;
use mecm_common::config::{self, Config};
use mecm_common::models::ids::TenantId;
use mecm_common::telemetry;
use mecm_edge_sim::FaultRule;
use secrecy::ExposeSecret;
use tokio::signal::unix::{SignalKind, signal};

use crate::output::{result, say};
use crate::suite::{Suite, Which};
use crate::{bench, demo, edges, health, key, sign, suite};

/// The management suite of a multi-access edge computing (MEC) platform.
#[derive(Debug, Parser)]
#[command(name = "mecm", version, arg_required_else_help = true)]
struct Cli {
    /// A TOML file of settings; the environment (MECM_…) goes over it.
    #[arg(long, env = "MECM_CONFIG", hide_env_values = true, global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs all three services in one process, or the one that the setting `run` names.
    Up,
    /// Runs the registry alone.
    Inventory,
    /// Runs the package manager alone.
    Apm,
    /// Runs the orchestrator alone.
    Appo,
    /// Shows the main job: one package onto simulated edges and away again.
    Demo(demo::Options),
    /// Prints an access token made with Inventory's key, or by Inventory from an access key.
    Token(Token),
    /// Makes and manages access keys of tenants.
    #[command(subcommand)]
    Key(key::Command),
    /// Prints a ready curl of a request signed with an access key.
    Sign(sign::Options),
    /// Asks running services on this machine whether they are well.
    Health {
        /// One of them; without, those that `mecm up` runs.
        #[arg(conflicts_with = "running")]
        service: Option<Named>,
        /// Only those that listen here; one at least has to.
        #[arg(long)]
        running: bool,
    },
    /// Runs simulated edges.
    EdgeSim(EdgeSim),
    /// Measures.
    #[command(subcommand)]
    Bench(bench::Command),
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Named {
    Inventory,
    Apm,
    Appo,
}

impl Named {
    fn as_str(self) -> &'static str {
        match self {
            Self::Inventory => "inventory",
            Self::Apm => "apm",
            Self::Appo => "appo",
        }
    }
}

#[derive(Debug, Args)]
struct Token {
    /// The tenant: a UUID in lower case. The token's userId.
    #[arg(long, required_unless_present = "ak")]
    tenant: Option<TenantId>,
    /// What it may do; may be given again.
    #[arg(long, required_unless_present = "ak")]
    role: Vec<RoleName>,
    /// The token's user_name.
    #[arg(long, default_value = "mecm")]
    user: String,
    /// How long it is good for.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=1_440))]
    minutes: u32,
    /// From this key: the token is of its tenant and roles, for an hour.
    #[command(flatten)]
    pair: sign::Pair,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleName {
    /// ROLE_MECM_TENANT: may do all in its tenant.
    Tenant,
    /// ROLE_MECM_GUEST: may read in its tenant.
    Guest,
    /// ROLE_MECM_ADMIN.
    Admin,
}

impl RoleName {
    fn role(self) -> Role {
        match self {
            Self::Tenant => Role::Tenant,
            Self::Guest => Role::Guest,
            Self::Admin => Role::Admin,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct EdgeSim {
    /// Port of the LCM controllers.
    #[arg(long, default_value_t = 31_252)]
    pub(crate) lcm_port: u16,
    /// Port of the app rule managers.
    #[arg(long, default_value_t = 30_206)]
    pub(crate) rule_port: u16,
    /// Port of the platforms (MEP).
    #[arg(long, default_value_t = 30_443)]
    pub(crate) mep_port: u16,
    /// How long a deployment takes, in milliseconds.
    #[arg(long, default_value_t = 50)]
    pub(crate) deploy_ms: u64,
    /// The faults to begin with.
    #[arg(long, value_name = "FAULT", help = FAULT, long_help = FAULTS)]
    pub(crate) fault: Vec<FaultRule>,
    /// Where the random faults start from: the same seed gives the same faults.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

// Not as comments: in rustdoc a bracket is a link.
const FAULT: &str = "What goes wrong at every edge: OPERATION=KIND[@WHEN]; may be given again";
const FAULTS: &str = "What goes wrong at every edge: OPERATION=KIND[@WHEN]; may be given again.

OPERATION: any, instantiate, terminate, query, kpi, capabilities, configuration, package-status, rules, rules-read, mep-auth, services. \
KIND: delay:MILLISECONDS, answer:STATUS[:TEXT] (instead of acting), lose (act, and answer nothing), answer-after:STATUS[:BODY] (act, and \
answer this), hang, nonsense, down. WHEN: always, a share of the calls from 0 to 1, or next:N, each edge's next N calls. While it runs, \
/faults on an edge's port takes the same.";

/// Runs the command line of this process.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match start(cli) {
        Ok(code) => code,
        Err(error) => {
            let mut text = format!("error: {error}");
            for cause in error.chain().skip(1) {
                text.push_str(&format!("\n  because: {cause}"));
            }
            say(&text);
            ExitCode::FAILURE
        }
    }
}

fn start(cli: Cli) -> Result<ExitCode> {
    if matches!(cli.command, Command::Bench(_)) && cli.config.is_some() {
        bail!("mecm bench takes no configuration: it measures the defaults");
    }
    let config = config::load(cli.config.as_deref(), config::environment())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(command(cli.command, config))
}

async fn command(command: Command, config: Config) -> Result<ExitCode> {
    let which = |inventory, apm, appo| Which { inventory, apm, appo };
    match command {
        Command::Up => {
            let which = Which::of(config.run);
            serve(config, which).await?;
        }
        Command::Inventory => serve(config, which(true, false, false)).await?,
        Command::Apm => serve(config, which(false, true, false)).await?,
        Command::Appo => serve(config, which(false, false, true)).await?,
        Command::Demo(options) => return demo::run(&options, config, told_to_stop()).await,
        Command::Key(command) => key::run(&command, &config).await?,
        Command::Sign(options) => sign::run(&options)?,
        Command::Token(Token {
            tenant: None, pair, ..
        }) => sign::token(&config, &pair).await?,
        Command::Token(options) => {
            let tenant = options.tenant.context("no tenant")?;
            let roles: Vec<Role> = options.role.iter().map(|role| role.role()).collect();
            let life = TimeDelta::minutes(options.minutes.into());
            let token = suite::token(&config, &Clock::System, tenant, &options.user, &roles, life)?;
            result(token.expose_secret())?;
        }
        Command::Health { running: true, .. } => health::ask_running(&config).await?,
        Command::Health { service, .. } => health::ask(&config, service.map(Named::as_str)).await?,
        Command::EdgeSim(options) => {
            telemetry::init_logs(&config.log.filter, config.log.format);
            edges::run(options, told_to_stop()).await?;
        }
        Command::Bench(command) => bench::run(&command, &config).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn serve(config: Config, which: Which) -> Result<()> {
    telemetry::init_logs(&config.log.filter, config.log.format);
    telemetry::init_metrics();
    for note in config::chart_notes(&config::environment()) {
        tracing::info!("{note}");
    }
    let suite = Suite::start(Arc::new(config), which, Clock::System).await?;
    suite.run_until(told_to_stop()).await
}

/// Ends at SIGTERM or SIGINT.
async fn told_to_stop() {
    let listen = |kind| signal(kind).ok();
    let (mut term, mut interrupt) = (listen(SignalKind::terminate()), listen(SignalKind::interrupt()));
    let next = async |signal: &mut Option<tokio::signal::unix::Signal>| match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    };
    tokio::select! {
        () = next(&mut term) => {}
        () = next(&mut interrupt) => {}
    }
}

#[cfg(test)]
mod tests;
