//! What is deployed, recorded and removed.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::packages::{Shape, package, real, sample};
use super::{HOST, INSTANCE, OTHER, TENANT, World, instantiate};
use crate::{Capability, WorkloadState};

pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "10 s passed, and still not: {what}");
        sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn an_instance_comes_and_goes_and_leaves_nothing() {
    let world = World::start().await;
    assert_eq!(
        world.query(INSTANCE).await.error(),
        (404, "App info record does not exist in database".to_owned())
    );
    let answer = world.instantiate(INSTANCE).await;
    assert!(answer.is(200, "null"), "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(answer.header("server"), Some("mecm-edge-sim"));
    let running = world.edge.workloads();
    assert_eq!(
        (
            running.len(),
            running[0].host.as_str(),
            running[0].release.as_str()
        ),
        (1, HOST, "positioning")
    );
    assert!(running[0].recorded);
    assert_eq!(world.edge.keys(), [INSTANCE]);
    let (access, secret) = world.edge.app_key(INSTANCE).unwrap();
    assert_eq!((access.as_str().len(), secret.expose().len()), (20, 64));

    let pods = world.query(INSTANCE).await;
    assert_eq!(pods.status, 200);
    let pod = &pods.json()["pods"][0];
    assert_eq!(pod["podstatus"], "Running");
    assert!(
        pod["containers"][0]["metricsusage"]["cpuusage"]
            .as_str()
            .unwrap()
            .contains('/')
    );

    assert!(world.terminate(INSTANCE).await.is(200, "null"));
    assert_eq!(world.terminate(INSTANCE).await.status, 404);
    assert!(world.sim.totals().is_empty(), "{:?}", world.sim.totals());
    let counts = world.edge.counts();
    assert_eq!(
        (counts.uploads, counts.deploys, counts.terminates, counts.queries),
        (1, 1, 1, 2)
    );
    world.sim.shutdown().await;
}

#[tokio::test]
async fn the_record_is_written_last() {
    let world = World::start().await;
    world
        .edge
        .behave(|edge| edge.deploy_time = Duration::from_millis(300));
    let lcm = world.lcm();
    let first =
        tokio::spawn(async move { instantiate(lcm, INSTANCE, &sample("positioning")).await.unwrap() });
    until("the plugin is at work", || {
        world.edge.counts().max_concurrent == 1
    })
    .await;
    assert_eq!(world.edge.keys(), [INSTANCE], "the keys come first");
    assert_eq!(
        world.query(INSTANCE).await.status,
        404,
        "unknown while it deploys"
    );
    assert!(first.await.unwrap().is(200, "null"));
    assert_eq!(world.query(INSTANCE).await.status, 200);
    let again = world.instantiate(INSTANCE).await;
    assert_eq!(
        again.error(),
        (500, "App instance info record already exists".to_owned())
    );
}

#[tokio::test]
async fn the_work_goes_on_when_the_connection_is_closed() {
    let world = World::with(crate::SimConfig {
        close_after: Duration::from_millis(100),
        ..Default::default()
    })
    .await;
    world
        .edge
        .behave(|edge| edge.deploy_time = Duration::from_secs(2));
    let lost = instantiate(world.lcm(), INSTANCE, &sample("positioning")).await;
    assert!(lost.is_err(), "{lost:?}");
    assert!(
        world.edge.workloads().is_empty(),
        "closed before the deployment was done"
    );
    until("it is deployed all the same", || {
        world.edge.records() == [INSTANCE]
    })
    .await;
    assert_eq!(world.edge.counts().deploys, 1);
}

#[tokio::test]
async fn a_second_request_while_the_first_deploys_destroys_it() {
    let world = World::start().await;
    world
        .edge
        .behave(|edge| edge.deploy_time = Duration::from_millis(200));
    let lcm = world.lcm();
    let first =
        tokio::spawn(async move { instantiate(lcm, INSTANCE, &sample("positioning")).await.unwrap() });
    until("the plugin is at work", || {
        world.edge.counts().max_concurrent == 1
    })
    .await;
    let second = world.instantiate(INSTANCE).await;
    assert_eq!((first.await.unwrap().status, second.status), (500, 500));
    let counts = world.edge.counts();
    assert_eq!(
        (
            counts.deploys,
            counts.overlaps,
            counts.destroyed,
            counts.max_concurrent
        ),
        (0, 1, 1, 2)
    );
    assert!(world.sim.totals().is_empty());
}

#[tokio::test]
async fn a_second_request_before_the_record_uninstalls_the_release() {
    let world = World::start().await;
    world.edge.behave(|edge| {
        edge.deploy_time = Duration::ZERO;
        edge.record_time = Duration::from_millis(200);
    });
    let lcm = world.lcm();
    let first =
        tokio::spawn(async move { instantiate(lcm, INSTANCE, &sample("positioning")).await.unwrap() });
    until("it is deployed", || world.edge.workloads().len() == 1).await;
    assert_eq!(world.query(INSTANCE).await.status, 404);
    let second = world.instantiate(INSTANCE).await;
    assert_eq!(
        second.error().1,
        "rpc error: code = Unknown desc = application is already deployed with this release name"
    );
    assert!(first.await.unwrap().is(200, "null"));
    assert_eq!((world.edge.workloads().len(), world.edge.keys().len()), (0, 0));
    let gone = world.query(INSTANCE).await.error();
    assert_eq!((gone.0, gone.1.ends_with("release: not found")), (404, true));
    assert_eq!(world.edge.counts().destroyed, 1);
}

#[tokio::test]
async fn two_instantiations_at_once_spoil_each_other_whatever_they_deploy() {
    let world = World::start().await;
    world
        .edge
        .behave(|edge| edge.deploy_time = Duration::from_millis(200));
    let lcm = world.lcm();
    let first = tokio::spawn(async move { instantiate(lcm, INSTANCE, &sample("one")).await.unwrap() });
    until("the plugin is at work", || {
        world.edge.counts().max_concurrent == 1
    })
    .await;
    let second = instantiate(lcm, OTHER, &sample("two")).await.unwrap();
    assert_eq!((first.await.unwrap().status, second.status), (500, 500));
    assert_eq!(
        (world.edge.counts().overlaps, world.edge.counts().destroyed),
        (1, 0)
    );
    assert!(world.sim.totals().is_empty());
}

#[tokio::test]
async fn a_release_name_is_taken_once() {
    let world = World::start().await;
    assert_eq!(world.instantiate(INSTANCE).await.status, 200);
    let second = world.instantiate(OTHER).await;
    assert_eq!(
        second.error(),
        (
            500,
            "rpc error: code = Unknown desc = application is already deployed with this release name"
                .to_owned()
        )
    );
    assert_eq!(
        world.edge.keys(),
        [INSTANCE],
        "the refused one's keys are gone, the first one's are not"
    );
    assert_eq!(
        instantiate(world.lcm(), OTHER, &sample("another"))
            .await
            .unwrap()
            .status,
        200
    );
    assert_eq!(world.edge.workloads().len(), 2);
}

#[tokio::test]
async fn beyond_its_limits_the_controller_deploys_and_keeps_no_record() {
    let world = World::start().await;
    world.edge.behave(|edge| edge.max_instances = 1);
    assert_eq!(world.instantiate(INSTANCE).await.status, 200);
    let unseen = instantiate(world.lcm(), OTHER, &sample("another")).await.unwrap();
    assert_eq!(
        unseen.error(),
        (
            500,
            "Maximum number of app info records are exceeded for given tenant".to_owned()
        )
    );
    assert_eq!(world.query(OTHER).await.status, 404);
    assert_eq!(world.terminate(OTHER).await.status, 404);
    let running = world.edge.workloads();
    assert_eq!(running.len(), 2);
    assert!(!running.iter().find(|one| one.instance == OTHER).unwrap().recorded);
    assert_eq!(
        (world.edge.counts().deploys, world.edge.counts().unrecorded),
        (2, 1)
    );

    world.edge.behave(|edge| edge.max_tenants = 1);
    let third = "5c1b2c86-1d5c-4d0e-9d3e-333333333333";
    let unseen = instantiate(world.lcm(), third, &sample("third")).await.unwrap();
    assert_eq!(
        unseen.error(),
        (500, "Maximum number of tenant records are exceeded".to_owned())
    );
    assert_eq!(world.edge.workloads().len(), 3);
}

#[tokio::test]
async fn what_a_query_says_of_a_workload() {
    let world = World::start().await;
    assert_eq!(world.instantiate(INSTANCE).await.status, 200);
    world
        .edge
        .behave(|edge| edge.workload = WorkloadState::NotRunning);
    assert!(
        world
            .query(INSTANCE)
            .await
            .is(200, "{\"status\":\"not running\"}")
    );
    world.edge.behave(|edge| edge.workload = WorkloadState::Failure);
    assert!(world.query(INSTANCE).await.is(200, "Failure"));
    world
        .edge
        .behave(|edge| edge.metrics_after = Duration::from_secs(3600));
    let early = world.query(INSTANCE).await.error();
    assert!(
        early.0 == 404 && early.1.contains("podmetrics.metrics.k8s.io"),
        "{early:?}"
    );
    world.edge.lose_workload(INSTANCE);
    let lost = world.query(INSTANCE).await.error();
    assert!(
        lost.0 == 404 && lost.1.ends_with("release: not found"),
        "{lost:?}"
    );
}

#[tokio::test]
async fn the_keys_cannot_be_configured_or_removed_without_mep_auth() {
    let world = World::start().await;
    world.edge.behave(|edge| edge.mep_auth = false);
    assert_eq!(
        world.instantiate(INSTANCE).await.error(),
        (500, "Failed to process Ak Sk configuration".to_owned())
    );
    assert!(world.sim.totals().is_empty());
    world.edge.behave(|edge| edge.mep_auth = true);
    assert_eq!(world.instantiate(INSTANCE).await.status, 200);
    world.edge.behave(|edge| edge.mep_auth = false);
    let half = world.terminate(INSTANCE).await.error();
    assert_eq!(
        half,
        (500, "Failed to delete app auth config request to mep".to_owned())
    );
    assert!(world.edge.workloads().is_empty(), "the release is gone already");
    let again = world.terminate(INSTANCE).await.error();
    assert!(again.1.contains("record does not exist in database"), "{again:?}");
}

#[tokio::test]
async fn meters_and_capabilities_are_the_controllers_own() {
    let world = World::start().await;
    let kpi = world
        .get(&format!("/lcmcontroller/v1/tenants/{TENANT}/hosts/whatever/kpi"))
        .await;
    assert_eq!(
        (kpi.status, &kpi.json()["cpuusage"]["used"]),
        (200, &serde_json::json!("0.12"))
    );
    assert!(kpi.json()["memusage"]["total"].is_number());
    world.edge.behave(|edge| edge.load = None);
    let kpi = world
        .get(&format!("/lcmcontroller/v1/tenants/{TENANT}/hosts/{HOST}/kpi"))
        .await;
    assert_eq!(
        kpi.json()["diskusage"],
        serde_json::json!({"total": "0.0", "used": "0.0"})
    );

    let path = format!("/lcmcontroller/v1/tenants/{TENANT}/hosts/{HOST}/mep_capabilities");
    assert!(world.get(&path).await.is(200, "[]"));
    let gpu = Capability::active("GPU");
    world.edge.set_capabilities(vec![gpu.clone()]);
    assert_eq!(
        world.get(&path).await.json()[0]["consumers"],
        serde_json::json!([])
    );
    let one = world.get(&format!("{path}/{}", gpu.capability_id)).await;
    assert_eq!(
        (one.status, &one.json()["capabilityName"]),
        (200, &serde_json::json!("GPU"))
    );
    let unknown = world.get(&format!("{path}/{}", "0".repeat(32))).await;
    assert_eq!(unknown.error(), (500, "invalid mepCapabilities query".to_owned()));
    assert_eq!(world.get(&format!("{path}/{}", "0".repeat(33))).await.status, 400);
}

#[tokio::test]
async fn the_status_of_a_package_is_known_only_where_its_id_came_along() {
    let world = World::start().await;
    let id = "1a5a0a3c6b6e4b0f8f4e0c2b9d6f1e77";
    let status = format!("/lcmcontroller/v1/hosts/{HOST}/packages/{id}/status");
    assert!(world.get(&status).await.is(200, "{\"package_deployed\":false}"));
    let path = format!("/lcmcontroller/v1/tenants/{TENANT}/app_instances/{INSTANCE}/instantiate");
    let form = super::form(INSTANCE, &sample("positioning")).text("packageId", id);
    let answer = form
        .send(world.lcm(), "POST", &path, &[("access_token", &super::token())])
        .await
        .unwrap();
    assert!(answer.is(200, "null"));
    assert!(world.get(&status).await.is(200, "{\"package_deployed\":true}"));
    let other = world
        .get(&format!(
            "/lcmcontroller/v1/hosts/{HOST}/packages/{}/status",
            "1".repeat(32)
        ))
        .await;
    assert_eq!(other.error(), (400, "package id is invalid".to_owned()));
}

#[tokio::test]
async fn packages_are_read_however_they_are_packed() {
    let world = World::start().await;
    for (number, shape) in [
        Shape {
            stored: true,
            ..Shape::default()
        },
        Shape {
            streamed: true,
            ..Shape::default()
        },
        Shape {
            stored: true,
            streamed: true,
            ..Shape::default()
        },
        Shape {
            more_entries: 900,
            ..Shape::default()
        },
    ]
    .into_iter()
    .enumerate()
    {
        let instance = format!("5c1b2c86-1d5c-4d0e-9d3e-00000000000{number}");
        let answer = instantiate(
            world.lcm(),
            &instance,
            &package(&format!("release-{number}"), shape),
        )
        .await
        .unwrap();
        assert!(answer.is(200, "null"), "{number} {answer:?}");
        assert_eq!(
            world.edge.workloads()[number].release,
            format!("release-{number}")
        );
    }
}

#[tokio::test]
async fn the_packages_of_v1_are_taken_and_refused_as_by_v1() {
    let world = World::start().await;
    for (name, answer) in [
        ("apprules.csar", (200, "null")),
        ("positioning_with_mepagent_new.csar", (200, "null")),
        ("sampleapp.csar", (200, "null")),
        ("older-layout.csar", (400, "\"Failed to read file\"")),
        ("dependencies.csar", (400, "\"Failed to read file\"")),
    ] {
        let Some(csar) = real(name) else { continue };
        let got = instantiate(world.lcm(), INSTANCE, &csar).await.unwrap();
        assert!(got.is(answer.0, answer.1), "{name} {got:?}");
        if got.status == 200 {
            assert_eq!(world.edge.workloads()[0].release, "positioning-service");
            assert_eq!(world.terminate(INSTANCE).await.status, 200);
        }
    }
    assert!(world.sim.totals().is_empty());
}
