//! Every route of every service, tried with signatures: good ones, the same once more, and wrong ones. And the keys of tenants at
//! the services that have to ask Inventory about them.

use mecm::demo::api::At;
use mecm::keys;
use mecm_common::auth::keys::ServiceKey;
use mecm_common::auth::signature::{AccessKey, RequestParts, SecretKey, hash_body, sign};
use mecm_common::client::Clients;
use mecm_common::clock::Clock;
use mecm_common::db::testing::kinds;
use reqwest::{Client, Method, Url};
use serde_json::{Value, json};
use uuid::Uuid;

use super::callers::routes;
use super::documents::OPEN;
use super::rig::{Place, Rig, on_each};

/// A signed request that can be sent again as it is.
pub(super) struct Signed {
    method: Method,
    url: Url,
    pub(super) headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Signed {
    /// Without a body.
    pub(super) fn new(key: &ServiceKey, method: &Method, url: &str) -> Self {
        Self::with(key, method, url, &[], Vec::new())
    }

    /// With these headers and this body, whose hash is stated.
    pub(super) fn with(
        key: &ServiceKey,
        method: &Method,
        url: &str,
        more: &[(&'static str, &str)],
        body: Vec<u8>,
    ) -> Self {
        let hash = hash_body(&body);
        let stated = [("x-sdk-content-sha256", hash.as_str())];
        Self::with_hash_as_told(key, method, url, &[&stated, more].concat(), body)
    }

    /// With these headers and this body, whose hash is signed but stated only where the headers do.
    pub(super) fn with_hash_as_told(
        key: &ServiceKey,
        method: &Method,
        url: &str,
        more: &[(&'static str, &str)],
        body: Vec<u8>,
    ) -> Self {
        let url = Url::parse(url).unwrap();
        let host = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
        let mut headers = vec![("x-request-id", Uuid::new_v4().to_string())];
        headers.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let mut covered: Vec<(&str, &[u8])> = vec![("host", host.as_bytes())];
        covered.extend(headers.iter().map(|(name, value)| (*name, value.as_bytes())));
        let parts = RequestParts {
            method: method.as_str(),
            path: url.path(),
            query: url.query().unwrap_or_default(),
            headers: &covered,
        };
        let signed = sign(
            &key.access_key,
            &key.secret_key,
            &parts,
            &hash_body(&body),
            Clock::System.now(),
        );
        for (name, value) in signed.headers() {
            headers.push((name, value.to_owned()));
        }
        Self {
            method: method.clone(),
            url,
            headers,
            body,
        }
    }

    pub(super) async fn send(&self, client: &Client) -> (u16, String) {
        let answer = self.sent(client).await;
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap_or_default();
        (status, body["message"].as_str().unwrap_or_default().to_owned())
    }

    /// What is answered to it.
    async fn answer(&self, client: &Client) -> Value {
        self.sent(client).await.json().await.unwrap()
    }

    async fn sent(&self, client: &Client) -> reqwest::Response {
        let mut request = client.request(self.method.clone(), self.url.clone());
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        request.body(self.body.clone()).send().await.unwrap()
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
        let refused = (401, "Invalid access or signature.".to_owned());
        let all = routes(rig, rig.api.tenant()).await;
        let mut replayed = 0;
        for (method, url) in &all {
            if OPEN.iter().any(|open| url.ends_with(open)) {
                continue;
            }
            // Another one each time: three failures lock it.
            let unknown = ServiceKey {
                access_key: AccessKey::generate(),
                secret_key: own.secret_key.clone(),
            };
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
            // For another path than the signed one it is worth nothing. A success came between this failure and the last.
            let mut elsewhere = Signed::new(&own, method, url);
            elsewhere.url.set_query(Some("more=1"));
            assert_eq!(elsewhere.send(&client).await, refused, "{method} {url} altered");
        }
        assert!(replayed >= 25, "{replayed} routes that write");
    })
    .await;
}

/// Makes a key of the rig's tenant.
async fn tenants_key(rig: &Rig, body: Value) -> ServiceKey {
    let made = rig
        .api
        .expect(At::Inventory, Method::POST, "/credentials", Some(&body), 201)
        .await
        .unwrap();
    let text = |member: &str| made[member].as_str().unwrap();
    ServiceKey {
        access_key: text("accessKey").parse().unwrap(),
        secret_key: text("secretKey").parse().unwrap(),
    }
}

/// One that is nowhere.
const PACKAGE: &str = "4d8f28a2c9a64bb6b0ef2f3c7e1b5a90";

/// Something to read at each service, which has nothing.
fn reads(rig: &Rig) -> [String; 3] {
    let (addresses, tenant) = (&rig.suite.addresses, rig.api.tenant());
    [
        format!("{}/inventory/v1/tenants/{tenant}/mechosts", addresses.inventory),
        format!("{}/apm/v1/tenants/{tenant}/packages/{PACKAGE}", addresses.apm),
        format!("{}/appo/v1/tenants/{tenant}/app_instance_infos", addresses.appo),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_key_is_good_at_all_three_services_until_it_is_not() {
    on_each(async |rig| {
        let client = Clients::new(&rig.place.config).unwrap().services;
        let key = tenants_key(rig, json!({"name": "atp"})).await;
        let guest = tenants_key(rig, json!({"name": "guest", "roles": ["ROLE_MECM_GUEST"]})).await;
        let wrong = ServiceKey {
            access_key: key.access_key.clone(),
            secret_key: SecretKey::generate(),
        };
        let refused = (401, "Invalid access or signature.".to_owned());
        let get = Method::GET;
        let urls = reads(rig);
        for url in &urls {
            let came = Signed::new(&wrong, &get, url).send(&client).await;
            assert_eq!(came, refused, "{url}");
            let good = Signed::new(&key, &get, url).send(&client).await;
            assert_eq!(good.0, 404, "{url}: {good:?}");
            let gone = url.replace(&rig.api.tenant().to_string(), &Uuid::new_v4().to_string());
            let elsewhere = Signed::new(&key, &get, &gone).send(&client).await;
            assert_eq!(elsewhere, (401, "Illegal tenant ID".to_owned()), "{url}");
        }
        // What changes something is good once, wherever it is sent.
        for url in [
            format!(
                "{}/inventory/v1/tenants/{}/mechosts",
                rig.suite.addresses.inventory,
                rig.api.tenant()
            ),
            format!(
                "{}/apm/v1/tenants/{}/packages/{}",
                rig.suite.addresses.apm,
                rig.api.tenant(),
                "4d8f28a2c9a64bb6b0ef2f3c7e1b5a90"
            ),
            format!(
                "{}/appo/v1/tenants/{}/app_instances/{}",
                rig.suite.addresses.appo,
                rig.api.tenant(),
                Uuid::new_v4()
            ),
        ] {
            let delete = Signed::new(&key, &Method::DELETE, &url);
            let first = delete.send(&client).await;
            assert!(!matches!(first.0, 401 | 403 | 500), "{url}: {first:?}");
            assert_eq!(delete.send(&client).await, refused, "{url} once more");
            let written = Signed::new(&guest, &Method::DELETE, &url).send(&client).await;
            assert_eq!(written, (403, "Forbidden".to_owned()), "{url}");
        }
        // A token made from it opens all three, but makes no keys.
        let token = format!("{}/inventory/v1/token", rig.suite.addresses.inventory);
        let made = Signed::new(&key, &Method::POST, &token).answer(&client).await;
        let token = made["access_token"].as_str().unwrap();
        for url in &urls {
            let answer = client
                .get(url)
                .header("access_token", token)
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status().as_u16(), 404, "{url}");
        }
        // Guesses at one service lock it at all, for this source.
        for _ in 0..3 {
            assert_eq!(Signed::new(&wrong, &get, &urls[2]).send(&client).await, refused);
        }
        for url in &urls {
            let came = Signed::new(&key, &get, url).send(&client).await;
            assert_eq!(came, (403, "Access is locked.".to_owned()), "{url}");
        }
        let path = format!("/credentials/{}", guest.access_key);
        rig.api
            .expect(At::Inventory, Method::DELETE, &path, None, 200)
            .await
            .unwrap();
        for url in &urls[..2] {
            assert_eq!(
                Signed::new(&guest, &get, url).send(&client).await,
                refused,
                "{url}"
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inventory_that_cannot_be_asked_is_a_502_and_logs_nobody_out() {
    for kind in kinds() {
        let mut place = Place::new(kind).await;
        // Nothing listens there, for those who ask.
        place.config.inventory.url = "http://127.0.0.1:9".to_owned();
        let suite = place.suite().await;
        let client = Clients::new(&place.config).unwrap().services;
        let tenant = Uuid::new_v4();
        for (origin, path) in [
            (
                &suite.addresses.apm,
                "apm/v1/tenants/TENANT/packages/4d8f28a2c9a64bb6b0ef2f3c7e1b5a90",
            ),
            (&suite.addresses.appo, "appo/v1/tenants/TENANT/app_instance_infos"),
        ] {
            let url = format!("{origin}/{}", path.replace("TENANT", &tenant.to_string()));
            let key = ServiceKey::generate();
            let (status, message) = Signed::new(&key, &Method::GET, &url).send(&client).await;
            assert_eq!(status, 502, "{url}: {message}");
            assert!(message.contains("Inventory"), "{message}");
            // The services' own keys need nobody.
            let own = keys::appo(&place.config).unwrap();
            assert_eq!(Signed::new(&own, &Method::GET, &url).send(&client).await.0, 404);
        }
        suite.stop().await;
    }
}
