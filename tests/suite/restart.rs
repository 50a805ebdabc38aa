//! A suite that dies in the middle and starts again on what is in its databases.

use mecm::sample;
use mecm_common::auth::Role;
use mecm_common::db::testing::kinds;
use mecm_common::models::ids::TenantId;
use mecm_edge_sim::{SimConfig, Simulator};
use std::time::Duration;
use uuid::Uuid;

use super::rig::{LIMIT, Place, Rig, settled};

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_survives_the_death_of_its_process_and_nothing_is_deployed_twice() {
    for kind in kinds() {
        let mut place = Place::new(kind).await;
        // Known ports, so that the second process is found where the first was.
        let free = || {
            std::net::TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port()
        };
        (
            place.config.inventory.port,
            place.config.apm.port,
            place.config.appo.port,
        ) = (free(), free(), free());
        place.config.jobs.ask_seconds = 1;
        place.config.jobs.unanswered_seconds = 5;
        let mut sim = SimConfig::default();
        sim.behaviour.deploy_time = Duration::from_millis(400);
        let sim = Simulator::start(sim).await.unwrap();

        let (runtime, suite) = in_a_process(&place).await;
        let tenant = TenantId(Uuid::new_v4());
        let api = place.api(&suite, tenant, Role::Tenant);
        let rig = Rig {
            suite,
            api: api.clone(),
            sim,
            place,
        };
        let hosts = rig.edges(8, 8).await;
        let package = rig.upload(sample::build().unwrap()).await;
        let ids = rig.create(&package, "sample", &hosts).await;
        rig.settled().await;
        rig.batch("instantiate", &ids).await;
        let deadline = std::time::Instant::now() + LIMIT;
        while rig.sim.totals().max_concurrent < 4 {
            assert!(std::time::Instant::now() < deadline, "the plugins are at work");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let Rig {
            suite, sim, place, ..
        } = rig;
        drop(suite);
        runtime.shutdown_background();

        let (runtime, suite) = in_a_process(&place).await;
        let all = settled(&api).await;
        assert_eq!(all.len(), 8);
        assert!(
            all.iter().all(|(_, status, _)| status == "Instantiated"),
            "{all:?}"
        );
        let totals = sim.totals();
        assert_eq!((totals.workloads, totals.counts.destroyed), (8, 0));
        assert_eq!(totals.counts.deploys, 8, "each once: {totals:?}");
        let rig = Rig {
            suite,
            api: place.api_again(tenant),
            sim,
            place,
        };
        rig.batch("terminate", &ids).await;
        assert!(rig.settled().await.is_empty());
        assert!(rig.sim.totals().is_empty(), "{:?}", rig.sim.totals());
        rig.suite.stop().await;
        runtime.shutdown_background();
    }
}

/// Starts a suite in a runtime of its own: dropped whole, it is as near to a killed process as one process can get. Ports and files
/// of one before it are free a moment after its death.
async fn in_a_process(place: &Place) -> (tokio::runtime::Runtime, mecm::suite::Suite) {
    let deadline = std::time::Instant::now() + LIMIT;
    loop {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let config = std::sync::Arc::new(place.config.clone());
        let started = runtime.spawn(mecm::suite::Suite::start(
            config,
            mecm::suite::Which::ALL,
            mecm_common::clock::Clock::System,
        ));
        match started.await.unwrap() {
            Ok(suite) => return (runtime, suite),
            Err(error) => {
                runtime.shutdown_background();
                assert!(std::time::Instant::now() < deadline, "{error:#}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suite_that_is_told_to_stop_stops_and_keeps_what_it_had() {
    for kind in kinds() {
        let rig = Rig::start(Place::new(kind).await).await;
        rig.edges(2, 2).await;
        let package = rig.upload(sample::build().unwrap()).await;
        let tenant = rig.api.tenant();
        let began = std::time::Instant::now();
        let Rig { suite, place, .. } = rig;
        suite.stop().await;
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
        let suite = place.suite().await;
        let api = place.api(&suite, tenant, Role::Guest);
        let path = format!("/packages/{}", package.0);
        let at = mecm::demo::api::At::Apm;
        api.expect(at, reqwest::Method::GET, &path, None, 200)
            .await
            .unwrap();
        suite.stop().await;
    }
}
