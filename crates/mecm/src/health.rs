//! Asks running services whether they are well: for containers and scripts.

use std::time::Duration;

use anyhow::{Result, bail};
use mecm_common::client::Clients;
use mecm_common::client::call::call;
use mecm_common::config::{Config, Run};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::output::say;

const TIME: Duration = Duration::from_secs(5);

/// The services, and where they listen.
fn all(config: &Config) -> [(&'static str, u16, Run); 3] {
    [
        ("inventory", config.inventory.port, Run::Inventory),
        ("apm", config.apm.port, Run::Apm),
        ("appo", config.appo.port, Run::Appo),
    ]
}

/// Asks `/health` of the named service, or of those that this configuration runs.
pub(crate) async fn ask(config: &Config, service: Option<&str>) -> Result<()> {
    let asked: Vec<_> = all(config)
        .into_iter()
        .filter(|(name, _, run)| match service {
            Some(service) => service == *name,
            None => config.run == Run::All || config.run == *run,
        })
        .map(|(name, port, _)| (name, port))
        .collect();
    ask_these(config, &asked).await
}

/// Asks those that listen: in a container that runs one of them, nobody need say which.
pub(crate) async fn ask_running(config: &Config) -> Result<()> {
    let mut listening = Vec::new();
    for (name, port, _) in all(config) {
        let url = config.service_url("", port);
        let address = url.rsplit('/').next().unwrap_or_default();
        let connected = timeout(TIME, TcpStream::connect(address)).await;
        // One that is too busy to be connected to is asked, and found ill.
        if !matches!(connected, Ok(Err(_))) {
            listening.push((name, port));
        }
    }
    if listening.is_empty() {
        bail!("none of the services listens here");
    }
    ask_these(config, &listening).await
}

async fn ask_these(config: &Config, asked: &[(&'static str, u16)]) -> Result<()> {
    // The process on this machine: its certificate names what others call it by, not this address.
    let mut config = config.clone();
    config.peers.insecure_skip_verify = true;
    let client = Clients::new(&config)?.services;
    let mut ill = 0;
    for (name, port) in asked.iter().copied() {
        // The process on this machine, whatever address others reach it by.
        let url = format!("{}/{name}/v1/health", config.service_url("", port));
        let told = match call(client.get(&url), TIME, name).await {
            Ok(answer) if answer.status.is_success() => "ok".to_owned(),
            Ok(answer) => format!("answered {}", answer.status),
            Err(error) => error.to_string(),
        };
        if told != "ok" {
            ill += 1;
        }
        say(&format!("{name}: {told}"));
    }
    if ill > 0 {
        bail!("{ill} not well");
    }
    Ok(())
}
