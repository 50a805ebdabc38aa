//! Edges that answer nonsense, late, or not at all: every job comes to an end, and nothing is deployed twice.

use std::time::Duration;

use mecm::sample;
use mecm_common::db::testing::kinds;
use mecm_edge_sim::{Fault, FaultRule, Operation, When};

use super::rig::{Place, Rig};

/// A rig that waits seconds where a v1.0 controller wants minutes.
async fn rig(kind: &str) -> Rig {
    let mut place = Place::new(kind).await;
    place.config.jobs.ask_seconds = 1;
    place.config.jobs.unanswered_seconds = 3;
    Rig::start(place).await
}

async fn up_and_down(rig: &Rig, hosts: usize) {
    let ips = rig.edges(hosts, hosts).await;
    let package = rig.upload(sample::build().unwrap()).await;
    let ids = rig.create(&package, "sample", &ips).await;
    rig.settled().await;
    rig.batch("instantiate", &ids).await;
    let all = rig.settled().await;
    assert!(
        all.iter().all(|(_, status, _)| status == "Instantiated"),
        "{all:?}"
    );
    let totals = rig.sim.totals();
    assert_eq!(totals.workloads, hosts);
    assert_eq!(
        (
            totals.counts.deploys,
            totals.counts.destroyed,
            totals.counts.overlaps
        ),
        (hosts as u64, 0, 0),
        "each once: {totals:?}"
    );
    rig.batch("terminate", &ids).await;
    assert!(rig.settled().await.is_empty());
    assert!(rig.sim.totals().is_empty(), "{:?}", rig.sim.totals());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_no_answer_is_not_taken_for_one() {
    for kind in kinds() {
        let rig = rig(kind).await;
        for operation in [Operation::Instantiate, Operation::Terminate, Operation::Rules] {
            rig.sim.fault(&FaultRule {
                operation,
                fault: Fault::Nonsense,
                when: When::Next(1),
            });
        }
        up_and_down(&rig, 2).await;
        assert!(rig.sim.totals().counts.faults >= 6, "{:?}", rig.sim.totals());
        rig.suite.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_lost_and_late_answers_costs_time_and_nothing_else() {
    for kind in kinds() {
        let rig = rig(kind).await;
        for (operation, fault, rate) in [
            (Operation::Instantiate, Fault::LoseAnswer, 0.5),
            (Operation::Terminate, Fault::LoseAnswer, 0.3),
            (Operation::Rules, Fault::LoseAnswer, 0.3),
            (Operation::Any, Fault::Delay(Duration::from_millis(30)), 0.5),
        ] {
            let when = When::Rate(rate);
            rig.sim.fault(&FaultRule {
                operation,
                fault,
                when,
            });
        }
        up_and_down(&rig, 12).await;
        assert!(rig.sim.totals().counts.unanswered > 0, "{:?}", rig.sim.totals());
        rig.suite.stop().await;
    }
}
