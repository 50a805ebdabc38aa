//! Asks running services whether they are well: for containers and scripts.

use std::time::Duration;

use anyhow::{Result, bail};
use mecm_common::client::Clients;
use mecm_common::client::call::call;
use mecm_common::config::{Config, Run};

use crate::output::say;

const TIME: Duration = Duration::from_secs(5);

/// Asks `/health` of the named service, or of those that this configuration runs.
pub(crate) async fn ask(config: &Config, service: Option<&str>) -> Result<()> {
    let all = [
        ("inventory", config.inventory.port, Run::Inventory),
        ("apm", config.apm.port, Run::Apm),
        ("appo", config.appo.port, Run::Appo),
    ];
    // The process on this machine: its certificate names what others call it by, not this address.
    let mut config = config.clone();
    config.peers.insecure_skip_verify = true;
    let client = Clients::new(&config)?.services;
    let mut ill = 0;
    for (name, port, run) in all {
        let wanted = match service {
            Some(service) => service == name,
            None => config.run == Run::All || config.run == run,
        };
        if !wanted {
            continue;
        }
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
