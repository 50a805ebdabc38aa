//! The suite as a process of its own, so that its memory is its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use mecm_common::client::Clients;
use mecm_common::client::call::call;
use mecm_common::config::Config;
use mecm_common::db::testing::{Guard, POSTGRES_VARIABLE, Scratch, fresh_url};

use crate::suite::Addresses;

/// No start takes longer.
const START: Duration = Duration::from_secs(60);
/// How often a starting service is asked.
const ASK: Duration = Duration::from_millis(2);

/// Where runs keep their data, and in which database.
pub(super) struct Place {
    pub(super) folder: Scratch,
    databases: Vec<(String, String)>,
    _guards: Vec<Guard>,
    pub(super) addresses: Addresses,
    ports: Vec<(String, String)>,
}

impl Place {
    /// A fresh one; on PostgreSQL each service gets a schema of its own.
    pub(super) async fn new(kind: &str) -> Result<Self> {
        let (mut databases, mut guards) = (Vec::new(), Vec::new());
        if kind == "postgres" {
            for service in ["INVENTORY", "APM", "APPO"] {
                let (url, guard) = fresh_url(kind).await.map_err(|error| {
                    anyhow::anyhow!("no PostgreSQL ({POSTGRES_VARIABLE} names the server): {error}")
                })?;
                databases.push((format!("MECM_{service}__DATABASE"), url));
                guards.push(guard);
            }
        }
        let free = || -> Result<u16> {
            let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
            Ok(listener.local_addr()?.port())
        };
        let (inventory, apm, appo) = (free()?, free()?, free()?);
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let ports = [("INVENTORY", inventory), ("APM", apm), ("APPO", appo)];
        Ok(Self {
            folder: Scratch::new()?,
            databases,
            _guards: guards,
            addresses: Addresses {
                inventory: url(inventory),
                apm: url(apm),
                appo: url(appo),
            },
            ports: ports
                .map(|(name, port)| (format!("MECM_{name}__PORT"), port.to_string()))
                .to_vec(),
        })
    }

    /// The configuration that a process here has, for making tokens.
    pub(super) fn config(&self) -> Config {
        let mut config = Config::defaults();
        config.data_dir.clone_from(&self.folder.0);
        config
    }
}

/// A running `mecm`. Killed when dropped.
pub(super) struct Process {
    child: Child,
    /// From its start until every service of it was ready.
    pub(super) ready_after: Duration,
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Process {
    /// Starts `mecm COMMAND` and waits until the named services say that they are ready.
    pub(super) async fn start(place: &Place, command: &str, services: &[&str]) -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this program")?;
        let began = Instant::now();
        let child = spawn(&program, place, command)?;
        let mut process = Self {
            child,
            ready_after: Duration::ZERO,
        };
        let client = Clients::new(&place.config())?.services;
        for service in services {
            let origin = match *service {
                "inventory" => &place.addresses.inventory,
                "apm" => &place.addresses.apm,
                _ => &place.addresses.appo,
            };
            let url = format!("{origin}/{service}/v1/ready");
            loop {
                let answer = call(client.get(&url), Duration::from_secs(2), service).await;
                if answer.is_ok_and(|answer| answer.status.is_success()) {
                    break;
                }
                if let Some(status) = process.child.try_wait()? {
                    bail!("mecm {command} ended before it was ready: {status}");
                }
                if began.elapsed() > START {
                    bail!("mecm {command} was not ready after {START:?}");
                }
                tokio::time::sleep(ASK).await;
            }
        }
        process.ready_after = began.elapsed();
        Ok(process)
    }

    /// Resident memory now, in bytes.
    pub(super) fn memory(&self) -> Result<u64> {
        memory(
            &PathBuf::from(format!("/proc/{}/status", self.child.id())),
            "VmRSS:",
        )
    }

    /// The most resident memory there was, in bytes.
    pub(super) fn most_memory(&self) -> Result<u64> {
        memory(
            &PathBuf::from(format!("/proc/{}/status", self.child.id())),
            "VmHWM:",
        )
    }
}

fn spawn(program: &Path, place: &Place, command: &str) -> Result<Child> {
    Command::new(program)
        .arg(command)
        .env_clear()
        .env("MECM_DATA_DIR", &place.folder.0)
        .env("MECM_EGRESS__ALLOW", "[\"127.0.0.0/8\"]")
        .env("MECM_PEERS__EDGE_SCHEME", "http")
        .env("MECM_LOG__FILTER", "error")
        .env("MECM_INVENTORY__URL", &place.addresses.inventory)
        .env("MECM_APM__URL", &place.addresses.apm)
        .env("MECM_APPO__URL", &place.addresses.appo)
        .envs(place.ports.iter().cloned())
        .envs(place.databases.iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .context("cannot start mecm")
}

/// A line of `/proc/PID/status`, which is in KiB.
fn memory(path: &Path, line: &str) -> Result<u64> {
    let status = std::fs::read_to_string(path)?;
    let kib = status
        .lines()
        .find_map(|found| found.strip_prefix(line))
        .and_then(|rest| rest.split_whitespace().next())
        .context("the kernel tells no memory")?;
    Ok(kib.parse::<u64>()? * 1_024)
}
