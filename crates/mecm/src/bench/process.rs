//! The suite as a process of its own, so that its memory is its own.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use mecm_common::client::Clients;
use mecm_common::client::call::call;
use mecm_common::config::Config;
use mecm_common::db::testing::{Guard, POSTGRES_VARIABLE, Scratch, fresh_url};
use secrecy::SecretString;

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
    settings: Vec<(String, String)>,
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
            settings: ports
                .map(|(name, port)| (format!("MECM_{name}__PORT"), port.to_string()))
                .to_vec(),
        })
    }

    /// With one more setting, by its name in the environment.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// The configuration that a process here has, for making tokens.
    pub(super) fn config(&self) -> Config {
        let mut config = Config::defaults();
        config.data_dir.clone_from(&self.folder.0);
        for (name, url) in &self.databases {
            let url = SecretString::from(url.as_str());
            match name.as_str() {
                "MECM_INVENTORY__DATABASE" => config.inventory.database = url,
                "MECM_APM__DATABASE" => config.apm.database = url,
                _ => config.appo.database = url,
            }
        }
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
        let began = Instant::now();
        let mut process = Self::spawn(place, &[command])?;
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

    /// Starts `mecm` with these arguments and waits until something listens on `address`.
    pub(super) async fn listening(place: &Place, arguments: &[&str], address: SocketAddr) -> Result<Self> {
        let began = Instant::now();
        let mut process = Self::spawn(place, arguments)?;
        while tokio::net::TcpStream::connect(address).await.is_err() {
            if let Some(status) = process.child.try_wait()? {
                bail!("mecm {} ended before it listened: {status}", arguments.join(" "));
            }
            if began.elapsed() > START {
                bail!("nothing listens on {address} after {START:?}");
            }
            tokio::time::sleep(ASK).await;
        }
        process.ready_after = began.elapsed();
        Ok(process)
    }

    fn spawn(place: &Place, arguments: &[&str]) -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this program")?;
        let child = Command::new(program)
            .args(arguments)
            .env_clear()
            .env("MECM_DATA_DIR", &place.folder.0)
            .env("MECM_EGRESS__ALLOW", "[\"127.0.0.0/8\"]")
            .env("MECM_PEERS__EDGE_SCHEME", "http")
            .env("MECM_LOG__FILTER", "error")
            .env("MECM_INVENTORY__URL", &place.addresses.inventory)
            .env("MECM_APM__URL", &place.addresses.apm)
            .env("MECM_APPO__URL", &place.addresses.appo)
            .envs(place.settings.iter().cloned())
            .envs(place.databases.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start mecm")?;
        Ok(Self {
            child,
            ready_after: Duration::ZERO,
        })
    }

    /// Resident memory now, in bytes.
    pub(super) fn memory(&self) -> Result<u64> {
        self.status("VmRSS:")
    }

    /// The most resident memory there was, in bytes.
    pub(super) fn most_memory(&self) -> Result<u64> {
        self.status("VmHWM:")
    }

    /// A line of `/proc/PID/status`, which is in KiB.
    fn status(&self, line: &str) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kib = status
            .lines()
            .find_map(|found| found.strip_prefix(line))
            .and_then(|rest| rest.split_whitespace().next())
            .context("the kernel tells no memory")?;
        Ok(kib.parse::<u64>()? * 1_024)
    }

    /// Processor time that it has used, in seconds: user's and system's.
    pub(super) fn cpu(&self) -> Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // Fields 14 and 15 in hundredths of a second; the name in field 2 may hold blanks, so they are counted from its end.
        let (_, rest) = stat.rsplit_once(')').context("the kernel tells no times")?;
        let ticks = rest.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
        Ok(ticks.sum::<Result<f64, _>>()? / 100.0)
    }
}
