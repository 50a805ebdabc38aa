//! An application's agent at its edge's platform, and what is seen of it in the centre.

use mecm::demo::agent::Agent;
use mecm::demo::api::At;
use mecm::sample;
use mecm_common::client::Clients;
use reqwest::Method;
use serde_json::{Value, json};

use super::rig::on_each;

#[tokio::test(flavor = "multi_thread")]
async fn what_an_application_registers_is_seen_through_appo_with_its_consumers_until_it_goes() {
    on_each(async |rig| {
        let hosts = rig.edges(1, 1).await;
        let package = rig.upload(sample::build().unwrap()).await;
        let ids = rig.create(&package, "sample", &hosts).await;
        rig.settled().await;
        rig.batch("instantiate", &ids).await;
        rig.settled().await;

        // The agent's keys come from the controller. It signs once, and has a token.
        let client = Clients::new(&rig.place.config).unwrap().services;
        let edge = hosts[0].parse().unwrap();
        let mut agent = Agent::of(&rig.sim, edge, &ids[0], client).unwrap();
        assert_eq!(agent.log_in().await.unwrap(), 200);
        let service = json!({"serName": "positioning", "version": "1.0", "state": "ACTIVE", "serializer": "JSON",
            "livenessInterval": 5});
        let registered = agent.register("services", &service).await.unwrap();
        let wanted = json!({"filteringCriteria": {"serNames": ["positioning"]}});
        agent.register("subscriptions", &wanted).await.unwrap();

        let seen = async |path: &str| -> Value {
            let path = format!("/hosts/{}/mep_capabilities{path}", hosts[0]);
            let answer = rig
                .api
                .expect(At::Appo, Method::GET, &path, None, 200)
                .await
                .unwrap();
            serde_json::from_str(answer["response"].as_str().unwrap()).unwrap()
        };
        let id = registered["serInstanceId"].as_str().unwrap();
        let one = seen(&format!("/{id}")).await;
        assert_eq!(
            (&one["capabilityName"], &one["status"]),
            (&json!("positioning"), &json!("ACTIVE"))
        );
        assert_eq!(one["consumers"], json!([{ "applicationInstanceId": ids[0] }]));
        assert_eq!(seen("").await, json!([one]));
        for method in [Method::PUT, Method::PATCH] {
            agent.beat(method, id).await.unwrap();
        }

        rig.batch("terminate", &ids).await;
        assert!(rig.settled().await.is_empty());
        assert_eq!(seen("").await, json!([]));
        assert!(rig.sim.totals().is_empty(), "{:?}", rig.sim.totals());
        assert_eq!(agent.log_in().await.unwrap(), 401, "its key is gone");
    })
    .await;
}
