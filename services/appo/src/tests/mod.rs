//! The orchestrator whole: its real routes, flows and database, a simulated edge, and stand-ins for Inventory and APM that
//! keep what they are told.

mod crash;
mod dependencies;
mod life_cycle;
mod patterns;
mod peers;
mod preconditions;
mod quotas;
mod reasons;
mod refusals;
mod rules;
mod sample;
mod simulation;
mod software;
mod terminate;
mod texts;
mod turns;
mod unanswered;

use std::net::Ipv4Addr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use chrono::{DateTime, TimeDelta};
use http::{Method, Request};
use http_body_util::BodyExt;
use mecm_common::auth::jwt::{NewToken, mint};
use mecm_common::auth::keys::ServiceKey;
use mecm_common::auth::rsa::SigningKey;
use mecm_common::auth::sealed::{Sealer, SealingKey};
use mecm_common::auth::{AuthSettings, Authenticator, Issuer, TokenKeys};
use mecm_common::client::{Clients, ServicePeer};
use mecm_common::clock::Clock;
use mecm_common::config::{Config, Scheme};
use mecm_common::db::Db;
use mecm_common::db::testing::{Scratch, TestDb};
use mecm_edge_sim::{EdgeHandle, SimConfig, Simulator, edge_address};
use mecm_jobs::{Engine, Flows};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use self::peers::Peers;
use crate::start::{Setup, start_with};

pub(crate) const TENANT: &str = "1a5a0a3c-6b6e-4b0f-8f4e-0c2b9d6f1e77";
const OTHER_TENANT: &str = "39937079-99fe-4cd8-881f-04ca8c4fe09d";
const BASE: &str = "/appo/v1/tenants/1a5a0a3c-6b6e-4b0f-8f4e-0c2b9d6f1e77";
/// Longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(30);

static KEY: LazyLock<SigningKey> = LazyLock::new(SigningKey::generate);

/// An orchestrator on one database with everything around it.
pub(crate) struct Rig {
    pub(crate) test: TestDb,
    pub(crate) clock: Clock,
    pub(crate) sim: Simulator,
    pub(crate) peers: Peers,
    config: Arc<Config>,
    folder: Scratch,
    sealer: Sealer,
    auth: Authenticator,
    process: Option<Process>,
}

/// The orchestrator and what it runs in: dropped whole, its connections too, it is as near to a killed process as one
/// process can get.
struct Process {
    router: Router,
    engine: Engine,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// An answer: status and JSON.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn message(&self) -> (u16, &str) {
        (self.status, self.body["message"].as_str().unwrap_or_default())
    }

    pub(crate) fn detail(&self) -> (u16, &str) {
        (self.status, self.body["details"][0].as_str().unwrap_or_default())
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
        Self::start_wrapped(test, change, |flows| flows).await
    }

    pub(crate) async fn start_wrapped(
        test: TestDb,
        change: impl FnOnce(&mut Config),
        wrap: impl FnOnce(Arc<dyn Flows>) -> Arc<dyn Flows> + Send + 'static,
    ) -> Self {
        let clock = Clock::manual(DateTime::from_timestamp(1_795_000_000, 0).unwrap());
        let sim = Simulator::start(SimConfig {
            clock: clock.clone(),
            ..SimConfig::default()
        })
        .await
        .unwrap();
        let folder = Scratch::new().unwrap();
        let mut config = Config::defaults();
        config.data_dir.clone_from(&folder.0);
        config.egress.allow = vec!["127.0.0.0/8".parse().unwrap()];
        config.peers.edge_scheme = Scheme::Http;
        config.peers.lcm_deploy_seconds = 10;
        config.jobs.workers = 32;
        change(&mut config);
        let peers = Peers::start(sim.lcm_port(), sim.rule_port(), KEY.clone(), clock.clone()).await;
        let auth = Authenticator::new(AuthSettings {
            clock: clock.clone(),
            tokens: TokenKeys {
                given: vec![(Issuer::AuthServer, KEY.public().clone())],
                ..TokenKeys::default()
            },
            ..AuthSettings::default()
        });
        let (config, sealer) = (Arc::new(config), Sealer::new(&SealingKey::generate(), &[]));
        let process = serve(&test, &clock, &config, &peers, &sealer, &auth, wrap).await;
        Self {
            test,
            clock,
            sim,
            peers,
            config,
            folder,
            sealer,
            auth,
            process: Some(process),
        }
    }

    fn process(&self) -> &Process {
        self.process
            .as_ref()
            .expect("it is taken for the moment of a restart only")
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.process().engine
    }

    pub(crate) fn router(&self) -> Router {
        self.process().router.clone()
    }

    /// The process dies and starts again on what is in the database. The old one's work is cut off where it is.
    pub(crate) async fn restart(
        &mut self,
        wrap: impl FnOnce(Arc<dyn Flows>) -> Arc<dyn Flows> + Send + 'static,
    ) {
        if let Some(mut process) = self.process.take() {
            let runtime = process.runtime.take().unwrap();
            let dead = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(LIMIT));
            dead.await.unwrap();
        }
        let process = serve(
            &self.test,
            &self.clock,
            &self.config,
            &self.peers,
            &self.sealer,
            &self.auth,
            wrap,
        )
        .await;
        self.process = Some(process);
    }

    /// The host number `index`: also the address of its controller and rule manager.
    pub(crate) fn host(index: usize) -> Ipv4Addr {
        edge_address(index)
    }

    pub(crate) fn edge(&self, index: usize) -> EdgeHandle {
        self.sim.edge(edge_address(index))
    }

    /// Where packages are cached.
    pub(crate) fn cached(&self) -> usize {
        std::fs::read_dir(self.folder.0.join("cache")).unwrap().count()
    }

    /// Empties the cache.
    pub(crate) fn uncache(&self) {
        for entry in std::fs::read_dir(self.folder.0.join("cache")).unwrap() {
            std::fs::remove_file(entry.unwrap().path()).unwrap();
        }
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

    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let token = self.token(TENANT, "ROLE_MECM_TENANT", 60 * 24);
        self.ask_as(&token, method, path, body).await
    }

    pub(crate) async fn ask_as(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        self.ask_at(token, method, &format!("{BASE}{path}"), body).await
    }

    /// The same on any path.
    pub(crate) async fn ask_at(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header("access_token", token);
        }
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let answer = self.router().oneshot(request.body(body).unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status, body }
    }

    /// The body of a create.
    pub(crate) fn create_body(name: &str, package: &str) -> Value {
        json!({"appPackageId": package, "appName": name, "appId": "9f1d13fe8cf247bcbe0e95d4b1a0ad19",
            "appInstanceDescription": "a test", "hwCapabilities": ["GPU"]})
    }

    /// Creates on a host and gives the id.
    pub(crate) async fn create(&self, name: &str, package: &str, host: usize) -> String {
        let mut body = Self::create_body(name, package);
        body["mecHost"] = Self::host(host).to_string().into();
        let answer = self.ask(Method::POST, "/app_instances", Some(body)).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.body["response"]["app_instance_id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub(crate) async fn instantiate(&self, id: &str) -> Answer {
        self.ask(Method::POST, &format!("/app_instances/{id}"), None)
            .await
    }

    pub(crate) async fn terminate(&self, id: &str) -> Answer {
        self.ask(Method::DELETE, &format!("/app_instances/{id}"), None)
            .await
    }

    pub(crate) async fn idle(&self) {
        self.engine().run_until_idle(LIMIT).await.unwrap();
    }

    /// Lets time pass, in steps, with everything that becomes due.
    pub(crate) async fn pass(&self, seconds: u64) {
        self.idle().await;
        for _ in 0..seconds.div_ceil(5) {
            self.clock.advance(Duration::from_secs(5));
            self.idle().await;
        }
    }

    /// Creates and instantiates, and waits for both.
    pub(crate) async fn running(&self, name: &str, package: &str, host: usize) -> String {
        let id = self.create(name, package, host).await;
        assert_eq!(self.instantiate(&id).await.status, 202);
        self.idle().await;
        id
    }

    /// Where an instance stands, and why; `None` when it is gone.
    pub(crate) async fn stands(&self, id: &str) -> Option<(String, String)> {
        let path = format!("/app_instance_infos?appinstanceids={id}");
        let answer = self.ask(Method::GET, &path, None).await;
        let info = &answer.body["response"][0];
        let text = |name: &str| info[name].as_str().unwrap_or_default().to_owned();
        (answer.status == 200).then(|| (text("operationalStatus"), text("operationInfo")))
    }

    /// Asserts that nothing is left of anything, anywhere.
    pub(crate) async fn assert_nothing_left(&self) {
        assert_eq!(
            self.ask(Method::GET, "/app_instance_infos", None).await.status,
            404
        );
        assert!(self.sim.totals().is_empty(), "{:?}", self.sim.totals());
        assert!(self.peers.apps().is_empty(), "{:?}", self.peers.apps());
        assert!(self.peers.rule_sets().is_empty(), "{:?}", self.peers.rule_sets());
    }
}

async fn serve(
    test: &TestDb,
    clock: &Clock,
    config: &Arc<Config>,
    peers: &Peers,
    sealer: &Sealer,
    auth: &Authenticator,
    wrap: impl FnOnce(Arc<dyn Flows>) -> Arc<dyn Flows> + Send + 'static,
) -> Process {
    let clients = Clients::new(config).unwrap();
    let peer = |name| {
        let key = ServiceKey::generate();
        let (client, time) = (clients.services.clone(), Duration::from_secs(10));
        ServicePeer::new(name, &peers.origin, client, key, clock.clone(), time).unwrap()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let (db, url) = (test.db.clone(), test.url.clone());
    let db = runtime.spawn(async move {
        // Connections live and die with the runtime that made them; SQLite has none, and takes one process only.
        if db.is_sqlite() {
            db
        } else {
            Db::open(&url, &crate::migrations(), 8).await.unwrap()
        }
    });
    let setup = Setup {
        db: db.await.unwrap(),
        clock: clock.clone(),
        config: config.clone(),
        auth: auth.clone(),
        inventory: peer("Inventory"),
        apm: peer("APM"),
        clients: clients.clone(),
        sealer: sealer.clone(),
        stop: CancellationToken::new(),
    };
    let started = runtime.spawn(start_with(setup, wrap)).await.unwrap().unwrap();
    let router = started.service.into_router();
    Process {
        router,
        engine: started.engine,
        runtime: Some(runtime),
    }
}
