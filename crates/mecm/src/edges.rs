//! `mecm edge-sim`: simulated edges until the process is told to stop.

use std::time::Duration;

use anyhow::{Context, Result};
use mecm_edge_sim::{SimConfig, Simulator, edge_address};

use crate::cli::EdgeSim;
use crate::output::result;

pub(crate) async fn run(options: EdgeSim, until: impl Future<Output = ()>) -> Result<()> {
    let mut config = SimConfig {
        lcm_port: options.lcm_port,
        rule_port: options.rule_port,
        mep_port: options.mep_port,
        seed: options.seed,
        faults: options.fault,
        ..SimConfig::default()
    };
    config.behaviour.deploy_time = Duration::from_millis(options.deploy_ms);
    let simulator = Simulator::start(config)
        .await
        .context("cannot open the simulator's ports; --lcm-port, --rule-port and --mep-port take others")?;
    result(&told(&simulator))?;
    until.await;
    simulator.shutdown().await;
    Ok(())
}

fn told(simulator: &Simulator) -> String {
    let (first, lcm) = (edge_address(0), simulator.lcm_port());
    format!(
        "Simulated edges answer on every address of 127.0.0.0/8 (the first is {first}, then {}, …):
  LCM controllers   port {lcm}
  app rule managers port {}
  platforms         port {}
They deploy nothing; they answer as EdgeGallery v1.0's do, over plain HTTP and to this machine only.

A suite reaches them when it is started with
  MECM_PEERS__EDGE_SCHEME=http MECM_EGRESS__ALLOW='[\"127.0.0.0/8\"]' mecm up

To let something go wrong at one of them, see what is set to go wrong, and heal it:
  curl -d 'instantiate=lose@next:1' http://{first}:{lcm}/faults
  curl http://{first}:{lcm}/faults
  curl -X DELETE http://{first}:{lcm}/faults",
        edge_address(1),
        simulator.rule_port(),
        simulator.mep_port()
    )
}
