//! What every service has beside its routes, and how every answer looks.

use mecm_common::client::Clients;
use reqwest::Method;
use serde_json::Value;

use super::rig::on_each;

#[tokio::test(flavor = "multi_thread")]
async fn every_service_tells_its_health_its_document_and_its_metrics() {
    on_each(async |rig| {
        let client = Clients::new(&rig.place.config).unwrap().services;
        let addresses = &rig.suite.addresses;
        for (origin, name) in [
            (&addresses.inventory, "inventory"),
            (&addresses.apm, "apm"),
            (&addresses.appo, "appo"),
        ] {
            let get = |path: String| client.get(format!("{origin}{path}")).send();
            let health = get(format!("/{name}/v1/health")).await.unwrap();
            assert_eq!(
                (health.status().as_u16(), health.text().await.unwrap().as_str()),
                (200, "ok")
            );
            let ready: Value = get(format!("/{name}/v1/ready"))
                .await
                .unwrap()
                .json()
                .await
                .unwrap();
            assert_eq!(
                (&ready["status"], &ready["checks"]["database"]["status"]),
                (&"up".into(), &"up".into()),
                "{name}: {ready}"
            );
            let document: Value = get(format!("/{name}/v1/openapi.json"))
                .await
                .unwrap()
                .json()
                .await
                .unwrap();
            assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{name}");
            let redirect = get(format!("/{name}/v1/docs")).await.unwrap();
            let to = redirect.headers()["location"].to_str().unwrap().to_owned();
            let page = get(to).await.unwrap();
            assert_eq!(page.status().as_u16(), 200, "{name}");
            let page = page.text().await.unwrap();
            assert!(
                page.contains("swagger-ui") && !page.contains("https://"),
                "nothing is fetched from elsewhere: {page}"
            );

            // An error, as every error looks; a preflight; a path that there is not.
            let missing = get(format!("/{name}/v1/nothing")).await.unwrap();
            assert_eq!(missing.headers()["access-control-allow-origin"], "*");
            let id = missing.headers()["x-request-id"].to_str().unwrap().to_owned();
            let body: Value = missing.json().await.unwrap();
            assert_eq!(
                (&body["status"], &body["requestId"]),
                (&404.into(), &id.as_str().into())
            );
            let options = client
                .request(Method::OPTIONS, format!("{origin}/{name}/v1/anything"))
                .header("access-control-request-headers", "x-token")
                .send()
                .await
                .unwrap();
            assert_eq!(options.status().as_u16(), 202);
        }
    })
    .await;
}
