//! Every route of every service, tried with signatures: good ones, the same once more, and wrong ones.

use mecm::keys;
use mecm_common::auth::keys::ServiceKey;
use mecm_common::auth::signature::{AccessKey, EMPTY_BODY_SHA256, RequestParts, SecretKey, sign};
use mecm_common::client::Clients;
use mecm_common::clock::Clock;
use reqwest::{Client, Method, Url};
use serde_json::Value;
use uuid::Uuid;

use super::callers::{OPEN, routes};
use super::rig::on_each;

/// A request without a body, signed, that can be sent again as it is.
struct Signed {
    method: Method,
    url: Url,
    headers: Vec<(&'static str, String)>,
}

impl Signed {
    fn new(key: &ServiceKey, method: &Method, url: &str) -> Self {
        let url = Url::parse(url).unwrap();
        let host = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
        let id = Uuid::new_v4().to_string();
        let parts = RequestParts {
            method: method.as_str(),
            path: url.path(),
            query: url.query().unwrap_or_default(),
            headers: &[("host", host.as_bytes()), ("x-request-id", id.as_bytes())],
        };
        let signed = sign(
            &key.access_key,
            &key.secret_key,
            &parts,
            EMPTY_BODY_SHA256,
            Clock::System.now(),
        );
        let mut headers = vec![("x-request-id", id)];
        for (name, value) in signed.headers() {
            headers.push((name, value.to_owned()));
        }
        Self {
            method: method.clone(),
            url,
            headers,
        }
    }

    async fn send(&self, client: &Client) -> (u16, String) {
        let mut request = client.request(self.method.clone(), self.url.clone());
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap_or_default();
        (status, body["message"].as_str().unwrap_or_default().to_owned())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_is_good_once_and_a_wrong_one_never() {
    on_each(async |rig| {
        let client = Clients::new(&rig.place.config).unwrap().services;
        let own = keys::appo(&rig.place.config).unwrap();
        let wrong_secret = ServiceKey {
            access_key: own.access_key.clone(),
            secret_key: SecretKey::generate(),
        };
        let unknown = ServiceKey {
            access_key: AccessKey::generate(),
            secret_key: own.secret_key.clone(),
        };
        let refused = (401, "Invalid access or signature.".to_owned());
        let all = routes(rig, &client, rig.api.tenant()).await;
        let mut replayed = 0;
        for (method, url) in &all {
            if OPEN.iter().any(|open| url.ends_with(open)) {
                continue;
            }
            for (who, key) in [("a wrong secret", &wrong_secret), ("an unknown key", &unknown)] {
                let came = Signed::new(key, method, url).send(&client).await;
                assert_eq!(came, refused, "{method} {url} {who}");
            }
            let good = Signed::new(&own, method, url);
            let first = good.send(&client).await;
            assert!(!matches!(first.0, 401 | 500), "{method} {url}: {first:?}");
            let again = good.send(&client).await;
            if *method == Method::GET {
                assert_eq!(again, first, "{method} {url}: a GET may come twice");
            } else {
                assert_eq!(again, refused, "{method} {url} once more");
                replayed += 1;
            }
            // For another path than the signed one it is worth nothing.
            let mut elsewhere = Signed::new(&own, method, url);
            elsewhere.url.set_query(Some("more=1"));
            assert_eq!(elsewhere.send(&client).await, refused, "{method} {url} altered");
        }
        assert!(replayed >= 25, "{replayed} routes that write");
    })
    .await;
}
