//! `mecm edge-sim`: simulated edges until the process is told to stop.

use std::time::Duration;

use anyhow::{Context, Result};
use mecm_edge_sim::{SimConfig, Simulator, edge_address};

use crate::cli::EdgeSim;
use crate::output::result;

pub(crate) async fn run(options: &EdgeSim, until: impl Future<Output = ()>) -> Result<()> {
    let mut config = SimConfig {
        lcm_port: options.lcm_port,
        rule_port: options.rule_port,
        mep_port: options.mep_port,
        ..SimConfig::default()
    };
    config.behaviour.deploy_time = Duration::from_millis(options.deploy_ms);
    let simulator = Simulator::start(config)
        .await
        .context("cannot open the simulator's ports; --lcm-port, --rule-port and --mep-port take others")?;
    result(&format!(
        "Simulated edges answer on every address of 127.0.0.0/8 (the first is {}, then {}, …):\n  \
         LCM controllers   port {}\n  app rule managers port {}\n  platforms         port {}\n\
         They deploy nothing; they answer as EdgeGallery v1.0's do.",
        edge_address(0),
        edge_address(1),
        simulator.lcm_port(),
        simulator.rule_port(),
        simulator.mep_port()
    ))?;
    until.await;
    simulator.shutdown().await;
    Ok(())
}
