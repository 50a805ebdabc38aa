//! How long what stands above a body may be.

use std::fmt::Write as _;

use mecm::demo::api::At;
use mecm_common::client::Clients;
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::Value;
use uuid::Uuid;

use super::rig::on_each;

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_of_a_thousand_ids_comes_through_and_one_of_more_is_refused() {
    on_each(async |rig| {
        for (ids, status) in [(1_000, 404), (1_001, 400)] {
            let mut together = String::new();
            for _ in 0..ids {
                write!(together, "{}%2C", Uuid::new_v4()).unwrap();
            }
            let together = together.trim_end_matches("%2C");
            let apart = together.replace("%2C", "&appinstanceids=");
            for filter in [together, &apart] {
                let path = format!("/app_instance_infos?appinstanceids={filter}");
                let answer = rig.api.ask(At::Appo, Method::GET, &path, None).await.unwrap();
                assert_eq!(answer.status, status, "{ids} ids: {answer:?}");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_over_its_limit_is_told_like_any_error() {
    on_each(async |rig| {
        let client = Clients::new(&rig.place.config).unwrap().services;
        let addresses = &rig.suite.addresses;
        let limit = rig.place.config.limits.header;
        for (origin, service) in [
            (&addresses.inventory, "inventory"),
            (&addresses.apm, "apm"),
            (&addresses.appo, "appo"),
        ] {
            let ask = async |bytes: usize| {
                let url = format!("{origin}/{service}/v1/health");
                let token = rig.api.token().expose_secret();
                let request = client.get(url).header("access_token", token);
                request.header("x-long", "x".repeat(bytes)).send().await.unwrap()
            };
            let answer = ask(limit).await;
            assert_eq!(answer.headers()["access-control-allow-origin"], "*");
            let said: Value = answer.json().await.unwrap();
            let told = (&said["status"], &said["code"], &said["details"][0]);
            let expected = format!("request header exceeded limit of {limit}");
            assert_eq!(
                told,
                (&431.into(), &"header_too_large".into(), &expected.into()),
                "{service}"
            );
            // Room for the token and what a client adds.
            assert_eq!(ask(limit - 4_096).await.status(), 200, "{service}");
        }
    })
    .await;
}
