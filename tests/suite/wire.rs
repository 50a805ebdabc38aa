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

/// Sends a request as Java's HttpURLConnection does: all of it, and then it reads. Gives the head of the answer.
async fn write_then_read(origin: &str, head: String, body: usize) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(origin.strip_prefix("http://").unwrap())
        .await
        .unwrap();
    let head = format!("{head}\r\nhost: x\r\ncontent-length: {body}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let piece = vec![b' '; 1 << 20];
    let mut left = body;
    while left > 0 {
        let now = left.min(piece.len());
        stream.write_all(&piece[..now]).await.unwrap();
        left -= now;
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn who_writes_all_before_it_reads_gets_its_answer_too() {
    on_each(async |rig| {
        let addresses = &rig.suite.addresses;
        let tenant = rig.api.tenant();
        let token = secrecy::ExposeSecret::expose_secret(rig.api.token());
        let upload = format!("POST /apm/v1/tenants/{tenant}/packages/upload HTTP/1.1");
        let nobody = write_then_read(&addresses.apm, upload, 30 << 20).await;
        assert!(nobody.starts_with("HTTP/1.1 401 "), "{nobody}");
        let path = format!("/inventory/v1/tenants/{tenant}/mechosts");
        let large =
            format!("POST {path} HTTP/1.1\r\naccess_token: {token}\r\ncontent-type: application/json");
        let large = write_then_read(&addresses.inventory, large, 30 << 20).await;
        assert!(large.starts_with("HTTP/1.1 413 "), "{large}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_slash_at_the_end_and_any_accept_change_nothing() {
    on_each(async |rig| {
        let client = Clients::new(&rig.place.config).unwrap().services;
        let path = format!("/inventory/v1/tenants/{}/mechosts/", rig.api.tenant());
        let answer = client
            .get(format!("{}{path}", rig.suite.addresses.inventory))
            .header(
                "access_token",
                secrecy::ExposeSecret::expose_secret(rig.api.token()),
            )
            .header("accept", "text/plain, application/json, application/*+json, */*")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status().as_u16(), 404);
        assert_eq!(answer.headers()["content-type"], "application/json");
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["details"][0], "Record not found");
    })
    .await;
}
