//! The package manager through its router, on every database there is here.

mod app_store;
mod callers;
mod form;
mod from_url;
mod hostile;
mod onboard;
mod pace;
mod patterns;
mod real;
mod store;

use std::io::{Cursor, Write};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta};
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt;
use mecm_common::auth::jwt::{NewToken, mint};
use mecm_common::auth::keys::ServiceKey;
use mecm_common::auth::rsa::SigningKey;
use mecm_common::auth::sealed::{Sealer, SealingKey};
use mecm_common::auth::{AuthSettings, Authenticator, Guard, Issuer, TokenKeys};
use mecm_common::client::{Clients, ServicePeer};
use mecm_common::clock::Clock;
use mecm_common::config::Config;
use mecm_common::db::Db;
use mecm_common::db::testing::{Scratch, TestDb};
use secrecy::ExposeSecret;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::{App, Setup, start};

const TENANT: &str = "1a5a0a3c-6b6e-4b0f-8f4e-0c2b9d6f1e77";
const OTHER: &str = "39937079-99fe-4cd8-881f-04ca8c4fe09d";

static KEY: LazyLock<SigningKey> = LazyLock::new(SigningKey::generate);
/// The key of another service of the suite.
static SERVICE: LazyLock<ServiceKey> = LazyLock::new(ServiceKey::generate);

/// How long anything is waited for.
const LIMIT: Duration = Duration::from_secs(30);

/// A package manager of a test's own.
pub(crate) struct Rig {
    pub(crate) test: TestDb,
    pub(crate) folder: Scratch,
    pub(crate) router: Router,
    pub(crate) app: App,
    pub(crate) clock: Clock,
    /// Where Inventory is said to be.
    inventory: String,
    stop: CancellationToken,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(crate) fn detail(&self) -> (u16, String) {
        let text = self.json()["details"][0].as_str().unwrap_or_default().to_owned();
        (self.status, text)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Runs a test on every database there is here.
pub(crate) async fn on_each<F: Future<Output = ()>>(run: impl Fn(Rig) -> F) {
    for test in TestDb::all(&crate::migrations()).await {
        run(Rig::start(test, |_| {}).await).await;
    }
}

impl Rig {
    pub(crate) async fn start(test: TestDb, change: impl FnOnce(&mut Config)) -> Self {
        // Nobody is there: who uploads needs no Inventory.
        Self::beside("http://127.0.0.1:9", test, change).await
    }

    /// With Inventory at this address.
    pub(crate) async fn beside(inventory: &str, test: TestDb, change: impl FnOnce(&mut Config)) -> Self {
        let folder = Scratch::new().unwrap();
        let mut config = Config::defaults();
        config.data_dir.clone_from(&folder.0);
        config.egress.allow = vec!["127.0.0.0/8".parse().unwrap()];
        change(&mut config);
        let clock = Clock::manual(DateTime::from_timestamp(1_795_000_000, 0).unwrap());
        Self::on(
            test,
            folder,
            Arc::new(config),
            clock,
            inventory.to_owned(),
            Sealer::new(&SealingKey::generate(), &[]),
        )
        .await
    }

    async fn on(
        test: TestDb,
        folder: Scratch,
        config: Arc<Config>,
        clock: Clock,
        inventory: String,
        sealer: Sealer,
    ) -> Self {
        let setup = Self::setup(test.db.clone(), config, &clock, &inventory, sealer);
        let stop = setup.stop.clone();
        let started = start(setup).await.unwrap();
        let router = started.service.into_router();
        Self {
            test,
            folder,
            router,
            app: started.app,
            clock,
            inventory,
            stop,
        }
    }

    /// What the service is started with.
    fn setup(db: Db, config: Arc<Config>, clock: &Clock, inventory: &str, sealer: Sealer) -> Setup {
        let auth = Authenticator::new(AuthSettings {
            clock: clock.clone(),
            tokens: TokenKeys {
                given: vec![(Issuer::AuthServer, KEY.public().clone())],
                ..TokenKeys::default()
            },
            services: vec![("appo".to_owned(), SERVICE.clone())],
            guard: Some(Guard::new(&db, clock)),
            ..AuthSettings::default()
        });
        let clients = Clients::new(&config).unwrap();
        let inventory = ServicePeer::new(
            "Inventory",
            inventory,
            clients.services.clone(),
            ServiceKey::generate(),
            clock.clone(),
            LIMIT,
        )
        .unwrap();
        Setup {
            db,
            clock: clock.clone(),
            config,
            auth,
            clients,
            inventory,
            sealer,
            stop: CancellationToken::new(),
        }
    }

    /// The process starts again on what is there.
    pub(crate) async fn restart(self) -> Self {
        let (config, sealer) = (self.app.config.clone(), self.app.sealer.clone());
        self.stop.cancel();
        self.app.engine.stopped().await;
        Self::on(self.test, self.folder, config, self.clock, self.inventory, sealer).await
    }

    /// Lets what goes on after an answer come to its end.
    pub(crate) async fn idle(&self) {
        self.app.engine.run_until_idle(LIMIT).await.unwrap();
    }

    pub(crate) fn token(&self, tenant: &str, role: &str, minutes: i64) -> String {
        let claims = NewToken {
            user_id: tenant,
            user_name: "operator",
            authorities: &[role],
            expires: self.clock.now() + TimeDelta::minutes(minutes),
            jti: "test",
        };
        mint(&KEY, &claims).expose_secret().to_owned()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        let token = self.token(TENANT, "ROLE_MECM_TENANT", 60);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/apm/v1/tenants/{TENANT}{path}"))
            .header("access_token", token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[]).await
    }

    /// Onboards by URL.
    pub(crate) async fn onboard(&self, body: &Value) -> Answer {
        let request = Request::post(format!("/apm/v1/tenants/{TENANT}/packages"))
            .header("access_token", self.token(TENANT, "ROLE_MECM_TENANT", 60))
            .header("content-type", "application/json;charset=UTF-8")
            .body(Body::from(body.to_string()))
            .unwrap();
        self.send(request).await
    }

    pub(crate) async fn upload(&self, form: &Form) -> Answer {
        self.upload_as(TENANT, form).await
    }

    pub(crate) async fn upload_as(&self, tenant: &str, form: &Form) -> Answer {
        let token = self.token(tenant, "ROLE_MECM_TENANT", 60);
        let request = Request::post(format!("/apm/v1/tenants/{tenant}/packages/upload"))
            .header("access_token", token)
            .header("content-type", form.content_type())
            .body(Body::from(form.bytes()))
            .unwrap();
        self.send(request).await
    }

    /// Uploads and gives the id.
    pub(crate) async fn uploaded(&self, file: &[u8]) -> String {
        let answer = self.upload(&Form::of(file)).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.json()["appPackageId"].as_str().unwrap().to_owned()
    }

    /// Names of the files kept, and how many are being received.
    pub(crate) fn files(&self) -> (Vec<String>, usize) {
        let names = |folder: &str| -> Vec<String> {
            let entries = std::fs::read_dir(self.folder.0.join("packages").join(folder)).unwrap();
            entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect()
        };
        (names("blobs"), names("incoming").len())
    }

    /// Asserts that there is no package, no row and no file.
    pub(crate) async fn assert_nothing(&self, what: &str) {
        assert_eq!(
            self.get("/packages").await.json(),
            serde_json::json!([]),
            "{what}"
        );
        self.no_file(what).await;
    }

    /// Waits until there is no file, of a package or being received.
    pub(crate) async fn no_file(&self, what: &str) {
        self.files_are(&[], what).await;
    }

    /// Waits until these are the files of packages, and none is being received.
    pub(crate) async fn files_are(&self, names: &[String], what: &str) {
        // What nobody wants any more is removed on another thread.
        let gone = async {
            while self.files() != (names.to_vec(), 0) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let gone = tokio::time::timeout(LIMIT, gone).await;
        assert!(gone.is_ok(), "{what}: {:?}", self.files());
    }

    /// A request for an upload with this body.
    pub(crate) fn upload_of(&self, path: &str, kind: &str, body: Body) -> Request<Body> {
        Request::post(format!("/apm/v1/tenants/{TENANT}/packages/upload{path}"))
            .header("access_token", self.token(TENANT, "ROLE_MECM_TENANT", 60))
            .header("content-type", kind)
            .body(body)
            .unwrap()
    }
}

/// A form, written as ATP does: the file first, each part with headers of its own.
#[derive(Clone)]
pub(crate) struct Form {
    parts: Vec<(String, Vec<u8>)>,
}

const BOUNDARY: &str = "----boundary-of-the-tests";

impl Form {
    pub(crate) fn of(file: &[u8]) -> Self {
        Self::default()
            .file("sample.csar", file)
            .text("appPackageName", "sample")
            .text("appPackageVersion", "1.0")
            .text("hostList", "10.0.0.2, 10.0.0.3,10.0.0.2")
    }

    pub(crate) fn default() -> Self {
        Self { parts: Vec::new() }
    }

    pub(crate) fn file(self, name: &str, bytes: &[u8]) -> Self {
        self.part(
            &format!("name=\"file\"; filename=\"{name}\""),
            "application/octet-stream",
            bytes,
        )
    }

    pub(crate) fn text(self, name: &str, text: &str) -> Self {
        self.part(
            &format!("name=\"{name}\""),
            "text/plain;charset=UTF-8",
            text.as_bytes(),
        )
    }

    pub(crate) fn part(mut self, disposition: &str, kind: &str, bytes: &[u8]) -> Self {
        let head = format!(
            "Content-Disposition: form-data; {disposition}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            bytes.len()
        );
        self.parts.push((head, bytes.to_vec()));
        self
    }

    /// Without the part of that name.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.parts
            .retain(|(head, _)| !head.contains(&format!("name=\"{name}\"")));
        self
    }

    pub(crate) fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={BOUNDARY}")
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (head, bytes) in &self.parts {
            out.extend_from_slice(format!("--{BOUNDARY}\r\n{head}").as_bytes());
            out.extend_from_slice(bytes);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        out
    }
}

/// A package of that name, as small as one can be.
pub(crate) fn package(name: &str) -> Vec<u8> {
    let descriptor = format!(
        "tosca_definitions_version: tosca_simple_profile_yaml_1_2
topology_template:
  node_templates:
    Simple_VNF:
      type: tosca.nodes.nfv.VNF
      properties:
        provider: test
        product_name: {name}
        software_version: v1.0
"
    );
    zipped(&[("top/APPD/MainServiceTemplate.yaml", descriptor.as_bytes())])
}

pub(crate) fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}
