//! What software a create asks for, or its package does, against what the host's platform offers.

use mecm_common::config::RequiredServices;
use mecm_edge_sim::{Capability, Fault, Operation, When};

use super::*;
use crate::tests::sample::PLAIN;

/// A package whose descriptor names services, as it is written there.
fn naming(rig: &Rig, number: usize, services: &str) -> String {
    let id = format!("4000000000004000800000000000000{number}");
    let nodes = format!(
        "
    app_configuration:
      type: tosca.nodes.nfv.app.configuration
      properties:
        appName: naming
{services}"
    );
    let file = sample::package(&format!("naming{number}"), &nodes, "");
    rig.peers.add_package(&id, file);
    id
}

const REQUIRED: &str = "        appServiceRequired:
          - serName: positioning
            version: 1.0
";
const OPTIONAL: &str = "        appServiceOptional:
          - serName: weather
            version: 1.0
";

fn capability(name: &str, status: &str) -> Capability {
    Capability {
        status: status.to_owned(),
        ..Capability::active(name)
    }
}

impl Rig {
    /// Creates with these software capabilities asked for; gives where it stands then.
    async fn asking_for(&self, host: usize, wanted: &[&str]) -> (String, String) {
        let mut body = Self::create_body("zone", PLAIN);
        body["mecHost"] = Self::host(host).to_string().into();
        body["swCapabilities"] = json!(wanted);
        let answer = self.ask(Method::POST, "/app_instances", Some(body)).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        self.idle().await;
        let id = answer.body["response"]["app_instance_id"].as_str().unwrap();
        self.stands(id).await.unwrap()
    }

    /// Creates an instance of a package; gives where it stands then, and what its operation warns of.
    async fn warned(&self, package: &str, host: usize) -> ((String, String), Vec<String>) {
        let id = self.create("zone", package, host).await;
        self.idle().await;
        let mut tx = self.test.db.begin_read().await.unwrap();
        let create = mecm_jobs::of_subject(&mut tx, &id).await.unwrap().remove(0);
        drop(tx);
        (self.stands(&id).await.unwrap(), create.warnings.0)
    }
}

fn created() -> (String, String) {
    ("Created".to_owned(), "success".to_owned())
}

fn missing(names: &str) -> (String, String) {
    let reason = format!("Software capability match failed: {names}");
    ("Create failed".to_owned(), reason)
}

#[tokio::test]
async fn what_is_asked_for_must_be_active_on_the_platform() {
    on_each(|rig| async move {
        rig.edge(0).set_capabilities(vec![
            capability("face", "ACTIVE"),
            capability("location", "SUSPENDED"),
            capability("video", "INACTIVE"),
        ]);
        assert_eq!(rig.asking_for(0, &["face"]).await, created());
        for gone in ["location", "video", "Face", "none"] {
            assert_eq!(rig.asking_for(0, &[gone]).await, missing(gone));
        }
        assert_eq!(
            rig.asking_for(0, &["video", "face", "none"]).await,
            missing("video, none")
        );
        // What is offered elsewhere does not count here.
        assert_eq!(rig.asking_for(1, &["face"]).await, missing("face"));
        // Nothing asked for: nobody is asked.
        let asked = rig.edge(2).counts().capability_queries;
        assert_eq!(rig.asking_for(2, &[]).await, created());
        assert_eq!(rig.edge(2).counts().capability_queries, asked);
    })
    .await;
}

#[tokio::test]
async fn a_service_counts_again_when_one_of_its_name_is_active() {
    on_each(|rig| async move {
        let edge = rig.edge(0);
        edge.set_capabilities(vec![capability("face", "SUSPENDED")]);
        assert_eq!(rig.asking_for(0, &["face"]).await, missing("face"));
        edge.set_capabilities(vec![
            capability("face", "SUSPENDED"),
            capability("face", "ACTIVE"),
        ]);
        assert_eq!(rig.asking_for(0, &["face"]).await, created());
    })
    .await;
}

#[tokio::test]
async fn where_the_platform_does_not_tell_what_inventory_saw_last_counts() {
    on_each(|rig| async move {
        rig.peers.change_host(
            0,
            "swcapabilities",
            json!([{"capabilityName": "face", "status": "ACTIVE"}, {"capabilityName": "location", "status": "SUSPENDED"}]),
        );
        let refuses = Fault::Answer {
            status: 500,
            text: "invalid mepCapabilities query".to_owned(),
        };
        for fault in [refuses, Fault::Nonsense, Fault::LoseAnswer, Fault::Down] {
            rig.edge(0).fault(Operation::Capabilities, fault, When::Always);
            assert_eq!(rig.asking_for(0, &["face"]).await, created());
            assert_eq!(rig.asking_for(0, &["location"]).await, missing("location"));
            assert!(rig.peers.software_of(0).is_empty(), "nothing new was seen");
            rig.edge(0).heal();
        }
        // It tells: that it offers nothing any more is what counts.
        assert_eq!(rig.asking_for(0, &["face"]).await, missing("face"));
    })
    .await;
}

#[tokio::test]
async fn of_a_platform_that_offers_very_much_all_counts_and_inventory_is_told_what_it_can_keep() {
    on_each(|rig| async move {
        let names: Vec<String> = (1..=160).map(|n| format!("service-{n}")).collect();
        rig.edge(0)
            .set_capabilities(names.iter().map(|name| Capability::active(name)).collect());
        assert_eq!(rig.asking_for(0, &["service-150"]).await, created());
        assert_eq!(rig.asking_for(0, &["service-161"]).await, missing("service-161"));
        let told = rig.peers.software_of(0);
        assert_eq!(told.len(), 100);
        assert!(told.iter().all(|name| names.contains(name)), "{told:?}");
    })
    .await;
}

#[tokio::test]
async fn an_unmet_service_of_the_descriptor_is_warned_of_and_stops_nothing() {
    on_each(|rig| async move {
        let package = naming(&rig, 1, &format!("{REQUIRED}{OPTIONAL}"));
        let (stands, warnings) = rig.warned(&package, 0).await;
        assert_eq!(stands, created());
        assert_eq!(
            warnings,
            [
                "required service not offered on the host: positioning",
                "optional service not offered on the host: weather"
            ]
        );
        rig.edge(1).set_capabilities(vec![
            capability("positioning", "ACTIVE"),
            capability("weather", "SUSPENDED"),
        ]);
        let (stands, warnings) = rig.warned(&package, 1).await;
        assert_eq!(stands, created());
        assert_eq!(warnings, ["optional service not offered on the host: weather"]);
    })
    .await;
}

#[tokio::test]
async fn where_required_services_are_enforced_an_unmet_one_fails_the_create() {
    for test in TestDb::all(&crate::migrations()).await {
        let rig = Rig::start(test, |config| {
            config.appo.required_services = RequiredServices::Enforce;
        })
        .await;
        let required = naming(&rig, 1, REQUIRED);
        assert_eq!(rig.warned(&required, 0).await.0, missing("positioning"));
        rig.edge(0)
            .set_capabilities(vec![capability("positioning", "SUSPENDED")]);
        assert_eq!(rig.warned(&required, 0).await.0, missing("positioning"));
        rig.edge(0)
            .set_capabilities(vec![capability("positioning", "ACTIVE")]);
        assert_eq!(rig.warned(&required, 0).await, (created(), vec![]));
        // One that it would use is none that it needs.
        let optional = naming(&rig, 2, OPTIONAL);
        let (stands, warnings) = rig.warned(&optional, 0).await;
        assert_eq!((stands, warnings.len()), (created(), 1), "{warnings:?}");
    }
}

#[tokio::test]
async fn a_service_that_a_package_brings_is_met_where_that_package_runs() {
    for test in TestDb::all(&crate::migrations()).await {
        let rig = Rig::start(test, |config| {
            config.appo.required_services = RequiredServices::Enforce;
        })
        .await;
        let needs = naming(
            &rig,
            1,
            &format!(
                "        appServiceRequired:
          - serName: plain
            packageId: {PLAIN}
"
            ),
        );
        assert_eq!(rig.warned(&needs, 0).await.0, missing("plain"));
        let brings = rig.create("brings", PLAIN, 0).await;
        rig.idle().await;
        assert_eq!(
            rig.warned(&needs, 0).await.0,
            missing("plain"),
            "it does not run yet"
        );
        rig.instantiate(&brings).await;
        rig.idle().await;
        assert_eq!(rig.warned(&needs, 0).await, (created(), vec![]));
        assert_eq!(rig.warned(&needs, 1).await.0, missing("plain"));
        rig.terminate(&brings).await;
        rig.idle().await;
        assert_eq!(rig.warned(&needs, 0).await.0, missing("plain"));
    }
}
