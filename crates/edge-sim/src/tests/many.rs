//! Many edges in one process.

use std::time::Duration;

use futures::stream::{self, StreamExt};
use tokio::time::Instant;

use super::client::call;
use super::packages::sample;
use super::{INSTANCE, TENANT, at, instantiate, token};
use crate::{SimConfig, Simulator, edge_address};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_edges_deploy_side_by_side() {
    let sim = Simulator::start(SimConfig::default()).await.unwrap();
    sim.behave(|edge| edge.deploy_time = Duration::from_millis(20));
    let port = sim.lcm_port();
    let package = sample("positioning");
    let began = Instant::now();
    let statuses: Vec<u16> = stream::iter(0..1_000)
        .map(|index| {
            let package = &package;
            async move {
                instantiate(at(index, port), INSTANCE, package)
                    .await
                    .unwrap()
                    .status
            }
        })
        .buffer_unordered(200)
        .collect()
        .await;
    println!(
        "a thousand deployments of 20 ms, 200 at a time: {:?}",
        began.elapsed()
    );
    assert!(statuses.iter().all(|status| *status == 200));
    let totals = sim.totals();
    assert_eq!(
        (totals.edges, totals.workloads, totals.records, totals.keys),
        (1_000, 1_000, 1_000, 1_000)
    );
    assert_eq!(
        (
            totals.counts.deploys,
            totals.counts.overlaps,
            totals.counts.max_concurrent
        ),
        (1_000, 0, 1)
    );
    assert!(
        totals.max_concurrent > 10,
        "{} at the same time",
        totals.max_concurrent
    );
    assert_eq!(sim.edge(edge_address(999)).workloads().len(), 1);

    let path = format!("/lcmcontroller/v1/tenants/{TENANT}/app_instances/{INSTANCE}/terminate");
    let token = token();
    stream::iter(0..1_000)
        .for_each_concurrent(200, |index| {
            let (path, token) = (&path, &token);
            async move {
                let answer = call(at(index, port), "POST", path, &[("access_token", token)], b"")
                    .await
                    .unwrap();
                assert!(answer.is(200, "null"));
            }
        })
        .await;
    assert!(sim.totals().is_empty());
    sim.shutdown().await;
}

#[tokio::test]
async fn ports_are_free_again_after_the_end() {
    let first = Simulator::start(SimConfig::default()).await.unwrap();
    let (lcm_port, rule_port, mep_port) = (first.lcm_port(), first.rule_port(), first.mep_port());
    let taken = Simulator::start(SimConfig {
        lcm_port,
        ..SimConfig::default()
    })
    .await;
    assert!(taken.is_err(), "a port that is taken is an error");
    first.shutdown().await;
    let config = SimConfig {
        lcm_port,
        rule_port,
        mep_port,
        ..SimConfig::default()
    };
    let second = Simulator::start(config).await.unwrap();
    assert_eq!(second.lcm_port(), lcm_port);
}
