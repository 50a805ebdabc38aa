//! The recorded exchanges with an LCM controller, against this caller of one.

use mecm_edge_sim::{EXCHANGE_HOST, ExchangeOperation, Meaning, exchanges};
use serde_json::json;

use super::{CONFIG, PATH, benches, stand_in};

/// What it sends where it sends such a thing at all, and what it makes of the answers.
#[tokio::test]
async fn it_is_held_to_what_was_recorded() {
    let recorded: Vec<_> = exchanges()
        .into_iter()
        .filter(|one| one.call.operation == ExchangeOperation::Configuration)
        .collect();
    assert!(recorded.len() >= 10);
    let here = |text: &str| text.replace(EXCHANGE_HOST, "10.0.0.1");
    for bench in benches().await {
        for one in &recorded {
            let answer = one.answer.as_ref().unwrap();
            let (port, seen) = stand_in(answer.status, answer.body.clone().leak()).await;
            bench.host_of("127.0.0.1", port).await;
            let file = one
                .call
                .configuration
                .as_ref()
                .and_then(|form| form.file.as_deref());
            let came = match one.call.method.as_str() {
                "POST" => bench.upload(CONFIG.as_bytes()).await,
                _ => bench.delete(PATH).await,
            };
            if one.means == Meaning::Done {
                assert_eq!((came.status, came.body), (200, json!(null)), "{}", one.id);
            } else {
                let text: String = serde_json::from_str(&answer.body).unwrap();
                let told = format!("the LCM controller 127.0.0.1:{port} answered {}", answer.status);
                assert_eq!(
                    came.error(),
                    (502, told.as_str(), vec![text.as_str()]),
                    "{}",
                    one.id
                );
            }
            if one.id == "configuration-added" || one.id == "configuration-removed" {
                let seen = seen.lock().unwrap();
                let (method, uri, headers, body) = &seen[0];
                assert_eq!(
                    (method.as_str(), uri.to_string()),
                    (one.call.method.as_str(), here(&one.call.path))
                );
                let own: std::net::Ipv4Addr = headers["x-real-ip"].to_str().unwrap().parse().unwrap();
                assert_eq!(Some(own.to_string()), one.call.real_ip);
                let parts = one.call.configuration.as_ref();
                let named = parts.map(|form| form.file_name.as_deref().unwrap());
                let body = String::from_utf8(body.to_vec()).unwrap();
                let file_at = body.find("name=\"configFile\"");
                let host_at = body.find("name=\"hostIp\"\r\n\r\n10.0.0.1\r\n");
                assert_eq!(
                    (file_at.is_some(), host_at.is_some()),
                    (file.is_some(), file.is_some())
                );
                assert!(file_at <= host_at, "the file goes first: {body}");
                assert!(named.is_none_or(|name| body.contains(&format!("filename=\"{name}\""))));
            }
            bench.delete("/mechosts").await.is_done("Deleted");
            bench.delete("/applcms").await.is_done("Deleted");
        }
    }
}
