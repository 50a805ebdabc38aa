//! An application's agent at its edge's platform, and what is seen of it in the centre.

use mecm::demo::api::At;
use mecm::sample;
use mecm_common::auth::signature::{EMPTY_BODY_SHA256, Form, RequestParts, sign_in};
use mecm_common::client::Clients;
use mecm_common::clock::Clock;
use reqwest::Method;
use serde_json::{Value, json};

use super::rig::on_each;

const TOKEN: &str = "/mepauth/mepauth/v1/token";

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
        let edge = rig.sim.edge(hosts[0].parse().unwrap());
        let (access, secret) = edge.app_key(&ids[0]).unwrap();
        let host = format!("{}:{}", hosts[0], rig.sim.mep_port());
        let parts = RequestParts {
            method: "POST",
            path: TOKEN,
            query: "",
            headers: &[("host", host.as_bytes()), ("content-type", b"application/json")],
        };
        let now = Clock::System.now();
        let signed = sign_in(Form::MepAuth, &access, &secret, &parts, EMPTY_BODY_SHA256, now);
        let client = Clients::new(&rig.place.config).unwrap().services;
        let mut request = client
            .post(format!("http://{host}{TOKEN}"))
            .header("content-type", "application/json");
        for (name, value) in signed.headers() {
            request = request.header(name, value);
        }
        let token: Value = request.send().await.unwrap().json().await.unwrap();
        let token = token["access_token"].as_str().unwrap().to_owned();

        let post = async |what: &str, body: Value| -> Value {
            let url = format!(
                "http://{host}/mepserver/mec_service_mgmt/v1/applications/{}/{what}",
                ids[0]
            );
            let request = client.post(url).bearer_auth(&token).json(&body);
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status().as_u16(), 201, "{what}");
            answer.json().await.unwrap_or_default()
        };
        let service = json!({"serName": "positioning", "version": "1.0", "state": "ACTIVE", "serializer": "JSON",
            "livenessInterval": 5});
        let registered = post("services", service).await;
        let wanted = json!({"filteringCriteria": {"serNames": ["positioning"]}});
        post("subscriptions", wanted).await;

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

        rig.batch("terminate", &ids).await;
        assert!(rig.settled().await.is_empty());
        assert_eq!(seen("").await, json!([]));
        assert!(rig.sim.totals().is_empty(), "{:?}", rig.sim.totals());
    })
    .await;
}
