//! EdgeGallery's own clients, request by request as they were seen to call, over TLS 1.2: what they send in the form they
//! send it, and what they look at in the answers.

mod atp;
mod portal;

use std::path::{Path, PathBuf};
use std::time::Instant;

use mecm_common::db::testing::kinds;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Method, tls};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::rig::{LIMIT, Place, Rig};

/// Runs a test on every kind of database, the services speaking HTTPS.
async fn on_each_over_tls(run: impl AsyncFn(&Rig)) {
    let file = |name: &str| -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../crates/common/tests/tls")
            .join(name)
    };
    for kind in kinds() {
        let mut place = Place::new(kind).await;
        place.config.listen.tls_certificate = file("first.pem");
        place.config.listen.tls_key = file("first-key.pem");
        place.config.peers.insecure_skip_verify = true;
        let rig = Rig::start(place).await;
        assert!(rig.suite.addresses.appo.starts_with("https://"));
        run(&rig).await;
        let Rig { suite, place, .. } = rig;
        suite.stop().await;
        drop(place);
    }
}

/// A client of the field: TLS 1.2 and nothing newer, any certificate, HTTP/1.1.
struct Field<'a> {
    rig: &'a Rig,
    client: Client,
    accept: &'static str,
}

/// An answer as the clients look at it.
struct Came {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Came {
    /// A member that the portal parses as JSON of its own.
    fn parsed(&self, member: &str) -> Value {
        let text = self.body[member].as_str().expect("a text that holds JSON");
        serde_json::from_str(text).unwrap()
    }

    fn detail(&self) -> (u16, &str) {
        (self.status, self.body["details"][0].as_str().unwrap_or_default())
    }
}

impl<'a> Field<'a> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a client of somebody else's, with what that one can and cannot do"
    )]
    fn new(rig: &'a Rig, accept: &'static str) -> Self {
        let client = Client::builder()
            .no_proxy()
            .http1_only()
            .min_tls_version(tls::Version::TLS_1_2)
            .max_tls_version(tls::Version::TLS_1_2)
            .tls_danger_accept_invalid_certs(true)
            .build()
            .unwrap();
        Self { rig, client, accept }
    }

    fn origin(&self, service: &str) -> &str {
        let addresses = &self.rig.suite.addresses;
        match service {
            "inventory" => &addresses.inventory,
            "apm" => &addresses.apm,
            _ => &addresses.appo,
        }
    }

    /// A call on the tenant's path, with its token; `body`: its type and its bytes.
    async fn call(&self, method: Method, service: &str, path: &str, body: Option<(&str, Vec<u8>)>) -> Came {
        let tenant = self.rig.api.tenant().to_string();
        let token = self.rig.api.token().expose_secret();
        self.call_as(&tenant, token, method, service, path, body).await
    }

    async fn call_as(
        &self,
        tenant: &str,
        token: &str,
        method: Method,
        service: &str,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
    ) -> Came {
        let url = format!("{}/{service}/v1/tenants/{tenant}{path}", self.origin(service));
        let mut request = self
            .client
            .request(method, url)
            .header("access_token", token)
            .header(ACCEPT, self.accept);
        if let Some((kind, bytes)) = body {
            request = request.body(bytes);
            if !kind.is_empty() {
                request = request.header(CONTENT_TYPE, kind);
            }
        }
        came(request.send().await.unwrap()).await
    }

    /// Asks again and again, as they do, until the status is one of these whatever the case.
    async fn until(&self, id: &str, wanted: &str) {
        let began = Instant::now();
        loop {
            let came = self
                .call(Method::GET, "appo", &format!("/app_instance_infos/{id}"), None)
                .await;
            assert_eq!(came.status, 200, "{}", came.body);
            let status = came.body["response"]["operationalStatus"]
                .as_str()
                .expect("never null");
            if status.eq_ignore_ascii_case(wanted) {
                return;
            }
            assert!(!status.to_ascii_lowercase().ends_with("failed"), "{}", came.body);
            assert!(began.elapsed() < LIMIT, "still {status}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
}

async fn came(answer: reqwest::Response) -> Came {
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    // Without it a browser shows its page nothing, and the portal's error handlers break.
    assert_eq!(headers["access-control-allow-origin"], "*");
    let text = answer.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Came {
        status,
        headers,
        body,
    }
}
