//! The service through its router, on every database there is here.

mod access_keys;
mod app_rules;
mod applications;
mod callers;
mod hosts;
mod k8s_config;
mod patterns;
mod records;
mod search;
mod statements;
mod texts;
mod together;
mod tokens;
mod topology;

use std::sync::{Arc, LazyLock, Mutex};

use axum::Router;
use axum::body::Body;
use chrono::{DateTime, TimeDelta};
use http::{HeaderMap, Method, Request};
use mecm_common::auth::jwt::{NewToken, mint};
use mecm_common::auth::keys::ServiceKey;
use mecm_common::auth::rsa::SigningKey;
use mecm_common::auth::sealed::{Sealer, SealingKey};
use mecm_common::auth::signature::{RequestParts, hash_body, sign};
use mecm_common::auth::{AuthSettings, Authenticator, Guard, Issuer, TokenKeys};
use mecm_common::client::Clients;
use mecm_common::clock::Clock;
use mecm_common::config::Config;
use mecm_common::db::testing::TestDb;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::store::credentials::{self, Row};
use crate::{App, Credentials, LoadMasterKeys, Setup, migrations, start};

/// The tenant of the tests, and another.
pub(crate) const TENANT: &str = "1a5a0a3c-6b6e-4b0f-8f4e-0c2b9d6f1e77";
pub(crate) const OTHER: &str = "39937079-99fe-4cd8-881f-04ca8c4fe09d";

/// Signs the tests' tokens, as the platform's user management would.
pub(crate) static KEY: LazyLock<SigningKey> = LazyLock::new(SigningKey::generate);

/// Signs the tokens that the service makes.
pub(crate) static SIGNING: LazyLock<SigningKey> = LazyLock::new(SigningKey::generate);

/// The key of a fellow service.
pub(crate) static SERVICE: LazyLock<ServiceKey> = LazyLock::new(ServiceKey::generate);

/// A key of the tests' tenant, of role GUEST.
pub(crate) static CUSTOMER: LazyLock<ServiceKey> = LazyLock::new(ServiceKey::generate);

/// The service on a database of its own.
pub(crate) struct Bench {
    pub(crate) router: Router,
    pub(crate) clock: Clock,
    pub(crate) app: App,
    /// The master keys, the one that seals first.
    pub(crate) master: Arc<Mutex<Vec<SealingKey>>>,
    pub(crate) db: TestDb,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Bench {
    /// One on every database.
    pub(crate) async fn all() -> Vec<Self> {
        Self::all_with(|_| ()).await
    }

    /// One on every database, configured otherwise.
    pub(crate) async fn all_with(change: impl Fn(&mut Config)) -> Vec<Self> {
        let mut config = Config::defaults();
        change(&mut config);
        let mut benches = Vec::new();
        for db in TestDb::all(&migrations()).await {
            let clock = Clock::manual(DateTime::from_timestamp(1_795_000_000, 123_000_000).unwrap());
            let master = Arc::new(Mutex::new(vec![SealingKey::generate()]));
            let (router, app) = process(&db, &clock, &config, &master).await;
            let bench = Self {
                router,
                clock,
                app,
                master,
                db,
            };
            bench.adopt(&CUSTOMER).await;
            benches.push(bench);
        }
        benches
    }

    /// Another process of the service, on the same database.
    pub(crate) async fn another(&self) -> Router {
        process(&self.db, &self.clock, &self.app.config, &self.master)
            .await
            .0
    }

    /// Has the registry know this key of the tests' tenant, of role GUEST.
    async fn adopt(&self, key: &ServiceKey) {
        let access_key = key.access_key.to_string();
        let sealed = self.app.credentials.seal(&access_key, &key.secret_key).unwrap();
        let row = Row::new(
            access_key,
            TENANT.parse().unwrap(),
            "scripts".to_owned(),
            vec!["ROLE_MECM_GUEST".to_owned()],
            self.clock.now(),
            sealed,
        );
        let mut tx = self.db.db.begin_write().await.unwrap();
        credentials::insert(&mut tx, &row).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// A token of a tenant with a role.
    pub(crate) fn token(&self, tenant: &str, role: &str) -> String {
        let claims = NewToken {
            user_id: tenant,
            user_name: "somebody",
            authorities: &[role],
            expires: self.clock.now() + TimeDelta::hours(1),
            jti: "1",
        };
        mint(&KEY, &claims).expose_secret().to_owned()
    }

    /// A request signed with a key; two with one id are the same.
    pub(crate) fn signed(
        &self,
        key: &ServiceKey,
        method: Method,
        path: &str,
        body: &str,
        id: &str,
    ) -> Request<Body> {
        let parts = RequestParts {
            method: method.as_str(),
            path,
            query: "",
            headers: &[("host", b"localhost"), ("x-request-id", id.as_bytes())],
        };
        let hash = hash_body(body.as_bytes());
        let signed = sign(&key.access_key, &key.secret_key, &parts, &hash, self.clock.now());
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("x-request-id", id)
            .header("content-type", "application/json");
        for (name, value) in signed.headers() {
            request = request.header(name, value);
        }
        request.body(Body::from(body.to_owned())).unwrap()
    }

    /// Sends a request signed with a key.
    pub(crate) async fn ask_signed(
        &self,
        key: &ServiceKey,
        method: Method,
        path: &str,
        body: &str,
    ) -> Answer {
        let id = uuid::Uuid::new_v4().to_string();
        self.send(self.signed(key, method, path, body, &id)).await
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        Self::send_to(&self.router, request).await
    }

    /// Sends a request to one of several processes.
    pub(crate) async fn send_to(router: &Router, request: Request<Body>) -> Answer {
        let response = router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: serde_json::from_slice(&bytes)
                .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&bytes))),
        }
    }

    /// A request of a member of `tenant`, in it; `path` is what follows `/tenants/{tenant_id}`.
    pub(crate) async fn ask_in(&self, tenant: &str, method: Method, path: &str, body: &str) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("/inventory/v1/tenants/{tenant}{path}"))
            .header("access_token", self.token(tenant, "ROLE_MECM_TENANT"))
            .header("content-type", "application/json")
            .body(Body::from(body.to_owned()))
            .unwrap();
        self.send(request).await
    }

    /// [`Bench::ask_in`] the tests' tenant.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: &str) -> Answer {
        self.ask_in(TENANT, method, path, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, "").await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, path, "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask(Method::POST, path, &body.to_string()).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.ask(Method::PUT, path, &body.to_string()).await
    }
}

/// A process of the service on this database.
async fn process(
    db: &TestDb,
    clock: &Clock,
    config: &Config,
    master: &Arc<Mutex<Vec<SealingKey>>>,
) -> (Router, App) {
    let guard = Guard::new(&db.db, clock);
    let keys = Arc::clone(master);
    let load: LoadMasterKeys = Arc::new(move || {
        let keys = keys.lock().unwrap();
        Ok(Sealer::new(&keys[0], &keys[1..]))
    });
    let credentials = Credentials::new(&db.db, clock, guard.clone(), load).unwrap();
    let auth = Authenticator::new(AuthSettings {
        clock: clock.clone(),
        tokens: TokenKeys {
            given: vec![(Issuer::AuthServer, KEY.public().clone())],
            ..TokenKeys::default()
        },
        services: vec![("appo".to_owned(), SERVICE.clone())],
        guard: Some(guard),
        credentials: Some(credentials.verifier()),
        ..AuthSettings::default()
    });
    let setup = Setup {
        db: db.db.clone(),
        clock: clock.clone(),
        config: Arc::new(config.clone()),
        auth,
        credentials,
        clients: Clients::new(config).unwrap(),
        signing: SigningKey::from_pem(&SIGNING.to_pem()).unwrap(),
        next_signing: None,
        stop: Default::default(),
    };
    let started = start(setup).await.unwrap();
    (started.service.into_router(), started.app)
}

impl Answer {
    /// Status, message and details of an error.
    pub(crate) fn error(&self) -> (u16, &str, Vec<&str>) {
        let details = self.body["details"].as_array().into_iter().flatten();
        (
            self.status,
            self.body["message"].as_str().unwrap_or_default(),
            details.filter_map(Value::as_str).collect(),
        )
    }

    /// It is a success of a write.
    #[track_caller]
    pub(crate) fn is_done(&self, word: &str) {
        assert_eq!((self.status, &self.body), (200, &json!({"response": word})));
    }

    /// It is 404 `Record not found`.
    #[track_caller]
    pub(crate) fn is_not_found(&self) {
        assert_eq!(self.error(), (404, "No such element", vec!["Record not found"]));
    }

    /// It is 400 `Illegal argument` with this text.
    #[track_caller]
    pub(crate) fn is_illegal(&self, text: &str) {
        assert_eq!(self.error(), (400, "Illegal argument", vec![text]));
    }

    /// It is 400 `input validation failed` with these texts.
    #[track_caller]
    pub(crate) fn is_invalid(&self, texts: &[&str]) {
        assert_eq!(self.error(), (400, "input validation failed", texts.to_vec()));
    }

    /// It is a list; of each item, this member.
    #[track_caller]
    pub(crate) fn each(&self, member: &str) -> Vec<&str> {
        assert_eq!(self.status, 200, "{}", self.body);
        let items = self.body.as_array().expect("a list");
        items
            .iter()
            .map(|item| item[member].as_str().unwrap_or("null"))
            .collect()
    }
}

/// One of the four kinds of record.
pub(crate) struct Kind {
    pub(crate) path: &'static str,
    /// The member that is its key.
    pub(crate) ip: &'static str,
    pub(crate) differs: &'static str,
    /// What the portal sends for the IP 10.0.0.1.
    pub(crate) sample: Value,
}

impl Kind {
    /// The sample under another IP.
    pub(crate) fn of(&self, ip: &str) -> Value {
        let mut record = self.sample.clone();
        record[self.ip] = Value::from(ip);
        record
    }
}

/// All four.
pub(crate) fn kinds() -> [Kind; 4] {
    [
        Kind {
            path: "/applcms",
            ip: "applcmIp",
            differs: "applcm IP in body and url is different",
            sample: json!({"applcmIp": "10.0.0.1", "applcmPort": "30101", "userName": "", "applcmName": "控制器"}),
        },
        Kind {
            path: "/apprulemanagers",
            ip: "appRuleIp",
            differs: "app rule manager IP in body and url is different",
            sample: json!({"appRuleIp": "10.0.0.1", "appRulePort": "30206", "userName": "", "appRuleName": "rules-1"}),
        },
        Kind {
            path: "/appstores",
            ip: "appstoreIp",
            differs: "appstore IP in body and url is different",
            sample: json!({"appstoreIp": "10.0.0.1", "appstorePort": "8099", "uri": "/mec/appstore/v1", "userName": null,
                "appstoreName": "store", "producer": ""}),
        },
        Kind {
            path: "/mechosts",
            ip: "mechostIp",
            differs: "mechost IP in body and url is different",
            sample: host("10.0.0.1"),
        },
    ]
}

/// An edge host as the portal sends it.
pub(crate) fn host(ip: &str) -> Value {
    json!({
        "address": "4/4.1/114.059448,22.653555", "affinity": "X86", "applcmIp": "10.0.0.9",
        "city": "广东省/深圳市/Clab实验室", "edgeName": "", "edgerepoIp": "10.0.0.2", "edgerepoPort": "443",
        "edgerepoUsername": "", "mechostIp": ip, "mechostName": "Node1", "userName": "", "zipCode": "",
        "hwcapabilities": [{"hwType": "GPU", "hwVendor": "nvidia", "hwModel": "V100"}], "appRuleIp": "10.0.0.9",
        "coordinates": "114.059448,22.653555"
    })
}
